-- In OpenResty, or nginx with libnginx-mod-http-lua: Codat's API inside the operator's own server.
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
-- opens the store when its first request comes. What is read from it is read at once; what is asked
-- of Stripe waits as commerce.runtime does, so other requests go on meanwhile.

local api = require "commerce.api"
local commerce = require "commerce"
local errors = require "commerce.errors"
local store = require "commerce.store"

local openresty = {}

local OPTIONS = { store = "string", prefix = "string", public_url = "string",
  daily_limit = "number", shared = "string" }

-- A request that finds the database locked for longer is told to come again (503): the worker has
-- others to serve.
local LONGEST_LOCK = 0.25 -- seconds

local settings -- set by `init` in the master process, before there are workers
local served -- this worker's own: { app, api }

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
---  address of that as merchants reach it, for links; daily_limit: requests a day for each API key;
---  shared: the name of a `lua_shared_dict` in which all workers count requests together (without
---  one, each worker counts its own)
function openresty.init(options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  check_prefix(options.prefix)
  if options.shared and not ngx.shared[options.shared] then
    error(("bad option 'shared': there is no `lua_shared_dict %s ...;`"):format(options.shared), 2)
  end
  settings = options
end

local function log(message, correlation_id)
  ngx.log(ngx.ERR, "commerce: ", message, ", correlation id ", correlation_id)
end

local function shared_counter(name)
  local dict = ngx.shared[name]
  return function(key, seconds)
    -- where the dictionary is full, the request is let through rather than refused
    return dict:incr(key, 1, 0, seconds + 60) or 0
  end
end

-- This worker's application; made when it is first needed, and again after a failure.
local function application()
  if served then
    return served
  end
  local options = settings or {}
  local opened, message, details = store.open(options.store or commerce.store_url(),
    { wait = LONGEST_LOCK })
  if not opened then
    return nil, message, details
  end
  local app = assert(commerce.open { store = opened })
  served = { app = app, api = api.new(app, { prefix = options.prefix,
    public_url = options.public_url, daily_limit = options.daily_limit, log = log,
    counter = options.shared and shared_counter(options.shared) }) }
  return served
end

--- Begin a worker: a fork of the master must not go on with what that had open.
---
--- **context:** init_worker_by_lua*
function openresty.init_worker()
  served = nil
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

-- A body larger than client_body_buffer_size is in a file by now.
local function body_of_request()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  local path = not body and ngx.req.get_body_file()
  if path then
    local file = assert(io.open(path, "rb"))
    body = file:read "*a"
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

local function send(response)
  ngx.status = response.status
  for name, value in pairs(response.headers) do
    ngx.header[name] = value
  end
  ngx.header["Content-Length"] = ngx.req.get_method() ~= "HEAD" and #response.body or nil
  ngx.print(response.body)
  return ngx.exit(ngx.HTTP_OK)
end

local UNAVAILABLE = '{"statusCode":503,"service":"PublicApi",'
  .. '"error":"The store cannot be opened.","canBeRetried":"True","detailedErrorCode":0}'

--- Answer a request.
---
--- **context:** content_by_lua*
function openresty.handle()
  local found, message = application()
  if not found then
    ngx.log(ngx.ERR, "commerce: ", message)
    return send { status = 503, body = UNAVAILABLE,
      headers = { ["Content-Type"] = "application/json; charset=utf-8", ["Retry-After"] = "5" } }
  end
  local path, query = target_of_request((settings or {}).prefix or "")
  return send(found.api:handle { method = ngx.req.get_method(), path = path, query = query,
    headers = headers_of_request(), body = body_of_request(), scheme = ngx.var.scheme })
end

return openresty
