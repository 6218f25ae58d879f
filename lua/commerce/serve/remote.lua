-- Answers requests in nginx's threads, for a store that is on another host: to wait for such a
-- store in an nginx worker would keep all its requests waiting. Each thread's Lua state has servers
-- and a store of its own, so each nginx worker has at most as many connections as calls at once.

local api = require "commerce.api"
local auth = require "commerce.http.auth"
local commerce = require "commerce"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local http_response = require "commerce.http.response"
local link = require "commerce.link"
local metrics = require "commerce.serve.metrics"
local portal = require "commerce.portal"
local receipts = require "commerce.webhooks.receipts"
local store = require "commerce.store"
local stripe_webhooks = require "commerce.api.stripe_webhooks"

local remote = {}

--- Whether a store must not be asked in an nginx worker.
---@param url string the store's
---@return boolean
function remote.is_needed(url)
  return url:find "^postgres[ql]*:" ~= nil
end

---@class commerce.serve.RemoteSettings as `openresty.init` takes them
---@field store string the URL
---@field prefix string?
---@field public_url string?
---@field daily_limit number?
---@field shared string? the name of a shared dictionary in which requests are counted
---@field create boolean?

---@class commerce.serve.RemoteAnswer
---@field status integer? nil if the store cannot be asked
---@field headers table<string, string>?
---@field body string?
---@field unavailable string? why the store cannot be asked; for the log
---@field logs string[][] each a message and a correlation id

-- ---------------------------------------------------------------- in a thread

local served -- this Lua state's servers
local logs = {}

local function log(message, correlation_id)
  logs[#logs + 1] = { message, correlation_id or "none" }
end

-- Counts of this Lua state alone are too low, which lets some requests more through.
local function counter_of(settings)
  local dict = settings.shared and ngx and ngx.shared and ngx.shared[settings.shared]
  if dict then
    return function(key, seconds)
      return dict:incr(key, 1, 0, seconds) or 0
    end
  end
end

local function servers(settings)
  if served and served.url == settings.store then
    return served
  end
  local opened, message = store.open(settings.store, { create = settings.create, wait = 0 })
  if not opened then
    return nil, message
  end
  local app = assert(commerce.open { store = opened })
  local given = { prefix = settings.prefix, public_url = settings.public_url, log = log,
    counter = counter_of(settings) }
  served = { url = settings.store, app = app,
    webhooks = stripe_webhooks.new(app, { log = log, keep = receipts.new(app.store, core.sleep) }),
    portal = portal.new(app, given), link = link.new(app, given),
    api = api.new(app, { prefix = settings.prefix, public_url = settings.public_url, log = log,
      daily_limit = settings.daily_limit, counter = given.counter }) }
  return served
end

---@class commerce.serve.Servers
---@field api commerce.Api
---@field link commerce.Link
---@field portal commerce.Portal
---@field webhooks commerce.StripeWebhooks

--- The server of a path.
---@param found commerce.serve.Servers
---@param path string
---@return commerce.Api|commerce.Link|commerce.Portal|commerce.StripeWebhooks server
function remote.server_of(found, path)
  return portal.serves(path) and found.portal or link.serves(path) and found.link
    or stripe_webhooks.serves(path) and found.webhooks or found.api
end

-- An iterator cannot leave the thread.
local function whole(response)
  if type(response.body) == "function" then
    local parts = {}
    for part in response.body do
      parts[#parts + 1] = part
    end
    response.body = table.concat(parts)
  end
  return response
end

local function ask_server(found, request)
  return remote.server_of(found, request.path):handle(request)
end

local function ask_ready(found)
  errors.must(found.app.store:counts())
  return http_response.text(200, '{"status":"ready"}')
end

local function ask_metrics(found, request)
  if metrics.needs_key(request) then
    auth.check(found.app.store, request.headers)
  end
  local text = errors.must(metrics.text(found.app.store, request.counted, os.time()))
  return { status = 200, body = text,
    headers = { ["Content-Type"] = "text/plain; version=0.0.4", ["Cache-Control"] = "no-store" } }
end

local WORK = { request = ask_server, ready = ask_ready, metrics = ask_metrics }

local function is_reachable(found)
  return errors.catch(found.app.store.setting, found.app.store, "reachable")
end

local function answered(settings, kind, request)
  local found, message = servers(settings)
  if not found then
    return { unavailable = message }
  end
  local ok, result = errors.try(WORK[kind], found, request)
  if not ok and errors.is_failure(result) and result.kind == "api" then
    result = http_response.failure(result, core.uuid())
  elseif not ok then
    return { unavailable = errors.is_failure(result) and result.message or tostring(result) }
  elseif result.status >= 500 then
    local _, why, failure = is_reachable(found)
    if failure then
      return { unavailable = why }
    end
  end
  return whole(result)
end

--- Answer a request. Called in a thread.
---@param settings commerce.serve.RemoteSettings
---@param kind "request"|"ready"|"metrics"
---@param request commerce.http.Request
---@return commerce.serve.RemoteAnswer
function remote.answer(settings, kind, request)
  logs = {}
  local answer = answered(settings, kind, request)
  return { status = answer.status, headers = answer.headers, body = answer.body,
    unavailable = answer.unavailable, logs = logs }
end

return remote
