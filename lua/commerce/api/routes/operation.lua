-- Routes under /commerce/v1 about operating this server: what the portal shows beside the data. The
-- users of the portal, the log of what was done, deliveries of webhooks, and what a connection may
-- read.

local consumers = require "commerce.webhooks.consumers"
local core = require "commerce.core"
local coverage = require "commerce.account.coverage"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local payload = require "commerce.webhooks.payload"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"
local time = require "commerce.base.time"
local users = require "commerce.account.users"

-- ---------------------------------------------------------------- users

local function list_users(context)
  local results = json.array {}
  for i, row in ipairs(users.list(context.store)) do
    results[i] = users.view(row)
  end
  return response.value { results = results }
end

local function user_of(context)
  local id = context:uuid "userId"
  return id and context.store:users({ id = id })[1]
    or response.refuse(404, "No user was found with this ID.")
end

-- The token is in this answer only: its hash is stored.
local function invited(context, row, token)
  local view = users.view(row)
  view.token, view.path = token, context.prefix .. "/portal/welcome?token=" .. token
  return response.value(view, 201)
end

local ROLE = { type = "string", values = { admin = true, viewer = true } }
local ADD = { type = "object", fields = {
  name = { type = "string", required = true, min = 1, max = 320 },
  role = { type = "string", values = ROLE.values, required = true },
} }

local function add_user(context)
  local body = context:body(ADD)
  local row, token = users.add(context.store, { name = body.name, role = body.role })
  context.target = row.name
  return invited(context, row, token)
end

local CHANGE = { type = "object", fields = {
  role = { type = "string", values = ROLE.values, required = true },
} }

local function change_user(context)
  local row = user_of(context)
  users.set_role(context.store, row, context:body(CHANGE).role)
  context.target = row.name
  return response.value(users.view(row))
end

local function invite(context)
  local row = user_of(context)
  local token = users.invite(context.store, row)
  context.target = row.name
  return invited(context, row, token)
end

local function delete_user(context)
  local row = user_of(context)
  users.remove(context.store, row)
  context.target = row.name
  return response.nothing(204)
end

-- ---------------------------------------------------------------- the log

local MOST, DEFAULT = 1000, 100

