-- The SQL schema of a store: its own tables, and how an older one becomes the present one. Called
-- by the SQL stores.

local tables = require "commerce.store.tables"

local schema = {}

local BASE = {
  [[CREATE TABLE connections (
      id TEXT PRIMARY KEY,
      integration TEXT NOT NULL,
      account TEXT NOT NULL,
      name TEXT,
      status TEXT NOT NULL,
      created TEXT NOT NULL,
      last_sync TEXT,
      UNIQUE (integration, account))]],
  -- a run of one data type: Codat's pull operation
  [[CREATE TABLE pulls (
      id TEXT PRIMARY KEY,
      connection_id TEXT NOT NULL REFERENCES connections (id),
      data_type TEXT NOT NULL,
      status TEXT NOT NULL,
      requested TEXT NOT NULL,
      completed TEXT,
      read INTEGER NOT NULL DEFAULT 0,
      created INTEGER NOT NULL DEFAULT 0,
      changed INTEGER NOT NULL DEFAULT 0,
      unchanged INTEGER NOT NULL DEFAULT 0,
      error_message TEXT)]],
  "CREATE INDEX pulls_latest ON pulls (connection_id, data_type, requested)",
  -- how far the reading of a resource is: committed with the page it stands for
  [[CREATE TABLE resource_state (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      resource TEXT NOT NULL,
      state TEXT NOT NULL,
      PRIMARY KEY (connection_id, resource))]],
  -- source objects that a join needs again
  [[CREATE TABLE source_objects (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      resource TEXT NOT NULL,
      id TEXT NOT NULL,
      parent_id TEXT,
      data TEXT NOT NULL,
      PRIMARY KEY (connection_id, resource, id))]],
  "CREATE INDEX source_objects_parent ON source_objects (connection_id, resource, parent_id)",
}

