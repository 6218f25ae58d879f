-- The worker inside nginx: does what `commerce worker` does, in the background of one nginx worker
-- process, for as long as that process lives.
--
-- With a thread pool it runs in a thread, which has a Lua state of its own and cannot ask nginx
-- anything. There it reads the two variables in which nginx notes that the process must end
-- (ngx_process_cycle.h). Without one it runs in a timer, between the requests.

local backoff = require "commerce.runtime.backoff"
local commerce = require "commerce"
local core = require "commerce.core"
local json = require "commerce.base.json"
local threads = require "commerce.serve.threads"
local worker = require "commerce.serve.worker"

local background = {}

-- ---------------------------------------------------------------- in a thread

local variables -- nginx's; declared once for each Lua state

local function stopping_in_thread()
  if not variables then
    local ffi = require "ffi" -- only LuaJIT has it, and nginx runs LuaJIT
    ffi.cdef [[
    extern volatile int ngx_exiting;   // a reload, or `nginx -s quit`
    extern volatile int ngx_terminate; // `nginx -s stop`
    ]]
    variables = ffi.C
  end
  return variables.ngx_exiting ~= 0 or variables.ngx_terminate ~= 0
end

local NICE = 10 -- about a tenth of the CPU that a thread of nginx's gets, while both want it

-- The thread and nginx's own compete for the same cores, often within one share of them (that of a
-- service's cgroup, or of a session's tasks), and no request should wait for the end of the sync's
-- turn. On Linux, a priority is that of a thread, and `who` 0 is the caller: setpriority(2).
local function yield_to_requests()
  local ffi = require "ffi"
  if ffi.os == "Linux" then
    pcall(ffi.cdef, "int setpriority(int which, unsigned int who, int priority);")
    ffi.C.setpriority(0, 0, NICE)
  end
end

-- Standard error leads to nginx's error log, if that is a file. Lines look like nginx's own.
local function thread_logger(verbose)
  return function(event)
    local done = event.event == "sync"
    if verbose or not done then
      core.log_line(2, ("%s [%s] commerce: %s"):format(os.date "%Y/%m/%d %H:%M:%S",
        done and "notice" or "warn", json.encode(event)))
    end
  end
end

--- Sync and deliver webhooks until nginx ends. Called in a thread.
---@param url string the store's
---@param verbose boolean whether to log successful syncs
---@param public_url string? the server's address as merchants reach it
---@return boolean? ok nil if the store failed
---@return string? message
function background.run(url, verbose, public_url)
  local app, message = commerce.open { store = url }
  if not app then
    return nil, message
  end
  yield_to_requests()
  local ok
  ok, message = worker.new(app, { log = thread_logger(verbose), public_url = public_url })
    :run(stopping_in_thread)
  app:close()
  return ok, message
end

-- ---------------------------------------------------------------- between requests

local function log(event)
  ngx.log(event.event == "sync" and ngx.NOTICE or ngx.WARN, "commerce: ", json.encode(event))
end

local function stopping()
  return ngx.worker.exiting()
end

-- On a database handle of its own, since requests use theirs meanwhile.
local function run_between_requests(options)
  local app = assert(commerce.open { store = assert(options.open_store()) })
  local done, reason = worker.new(app, { log = log, public_url = options.public_url })
    :run(stopping)
  app:close()
  assert(done, reason)
end

-- ---------------------------------------------------------------- starting

local PAUSE, LONGEST_PAUSE = 5, 300 -- seconds until a new try after the worker has ended
local LONG = 600 -- seconds of work after which the pauses begin anew

---@class commerce.serve.BackgroundOptions
---@field url string the store's
---@field open_store fun(): commerce.Store? opens the store for the timer
---@field thread_pool string?
---@field public_url string?

--- Start syncing and delivering webhooks in the background. After a failure it starts again.
---@param options commerce.serve.BackgroundOptions
function background.start(options)
  local pauses = backoff.new(PAUSE, LONGEST_PAUSE)
  local function run(premature)
    if premature then
      return
    end
    local began = ngx.now()
    local ok, message = pcall(function()
      if options.thread_pool then
        local verbose = require "ngx.errlog".get_sys_filter_level() >= ngx.NOTICE
        assert(threads.keep(options.thread_pool, "commerce.serve.background", "run", options.url,
          verbose, options.public_url))
      else
        run_between_requests(options)
      end
    end)
    if not ok and not stopping() then
      ngx.log(ngx.ERR, "commerce: the sync stopped: ", tostring(message))
      if ngx.now() - began > LONG then
        pauses:reset()
      end
      ngx.timer.at(pauses:next(), run)
    end
  end
  assert(ngx.timer.at(0, run))
end

return background
