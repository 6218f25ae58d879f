-- The present schema of a SQLite database, apart from the tables of records: a new database is made
-- by these statements. The tables of records are made from the data types (sql/tables.lua,
-- sql/types.lua). A change here needs a migration in migrations.lua as well, which leads existing
-- databases to the same schema.
--
-- Dates are texts, YYYY-MM-DDTHH:MM:SSZ. Every table with rows of a connection calls its column
-- connection_id; removing a connection finds the tables by that.

local tables = require "commerce.store.sql.tables"

local schema = {}

schema.STATEMENTS = {
  -- ------------------------------------------------------------ companies and connections

  [[CREATE TABLE companies (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      description TEXT,
      tags TEXT, -- a JSON object of texts
      created TEXT NOT NULL,
      products TEXT)]],

  [[CREATE TABLE connections (
      id TEXT PRIMARY KEY,
      company_id TEXT NOT NULL REFERENCES companies (id),
      integration TEXT NOT NULL,
      account TEXT,
      name TEXT,
      status TEXT NOT NULL,
      auth TEXT, -- how the account is reached
      scope TEXT,
      sync_on_link TEXT, -- what the integration said when the connection was linked
      link_id TEXT UNIQUE,
      created TEXT NOT NULL,
      linked TEXT,
      last_sync TEXT,
      first_read TEXT, -- when all that is read at first had been read
      UNIQUE (company_id, integration, account))]],
  "CREATE INDEX connections_account ON connections (integration, account)",
  "CREATE INDEX connections_unread ON connections (status) WHERE first_read IS NULL",

  -- how a connection came to its status
  [[CREATE TABLE connection_history (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      at TEXT NOT NULL,
      status TEXT NOT NULL,
      reason TEXT)]],
  "CREATE INDEX connection_history_of ON connection_history (connection_id)",

  -- errors of a connection as a whole
  [[CREATE TABLE connection_errors (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      at TEXT NOT NULL,
      status_code TEXT NOT NULL,
      status_text TEXT NOT NULL,
      message TEXT NOT NULL,
      resolved TEXT)]], -- when it worked again
  "CREATE INDEX connection_errors_of ON connection_errors (connection_id)",

  -- removed connections whose large tables are not emptied yet
  "CREATE TABLE removals (id TEXT PRIMARY KEY)",

  -- ------------------------------------------------------------ data types

  -- the definition from which each table of records was made
  [[CREATE TABLE data_types (
      name TEXT PRIMARY KEY,
      definition TEXT NOT NULL,
      built_in INTEGER NOT NULL)]], -- 0: defined by a user

  -- the model whose types were compared with the tables last: one row
  "CREATE TABLE model_version (fingerprint TEXT NOT NULL)",

  -- ------------------------------------------------------------ what a sync keeps

  -- checkpoints: how far the reading of a resource is; committed with the page before it
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

  -- full reads under way, and what they saw
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

  -- the automatic payout that a transaction was paid out in
  [[CREATE TABLE payout_links (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      transaction_id TEXT NOT NULL, -- Stripe's: the rows of its fees belong to it
      payout_id TEXT NOT NULL,
      PRIMARY KEY (connection_id, transaction_id))]],
  "CREATE INDEX payout_links_of ON payout_links (connection_id, payout_id, transaction_id)",

  -- what the transactions of a payout add up to; written with the last link
  [[CREATE TABLE payout_totals (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      payout_id TEXT NOT NULL,
      transaction_count INTEGER NOT NULL,
      gross_amount TEXT NOT NULL, -- exact, in major units
      fees TEXT NOT NULL,
      PRIMARY KEY (connection_id, payout_id))]],

  -- for queries by hand: each row of a transaction with its payout
  [[CREATE VIEW transactions_with_payout AS
      SELECT record.*, link.payout_id AS payout
      FROM transactions AS record LEFT JOIN payout_links AS link
      ON link.connection_id = record.connection_id AND link.transaction_id =
        CASE instr(record.id, ':') WHEN 0 THEN record.id
        ELSE substr(record.id, 1, instr(record.id, ':') - 1) END]],

  -- requests that were sent to Stripe, by day (YYYY-MM-DD, UTC)
  [[CREATE TABLE stripe_reads (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      day TEXT NOT NULL,
      reads INTEGER NOT NULL,
      transactions INTEGER, -- of the 30 days before, if they were counted that day
      PRIMARY KEY (connection_id, day))]],

  -- the log of changes: what one page did to one data type
  [[CREATE TABLE changes (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      last INTEGER NOT NULL, -- the number of the last change in the row
      at TEXT NOT NULL,
      data_type TEXT NOT NULL,
      kind TEXT NOT NULL, -- created, changed, deleted
      ids TEXT NOT NULL,
      PRIMARY KEY (connection_id, last))]],

  -- the number of a connection's last change; a transaction that logs changes locks the row
  [[CREATE TABLE change_numbers (
      connection_id TEXT PRIMARY KEY REFERENCES connections (id),
      last INTEGER NOT NULL,
      pruned INTEGER NOT NULL DEFAULT 0, -- the last change that is not kept any more
      pruned_before TEXT)]], -- when it was pruned, all before this time were

  -- hashes of the ids of persons and objects that were erased: they are not stored again
  [[CREATE TABLE erased (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      hash TEXT NOT NULL,
      at TEXT NOT NULL,
      PRIMARY KEY (connection_id, hash)) WITHOUT ROWID]],

  -- how far each consumer of the log has come
  [[CREATE TABLE consumers (
      connection_id TEXT NOT NULL REFERENCES connections (id),
      name TEXT NOT NULL,
      position INTEGER NOT NULL,
      PRIMARY KEY (connection_id, name))]],

  -- Stripe events that webhooks delivered, until they are applied
  [[CREATE TABLE inbox (
      number INTEGER PRIMARY KEY,
      connection_id TEXT NOT NULL REFERENCES connections (id),
      id TEXT NOT NULL,
      at INTEGER NOT NULL, -- unix seconds
      body TEXT NOT NULL,
      UNIQUE (connection_id, id))]],

  -- ------------------------------------------------------------ pulls and workers

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
      progress INTEGER NOT NULL DEFAULT 0,
      error_message TEXT,
      turn INTEGER NOT NULL DEFAULT 0)]], -- its place in the queue, see store/sql/turns.lua
  "CREATE INDEX pulls_latest ON pulls (connection_id, data_type, requested)",
  "CREATE INDEX pulls_requested ON pulls (requested)",
  "CREATE INDEX pulls_unfinished ON pulls (status, turn, requested) "
    .. "WHERE status IN ('Queued', 'Fetching')",
  "CREATE INDEX pulls_waiting ON pulls (connection_id, requested) WHERE status = 'Queued'",

  -- which worker works on a connection
  [[CREATE TABLE leases (
      connection_id TEXT PRIMARY KEY REFERENCES connections (id),
      worker TEXT NOT NULL,
      expires REAL NOT NULL, -- unix seconds
      seconds REAL NOT NULL DEFAULT 60, -- how long it was when it was taken or renewed
      taken REAL)]], -- unix seconds

  -- when a connection of a company was last given to a worker, and the turns of its pulls
  [[CREATE TABLE company_turns (
      company_id TEXT PRIMARY KEY,
      at REAL NOT NULL, -- unix seconds
      given INTEGER NOT NULL DEFAULT 0, -- the turn of the pulls that were queued last
      taken INTEGER NOT NULL DEFAULT 0)]], -- the highest turn of those that workers have taken
  "CREATE INDEX company_turns_taken ON company_turns (taken)",

  -- limits of Stripe that runs share: a run that asks for its share locks the limit's row
  [[CREATE TABLE rate_limits (
      name TEXT PRIMARY KEY,
      at REAL NOT NULL)]], -- unix seconds
  [[CREATE TABLE rate_shares (
      limit_name TEXT NOT NULL REFERENCES rate_limits (name),
      holder TEXT NOT NULL,
      share REAL NOT NULL, -- 0 to 1; those of a limit are at most 1 together
      expires REAL NOT NULL, -- unix seconds
      PRIMARY KEY (limit_name, holder))]],

  -- what all workers have done, added up
  "CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL)",

  -- ------------------------------------------------------------ webhooks to consumers

  [[CREATE TABLE webhook_consumers (
      id TEXT PRIMARY KEY,
      url TEXT NOT NULL,
      disabled INTEGER NOT NULL,
      event_types TEXT NOT NULL, -- JSON lists; empty ones ask for everything
      company_tags TEXT NOT NULL,
      created TEXT NOT NULL,
      failing_since REAL, -- unix seconds
      busy_by TEXT, -- the worker that sends to it now, and until when at most
      busy_until REAL NOT NULL DEFAULT 0)]],

  -- the number of the last event; a transaction that makes an event locks the row
  [[CREATE TABLE event_numbers (
      name TEXT PRIMARY KEY, -- 'events'
      last INTEGER NOT NULL)]],

  -- no column is called connection_id: the deletion of a connection is still to be told
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

  -- ------------------------------------------------------------ the installation

  "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",

  -- what the operator set of Stripe and Stripe Test
  [[CREATE TABLE integrations (
      name TEXT PRIMARY KEY,
      client_id TEXT,
      scope TEXT NOT NULL,
      sync_on_link TEXT NOT NULL,
      redirect_uri TEXT,
      enabled INTEGER NOT NULL,
      restricted_keys INTEGER NOT NULL DEFAULT 0)]],

  -- the operator's Stripe App of an integration
  [[CREATE TABLE stripe_apps (
      integration TEXT PRIMARY KEY,
      client_id TEXT,
      app_id TEXT,
      install_link TEXT,
      redirect_uri TEXT,
      enabled INTEGER NOT NULL)]],

  -- access that accounts have granted to an app; the tokens are secrets
  [[CREATE TABLE stripe_app_grants (
      integration TEXT NOT NULL,
      account TEXT NOT NULL,
      number INTEGER NOT NULL, -- of the token: each renewal counts one up
      expires INTEGER NOT NULL, -- unix seconds: the access token
      holder TEXT, -- who renews it now
      held_until INTEGER, -- unix seconds
      PRIMARY KEY (integration, account))]],

  [[CREATE TABLE sync_settings (
      owner TEXT NOT NULL, -- "all", "integration:NAME" or "company:UUID"
      data_type TEXT NOT NULL,
      fetch_on_first_link INTEGER,
      sync_schedule INTEGER,
      sync_order INTEGER,
      sync_from_utc TEXT,
      sync_from_window INTEGER,
      is_locked INTEGER,
      PRIMARY KEY (owner, data_type))]],

  [[CREATE TABLE secrets (
      owner TEXT PRIMARY KEY,
      envelope TEXT NOT NULL, -- sealed
      key_id TEXT NOT NULL, -- the master key's
      modified TEXT NOT NULL)]],

  [[CREATE TABLE api_keys (
      id TEXT PRIMARY KEY,
      name TEXT,
      hash TEXT NOT NULL UNIQUE,
      created TEXT NOT NULL,
      expires TEXT,
      read_only INTEGER NOT NULL DEFAULT 0)]],

  -- what a company's merchant may do in an embedded page, for a day
  [[CREATE TABLE access_tokens (
      hash TEXT PRIMARY KEY,
      company_id TEXT NOT NULL,
      expires INTEGER NOT NULL)]], -- unix seconds

  -- links that merchants have not come back from yet
  [[CREATE TABLE link_states (
      id TEXT PRIMARY KEY,
      connection_id TEXT NOT NULL REFERENCES connections (id),
      expires INTEGER NOT NULL)]], -- unix seconds

  -- OAuth codes that were sent to Stripe: none may be sent twice
  [[CREATE TABLE spent_codes (
      hash TEXT PRIMARY KEY,
      expires INTEGER NOT NULL)]], -- unix seconds

  -- ------------------------------------------------------------ who uses the portal

  [[CREATE TABLE portal_users (
      id TEXT PRIMARY KEY,
      login TEXT NOT NULL UNIQUE, -- the name without case
      name TEXT NOT NULL,
      role TEXT NOT NULL, -- admin, viewer
      password TEXT, -- a hash that names its parameters; none while the user is invited
      invite TEXT UNIQUE, -- the hash of the token with which the user sets a password
      invite_expires INTEGER, -- unix seconds
      created TEXT NOT NULL,
      seen TEXT)]], -- when the user signed in last

  -- browsers that are signed in
  [[CREATE TABLE portal_sessions (
      hash TEXT PRIMARY KEY, -- of the token in the browser's cookie
      id TEXT NOT NULL,
      user_id TEXT NOT NULL REFERENCES portal_users (id),
      mode TEXT NOT NULL, -- that of the last page
      created INTEGER NOT NULL, -- unix seconds
      seen INTEGER NOT NULL,
      expires INTEGER NOT NULL,
      address TEXT,
      agent TEXT)]],
  "CREATE INDEX portal_sessions_of ON portal_sessions (user_id)",

  -- who did what
  [[CREATE TABLE portal_audit (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      at TEXT NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      target TEXT,
      mode TEXT,
      address TEXT,
      detail TEXT)]],
  "CREATE INDEX portal_audit_at ON portal_audit (at)",

  -- values that scripts keep for themselves
  "CREATE TABLE checkpoints (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
}

local reserved = { listed = true } -- the temporary table of listings
for _, statement in ipairs(schema.STATEMENTS) do
  reserved[statement:match "^CREATE %u+ ([%w_]+)"] = true
end

--- Whether a name is, or may be, a table or index of the store itself.
---@param name string
---@return boolean
function schema.is_reserved(name)
  return reserved[name] == true or name:find "^sqlite_" ~= nil or tables.is_index(name)
end

return schema