--- The statements that make an empty database into one of this version.
---@param types commerce.DataType[]
---@return string[]
function schema.create(types)
  local statements = {}
  for _, statement in ipairs(BASE) do
    statements[#statements + 1] = statement
  end
  for _, data_type in ipairs(types) do
    statements[#statements + 1] = tables.create(data_type)
    if tables.has_column(data_type, "created_date") then
      local name = data_type.name
      statements[#statements + 1] =
        ("CREATE INDEX %s_created_date ON %s (connection_id, created_date)"):format(name, name)
    end
  end
  return statements
end

-- What the API and its workers keep: who works on a connection's pulls, and who may call.
local SERVING = {
  "ALTER TABLE pulls ADD COLUMN progress INTEGER NOT NULL DEFAULT 0",
  "CREATE INDEX pulls_requested ON pulls (requested)",
  "CREATE INDEX pulls_unfinished ON pulls (status, requested) "
    .. "WHERE status IN ('Queued', 'Fetching')",
  [[CREATE TABLE leases (
      connection_id TEXT PRIMARY KEY REFERENCES connections (id),
      worker TEXT NOT NULL,
      expires REAL NOT NULL)]],
  [[CREATE TABLE api_keys (
      id TEXT PRIMARY KEY,
      name TEXT,
      hash TEXT NOT NULL UNIQUE,
      created TEXT NOT NULL,
      expires TEXT)]],
}

local function add_serving(types)
  local statements = {}
  for _, statement in ipairs(SERVING) do
    statements[#statements + 1] = statement
  end
  for _, data_type in ipairs(types) do
    if tables.has_column(data_type, "created_date") then
      statements[#statements + 1] = ("DROP INDEX %s_created_date"):format(data_type.name)
    end
    statements[#statements + 1] = tables.listed_index(data_type)
  end
  return statements
end

local CHANGES = {
  -- what one page did to one data type: change_log.lua
  [[CREATE TABLE changes (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      last INTEGER NOT NULL,
      at TEXT NOT NULL,
      data_type TEXT NOT NULL,
      kind TEXT NOT NULL,
      ids TEXT NOT NULL,
      PRIMARY KEY (connection_id, last))]],
  -- how far those have come who pass changes on
  [[CREATE TABLE consumers (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      name TEXT NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (connection_id, name))]],
  -- places that scripts keep for themselves
  "CREATE TABLE checkpoints (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
}

-- The types of versions 1 and 2, whose records no log has told of.
local UNTOLD = { "company_info", "customers", "payments", "disputes", "products", "transactions",
  "payment_methods", "tax_components" }

local function add_changes()
  local statements = {}
  for _, statement in ipairs(CHANGES) do
    statements[#statements + 1] = statement
  end
  for _, name in ipairs(UNTOLD) do
    -- a hundred a row, each row's number as high as all before it
    statements[#statements + 1] = ([[
      INSERT INTO changes (connection_id, last, at, data_type, kind, ids)
      SELECT connection_id, coalesce((SELECT max(last) FROM changes
          WHERE connection_id = record.connection_id), 0)
        + sum(count(*)) OVER (PARTITION BY connection_id ORDER BY rowid / 100),
        max(modified_date), '%s', 'created', json_group_array(id)
      FROM %s AS record GROUP BY connection_id, rowid / 100]]):format(name, name)
  end
  return statements
end

-- A random UUID (version 4), made by SQLite for each row anew.
local UUID = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' "
  .. "|| substr(hex(randomblob(2)), 2) || '-' || substr('89ab', 1 + (random() & 3), 1) "
  .. "|| substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"

-- Companies, and connections with a life of their own. A connection that is there already
-- gets a company of its own, named after the account.
local function add_companies()
  return {
    [[CREATE TABLE companies (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        description TEXT,
        tags TEXT,
        created TEXT NOT NULL)]],
    "ALTER TABLE connections ADD COLUMN company_id TEXT",
    "UPDATE connections SET company_id = " .. UUID,
    [[INSERT INTO companies (id, name, created)
        SELECT c.company_id, coalesce(c.name, (SELECT json_extract(i.data, '$.companyName')
          FROM company_info i WHERE i.connection_id = c.id LIMIT 1), c.account), c.created
        FROM connections c]],
    -- SQLite changes a column's constraints only by a new table
    [[CREATE TABLE new_connections (
        id TEXT PRIMARY KEY,
        company_id TEXT NOT NULL REFERENCES companies (id),
        integration TEXT NOT NULL,
        account TEXT,
        name TEXT,
        status TEXT NOT NULL,
        auth TEXT,
        scope TEXT,
        link_id TEXT UNIQUE,
        created TEXT NOT NULL,
        linked TEXT,
        last_sync TEXT,
        UNIQUE (company_id, integration, account))]],
    [[INSERT INTO new_connections (id, company_id, integration, account, name, status, auth,
          link_id, created, linked, last_sync)
        SELECT id, company_id, integration, account, name, status, 'key', ]] .. UUID
      .. [[, created, created, last_sync FROM connections]],
    "DROP TABLE connections",
    "ALTER TABLE new_connections RENAME TO connections",
    "CREATE INDEX connections_account ON connections (integration, account)",
    -- how a connection came to its status
    [[CREATE TABLE connection_history (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        at TEXT NOT NULL,
        status TEXT NOT NULL,
        reason TEXT)]],
    "CREATE INDEX connection_history_of ON connection_history (connection_id)",
    "INSERT INTO connection_history SELECT id, created, status, NULL FROM connections",
    -- what went wrong with a connection as a whole; `resolved` when it worked again
    [[CREATE TABLE connection_errors (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        at TEXT NOT NULL,
        status_code TEXT NOT NULL,
        status_text TEXT NOT NULL,
        message TEXT NOT NULL,
        resolved TEXT)]],
    "CREATE INDEX connection_errors_of ON connection_errors (connection_id)",
  }
end

-- What a full read of a list saw, until it is over: see store/sweeps.lua.
local function add_sweeps()
  return { [[CREATE TABLE seen (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      data_type TEXT NOT NULL, -- '' for the resource's own objects
      id TEXT NOT NULL,
      resource TEXT NOT NULL,
      PRIMARY KEY (connection_id, data_type, id, resource)) WITHOUT ROWID]] }
end

-- The data types that users defined.
local DATA_TYPES = {
  "CREATE TABLE data_types (name TEXT PRIMARY KEY, definition TEXT NOT NULL)",
}

local function add_data_types()
  return DATA_TYPES
end

-- Sealed secrets, the settings of the whole installation, and what the operator set of the
-- integrations.
local SETTINGS = {
  [[CREATE TABLE secrets (
      owner TEXT PRIMARY KEY,
      envelope TEXT NOT NULL,
      key_id TEXT NOT NULL,
      modified TEXT NOT NULL)]],
  [[CREATE TABLE settings (
      name TEXT PRIMARY KEY,
      value TEXT NOT NULL)]],
  [[CREATE TABLE integrations (
      name TEXT PRIMARY KEY,
      client_id TEXT,
      scope TEXT NOT NULL,
      sync_on_link TEXT NOT NULL,
      enabled INTEGER NOT NULL)]],
}

local function add_settings()
  return SETTINGS
end

-- Who is told of what happens.
local WEBHOOK_CONSUMERS = {
  [[CREATE TABLE webhook_consumers (
      id TEXT PRIMARY KEY,
      url TEXT NOT NULL,
      disabled INTEGER NOT NULL,
      event_types TEXT NOT NULL,
      company_tags TEXT NOT NULL,
      created TEXT NOT NULL)]],
}

local function add_webhook_consumers()
  return WEBHOOK_CONSUMERS
end

-- Linking: what has been begun, where merchants come back to, and what a link was for.
local function add_links()
  return {
    [[CREATE TABLE link_states (
        id TEXT PRIMARY KEY,
        connection_id TEXT NOT NULL REFERENCES connections (id),
        expires INTEGER NOT NULL)]],
    "ALTER TABLE integrations ADD COLUMN redirect_uri TEXT",
    -- what the integration said when the connection was linked: once or continuous
    "ALTER TABLE connections ADD COLUMN sync_on_link TEXT",
  }
end

local function add_sync_settings()
  return { [[CREATE TABLE sync_settings (
      owner TEXT NOT NULL,
      data_type TEXT NOT NULL,
      fetch_on_first_link INTEGER,
      sync_schedule INTEGER,
      sync_order INTEGER,
      sync_from_utc TEXT,
      sync_from_window INTEGER,
      is_locked INTEGER,
      PRIMARY KEY (owner, data_type))]] }
end

-- What the workers have done, added up for whoever watches them.
local COUNTERS = {
  "CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL)",
}

local function add_counters()
  return COUNTERS
end

-- Events that webhooks brought, until they are applied: see store/inbox.lua.
local function add_inbox()
  return { [[CREATE TABLE inbox (
      number INTEGER PRIMARY KEY,
      connection_id TEXT NOT NULL REFERENCES connections (id),
      id TEXT NOT NULL,
      at INTEGER NOT NULL,
      body TEXT NOT NULL,
      UNIQUE (connection_id, id))]] }
end

-- What was seen belongs to one full read of one list for one selection of data types. Those under
-- way end without telling what is no more.
local function add_full_reads()
  return {
    "DROP TABLE seen",
    "UPDATE resource_state SET state = json_remove(state, '$.sweep')",
    [[CREATE TABLE sweeps (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        connection_id TEXT NOT NULL REFERENCES connections (id),
        key TEXT NOT NULL,
        UNIQUE (connection_id, key))]],
    [[CREATE TABLE seen (
        sweep INTEGER NOT NULL REFERENCES sweeps (id),
        data_type TEXT NOT NULL, -- '' for the resource's own objects
        id TEXT NOT NULL,
        PRIMARY KEY (sweep, data_type, id)) WITHOUT ROWID]],
  }
end

-- What others are to be told of, and what each consumer has been told: see store/outbox.lua. No
-- column is called connection_id: what happened is still to be told when a connection is deleted.
local function add_outbox()
  return {
    [[CREATE TABLE webhook_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        at TEXT NOT NULL,
        tags TEXT NOT NULL,
        facts TEXT NOT NULL)]],
    "CREATE INDEX webhook_events_at ON webhook_events (at)",
    [[CREATE TABLE webhook_deliveries (
        event INTEGER NOT NULL REFERENCES webhook_events (number),
        consumer_id TEXT NOT NULL REFERENCES webhook_consumers (id),
        status TEXT NOT NULL, -- waiting, delivered, failed
        attempts INTEGER NOT NULL,
        due REAL NOT NULL, -- unix seconds
        attempted TEXT,
        http_status INTEGER,
        error TEXT,
        PRIMARY KEY (consumer_id, event)) WITHOUT ROWID]],
    "CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due) WHERE status = 'waiting'",
    "CREATE INDEX webhook_deliveries_of ON webhook_deliveries (event)",
    -- since when nothing has reached it; who sends to it just now, and until when at the latest
    "ALTER TABLE webhook_consumers ADD COLUMN failing_since REAL",
    "ALTER TABLE webhook_consumers ADD COLUMN busy_by TEXT",
    "ALTER TABLE webhook_consumers ADD COLUMN busy_until REAL NOT NULL DEFAULT 0",
    -- when all that is read at first had been read
    "ALTER TABLE connections ADD COLUMN first_read TEXT",
    "UPDATE connections SET first_read = last_sync",
  }
end

local function add_modified(types)
  local statements = {}
  for i, data_type in ipairs(types) do
    statements[i] = tables.modified_index(data_type)
  end
  return statements
end

-- Connections that have been removed, and of which something is still stored: see
-- store/removal.lua.
local REMOVALS = { "CREATE TABLE removals (id TEXT PRIMARY KEY)" }

local function add_removals()
  return REMOVALS
end

--- The statements that lead from each version to the next; [n] leads from n to n + 1.
---@type table<integer, fun(types: commerce.DataType[]): string[]>
schema.migrations = { [0] = schema.create, [1] = add_serving, [2] = add_changes,
  [3] = add_companies, [4] = add_sweeps, [5] = add_data_types, [6] = add_settings,
  [7] = add_webhook_consumers, [8] = add_links, [9] = add_sync_settings,
  [10] = add_counters, [11] = add_inbox, [12] = add_full_reads, [13] = add_outbox,
  [14] = add_modified, [15] = add_removals }

--- The schema's version, kept in the database.
schema.VERSION = #schema.migrations + 1

local reserved

-- Every statement there is names the store's own tables, but for those of the data types.
local function reserved_names()
  local names = {}
  for version = 0, schema.VERSION - 1 do
    for _, statement in ipairs(schema.migrations[version] {}) do
      local name = statement:match("CREATE %u+ ([%w_]+)")
      if name then
        names[name] = true
      end
    end
  end
  return names
end

-- The indexes that every data type's table has.
local function is_an_index(name)
  return name:find "_listed$" ~= nil or name:find "_modified$" ~= nil
end

--- Whether a name is, or may be, one of the store's own tables or indexes; listings.lua makes a
--- table `listed`.
---@param name string
---@return boolean
function schema.is_reserved(name)
  reserved = reserved or reserved_names()
  return reserved[name] == true or name:find("^sqlite_") ~= nil or name == "listed"
    or is_an_index(name)
end

return schema
