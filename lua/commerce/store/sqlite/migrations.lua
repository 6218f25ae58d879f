-- How a database of an older schema version becomes one of the present version. A migration is a
-- list of SQL texts that never changes after its release: it must not call code that describes the
-- present (schema.lua, the model), since it has to do the same in ten years. The tables of records
-- need no migration: a database that is opened gets the columns of today's data types.

local migrations = {}

--- [n] is the list of statements that leads from version n to version n + 1.
---@type string[][]
migrations.STEPS = {
  { "ALTER TABLE leases ADD COLUMN seconds REAL NOT NULL DEFAULT 60" },
  { "CREATE TABLE spent_codes (hash TEXT PRIMARY KEY, expires INTEGER NOT NULL)" },
  { "ALTER TABLE integrations ADD COLUMN restricted_keys INTEGER NOT NULL DEFAULT 0" },
  {
    [[CREATE TABLE payout_links (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        transaction_id TEXT NOT NULL,
        payout_id TEXT NOT NULL,
        PRIMARY KEY (connection_id, transaction_id))]],
    "CREATE INDEX payout_links_of ON payout_links (connection_id, payout_id, transaction_id)",
    [[CREATE TABLE payout_totals (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        payout_id TEXT NOT NULL,
        transaction_count INTEGER NOT NULL,
        gross_amount TEXT NOT NULL,
        fees TEXT NOT NULL,
        PRIMARY KEY (connection_id, payout_id))]],
    [[CREATE VIEW transactions_with_payout AS
        SELECT record.*, link.payout_id AS payout
        FROM transactions AS record LEFT JOIN payout_links AS link
        ON link.connection_id = record.connection_id AND link.transaction_id =
          CASE instr(record.id, ':') WHEN 0 THEN record.id
          ELSE substr(record.id, 1, instr(record.id, ':') - 1) END]],
  },
  {
    [[CREATE TABLE erased (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        hash TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (connection_id, hash)) WITHOUT ROWID]],
  },
  {
    "ALTER TABLE api_keys ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0",
    [[CREATE TABLE access_tokens (
        hash TEXT PRIMARY KEY,
        company_id TEXT NOT NULL,
        expires INTEGER NOT NULL)]],
    "ALTER TABLE companies ADD COLUMN products TEXT",
  },
  {
    [[CREATE TABLE stripe_apps (
        integration TEXT PRIMARY KEY,
        client_id TEXT,
        app_id TEXT,
        install_link TEXT,
        redirect_uri TEXT,
        enabled INTEGER NOT NULL)]],
    [[CREATE TABLE stripe_app_grants (
        integration TEXT NOT NULL,
        account TEXT NOT NULL,
        number INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        holder TEXT,
        held_until INTEGER,
        PRIMARY KEY (integration, account))]],
  },
  {
    [[CREATE TABLE stripe_reads (
        connection_id TEXT NOT NULL REFERENCES connections (id),
        day TEXT NOT NULL,
        reads INTEGER NOT NULL,
        transactions INTEGER,
        PRIMARY KEY (connection_id, day))]],
  },
  {
    [[CREATE TABLE portal_users (
        id TEXT PRIMARY KEY,
        login TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        password TEXT,
        invite TEXT UNIQUE,
        invite_expires INTEGER,
        created TEXT NOT NULL,
        seen TEXT)]],
    [[CREATE TABLE portal_sessions (
        hash TEXT PRIMARY KEY,
        id TEXT NOT NULL,
        user_id TEXT NOT NULL REFERENCES portal_users (id),
        mode TEXT NOT NULL,
        created INTEGER NOT NULL,
        seen INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        address TEXT,
        agent TEXT)]],
    "CREATE INDEX portal_sessions_of ON portal_sessions (user_id)",
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
  },
  {
    "ALTER TABLE leases ADD COLUMN taken REAL",
    [[CREATE TABLE company_turns (
        company_id TEXT PRIMARY KEY,
        at REAL NOT NULL)]],
    [[CREATE TABLE rate_limits (
        name TEXT PRIMARY KEY,
        at REAL NOT NULL)]],
    [[CREATE TABLE rate_shares (
        limit_name TEXT NOT NULL REFERENCES rate_limits (name),
        holder TEXT NOT NULL,
        share REAL NOT NULL,
        expires REAL NOT NULL,
        PRIMARY KEY (limit_name, holder))]],
    [[CREATE TABLE change_numbers (
        connection_id TEXT PRIMARY KEY REFERENCES connections (id),
        last INTEGER NOT NULL)]],
    [[INSERT INTO change_numbers (connection_id, last)
        SELECT connection_id, max(last) FROM changes GROUP BY connection_id]],
    [[CREATE TABLE event_numbers (
        name TEXT PRIMARY KEY,
        last INTEGER NOT NULL)]],
    [[INSERT INTO event_numbers (name, last)
        SELECT 'events', seq FROM sqlite_sequence WHERE name = 'webhook_events']],
  },
  {}, -- a table that only PostgreSQL has
  {
    "ALTER TABLE change_numbers ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE change_numbers ADD COLUMN pruned_before TEXT",
  },
  { "CREATE INDEX connections_unread ON connections (status) WHERE first_read IS NULL" },
  {
    "ALTER TABLE pulls ADD COLUMN turn INTEGER NOT NULL DEFAULT 0",
    "DROP INDEX pulls_unfinished",
    "CREATE INDEX pulls_unfinished ON pulls (status, turn, requested) "
      .. "WHERE status IN ('Queued', 'Fetching')",
    "CREATE INDEX pulls_waiting ON pulls (connection_id, requested) WHERE status = 'Queued'",
    "ALTER TABLE company_turns ADD COLUMN given INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE company_turns ADD COLUMN taken INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX company_turns_taken ON company_turns (taken)",
  },
}

--- The present version.
---@return integer
function migrations.version()
  return #migrations.STEPS + 1
end

--- Lead a database from an older version to the present one.
---@param db commerce.sql.Database in a transaction
---@param version integer the database's
function migrations.run(db, version)
  for step = version, #migrations.STEPS do
    for _, statement in ipairs(migrations.STEPS[step]) do
      db:once(statement)
    end
  end
end

return migrations
