--- Sending answers, whole or broken as a fault demands.
local json = require "emulator.json"
local errors = require "emulator.errors"
local ids = require "emulator.ids"
local state = require "emulator.state"

local respond = {}

local HTML = "<html>\r\n<head><title>%d Error</title></head>\r\n<body>\r\n"
  .. "<center><h1>%d Error</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

local count = 0

--- A new request id.
function respond.request_id()
  count = count + 1
  return "req_" .. ids.text(14, state.settings.seed, count)
end

local function set_headers(ctx, extra)
  local h = ngx.header
  h["Content-Type"] = "application/json"
  h["Cache-Control"] = "no-cache, no-store"
  h["Request-Id"] = ctx.request_id
  h["Stripe-Version"] = ctx.version
  if ctx.account then h["Stripe-Account"] = ctx.account end
  for name, value in pairs(extra or {}) do h[name] = value end
end

-- The response as bytes for the raw socket, the connection not announced as closing.
local function raw_head(status, body, ctx)
  return ("HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    .. "Request-Id: %s\r\nStripe-Version: %s\r\n\r\n")
    :format(status, #body, ctx.request_id, ctx.version)
end

local function drip(text, fault, send)
  local bytes, seconds = fault.bytes or 64, fault.seconds or 0.05
  for at = 1, #text, bytes do
    if not send(text:sub(at, at + bytes - 1)) then return end
    ngx.sleep(seconds)
  end
end

local broken = {}

function broken.truncate(_, fault, status, body)
  body = body:sub(1, fault.bytes or math.floor(#body / 2))
  ngx.status = status
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

function broken.reset_body(_, fault, status, body)
  ngx.status = status
  ngx.header["Content-Length"] = #body
  ngx.print(body:sub(1, fault.bytes or math.floor(#body / 2)))
  ngx.flush(true)
  ngx.exit(ngx.ERROR)
end

function broken.slow(_, fault, status, body)
  ngx.status = status
  if not fault.chunked then ngx.header["Content-Length"] = #body end
  drip(body, fault, function(part)
    return ngx.print(part) and ngx.flush(true)
  end)
end

function broken.slow_headers(ctx, fault, status, body)
  ctx.status = status
  local socket = ngx.req.socket(true)
  drip(raw_head(status, body, ctx), fault, function(part) return socket:send(part) end)
  socket:send(body)
end

function broken.close_after(ctx, _, status, body)
  ctx.status = status
  local socket = ngx.req.socket(true)
  socket:send(raw_head(status, body, ctx) .. body)
end

local DEEP = ('"spoilt":%s1%s,'):format(('{"a":'):rep(70), ("}"):rep(70))

-- One object of the body gets more levels than a reader takes.
function broken.spoil(_, fault, status, body)
  local left = fault.nth or 1
  body = body:gsub('"object": ?"%l[%l_]*"', function(member)
    if not member:find '"list"' then
      left = left - 1
      return left == 0 and DEEP .. member or nil
    end
  end)
  ngx.status = status
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

--- Send a body.
---@param ctx table request_id, version, account, fault
---@param status number
---@param body string
---@param headers table?
function respond.send(ctx, status, body, headers)
  set_headers(ctx, headers)
  local fault = ctx.fault
  local breaks = fault and broken[fault.type]
  if breaks then return breaks(ctx, fault, status, body) end
  ngx.status = status
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

--- Send an error of `emulator.errors`.
function respond.error(ctx, e)
  local fields = json.object()
  if e.code then
    fields:set("code", e.code)
    fields:set("doc_url", "https://stripe.com/docs/error-codes/" .. e.code:gsub("_", "-"))
  end
  fields:set("message", e.message)
  if e.param then fields:set("param", e.param) end
  if ctx.livemode ~= nil then
    fields:set("request_log_url",
      ("https://dashboard.stripe.com/%slogs/%s"):format(ctx.livemode and "" or "test/",
        ctx.request_id))
  end
  fields:set("type", e.type)
  local reason = e.headers and e.headers["Stripe-Rate-Limited-Reason"]
  ctx.limited = reason or e.code == "lock_timeout" and "lock_timeout" or nil
  local body = json.encode(json.object("error", fields), not state.settings.compact)
  respond.send(ctx, e.status, body .. "\n", e.headers)
end

--- Carry out a fault that needs no real answer. Returns true when the request is done.
---@param ctx table
---@param fault table
function respond.fault(ctx, fault)
  local kind = fault.type
  if kind == "delay" then
    ngx.sleep(fault.seconds or 1)
    return false
  elseif kind == "hang" then
    ngx.sleep(fault.seconds or 3600)
    return ngx.exit(444)
  elseif kind == "reset" then
    return ngx.exit(444)
  elseif kind == "close" then
    ngx.req.socket(true)
    ctx.status = 444
    return true
  elseif kind == "html500" then
    local status = fault.status or 500
    set_headers(ctx, fault.headers)
    ngx.header["Content-Type"] = "text/html"
    ngx.status = status
    ngx.print(fault.body or HTML:format(status, status))
    return true
  elseif kind == "rate_limit" then
    local e = errors.rate_limit(fault.reason or "endpoint-rate")
    for name, value in pairs(fault.headers or {}) do e.headers[name] = value end
    respond.error(ctx, e)
    return true
  elseif kind == "lock_timeout" then
    local e = errors.lock_timeout()
    e.headers = fault.headers
    respond.error(ctx, e)
    return true
  elseif kind == "status" then
    if fault.body then
      respond.send(ctx, fault.status or 500, fault.body, fault.headers)
    else
      local status = fault.status or 500
      local e = errors.server()
      e.status, e.headers = status, fault.headers
      if status < 500 then e.type, e.code = "invalid_request_error", fault.code end
      respond.error(ctx, e)
    end
    return true
  end
  ctx.fault = fault
  return false
end

return respond
