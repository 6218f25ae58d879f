-- Opening a store by its URL. Called by commerce and the command line; every store keeps the
-- contract that store/sqlite.lua documents, and the shared contract spec tests.

local errors = require "commerce.errors"

local store = {}

local SCHEMES = { sqlite = "commerce.store.sqlite" }

--- Open a store.
---@param url string "sqlite:PATH"
---@param options table? create = false: fail if there is no such database yet; wait: seconds to
---  wait for another process's write (5); sleep: a function that waits so many seconds where others
---  can go on meanwhile, with this very store, too
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Details? details
function store.open(url, options)
  local scheme, rest = tostring(url):match("^(%w+):(.*)$")
  local module = scheme and SCHEMES[scheme]
  if not module or rest == "" then
    return errors.fail("usage", ("store '%s': expected sqlite:PATH"):format(tostring(url)))
  end
  return require(module).open(rest, options or {})
end

return store
