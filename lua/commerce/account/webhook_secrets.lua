-- The signing secrets of webhook endpoints, sealed like all stored secrets. An endpoint belongs to
-- an integration. It is either a Connect endpoint, whose events name their account, or an account's
-- own endpoint; its events count for this account only, because the account's owner knows the
-- secret.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"

local secrets = {}

---@class commerce.WebhookSecret
---@field id string the beginning of the secret's SHA-256
---@field account string? the account that the endpoint belongs to; nil: a Connect endpoint
---@field added string date

local MOST = 16 -- of an integration: each webhook is tried with all of them

local CONNECT = "connect" -- in the place of an account

-- The owner that a sealed secret is bound to: it does not open for another integration or account.
local function owner_of(name, account, id)
  return ("webhook:%s:%s:%s"):format(name, account or CONNECT, id)
end

local function prefix_of(name)
  return ("webhook:%s:"):format(name)
end

local function facts_of(row)
  local account, id = row.owner:match "^webhook:[^:]+:([^:]+):(%x+)$"
  return { id = id, account = account ~= CONNECT and account or nil, added = row.modified }
end

--- The signing secrets of an integration by id, without the secrets themselves.
---@param store commerce.Store
---@param name string the integration's
---@return commerce.WebhookSecret[] list oldest first
function secrets.list(store, name)
  local rows = store:secrets_of(prefix_of(name))
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = facts_of(row)
  end
  table.sort(list, function(a, b)
    if a.added == b.added then
      return ascii.before(a.id, b.id)
    end
    return a.added < b.added
  end)
  return list
end

--- Open the signing secrets of an integration.
---@param store commerce.Store
---@param name string the integration's
---@return { secret: commerce.core.Secret, account: string? }[] list raises code "no_webhook_secret"
---  if the list is empty
function secrets.open(store, name)
  local rows = store:secrets_of(prefix_of(name))
  local list = {}
  for i, row in ipairs(rows) do
    local secret = credentials.open_row(row)
    list[i] = { secret = secret, account = facts_of(row).account }
  end
  if #list == 0 then
    errors.throw("usage", ("%s has no webhook secret: keep the endpoint's with "
      .. "`commerce integrations add-webhook-secret %s`"):format(stripe.integrations[name].title,
      name), { code = "no_webhook_secret" })
  end
  return list
end

local function checked(given, account)
  local secret = type(given) == "string" and errors.must(core.secret(given)) or given
  if not secret:has_prefix "whsec_" then
    errors.throw("usage", "not a signing secret of a webhook endpoint: one starts with "
      .. "whsec_ (Stripe's dashboard, Developers, Webhooks)")
  elseif account and not account:find "^acct_%w+$" then
    errors.throw("usage", ("account '%s': expected an account's id (acct_...)")
      :format(core.scrub(account)))
  end
  return secret
end

--- Check that another secret may be stored. Raises if an integration has as many as can be tried
--- with every webhook.
---@param store commerce.Store
---@param name string the integration's
function secrets.check_room(store, name)
  local count = #secrets.list(store, name)
  if count >= MOST then
    errors.throw("usage", ("%s has %d webhook secrets already: remove one that no endpoint "
      .. "signs with any more (`commerce integrations remove-webhook-secret %s ID`)"):format(
      stripe.integrations[name].title, count, name))
  end
end

--- Store another signing secret of an integration. A secret that is stored already is not changed.
---@param store commerce.Store
---@param name string the integration's
---@param given commerce.core.Secret|string "whsec_…"
---@param account string? the account that the endpoint belongs to, if not a Connect endpoint
---@return commerce.WebhookSecret kept
function secrets.add(store, name, given, account)
  local secret, list = checked(given, account), secrets.list(store, name)
  local id = core.sha256(secret):sub(1, 8)
  for _, known in ipairs(list) do
    if known.id == id and known.account == account then
      return known
    end
  end
  secrets.check_room(store, name)
  local row = credentials.seal(owner_of(name, account, id), secret)
  store:save_secret(row)
  return facts_of(row)
end

--- Delete a signing secret.
---@param store commerce.Store
---@param name string the integration's
---@param id string as `list` has it
---@return boolean ok raises if there is no secret with this id
function secrets.remove(store, name, id)
  local dropped = false
  for _, known in ipairs(secrets.list(store, name)) do
    if known.id == id then
      store:drop_secret(owner_of(name, known.account, id))
      dropped = true
    end
  end
  if not dropped then
    errors.throw("usage", ("%s has no webhook secret %s; `commerce integrations list` shows "
      .. "them"):format(stripe.integrations[name].title, core.scrub(id)))
  end
  return true
end

return secrets
