--- What has been asked and answered, for assertions.
local json = require "emulator.json"

local stats = {}

local LINES = 1000
local s

--- Forget everything but the requests in flight.
function stats.clear()
  s = { requests = 0, endpoints = {}, statuses = {}, limited = {}, max_in_flight = 0,
    in_flight = s and s.in_flight or 0, lines = {}, connections = {}, connection_count = 0,
    bytes = 0 }
end
stats.clear()

--- A request begins.
function stats.enter()
  s.in_flight = s.in_flight + 1
  s.max_in_flight = math.max(s.max_in_flight, s.in_flight)
end

--- A request has ended.
---@param ctx table
function stats.leave(ctx)
  s.in_flight = s.in_flight - 1
  s.requests = s.requests + 1
  local endpoint, status = ctx.endpoint or "other", tostring(ctx.status or ngx.status)
  s.endpoints[endpoint] = (s.endpoints[endpoint] or 0) + 1
  s.statuses[status] = (s.statuses[status] or 0) + 1
  s.bytes = s.bytes + (tonumber(ngx.var.bytes_sent) or 0)
  if ctx.limited then s.limited[ctx.limited] = (s.limited[ctx.limited] or 0) + 1 end
  local connection = ngx.var.connection
  if not s.connections[connection] then
    s.connections[connection] = true
    s.connection_count = s.connection_count + 1
  end
  s.lines[s.requests % LINES + 1] = ("%s %s %s"):format(ngx.var.request_method, ngx.var.request_uri,
    status)
end

--- Everything as an object; with `lines`, the last 1000 request lines, oldest first.
function stats.get(lines)
  local out = json.from_lua {
    requests = s.requests, endpoints = s.endpoints, statuses = s.statuses, rate_limited = s.limited,
    in_flight = s.in_flight, max_in_flight = s.max_in_flight, connections = s.connection_count,
    bytes_sent = s.bytes,
  }
  if lines then
    local list = { is_array = true }
    for k = math.max(1, s.requests - LINES + 1), s.requests do
      list[#list + 1] = s.lines[k % LINES + 1]
    end
    out:set("lines", json.from_lua(list))
  end
  return out
end

return stats