local function list_audit(context)
  local size = input.whole(context.parameters, "pageSize", DEFAULT, MOST)
  local after = context.parameters.after
  local entries = context.store:audit { limit = size + 1, before = after and after ~= ""
    and input.whole(context.parameters, "after", 1, 2 ^ 31) or nil }
  local results, links = json.array {}, { self = { href = context.path } }
  for i = 1, math.min(#entries, size) do
    local entry = entries[i]
    results[i] = { number = entry.number, at = entry.at, actor = entry.actor,
      action = entry.action, target = entry.target, mode = entry.mode, address = entry.address,
      detail = entry.detail }
  end
  if entries[size + 1] then
    links.next = { href = ("%s?after=%d&pageSize=%d"):format(context.path, entries[size].number,
      size) }
  end
  return response.value { results = results, _links = links }
end

-- ---------------------------------------------------------------- webhooks

local function consumer_of(context)
  return consumers.find(context.store, context:uuid "webhookId")
    or response.refuse(404, "No webhook consumer was found with this ID.")
end

local function list_deliveries(context)
  local consumer, results = consumer_of(context), json.array {}
  for i, row in ipairs(context.store:webhook_messages(consumer.id, {
    limit = input.whole(context.parameters, "pageSize", DEFAULT, MOST) })) do
    results[i] = { id = row.id, webhookId = payload.webhook_id(row.id), eventType = row.type,
      generatedDate = row.at, status = row.status, attempts = row.attempts,
      lastAttempt = row.attempted, httpStatus = row.http_status, error = row.error }
  end
  return response.value { results = results }
end

local REPLAY = { type = "object", fields = { id = { type = "string", max = 36 },
  since = { type = "string", max = 30 } } }

local function replay(context)
  local consumer, body = consumer_of(context), context:body(REPLAY)
  local since = body.since and time.parse(body.since)
  if (body.id ~= nil) == (body.since ~= nil) or body.since and not since then
    response.refuse(400, "id (of one event) or since (a date: what failed or was missed from then "
      .. "on) is required.")
  end
  return response.value { queued = context.store:replay_webhooks(consumer.id, body.id
    and { id = body.id } or { since = time.format(since) }, os.time()) or 0 }
end

-- ---------------------------------------------------------------- connections

local function list_permissions(context)
  local types = json.array {}
  local list, changes = coverage.of_closed(scope.live_connection(context))
  for i, entry in ipairs(list) do
    types[i] = { type = entry.type, dataType = entry.key, readable = entry.readable,
      permissions = json.array(entry.permissions), lacking = json.array(entry.lacking),
      error = entry.error and core.scrub(errors.public(entry.error)) }
  end
  return response.value { types = types, changes = { readable = changes.readable,
    lacking = json.array(changes.lacking),
    error = changes.error and core.scrub(errors.public(changes.error)) } }
end

local function list_history(context)
  local results = json.array {}
  for i, row in ipairs(context.store:connection_history(scope.connection(context).id)) do
    results[i] = { at = row.at, status = row.status, reason = row.reason }
  end
  return response.value { results = results }
end

-- ---------------------------------------------------------------- routes

local TAG = "Operation"
local BASE = "/commerce/v1/companies/{companyId}/connections/{connectionId}/"
local USER = "/commerce/v1/users/{userId}"
local WEBHOOK = "/commerce/v1/webhooks/{webhookId}/"
local INVITED = { status = 201, schema = "InvitedUser" }

---@type commerce.api.Route[]
return {
  { method = "GET", path = "/commerce/v1/users", id = "list-users", run = list_users, tag = TAG,
    summary = "List the portal's users", answer = { status = 200, schema = "Users" } },
  { method = "POST", path = "/commerce/v1/users", id = "add-user", run = add_user, tag = TAG,
    audit = "user.invite",
    summary = "Invite a user", body = ADD, answer = INVITED, errors = { 409 } },
  { method = "PATCH", path = USER, id = "change-user", run = change_user, tag = TAG,
    audit = "user.role", summary = "Give a user another role", body = CHANGE,
    answer = { status = 200, schema = "User" }, errors = { 404, 409 } },
  { method = "DELETE", path = USER, id = "delete-user", run = delete_user, tag = TAG,
    audit = "user.remove",
    summary = "Remove a user", answer = { status = 204 }, errors = { 404, 409 } },
  { method = "POST", path = USER .. "/invitation", id = "invite-user", run = invite, tag = TAG,
    audit = "user.reset", summary = "Invite a user anew", answer = INVITED, errors = { 404 } },
  { method = "GET", path = "/commerce/v1/audit", id = "list-audit", run = list_audit, tag = TAG,
    summary = "List what was done, newest first", parameters = { "after", "pageSize" },
    answer = { status = 200, schema = "Audit" } },
  { method = "GET", path = WEBHOOK .. "deliveries", id = "list-deliveries",
    run = list_deliveries, tag = TAG, summary = "List a consumer's deliveries, newest first",
    parameters = { "pageSize" }, answer = { status = 200, schema = "Deliveries" },
    errors = { 404 } },
  { method = "POST", path = WEBHOOK .. "replay", id = "replay-deliveries", run = replay, tag = TAG,
    audit = "webhook.replay", summary = "Send webhooks again", body = REPLAY,
    answer = { status = 200, schema = "Replayed" }, errors = { 404 } },
  { method = "GET", path = BASE .. "permissions", id = "list-permissions",
    run = list_permissions, tag = TAG, summary = "Ask Stripe what a connection may read",
    answer = { status = 200, schema = "Permissions" }, errors = { 404, 409, 502 } },
  { method = "GET", path = BASE .. "history", id = "list-history", run = list_history, tag = TAG,
    summary = "List how a connection came to its status",
    answer = { status = 200, schema = "History" }, errors = { 404 } },
}
