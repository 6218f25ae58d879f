-- Stripe Apps: the operator's app of each integration, and what accounts have granted to it.

local ascii = require "commerce.base.ascii"
local settings = require "commerce.store.memory.settings"
local tables = require "commerce.store.memory.tables"

local apps = {}

local copy, need = tables.copy, tables.need

function apps.apps(self)
  local rows = {}
  for integration, row in self.db:table("stripe_apps"):each() do
    rows[integration] = copy(row)
    rows[integration].has_secret_key =
      self.db:table("secrets"):get("app:" .. integration) ~= nil
  end
  return rows
end

function apps.save_app(self, row, secret)
  self.db:table("stripe_apps"):put(row.integration, { integration = row.integration,
    client_id = row.client_id, app_id = row.app_id, install_link = row.install_link,
    redirect_uri = row.redirect_uri, enabled = row.enabled == true })
  if secret then
    settings.save_secret(self, secret)
  end
  return true
end

-- ---------------------------------------------------------------- what accounts have granted

local function key_of(integration, account)
  return integration .. " " .. account
end

function apps.app_grant(self, integration, account)
  local row = self.db:table("stripe_app_grants"):get(key_of(integration, account))
  return row and { integration = row.integration, account = row.account, number = row.number,
    expires = row.expires }
end

function apps.save_app_grant(self, row, access, refresh)
  need(row, "app grant", { "integration", "account", "number", "expires" })
  self.db:table("stripe_app_grants"):put(key_of(row.integration, row.account), {
    integration = row.integration, account = row.account, number = row.number,
    expires = row.expires })
  settings.save_secret(self, access)
  settings.save_secret(self, refresh)
  return true
end

function apps.lease_app_grant(self, integration, account, holder, now, seconds)
  local grants, key = self.db:table "stripe_app_grants", key_of(integration, account)
  local row = grants:get(key)
  if not row or row.holder and row.holder ~= holder and row.held_until > now
    and row.held_until <= now + 2 * seconds then
    return false
  end
  grants:change(key, { holder = holder, held_until = now + seconds })
  return true
end

function apps.release_app_grant(self, integration, account, holder)
  local grants, key = self.db:table "stripe_app_grants", key_of(integration, account)
  local row = grants:get(key)
  if not row or row.holder ~= holder then
    return false
  end
  grants:put(key, { integration = row.integration, account = row.account, number = row.number,
    expires = row.expires })
  return true
end

local function is_read(self, grant)
  for _, row in self.db:table("connections"):each() do
    if row.integration == grant.integration and row.account == grant.account
      and row.auth == "app" and row.status == "Linked" then
      return true
    end
  end
  return false
end

function apps.unused_app_grants(self, before)
  local rows = {}
  for _, row in self.db:table("stripe_app_grants"):each() do
    if row.expires < before and not is_read(self, row) then
      rows[#rows + 1] = { integration = row.integration, account = row.account,
        number = row.number, expires = row.expires }
    end
  end
  table.sort(rows, function(a, b)
    return ascii.before(a.account .. " " .. a.integration, b.account .. " " .. b.integration)
  end)
  return rows
end

function apps.drop_app_grant(self, integration, account, owners, number)
  local row = apps.app_grant(self, integration, account)
  if number and not (row and row.number == number) then
    return false
  end
  for _, owner in ipairs(owners) do
    self.db:table("secrets"):remove(owner)
  end
  return self.db:table("stripe_app_grants"):remove(key_of(integration, account))
end

return apps
