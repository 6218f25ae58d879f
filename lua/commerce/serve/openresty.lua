-- The servers inside OpenResty, or nginx with libnginx-mod-http-lua: Codat's API, the portal, the
-- Link pages, and the addresses that Stripe sends webhooks to.
--
--   http {
--     init_by_lua_block { require("commerce.openresty").init { store = "sqlite:/srv/shop.db" } }
--     init_worker_by_lua_block { require("commerce.openresty").init_worker() }
--     server {
--       location / { content_by_lua_block { require("commerce.openresty").handle() } }
--     }
--   }
--
-- The master process must not open the store, since all workers would share its handle. Each worker
-- opens the store when it starts, or with its first request if there was none. Short reads run in
-- the request, long ones in a thread (`thread_pool`). While one request waits for Stripe, others
-- continue.

local adapter = require "commerce.serve.adapter"
local api = require "commerce.api"
local auth = require "commerce.http.auth"
local background = require "commerce.serve.background"
local commerce = require "commerce"
local compiler = require "commerce.runtime.compiler"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local http_response = require "commerce.http.response"
local jobs = require "commerce.runtime.jobs"
local link = require "commerce.link"
local logger = require "commerce.serve.log"
local metrics = require "commerce.serve.metrics"
local portal = require "commerce.portal"
local receipts = require "commerce.webhooks.receipts"
local remote = require "commerce.serve.remote"
local store = require "commerce.store"
local stripe_webhooks = require "commerce.api.stripe_webhooks"
local threads = require "commerce.serve.threads"

local openresty = {}

---@class commerce.OpenrestyOptions
---@field store string? a URL such as "sqlite:/var/lib/commerce/commerce.db" (default:
---  COMMERCE_STORE, which needs nginx's `env COMMERCE_STORE;`, then sqlite:commerce.db in nginx's
---  own folder)
---@field prefix string? the path that all is served under, such as "/codat"
---@field public_url string? the address of this path as merchants reach it, for links, also in
---  webhooks
---@field daily_limit integer? requests a day for each API key
---@field shared string? the name of a `lua_shared_dict` in which all workers count requests
---  together (without one, each worker counts its own)
---@field thread_pool string? the name of a `thread_pool` for long work, which then does not delay
---  other requests: reads of many records, and the sync of `init_worker`
---@field create boolean? false: a missing database is a failure (it is made)

local OPTIONS = { store = "string", prefix = "string", public_url = "string",
  daily_limit = "number", shared = "string", thread_pool = "string", create = "boolean" }

local LONGEST_LOCK = 1 -- seconds that a request waits for a locked database before 503

local settings = {} -- set by `init` in the master process, before the workers are forked
local served -- this worker's own servers: { app, api, link, portal, webhooks }

local function check_prefix(prefix)
  if prefix and prefix ~= "" and not prefix:find "^/[%w%-%._~/]*[%w%-%._~]$" then
    error(("bad option 'prefix': a path such as \"/codat\" expected, got '%s'"):format(prefix), 3)
  end
end

