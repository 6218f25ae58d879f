-- Opens a store by its URL. Every store keeps the contract (store.d.lua). A user's own
-- module commerce.stores.NAME is opened by NAME:path.

local errors = require "commerce.base.errors"

local store = {}

local SCHEMES = { sqlite = "commerce.store.sqlite", memory = "commerce.store.memory",
  postgres = "commerce.store.postgres", postgresql = "commerce.store.postgres" }

local MEMORY = "memory:"

-- The module that opens stores of a scheme; nil if no module does.
local function module_of(scheme)
  if SCHEMES[scheme] then
    return require(SCHEMES[scheme])
  end
  local name = "commerce.stores." .. scheme
  local found, module = pcall(require, name)
  if not found and not tostring(module):find(("module '%s' not found"):format(name), 1, true) then
    error(module, 0) -- the module exists, but does not load
  end
  return found and type(module) == "table" and type(module.open) == "function" and module or nil
end

---@class commerce.StoreOptions
---@field create boolean? false: fail if there is no such database yet
---@field wait number? seconds to wait for another process's write (5), or for a server that does
---  not answer
---@field sleep (fun(seconds: number))? waits where others can go on meanwhile, with this very
---  store, too
---@field pause (fun(seconds: number))? the same, called between two parts of long work, so that
---  others can write
---@field elsewhere (fun(module: string, name: string, ...): any)? calls a module's function with
---  plain arguments in another Lua state, while others go on in this one
---@field replica string? of PostgreSQL: the URL of a server that lists are read from
---  (COMMERCE_STORE_REPLICA)

--- Open a store.
---@param url string "sqlite:PATH"; "postgres://…"; "memory:"; or "NAME:PATH" for a store of one's
---  own
---@param options commerce.StoreOptions?
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Details? details
function store.open(url, options)
  local scheme, rest = tostring(url):match("^(%w+):(.*)$")
  if url == MEMORY then
    return module_of(scheme).open()
  elseif scheme == "memory" then
    return errors.fail("usage", "store 'memory:…': nothing may follow 'memory:'; every such store "
      .. "is a new one")
  end
  local module = scheme and rest ~= "" and module_of(scheme)
  if not module and scheme and rest ~= "" then -- the rest may hold a password
    return errors.fail("usage", ("store '%s:…': expected sqlite:PATH or postgres://…; there is no "
      .. "module commerce.stores.%s with a function open"):format(scheme, scheme))
  elseif not module then
    return errors.fail("usage", ("store '%s': expected sqlite:PATH or "
      .. "postgres://…"):format(tostring(url)))
  end
  return module.open(rest, options or {})
end

--- Refuse the store in memory for work that needs what is stored in another process, too, or later.
---@param url any a store's URL, or a store
---@param why string what cannot be done: "`commerce serve` cannot use it"
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function store.check_shared(url, why)
  if url == MEMORY then
    return errors.fail("usage", ("the store 'memory:' lives in one process and ends with it, so "
      .. "%s; use sqlite:PATH"):format(why))
  end
  return true
end

return store
