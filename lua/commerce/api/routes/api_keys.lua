-- API keys over the API. Called by api.

local answer = require "commerce.http.response"
local auth = require "commerce.http.auth"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local scope = require "commerce.api.scope"
local time = require "commerce.base.time"

local must = answer.must

local api_keys = {}

-- The key itself is told only when it is made.
local function shown(row)
  return { id = row.id, name = row.name, apiKey = row.key, createdDate = row.created,
    expiresDate = row.expires }
end

local function list(context)
  local results = json.array {}
  for i, row in ipairs(must(context.store:api_keys())) do
    results[i] = shown(row)
  end
  return answer.value { results = results }
end

local BODY = { type = "object", fields = {
  name = { type = "string", max = 50 },
  expiresDate = { type = "string", max = 30 },
} }

local function create(context)
  local body = input.body(context.request.body, BODY)
  local expires = body.expiresDate and time.parse(body.expiresDate)
  if body.expiresDate and (not expires or expires <= os.time()) then
    answer.refuse(400, "expiresDate must be a date to come, as YYYY-MM-DDTHH:MM:SSZ.")
  end
  return answer.value(shown(must(auth.create(context.store, { name = body.name,
    expires = time.format(expires) }))), 201)
end

local function delete(context)
  local id = scope.uuid(context.values.apiKeyId)
  local outcome = id and must(context.store:delete_api_key(id, time.now())) or "missing"
  if outcome == "missing" then
    answer.refuse(404, "No API key was found with this ID.")
  elseif outcome == "last" then
    answer.refuse(409, "The last API key that works cannot be deleted.")
  end
  return answer.nothing(204)
end

--- The routes of the group.
---@return commerce.api.Route[]
function api_keys.routes()
  return {
    { method = "GET", path = "/apiKeys", id = "list-api-keys", run = list, tag = "Settings",
      summary = "List API keys", answer = { status = 200, schema = "ApiKeys" } },
    { method = "POST", path = "/apiKeys", id = "create-api-key", run = create, tag = "Settings",
      summary = "Create API key", body = BODY, answer = { status = 201, schema = "ApiKey" },
      errors = { 400, 409 } },
    { method = "DELETE", path = "/apiKeys/{apiKeyId}", id = "delete-api-key", run = delete,
      tag = "Settings", summary = "Delete API key", answer = { status = 204 },
      errors = { 404, 409 } },
  }
end

return api_keys
