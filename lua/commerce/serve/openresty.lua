-- In OpenResty, or nginx with libnginx-mod-http-lua: Codat's API, the pages that merchants link
-- with and the addresses that Stripe sends webhooks to, inside the operator's own server.
--
--   http {
--     init_by_lua_block { require("commerce.openresty").init { store = "sqlite:/srv/shop.db" } }
--     init_worker_by_lua_block { require("commerce.openresty").init_worker() }
--     server {
--       location / { content_by_lua_block { require("commerce.openresty").handle() } }
--     }
--   }
--
-- The master process opens nothing: what it had open would be shared by all workers. Each worker
-- opens the store when its first request comes. Little is read from it at once, and much in a
-- thread if there are any (`thread_pool`); what is asked of Stripe waits as commerce.runtime does:
-- other requests go on meanwhile.

local api = require "commerce.api"
local commerce = require "commerce"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local metrics = require "commerce.serve.metrics"
local pages = require "commerce.link"
local runtime = require "commerce.runtime"
local store = require "commerce.store"
local threads = require "commerce.serve.threads"
local webhook_endpoint = require "commerce.api.stripe_webhooks"
local worker = require "commerce.serve.worker"

local openresty = {}

local OPTIONS = { store = "string", prefix = "string", public_url = "string",
  daily_limit = "number", shared = "string", thread_pool = "string" }

-- A request that finds the database locked for longer is told to come again (503).
local LONGEST_LOCK = 1 -- seconds

local settings = {} -- set by `init` in the master process, before there are workers
local served -- this worker's own: { app, api, pages }

local function check_prefix(prefix)
  if prefix and prefix ~= "" and not prefix:find "^/[%w%-%._~/]*[%w%-%._~]$" then
    error(("bad option 'prefix': a path such as \"/codat\" expected, got '%s'"):format(prefix), 3)
  end
end

--- Say what is to be served. Opens nothing.
---
--- **context:** init_by_lua*
---@param options table? store: a URL such as "sqlite:/var/lib/commerce/commerce.db" (default:
---  COMMERCE_STORE, which needs nginx's `env COMMERCE_STORE;`, then sqlite:commerce.db in nginx's
---  own folder); prefix: the path that all is served under, such as "/codat"; public_url: the
---  address of that as merchants reach it, for links, those in webhooks among them; daily_limit:
---  requests a day for each API key; shared: the name of a `lua_shared_dict` in which all workers
---  count requests together (without one, each worker counts its own); thread_pool: the name of a
---  `thread_pool` in which long work is done, so that it keeps no other request waiting: reads that
---  have to look at many records, and the sync of `init_worker`
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
  end
  settings = options
end

-- From a timer: where there is a request, nginx writes its first line beside each message, and that
-- of a merchant coming back from Stripe holds a code.
local function log(message, correlation_id)
  ngx.timer.at(0, function()
    ngx.log(ngx.ERR, "commerce: ", message, ", correlation id ", correlation_id)
  end)
end

local function shared_counter(name)
  local dict = ngx.shared[name]
  return function(key, seconds)
    -- where the dictionary is full, the request is let through rather than refused
    return dict:incr(key, 1, 0, seconds + 60) or 0
  end
end

-- Others are served meanwhile.
local function rest(seconds)
  runtime.sleep(seconds, core.sleep, core.now)
end

local function store_url()
  return settings.store or commerce.store_url()
end

local function elsewhere(...)
  return threads.run(settings.thread_pool, ...)
end

local function open_store()
  return store.open(store_url(), { wait = LONGEST_LOCK, sleep = rest, pause = rest,
    elsewhere = settings.thread_pool and elsewhere })
end

-- This worker's application; made when it is first needed, and again after a failure.
local function application()
  if served then
    return served
  end
  local opened, message, details = open_store()
  if not opened then
    return nil, message, details
  end
  local app = assert(commerce.open { store = opened })
  served = { app = app, webhooks = webhook_endpoint.new(app, { log = log }),
    pages = pages.new(app, { prefix = settings.prefix, public_url = settings.public_url,
      log = log }),
    api = api.new(app, { prefix = settings.prefix, public_url = settings.public_url,
      daily_limit = settings.daily_limit, log = log,
      counter = settings.shared and shared_counter(settings.shared) }) }
  return served
end

-- ---------------------------------------------------------------- sync inside nginx

local PAUSE = 5 -- seconds after a failure of the store

local function log_event(event)
  ngx.log(event.event == "sync" and ngx.NOTICE or ngx.WARN, "commerce: ", json.encode(event))
end

local function stopping()
  return ngx.worker.exiting()
end

-- On a database handle of its own; it waits as commerce.runtime does, so that requests go on
-- meanwhile.
local function sync_between_requests(public_url)
  local opened = assert(open_store())
  local app = assert(commerce.open { store = opened })
  local done, reason = worker.new(app, { log = log_event, public_url = public_url }):run(stopping)
  app:close()
  assert(done, reason)
end

-- Syncs and delivers webhooks as long as this nginx worker lives.
local function sync(premature)
  if premature then
    return
  end
  local pool, public_url = settings.thread_pool, settings.public_url
  local ok, message = pcall(function()
    if pool then
      local verbose = require "ngx.errlog".get_sys_filter_level() >= ngx.NOTICE
      assert(threads.keep(pool, "commerce.serve.background", "run", store_url(), verbose,
        public_url))
    else
      sync_between_requests(public_url)
    end
  end)
  if not ok and not stopping() then
    ngx.log(ngx.ERR, "commerce: the sync stopped: ", tostring(message))
    ngx.timer.at(PAUSE, sync)
  end
