-- The worker in a thread of nginx's: what `commerce worker` does, as long as this process of
-- nginx's lives. Runs in a Lua state of its own, in which nginx can be asked nothing; so it reads
-- the two variables in which nginx notes that it is to end (ngx_process_cycle.h). Called by
-- openresty, through its threads.

local commerce = require "commerce"
local ffi = require "ffi"
local json = require "commerce.base.json"
local worker = require "commerce.serve.worker"

local background = {}

ffi.cdef [[
extern volatile int ngx_exiting;   // a reload, or `nginx -s quit`
extern volatile int ngx_terminate; // `nginx -s stop`
]]

local function stopping()
  return ffi.C.ngx_exiting ~= 0 or ffi.C.ngx_terminate ~= 0
end

-- nginx's error log, if it is a file, is what standard error leads to. Lines look as nginx's do.
local function logger(verbose)
  return function(event)
    local done = event.event == "sync"
    if verbose or not done then
      io.stderr:write(("%s [%s] commerce: %s\n"):format(os.date "%Y/%m/%d %H:%M:%S",
        done and "notice" or "warn", json.encode(event)))
    end
  end
end

--- Sync and deliver webhooks until nginx is to end.
---@param url string the store's
---@param verbose boolean whether to log what went well
---@param public_url string? the address that merchants reach the server by
---@return boolean? ok nil if the store failed
---@return string? message
function background.run(url, verbose, public_url)
  local app, message = commerce.open { store = url }
  if not app then
    return nil, message
  end
  local ok
  ok, message = worker.new(app, { log = logger(verbose), public_url = public_url }):run(stopping)
  app:close()
  return ok, message
end

return background
