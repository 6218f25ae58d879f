-- Small things that are kept by name: settings, integrations, sealed secrets, sync settings, links
-- that have been begun, and API keys.

local errors = require "commerce.base.errors"
local tables = require "commerce.store.memory.tables"

local settings = {}

local copy, need = tables.copy, tables.need

-- ---------------------------------------------------------------- settings and integrations

function settings.setting(self, name)
  return self.db:table("settings"):get(name)
end

function settings.save_setting(self, name, value, before)
  if before ~= nil and (settings.setting(self, name) or false) ~= before then
    return false
  end
  self.db:table("settings"):put(name, value)
  return true
end

function settings.integrations(self)
  local rows = {}
  for name, row in self.db:table("integrations"):each() do
    rows[name] = copy(row)
    rows[name].has_secret_key = self.db:table("secrets"):get("integration:" .. name) ~= nil
  end
  return rows
end

function settings.save_integration(self, row, secret)
  self.db:table("integrations"):put(row.name, { name = row.name, client_id = row.client_id,
    scope = row.scope, sync_on_link = row.sync_on_link, redirect_uri = row.redirect_uri,
    enabled = row.enabled == true, restricted_keys = row.restricted_keys == true })
  if secret then
    settings.save_secret(self, secret)
  end
  return true
end

-- ---------------------------------------------------------------- secrets

function settings.secret(self, owner)
  return copy(self.db:table("secrets"):get(owner))
end

-- All rows whose owners begin with a text, in the order of the owners.
local function secrets_in_order(self, prefix)
  local secrets, list = self.db:table "secrets", {}
  for i, owner in ipairs(secrets:after("", secrets.size, function(_, owner)
    return owner:sub(1, #prefix) == prefix
  end)) do
    list[i] = copy(secrets:get(owner))
  end
  return list
end

function settings.secrets_of(self, prefix)
  return secrets_in_order(self, prefix)
end

function settings.save_secret(self, row)
  need(row, "secret", { "owner", "envelope", "key_id", "modified" })
  self.db:table("secrets"):put(row.owner, { owner = row.owner, envelope = row.envelope,
    key_id = row.key_id, modified = row.modified })
  return true
end

function settings.drop_secret(self, owner)
  return self.db:table("secrets"):remove(owner)
end

function settings.reseal(self, seal)
  local changed = 0
  for _, row in ipairs(secrets_in_order(self, "")) do
    local new, message, details = seal(row)
    if new then
      self.db:table("secrets"):change(row.owner, { envelope = new.envelope,
        key_id = new.key_id })
      changed = changed + 1
    elseif new == nil then
      errors.must(nil, message, details or { kind = "store" })
    end
  end
  return changed
end

-- ---------------------------------------------------------------- sync settings

local FIELDS = { "fetch_on_first_link", "sync_schedule", "sync_order", "sync_from_utc",
  "sync_from_window", "is_locked" }

function settings.sync_settings(self, owner)
  local found = {}
  for data_type, values in self.db:table("sync_settings", owner):each() do
    found[data_type] = copy(values)
  end
  return found
end

function settings.save_sync_settings(self, owner, given)
  local kept = self.db:table("sync_settings", owner)
  for data_type, values in pairs(given) do
    local row
    for _, field in ipairs(values and next(values) and FIELDS or {}) do
      row = row or {}
      row[field] = values[field]
    end
    kept:put(data_type, row)
  end
  return true
end

-- ---------------------------------------------------------------- links that have been begun

local function drop_expired(kept, now)
  for id, row in kept:each() do
    if row.expires <= now then
      kept:remove(id)
    end
  end
end

function settings.add_link_state(self, row, now, most)
  local states, own = self.db:table "link_states", {}
  drop_expired(states, now)
  if states:get(row.id) then
    errors.throw("store", "this link has been begun already")
  end
  states:put(row.id, { connection_id = row.connection_id, expires = row.expires })
  for id, state in states:each() do -- oldest first
    own[#own + 1] = state.connection_id == row.connection_id and id or nil
  end
  for i = 1, #own - most do
    states:remove(own[i])
  end
  return true
end

function settings.has_link_state(self, id)
  return self.db:table("link_states"):get(id) ~= nil
end

function settings.take_link_state(self, id)
  return self.db:table("link_states"):remove(id)
end

function settings.spend_code(self, hash, expires, now)
  local codes = self.db:table "spent_codes"
  drop_expired(codes, now)
  local new = codes:get(hash) == nil
  if new then
    codes:put(hash, { expires = expires })
  end
  return new
end

-- ---------------------------------------------------------------- API keys

function settings.add_api_key(self, key, most)
  local keys = self.db:table "api_keys"
  if keys.size >= most then
    return false
  elseif keys:get(key.id) or settings.api_key_of(self, key.hash) then
    errors.throw("store", "there is such an API key already")
  end
  keys:put(key.id, { id = key.id, name = key.name, hash = key.hash, created = key.created,
    expires = key.expires, read_only = key.read_only == true or nil })
  return true
end

function settings.api_keys(self)
  return self.db:table("api_keys"):oldest_first()
end

function settings.api_key_of(self, hash)
  return copy(self.db:table("api_keys"):where("hash", hash)[1])
end

function settings.delete_api_key(self, id, now)
  local keys = self.db:table "api_keys"
  if not keys:get(id) then
    return "missing"
  end
  for other, key in keys:each() do
    if other ~= id and (not key.expires or key.expires > now) then
      keys:remove(id)
      return "deleted"
    end
  end
  return "last"
end

-- ---------------------------------------------------------------- access tokens

function settings.add_access_token(self, row, now)
  local tokens = self.db:table "access_tokens"
  drop_expired(tokens, now)
  tokens:put(row.hash, { hash = row.hash, company_id = row.company_id, expires = row.expires })
  return true
end

function settings.access_token_of(self, hash)
  return copy(self.db:table("access_tokens"):get(hash))
end

return settings
