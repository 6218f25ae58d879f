-- Fetching objects by their path through a connection's own session: its key, its limits, its
-- retries.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"
local runtime = require "commerce.runtime"

local fetch = {}

local MOST_AT_ONCE = 20 -- requests in flight

-- { expand = { "a", "b" }, limit = 3 } -> { { "expand[]", "a" }, { "expand[]", "b" }, … }
local function pairs_of(query)
  local list = {}
  for name, value in pairs(query or {}) do
    if type(value) == "table" then
      for _, each in ipairs(value) do
        list[#list + 1] = { name .. "[]", each }
      end
    else
      list[#list + 1] = { name, value }
    end
  end
  return list
end

-- The limiter's name for a path that may hold an id: "GET /v1/customers/:id".
local function endpoint_of(path)
  local list_path, rest = path:match "^(/[^/]+/[^/]+)/[^/]+(.*)$"
  return list_path and objects.endpoint(list_path) .. rest or "GET " .. path
end

local function start(connection, path, query)
  if type(path) ~= "string" or not path:find "^/v%d+/" then
    errors.refuse("get: a path such as '/v1/customers/cus_123' expected, got %s",
      type(path) == "string" and "'" .. path .. "'" or type(path))
  elseif query ~= nil and type(query) ~= "table" then
    errors.refuse("get: a table of parameters expected, got %s", type(query))
  end
  local made, call = errors.try(connection.session.request, connection.session, { path = path,
    query = pairs_of(query), endpoint = endpoint_of(path) })
  if not made then
    errors.refuse("get: %s", (tostring(call):gsub("^[^ ]*:%d+: ", "")))
  end
  return call
end

local function object_of(connection, path, response)
  local object, reason = objects.decode(response.body, connection.integration.livemode)
  if not object then
    errors.throw("decode", ("GET %s: %s"):format(path, reason))
  end
  return json.without_nulls(object)
end

--- Fetch one object.
---@param connection table its session, transport and integration are used
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return table object as Stripe gives it, but without its nulls
function fetch.one(connection, path, query)
  return object_of(connection, path,
    (errors.must(runtime.await(connection.transport, start(connection, path, query)))))
end

--- Fetch several objects at once.
---@param connection table its session, transport and integration are used
---@param paths string[]
---@param query table<string, any>? parameters of all of them
---@return table<string, table> objects by path, without those that failed
---@return table<string, commerce.Details> failures by path
function fetch.many(connection, paths, query)
  if type(paths) ~= "table" then
    errors.refuse("get_all: a list of paths expected, got %s", type(paths))
  end
  local found, failures, pending, seen = {}, {}, {}, {}
  local at, idle = 1, 0
  while at <= #paths or #pending > 0 do
    while at <= #paths and #pending < MOST_AT_ONCE do
      local path = paths[at]
      at = at + 1
      if not seen[path] then
        seen[path] = true
        pending[#pending + 1] = { path = path, call = start(connection, path, query) }
      end
    end
    local moved = false
    for i = #pending, 1, -1 do
      local path = pending[i].path
      local response, message, details = pending[i].call:poll()
      if response ~= false then
        found[path], message, failures[path] = errors.catch(function()
          return object_of(connection, path, (errors.must(response, message, details)))
        end)
        table.remove(pending, i)
        moved = true
      end
    end
    idle = moved and 0 or idle + 1
    if not moved and #pending > 0 then
      runtime.wait(connection.transport, idle)
    end
  end
  return found, failures
end

return fetch