--- Configure the servers. Opens nothing.
---
--- **context:** init_by_lua*
---@param options commerce.OpenrestyOptions?
function openresty.init(options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  check_prefix(options.prefix)
  if options.shared and not ngx.shared[options.shared] then
    error(("bad option 'shared': there is no `lua_shared_dict %s ...;`"):format(options.shared), 2)
  end
  local shared, message = store.check_shared(options.store or commerce.store_url(),
    "nginx's workers and threads cannot share it")
  if not shared then
    error("bad option 'store': " .. message, 2)
  elseif options.thread_pool then
    threads.check()
  elseif remote.is_needed(options.store or commerce.store_url()) then
    error("bad option 'thread_pool': a store at postgres://… needs one, since waiting for it would "
      .. "keep all requests waiting: `thread_pool commerce threads=8;` at nginx.conf's top level, "
      .. "and thread_pool = \"commerce\" here", 2)
  end
  settings = options
  -- the modules of all pages, for all workers
  compiler.without(function()
    api.routes()
    portal.routes()
  end)
end

-- Logs from a timer: within a request, nginx adds the request line to each message, and that of a
-- merchant coming back from Stripe contains a code.
local function log(message, correlation_id)
  ngx.timer.at(0, function()
    ngx.log(ngx.ERR, "commerce: ", message, ", correlation id ", correlation_id)
  end)
end

local function shared_counter(name)
  local dict = ngx.shared[name]
  return function(key, seconds)
    -- if the dictionary is full, the request is allowed
    return dict:incr(key, 1, 0, seconds) or 0
  end
end

local function store_url()
  return settings.store or commerce.store_url()
end

local function in_thread(...)
  return threads.run(settings.thread_pool, ...)
end

local function open_store()
  -- other requests continue while it sleeps
  return store.open(store_url(), { create = settings.create, wait = LONGEST_LOCK,
    sleep = jobs.sleep, pause = jobs.sleep, elsewhere = settings.thread_pool and in_thread })
end

-- The identity of the store's file, which differs from that of another file with its name; nil if
-- there is no file.
local function file_of_store()
  local path = store_url():match "^sqlite:(.*)$"
  return path and core.file_id(path)
end

local GONE = "the database file is gone: put it back"

-- This worker's servers, made when it starts or for its first request. After a failure, the next
-- request tries again. So it does with another file under the store's name; an empty one is not
-- made in its place.
local function servers()
  local file = file_of_store()
  if served and served.file == file then
    return served
  elseif served and not file then
    return nil, GONE
  end
  local opened, message, details = open_store()
  if not opened then
    return nil, message, details
  end
  local opened_file = file_of_store()
  if file and opened_file ~= file then -- it was moved while it was opened
    opened:close()
    return nil, GONE
  end
  local app = assert(commerce.open { store = opened })
  local counter = settings.shared and shared_counter(settings.shared)
  served = { app = app, file = opened_file, webhooks = stripe_webhooks.new(app, { log = log,
    keep = receipts.new(app.store, jobs.sleep) }),
    portal = portal.new(app, { prefix = settings.prefix, public_url = settings.public_url,
      log = log, counter = counter, slow = settings.thread_pool and in_thread or nil }),
    link = link.new(app, { prefix = settings.prefix, public_url = settings.public_url,
      log = log, counter = counter }),
    api = api.new(app, { prefix = settings.prefix, public_url = settings.public_url, log = log,
      daily_limit = settings.daily_limit,
      counter = counter }) }
  return served
end

-- Opens the store and makes a page before the first request, which would otherwise wait for
-- that. A failure is told to that request.
local function prepare()
  if not ngx.worker.exiting() and file_of_store() then
    errors.catch(compiler.without, function()
      local found = servers()
      if found then
        found.portal:handle { method = "GET", path = "/portal/login", query = "", headers = {},
          address = "127.0.0.1", scheme = "http" }
      end
    end)
  end
end

local WORKER_OPTIONS = { sync = "boolean" }

--- Begin a worker process: it must not use what the master process had open.
---
--- **context:** init_worker_by_lua*
---@param options { sync: boolean? }? sync: true syncs and delivers webhooks in the background of
---  one of nginx's workers, for a small server without a separate `commerce worker`. Both may run
---  on one store. A reload stops the sync at the next page, and the next worker process continues
---  from there. With a thread pool it occupies one thread.
function openresty.init_worker(options)
  options = options or {}
  errors.check_options(options, WORKER_OPTIONS)
  served = nil
  ngx.timer.at(0, prepare)
  if options.sync and ngx.worker.id() == 0 then
    background.start { url = store_url(), open_store = open_store,
      thread_pool = settings.thread_pool, public_url = settings.public_url }
  end
end

-- ---------------------------------------------------------------- requests

local own_counts = {} -- of answered requests by status, if there is no shared dictionary

local function count(status)
  local name = settings.shared
  if name then
    ngx.shared[name]:incr("status " .. status, 1, 0)
  else
    own_counts[tostring(status)] = (own_counts[tostring(status)] or 0) + 1
  end
end

local function counted()
  local name = settings.shared
  if not name then
    return own_counts
  end
  local counts, dict = {}, ngx.shared[name]
  for status = 100, 599 do
    counts[tostring(status)] = dict:get("status " .. status)
  end
  return counts
end

local function send(response)
  count(response.status)
  return adapter.send(response)
end

local UNAVAILABLE = '{"statusCode":503,"service":"PublicApi",'
  .. '"error":"The store cannot be opened.","canBeRetried":"True","detailedErrorCode":0}'

local function unavailable(message)
  log(message, "none")
  local response = http_response.text(503, UNAVAILABLE)
  response.headers["Retry-After"] = "5"
  return send(response)
end

-- ---------------------------------------------------------------- a store on another host

local PAUSE = 1 -- seconds after a failure in which no thread asks the store again

local failed_at = 0 -- when the store could last not be asked

-- A request that a thread answers. While the store is down, one request a second learns that from
-- it, and the others from here.
local function answer_remotely(kind, request)
  if ngx.now() - failed_at < PAUSE then
    return unavailable "the store could not be asked a moment ago"
  end
  local answer, message = in_thread("commerce.serve.remote", "answer", { store = store_url(),
    prefix = settings.prefix, public_url = settings.public_url,
    daily_limit = settings.daily_limit, shared = settings.shared, create = settings.create },
    kind, request)
  for _, line in ipairs(answer and answer.logs or {}) do
    log(line[1], line[2])
  end
  if not answer or answer.unavailable then
    failed_at = ngx.now()
    return unavailable(message or answer.unavailable)
  end
  return send(answer)
end

local function ready()
  if remote.is_needed(store_url()) then
    return answer_remotely("ready", {})
  end
  local found, message = servers()
  if found and errors.catch(found.app.store.counts, found.app.store) then
    return send(http_response.text(200, '{"status":"ready"}'))
  end
  return unavailable(message or "the store does not answer")
end

--- Answer a request: of the API; of the portal; of the Link pages; a webhook of Stripe; `/health`
--- (200 as long as nginx answers) and `/ready` (503 while the store cannot be read). The API needs
--- a key, the portal a session.
---
--- **context:** content_by_lua*
function openresty.handle()
  local path, query = adapter.target(settings.prefix or "")
  if path == "/health" then
    return send(http_response.text(200, '{"status":"ok"}'))
  elseif path == "/ready" then
    return ready()
  elseif remote.is_needed(store_url()) then
    return answer_remotely("request", adapter.request(path, query))
  end
  local found, message = servers()
  if not found then
    return unavailable(message)
  end
  return send(remote.server_of(found, path):handle(adapter.request(path, query)))
end

--- Write a line about the request to standard output: one JSON object, without secrets. nginx's own
--- access_log cannot do this: it opens /dev/stdout anew, which fails if that is a socket, and
--- overwrites what others write if it is a file. A request does not wait for the log's reader.
---
--- **context:** log_by_lua*
function openresty.log()
  logger.write(adapter.log_entry())
end

local function metrics_for(found, request)
  if metrics.needs_key(request) then
    auth.check(found.app.store, request.headers)
  end
  local text = errors.must(metrics.text(found.app.store, counted(), ngx.time()))
  return { status = 200, body = text,
    headers = { ["Content-Type"] = "text/plain; version=0.0.4", ["Cache-Control"] = "no-store" } }
end

--- Answer with the metrics, for Prometheus. A request that is not of this machine, or that came
--- through a proxy, needs an API key.
---
--- **context:** content_by_lua*
function openresty.metrics()
  if remote.is_needed(store_url()) then
    local request = adapter.request("/metrics", "")
    request.counted = counted()
    return answer_remotely("metrics", request)
  end
  local found, message = servers()
  if not found then
    return unavailable(message)
  end
  local ok, result = errors.try(metrics_for, found, adapter.request("/metrics", ""))
  if not ok and errors.is_failure(result) and result.kind == "api" then
    result = http_response.failure(result, core.uuid())
  elseif not ok then
    return unavailable(errors.is_failure(result) and result.message or tostring(result))
  end
  return send(result)
end

return openresty
