-- Links a connection by a restricted key that the merchant has made for it. The key is tried and
-- sealed before the connection is "Linked".

local coverage = require "commerce.account.coverage"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local integrations = require "commerce.account.integrations"
local keys = require "commerce.account.keys"
local pending = require "commerce.account.link.pending"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"

local own_key = {}

local function refuse(code, message)
  errors.throw("auth", message, { code = code })
end

--- Check that merchants may give a key for an integration on the Link pages, and that it can be
--- sealed.
---@param app commerce.App
---@param name string the integration's
---@return commerce.Integration integration raises code "not_enabled" if they may not
function own_key.usable(app, name)
  local integration = integrations.find(app.store, name)
  if not integration.restricted_keys then
    errors.throw("usage", ("%s does not take restricted keys from merchants: allow them with "
      .. "`commerce integrations set %s --restricted-keys yes`"):format(integration.title, name),
      { code = "not_enabled" })
  end
  credentials.check_master()
  return integration
end

local MODES = { { "_test_", "test" }, { "_live_", "live" } }

-- A key with too much power is refused even if it would work: a reader of data must not be able
-- to move money.
local function check_key(key, facts)
  if key:has_prefix "sk_org_" then
    refuse("organisation_key", "this is an organisation key (sk_org_...), which reaches other "
      .. "accounts as well: make a restricted key (rk_...) in this account")
  elseif key:has_prefix "sk_" then
    refuse("secret_key", "this is a secret key (sk_...), which can do everything in the account, "
      .. "also move money: make a restricted key (rk_...) that can only read")
  elseif key:has_prefix "pk_" then
    refuse("publishable_key", "this is a publishable key (pk_...), which cannot read data: make "
      .. "a restricted key (rk_...)")
  elseif not stripe.is_restricted(key) then
    refuse("not_a_key", "this is not a restricted key of Stripe's: one starts with rk_test_ or "
      .. "rk_live_")
  end
  for _, mode in ipairs(MODES) do
    if (key:has_prefix("rk" .. mode[1]) or key:has_prefix("rkcs" .. mode[1]))
      and mode[2] ~= facts.mode then
      refuse("wrong_mode", ("this is a %s mode key, and %s takes %s mode keys"):format(mode[2],
        facts.title, facts.mode))
    end
  end
end

local function opened(app, key, facts, options)
  local parts, message, failure = errors.catch(sessions.open, app, key, facts, {}, options)
  if failure and failure.status == 401 then
    refuse("unknown_key", "Stripe does not know this key: " .. message)
  end
  return errors.must(parts, message, failure)
end

local function check_readable(list, mappings)
  for _, entry in ipairs(list) do
    if entry.readable then
      return
    end
  end
  refuse("no_permissions", "this key cannot read any data type: give it the permissions (read) "
    .. table.concat(coverage.permissions(mappings), ", "))
end

-- Tries a key. Gives its account and the data types that it can read.
local function proven(app, row, key, mappings, options)
  local facts = stripe.integrations[row.integration]
  check_key(key, facts)
  local parts = opened(app, key, facts, options)
  return errors.finally(function()
    local list, changes = coverage.of { session = parts.session, transport = parts.transport,
      mappings = mappings }
    check_readable(list, mappings)
    return { account = parts.account, types = list, changes = changes }
  end, parts.close)
end

--- Link a connection by a restricted key, or replace its key. A failure changes nothing.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it; "Linked" afterwards
---@param key commerce.core.Secret
---@param mappings commerce.Mappings of the connection
---@param options commerce.SessionOptions? see `commerce.account.session`
---@return commerce.KeyLink found `connection` is left out. A failure has the reason's name as its
---  code: "secret_key", "organisation_key", "publishable_key", "not_a_key", "wrong_mode",
---  "unknown_key", "no_permissions", "by_connect", "by_app", "other_account", "account_taken"
function own_key.link(app, row, key, mappings, options)
  if row.auth ~= "key" and row.status == "Linked" then
    errors.throw("state", ("connection %s is linked by %s: unlink it first"):format(row.id,
      row.auth == "app" and "a Stripe App" or "Stripe Connect"), { code = "by_" .. row.auth })
  end
  credentials.check_master()
  local found = proven(app, row, key, mappings, options or {})
  local id = found.account.id
  keys.link_by_key(app, row, key, { account = id, auth = "key",
    name = stripe.account_name(found.account),
    sync_on_link = integrations.find(app.store, row.integration).sync_on_link })
  return { account = id, types = found.types, changes = found.changes,
    shared_with = keys.shared_with(app, row) }
end

--- Begin a link by key in a merchant's browser.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it
---@param options { browser: string, parameters: table<string, string>? } browser: the secret in the
---  browser's cookie; parameters: texts by name that come back
---@return string state for `take`
function own_key.begin(app, row, options)
  own_key.usable(app, row.integration)
  return (pending.begin(app, row, options))
end

--- Use up a link that was begun in a merchant's browser: it lets one key be tried.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it
---@param text string? the link's state
---@param browser string? the secret in the browser's cookie
---@return table<string, string> parameters those that the link was begun with
function own_key.take(app, row, text, browser)
  own_key.usable(app, row.integration)
  local state = pending.recognise(app, text, { connection = row.id, browser = browser })
  if not state.browser then
    refuse("other_browser", "this link was not begun in a browser")
  end
  pending.for_connection(row, state, pending.take, app, state)
  return state.parameters
end

return own_key
