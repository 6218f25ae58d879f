-- Routes: API keys.

local auth = require "commerce.http.auth"
local json = require "commerce.base.json"
local response = require "commerce.http.response"
local time = require "commerce.base.time"

-- `apiKey`, the key itself, is there only when the key has just been made.
local function view(row)
  return { id = row.id, name = row.name, apiKey = row.key, createdDate = row.created,
    expiresDate = row.expires, readOnly = row.read_only }
end

local function list(context)
  local results = json.array {}
  for i, row in ipairs(context.store:api_keys()) do
    results[i] = view(row)
  end
  return response.value { results = results }
end

local BODY = { type = "object", fields = {
  name = { type = "string", max = 50 },
  expiresDate = { type = "string", max = 30 },
  readOnly = { type = "boolean" },
} }

local function create(context)
  local body = context:body(BODY)
  local expires = body.expiresDate and time.parse(body.expiresDate)
  if body.expiresDate and (not expires or expires <= os.time()) then
    response.refuse(400, "expiresDate must be a date in the future, as YYYY-MM-DDTHH:MM:SSZ.")
  end
  context.target = body.name
  return response.value(view(auth.create(context.store, { name = body.name,
    expires = time.format(expires), read_only = body.readOnly })), 201)
end

local function delete(context)
  local id = context:uuid "apiKeyId"
  local outcome = id and context.store:delete_api_key(id, time.now()) or "missing"
  if outcome == "missing" then
    response.refuse(404, "No API key was found with this ID.")
  elseif outcome == "last" then
    response.refuse(409, "The last valid API key cannot be deleted.")
  end
  return response.nothing(204)
end

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/apiKeys", id = "list-api-keys", run = list, tag = "Settings",
    summary = "List API keys", answer = { status = 200, schema = "ApiKeys" } },
  { method = "POST", path = "/apiKeys", id = "create-api-key", audit = "key.create",
    run = create, tag = "Settings",
    summary = "Create API key", body = BODY, answer = { status = 201, schema = "ApiKey" },
    errors = { 400, 409 } },
  { method = "DELETE", path = "/apiKeys/{apiKeyId}", id = "delete-api-key", audit = "key.delete",
    run = delete,
    tag = "Settings", summary = "Delete API key", answer = { status = 204 },
    errors = { 403, 404 }, conflict = 403 },
}
