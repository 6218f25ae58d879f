-- Small tables by key: settings of the installation, integrations, sync settings, the checkpoints
-- of scripts, links under way, API keys.

local json = require "commerce.base.json"
local secrets = require "commerce.store.sql.secrets"
local statements = require "commerce.store.sql.statements"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

---@class commerce.sql.Store
local settings = {}

function settings:setting(name)
  local row = self.db:all("SELECT value FROM settings WHERE name = ?", name)[1]
  return row and row.value
end

function settings:save_setting(name, value, before)
  if before == false then
    return self.db:run("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
      name, value) > 0
  elseif before then
    return self.db:run("UPDATE settings SET value = ? WHERE name = ? AND value = ?", value, name,
      before) > 0
  end
  self.db:run(self.db.dialect.upsert("settings", { "name", "value" }, { "name" }), name, value)
  return true
end

-- ---------------------------------------------------------------- integrations

function settings:integrations()
  local rows = statements.rows_with_secret(self.db, "integrations", "name", "integration:")
  for _, row in pairs(rows) do
    row.restricted_keys = self.db.dialect.to_boolean(row.restricted_keys)
  end
  return rows
end

function settings:save_integration(row, secret)
  local db = self.db
  return db:transaction(function()
    db:run(db.dialect.upsert("integrations", { "name", "client_id", "scope", "sync_on_link",
      "redirect_uri", "enabled", "restricted_keys" }, { "name" }), row.name, row.client_id,
      row.scope, row.sync_on_link, row.redirect_uri, statements.boolean(row.enabled == true),
      statements.boolean(row.restricted_keys == true))
    if secret then
      secrets.save_secret(self, secret)
    end
    return true
  end)
end

-- ---------------------------------------------------------------- sync settings

local FIELDS = { "fetch_on_first_link", "sync_schedule", "sync_order", "sync_from_utc",
  "sync_from_window", "is_locked" }
local BOOLEAN = { fetch_on_first_link = true, is_locked = true }

function settings:sync_settings(owner)
  local found, to_boolean = {}, self.db.dialect.to_boolean
  for _, row in ipairs(self.db:all("SELECT * FROM sync_settings WHERE owner = ?", owner)) do
    local values = {}
    for _, field in ipairs(FIELDS) do
      local value = row[field]
      if BOOLEAN[field] then
        value = to_boolean(value)
      end
      values[field] = value
    end
    found[row.data_type] = values
  end
  return found
end

local function save_sync_setting(db, owner, data_type, values)
  local row = {}
  for i, field in ipairs(FIELDS) do
    row[i] = values[field]
    if BOOLEAN[field] then
      row[i] = statements.boolean(values[field])
    end
  end
  db:run("INSERT INTO sync_settings (owner, data_type, fetch_on_first_link, sync_schedule, "
    .. "sync_order, sync_from_utc, sync_from_window, is_locked) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    owner, data_type, unpack(row, 1, #FIELDS))
end

function settings:save_sync_settings(owner, given)
  local db = self.db
  return db:transaction(function()
    for data_type, values in pairs(given) do
      db:run("DELETE FROM sync_settings WHERE owner = ? AND data_type = ?", owner, data_type)
      if values and next(values) then
        save_sync_setting(db, owner, data_type, values)
      end
    end
    return true
  end)
end

-- ---------------------------------------------------------------- checkpoints of scripts

function settings:checkpoint(name)
  local row = self.db:all("SELECT value FROM checkpoints WHERE name = ?", name)[1]
  return row and json.stored(row.value)[1]
end

function settings:save_checkpoint(name, value)
  if value == nil then
    self.db:run("DELETE FROM checkpoints WHERE name = ?", name)
  else
    -- in a list, since not every reader takes a bare number or text for JSON
    self.db:run(self.db.dialect.upsert("checkpoints", { "name", "value" }, { "name" }), name,
      json.encode { value })
  end
  return true
end

-- ---------------------------------------------------------------- links under way

function settings:add_link_state(row, now, most)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM link_states WHERE expires <= ?", now)
    db:run("INSERT INTO link_states (id, connection_id, expires) VALUES (?, ?, ?)", row.id,
      row.connection_id, row.expires)
    db:run(("DELETE FROM link_states WHERE connection_id = ? AND id NOT IN (SELECT id "
      .. "FROM link_states WHERE connection_id = ? ORDER BY %s DESC LIMIT ?)"):format(
      db.dialect.INSERTED), row.connection_id, row.connection_id, most)
    return true
  end)
end

function settings:has_link_state(id)
  return #self.db:all("SELECT id FROM link_states WHERE id = ?", id) > 0
end

function settings:take_link_state(id)
  return self.db:run("DELETE FROM link_states WHERE id = ?", id) > 0
end

function settings:spend_code(hash, expires, now)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM spent_codes WHERE expires <= ?", now)
    return db:run("INSERT INTO spent_codes (hash, expires) VALUES (?, ?) ON CONFLICT DO NOTHING",
      hash, expires) > 0
  end)
end

-- ---------------------------------------------------------------- API keys

function settings:add_api_key(key, most)
  local db = self.db
  return db:run("INSERT INTO api_keys (id, name, hash, created, expires, read_only) "
    .. "SELECT ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM api_keys) < ?", key.id, key.name,
    key.hash, key.created, key.expires, statements.boolean(key.read_only == true), most) > 0
end

-- A key that is not read-only has no such field.
local function key_rows(db, rows)
  for _, row in ipairs(rows) do
    row.read_only = db.dialect.to_boolean(row.read_only) or nil
  end
  return rows
end

function settings:api_keys()
  return key_rows(self.db, self.db:all("SELECT * FROM api_keys ORDER BY created, "
    .. self.db.dialect.INSERTED))
end

function settings:api_key_of(hash)
  return key_rows(self.db, self.db:all("SELECT * FROM api_keys WHERE hash = ?", hash))[1]
end

function settings:delete_api_key(id, now)
  return self.db:transaction(function()
    if not self.db:all("SELECT 1 AS found FROM api_keys WHERE id = ?", id)[1] then
      return "missing"
    end
    local deleted = self.db:run("DELETE FROM api_keys WHERE id = ? AND EXISTS (SELECT 1 "
      .. "FROM api_keys WHERE id <> ? AND (expires IS NULL OR expires > ?))", id, id, now)
    return deleted > 0 and "deleted" or "last"
  end)
end

-- ---------------------------------------------------------------- access tokens

function settings:add_access_token(row, now)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM access_tokens WHERE expires <= ?", now)
    db:run("INSERT INTO access_tokens (hash, company_id, expires) VALUES (?, ?, ?)", row.hash,
      row.company_id, row.expires)
    return true
  end)
end

function settings:access_token_of(hash)
  return self.db:all("SELECT * FROM access_tokens WHERE hash = ?", hash)[1]
end

return settings
