-- The status machine of a connection: the statuses, the allowed changes between them, and the only
-- functions that change them.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local status = {}

--- PendingAuth: created, not authorized yet; Linked: can be synced; Unlinked: ended by us;
--- Deauthorized: ended by the merchant or by Stripe. Stored data stays readable in every status.
status.STATUSES = { "PendingAuth", "Linked", "Unlinked", "Deauthorized" }

local NEXT = {
  PendingAuth = { Linked = true },
  Linked = { Unlinked = true, Deauthorized = true },
  Unlinked = { Linked = true },
  Deauthorized = { Linked = true },
}

--- Whether one status may follow another.
---@param from string
---@param to string
---@return boolean
function status.may_follow(from, to)
  return (NEXT[from] or {})[to] == true
end

local function refuse(row, wanted)
  errors.throw("state", ("connection %s is %s%s"):format(row.id, row.status,
    row.status == wanted and " already" or ": it cannot become " .. wanted),
    { code = "illegal_transition" })
end

local function changed_meanwhile(store, row)
  local rows = store:connections { id = row.id }
  errors.throw("state", ("connection %s has changed meanwhile: it %s"):format(row.id,
    rows[1] and "is " .. rows[1].status .. " now" or "has been deleted"),
    { code = "changed_meanwhile" })
end

local function apply(store, row, changes)
  if not store:change_connection(row.id, changes, row.status) then
    changed_meanwhile(store, row)
  end
  for name, value in pairs(changes) do
    row[name] = value or nil
  end
  row.at, row.reason = nil, nil
  return true
end

--- End a connection.
---@param store commerce.Store
---@param row commerce.ConnectionRow as the store gives it; changed with the store
---@param ending "Unlinked"|"Deauthorized"
---@param reason string? for its history
---@return boolean ok raises kind "state" if its status does not allow it
function status.finish(store, row, ending, reason)
  if not status.may_follow(row.status, ending) then
    refuse(row, ending)
  end
  return apply(store, row, { status = ending, at = time.now(), reason = reason })
end

--- Check that a connection can be of an account: data of two accounts must never mix, and one
--- account is one connection of a company.
---@param store commerce.Store
---@param row commerce.ConnectionRow as the store gives it
---@param account string "acct_..."; raises code "other_account" or "account_taken"
function status.check_account(store, row, account)
  if row.account and row.account ~= account then
    errors.throw("auth", ("connection %s is account %s, and %s was authorized: make "
      .. "another connection for that one"):format(row.id, row.account, account),
      { code = "other_account" })
  end
  local rows = store:connections { company_id = row.company_id,
    integration = row.integration, account = account }
  if rows[1] and rows[1].id ~= row.id then
    errors.throw("state", ("account %s is connected to this company already, by connection "
      .. "%s, which is %s"):format(account, rows[1].id, rows[1].status),
      { code = "account_taken", connection_id = rows[1].id })
  end
end

local WAYS = { connect = "from now on by Stripe Connect", key = "from now on by its own key",
  app = "from now on by the Stripe App" }

---@class commerce.Grant
---@field account string the account that authorized the connection, which must be proven
---@field auth "connect"|"app"|"key"
---@field scope string? what was granted
---@field sync_on_link "once"|"continuous"|nil default: as before
---@field name string? the account's

--- Mark an authorized connection as "Linked" and its errors as resolved. A "Linked" connection may
--- be authorized again, also in another way.
---@param store commerce.Store
---@param row commerce.ConnectionRow as the store gives it; changed with the store
---@param grant commerce.Grant
---@return boolean ok raises code "other_account" for another account than before, "account_taken"
---  (with connection_id) for one that the company has in another connection
function status.link(store, row, grant)
  if row.status ~= "Linked" and not status.may_follow(row.status, "Linked") then
    refuse(row, "Linked")
  end
  status.check_account(store, row, grant.account)
  local now = time.now()
  apply(store, row, { status = "Linked", at = now, linked = now,
    account = grant.account, auth = grant.auth, scope = grant.scope or false,
    sync_on_link = grant.sync_on_link, name = row.name or grant.name,
    reason = row.auth and row.auth ~= grant.auth and WAYS[grant.auth] or nil })
  return store:resolve_connection_errors(row.id, now)
end

--- Store a failure that concerns the connection as a whole.
---@param store commerce.Store
---@param row commerce.ConnectionRow
---@param message string without secrets
---@param details commerce.Details?
---@return boolean ok
function status.note_error(store, row, message, details)
  message = errors.public(errors.is_failure(details) and details or message)
  details = type(details) == "table" and details or {}
  return store:add_connection_error(row.id, { at = time.now(),
    status_code = tostring(details.status or 0), status_text = details.code or details.kind or "",
    message = message })
end

-- Codat's words for these failures (its documentation of webhooks, connection.failed).
local CANCELLED = { status_code = "403", status_text = "User cancelled linking",
  message = "User cancelled" }

--- Report to webhook consumers that a merchant could not be linked or declined. A connection that
--- is "Linked" keeps its status, and no event is made.
---@param store commerce.Store
---@param row commerce.ConnectionRow as the store gives it
---@param message commerce.Failure|string|nil why not, without secrets; nil: the merchant declined
function status.link_failed(store, row, message)
  if row.status == "Linked" then
    return
  end
  store:tell_failed_link(row.id, {
    at = time.now(), status_code = message and "500" or CANCELLED.status_code,
    status_text = message and "Unknown error occurred" or CANCELLED.status_text,
    message = message and core.scrub(errors.public(message)) or CANCELLED.message })
end

return status