end

local WORKER_OPTIONS = { sync = "boolean" }

--- Begin a worker: a fork of the master must not go on with what that had open.
---
--- **context:** init_worker_by_lua*
---@param options table? sync: true syncs in the background inside one of nginx's workers, for a
---  small server that shall have no other process. It does what `commerce worker` does, webhooks
---  included; both may run on one store. A reload stops it at the next page, and the next worker
---  goes on from there. Where there are threads it runs in one of them, and keeps it.
function openresty.init_worker(options)
  options = options or {}
  errors.check_options(options, WORKER_OPTIONS)
  served = nil
  if options.sync and ngx.worker.id() == 0 then
    assert(ngx.timer.at(0, sync))
  end
end

-- ---------------------------------------------------------------- requests

local MOST_HEADERS = 100

local function headers_of_request()
  local headers = {}
  for name, value in pairs(ngx.req.get_headers(MOST_HEADERS)) do
    headers[name:lower()] = type(value) == "table" and value[1] or value
  end
  return headers
end

-- Longer bodies are refused by all who read them: not all of them need be here for that.
local MOST_OF_BODY = 1024 * 1024 + 1 -- bytes

-- A body larger than client_body_buffer_size is in a file by now.
local function body_of_request()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if path then
    local file = assert(io.open(path, "rb"))
    body = file:read(MOST_OF_BODY)
    file:close()
  end
  return body
end

-- As it was sent: nginx's own $uri is decoded already.
local function target_of_request(prefix)
  local path, query = ngx.var.request_uri:match "^([^?]*)%??(.*)$"
  path = path:gsub("^%a+://[^/]*", "") -- a proxy may ask with the whole address
  if path:sub(1, #prefix) == prefix then
    path = path:sub(#prefix + 1)
  end
  return path == "" and "/" or path, query
end

-- Counted for the metrics: by all workers together where there is a dictionary.
local own_counts = {}

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
    local number = dict:get("status " .. status)
    if number then
      counts[tostring(status)] = number
    end
  end
  return counts
end

local function send(response)
  count(response.status)
  ngx.status = response.status
  for name, value in pairs(response.headers) do
    ngx.header[name] = value
  end
  ngx.header["Content-Length"] = ngx.req.get_method() ~= "HEAD" and #response.body or nil
  ngx.print(response.body)
  return ngx.exit(ngx.HTTP_OK)
end

local JSON_TYPE = "application/json; charset=utf-8"

local UNAVAILABLE = '{"statusCode":503,"service":"PublicApi",'
  .. '"error":"The store cannot be opened.","canBeRetried":"True","detailedErrorCode":0}'

local function unavailable(message)
  ngx.log(ngx.ERR, "commerce: ", message)
  return send { status = 503, body = UNAVAILABLE,
    headers = { ["Content-Type"] = JSON_TYPE, ["Retry-After"] = "5" } }
end

local function plain(status, text)
  return send { status = status, body = text, headers = { ["Content-Type"] = JSON_TYPE } }
end

-- For who watches the server: does it run, and can it answer?
local function ready()
  local found, message = application()
  local ok = found and errors.catch(found.app.store.counts, found.app.store)
  if ok then
    return plain(200, '{"status":"ready"}')
  end
  return unavailable(message or "the store does not answer")
end

local function server_of(found, path)
  return pages.serves(path) and found.pages or webhook_endpoint.serves(path) and found.webhooks
    or found.api
end

--- Answer a request: the API's; the pages that merchants link with; webhooks of Stripe's; `/health`
--- (200 as long as nginx answers) and `/ready` (503 while the store cannot be read). Only the API
--- needs a key.
---
--- **context:** content_by_lua*
function openresty.handle()
  local path, query = target_of_request(settings.prefix or "")
  if path == "/health" then
    return plain(200, '{"status":"ok"}')
  elseif path == "/ready" then
    return ready()
  end
  local found, message = application()
  if not found then
    return unavailable(message)
  end
  return send(server_of(found, path):handle { method = ngx.req.get_method(), path = path,
    query = query, headers = headers_of_request(), body = body_of_request(),
    scheme = ngx.var.scheme })
end

-- As it was sent, but without the query, which may hold what somebody looked for, or a merchant's
-- code; and without the id of a link, since whoever knows that may link.
local function loggable_path()
  return (ngx.var.request_uri or ""):match("^[^?]*"):gsub("(/link/%a+/)[^/]+", "%1...")
    :gsub("[^\32-\126]", function(char)
      return ("%%%02X"):format(char:byte())
    end)
end

--- Write a line about the request to standard output: one JSON object, without secrets. nginx's own
--- access_log cannot: it opens /dev/stdout anew, which fails where that is a socket, and overwrites
--- what others write where it is a file.
---
--- **context:** log_by_lua*
function openresty.log()
  local var = ngx.var
  io.stdout:write(json.encode { time = var.time_iso8601, event = "request",
    method = var.request_method, path = loggable_path(), status = ngx.status,
    bytes = tonumber(var.body_bytes_sent), seconds = tonumber(var.request_time),
    correlation_id = ngx.header["X-Correlation-Id"] } .. "\n")
  io.stdout:flush()
end

--- Answer with what there is to watch, for Prometheus. It needs no key: allow the location to who
--- may see it.
---
--- **context:** content_by_lua*
function openresty.metrics()
  local found, message = application()
  local text
  if found then
    text, message = metrics.text(found.app.store, counted(), ngx.time())
  end
  if not text then
    return unavailable(message)
  end
  return send { status = 200, body = text,
    headers = { ["Content-Type"] = "text/plain; version=0.0.4" } }
end

return openresty
