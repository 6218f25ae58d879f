-- Fetches objects by their path through a connection's session, with its key, limits and retries.

local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"

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

local function request_of(path, query)
  if type(path) ~= "string" or not path:find "^/v%d+/" then
    errors.refuse("get: a path such as '/v1/customers/cus_123' expected, got %s",
      type(path) == "string" and "'" .. path .. "'" or type(path))
  elseif query ~= nil and type(query) ~= "table" then
    errors.refuse("get: a table of parameters expected, got %s", type(query))
  end
  return { path = path, query = pairs_of(query), endpoint = endpoint_of(path) }
end

-- Gives nil and the reason if the core takes no such request.
local function start(connection, request)
  local made, call = errors.try(connection.session.request, connection.session, request)
  if not made then
    return nil, (tostring(call):gsub("^[^ ]*:%d+: ", ""))
  end
  return call
end

-- The object that a call brings. Hooks ask while a page is in hand, which is stored whole: Ctrl-C
-- does not cut the answer short.
local function object_of(connection, path, call)
  local response = errors.must(jobs.finish(connection.transport, call))
  local object, reason = objects.decode(response.body, connection.integration.livemode)
  if not object then
    errors.throw("decode", ("GET %s: %s"):format(path, reason))
  end
  return json.without_nulls(object)
end

--- Fetch one object.
---@param connection commerce.Connection its session, transport and integration are used
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return commerce.StripeObject object Stripe's object, without its nulls
function fetch.one(connection, path, query)
  local call, wrong = start(connection, request_of(path, query))
  if not call then
    errors.refuse("get: %s", wrong)
  end
  return object_of(connection, path, call)
end

-- One request for each path, however often it stands in the list.
local function requests_of(paths, query)
  local requests, seen = {}, {}
  for _, path in ipairs(paths) do
    if not seen[path] then
      seen[path], requests[#requests + 1] = true, request_of(path, query)
    end
  end
  return requests
end

--- Fetch several objects at once.
---@param connection commerce.Connection its session, transport and integration are used
---@param paths string[]
---@param query table<string, any>? parameters of all of them
---@return table<string, commerce.StripeObject> objects by path, without those that failed
---@return table<string, commerce.Details> failures by path
function fetch.many(connection, paths, query)
  if type(paths) ~= "table" then
    errors.refuse("get_all: a list of paths expected, got %s", type(paths))
  end
  local found, failures, mistake = {}, {}, nil
  jobs.each(requests_of(paths, query), MOST_AT_ONCE, function(request)
    local call
    if not mistake then
      call, mistake = start(connection, request)
    end
    if not call then
      return -- refused below: there the user's line is on the stack, in a job it is not
    end
    local object, _, failure = errors.catch(object_of, connection, request.path, call)
    if failure and failure.fatal then
      errors.rethrow(failure) -- this job was cancelled
    end
    found[request.path], failures[request.path] = object, failure
  end)
  if mistake then
    errors.refuse("get: %s", mistake)
  end
  return found, failures
end

return fetch
