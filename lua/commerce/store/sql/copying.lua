-- The whole content of a store, part by part, as rows that do not depend on the database: for a
-- copy into another store. A part is a table of the store's own, or the records of a data type.

local json = require "commerce.base.json"
local statements = require "commerce.store.sql.statements"
local types = require "commerce.store.sql.types"

local unpack = require("commerce.base.compat").unpack

---@class commerce.sql.Store
local copying = {}

-- ---------------------------------------------------------------- the parts

-- "name*" is a column of the key, "name#" a whole number, "name?" a boolean; all others are texts
-- or numbers with a fraction. A part without a key is in the order in which its rows were inserted,
-- which counts. Rows that others refer to come first.
local TABLES = {
  { "companies", "id* name description tags created products" },
  { "connections", "id* company_id integration account name status auth scope sync_on_link link_id "
    .. "created linked last_sync first_read" },
  { "connection_history", "connection_id at status reason" },
  { "connection_errors", "connection_id at status_code status_text message resolved" },
  { "resource_state", "connection_id* resource* state" },
  { "source_objects", "connection_id* resource* id* parent_id data" },
  { "sweeps", "id*# connection_id key" },
  { "seen", "sweep*# data_type* id*" },
  { "payout_links", "connection_id* transaction_id* payout_id" },
  { "payout_totals", "connection_id* payout_id* transaction_count# gross_amount fees" },
  { "stripe_reads", "connection_id* day* reads# transactions#" },
  { "changes", "connection_id* last*# at data_type kind ids" },
  { "change_numbers", "connection_id* last# pruned# pruned_before" },
  { "erased", "connection_id* hash* at" },
  { "consumers", "connection_id* name* position#" },
  { "inbox", "number*# connection_id id at# body" },
  { "pulls", "id connection_id data_type status requested completed read# created# changed# "
    .. "unchanged# progress# error_message turn#" },
  { "company_turns", "company_id* at given# taken#" },
  { "counters", "name* value" },
  { "webhook_consumers", "id url disabled? event_types company_tags created failing_since" },
  { "event_numbers", "name* last#" },
  { "webhook_events", "number*# id type at tags facts" },
  { "webhook_deliveries", "consumer_id* event*# status attempts# due attempted http_status# "
    .. "error" },
  { "settings", "name* value" },
  { "integrations", "name* client_id scope sync_on_link redirect_uri enabled? restricted_keys?" },
  { "stripe_apps", "integration* client_id app_id install_link redirect_uri enabled?" },
  { "stripe_app_grants", "integration* account* number# expires#" },
  { "sync_settings", "owner* data_type* fetch_on_first_link? sync_schedule# sync_order# "
    .. "sync_from_utc sync_from_window# is_locked?" },
  { "secrets", "owner* envelope key_id modified" },
  { "api_keys", "id name hash created expires read_only?" },
  { "access_tokens", "hash* company_id expires#" },
  { "link_states", "id connection_id expires#" },
  { "spent_codes", "hash* expires#" },
  { "portal_users", "id login name role password invite invite_expires# created seen" },
  { "portal_sessions", "hash* id user_id mode created# seen# expires# address agent" },
  { "portal_audit", "number*# at actor action target mode address detail" },
  { "checkpoints", "name* value" },
}

--- Tables that are no part of a copy, with the reason.
---@type table<string, string>
copying.LEFT_OUT = {
  data_types = "the copy defines the users' data types, and has the model's",
  model_version = "the copy has its own",
  removals = "removals are finished before",
  leases = "no worker works while a store is copied",
  rate_limits = "as leases", rate_shares = "as leases",
}

local RECORDS = "records of " -- and a data type's name: the part's name

local function parsed(name, text)
  local part = { name = name, table = name, columns = {}, key = {}, kinds = {} }
  for word in text:gmatch "%S+" do
    local column, marks = word:match "^([%w_]+)(.*)$"
    part.columns[#part.columns + 1] = column
    part.kinds[column] = marks:find("#", 1, true) and "whole" or marks:find("?", 1, true)
      and "boolean" or nil
    part.key[#part.key + 1] = marks:find("*", 1, true) and column or nil
  end
  return part
end

local PARTS = {}
for _, entry in ipairs(TABLES) do
  PARTS[entry[1]] = parsed(entry[1], entry[2])
end

--- Whether a column of a table of the store's own is copied.
---@param name string the table
---@param column string
---@return boolean
function copying.has_column(name, column)
  for _, each in ipairs((PARTS[name] or { columns = {} }).columns) do
    if each == column then
      return true
    end
  end
  return false
end

local function part_of(self, name)
  if PARTS[name] then
    return PARTS[name]
  end
  local data_type = types.find_type(self, (name:gsub("^" .. RECORDS, "")))
  local part = parsed(name, "connection_id* id* data")
  part.data_type, part.table = data_type, data_type.name
  return part
end

function copying:copied_parts()
  local names = {}
  for i, entry in ipairs(TABLES) do
    names[i] = entry[1]
  end
  for _, data_type in ipairs(types.types(self)) do
    names[#names + 1] = RECORDS .. data_type.name
  end
  return names
end

-- ---------------------------------------------------------------- reading

local MARK = "store.copy" -- the setting that says how far a copy into this store has come

-- The columns as they are selected; the place in the order of insertion is one more.
local function selected(db, part)
  local list = {}
  for i, column in ipairs(part.columns) do
    list[i] = part.kinds[column] == "whole" and db.dialect.whole(column, column) or column
  end
  if not part.key[1] then
    list[#list + 1] = db.dialect.whole(db.dialect.INSERTED, "copy_place")
  end
  return table.concat(list, ", ")
end

-- "a > ? OR a = ? AND b > ?": the rows after one, in the order of the key.
local function after_key(key, after, values)
  local terms = {}
  for i = 1, #key do
    local term = {}
    for j = 1, i do
      term[j] = key[j] .. (j == i and " > ?" or " = ?")
      values[#values + 1] = after[j]
    end
    terms[i] = table.concat(term, " AND ")
  end
  return "(" .. table.concat(terms, " OR ") .. ")"
end

local function condition_of(db, part, after)
  local terms, values = {}, {}
  if part.name == "settings" then
    terms[1], values[1] = "name <> ?", MARK
  end
  if after then
    local key = part.key[1] and part.key or { db.dialect.INSERTED }
    if #key > 1 then -- lets the database begin at the first column of the index
      terms[#terms + 1], values[#values + 1] = key[1] .. " >= ?", after[1]
    end
    terms[#terms + 1] = after_key(key, after, values)
  end
  return #terms > 0 and " WHERE " .. table.concat(terms, " AND ") or "", values
end

-- A row as all stores have it.
local function neutral(db, part, row)
  for column, kind in pairs(part.kinds) do
    if kind == "boolean" then
      row[column] = db.dialect.to_boolean(row[column])
    end
  end
  local after = { row.copy_place }
  for i, column in ipairs(part.key) do
    after[i] = row[column]
  end
  row.copy_place = nil
  return after
end

function copying:read_part(name, after, limit)
  local db, part = self.db, part_of(self, name)
  local where, values = condition_of(db, part, after)
  values[#values + 1] = limit
  local rows = db:all(("SELECT %s FROM %s%s ORDER BY %s LIMIT ?"):format(selected(db, part),
    part.table, where, part.key[1] and table.concat(part.key, ", ") or db.dialect.INSERTED),
    unpack(values, 1, #values))
  local last
  for _, row in ipairs(rows) do
    last = neutral(db, part, row)
  end
  return { rows = rows, last = last }
end

-- ---------------------------------------------------------------- writing

local function insert_records(db, part, rows)
  local by_connection, order = {}, {}
  for _, row in ipairs(rows) do
    local list = by_connection[row.connection_id]
    if not list then
      list = {}
      by_connection[row.connection_id], order[#order + 1] = list, row.connection_id
    end
    list[#list + 1] = { id = row.id, data = row.data, is_new = true }
  end
  for _, connection_id in ipairs(order) do
    db:write_records(part.data_type, connection_id, by_connection[connection_id])
  end
end

local function insert(db, part, rows)
  local marks = {}
  for i = 1, #part.columns do
    marks[i] = "?"
  end
  local sql = ("INSERT INTO %s (%s) VALUES (%s)"):format(part.table,
    table.concat(part.columns, ", "), table.concat(marks, ", "))
  for _, row in ipairs(rows) do
    local values = {}
    for i, column in ipairs(part.columns) do
      values[i] = row[column]
      if part.kinds[column] == "boolean" then
        values[i] = statements.boolean(row[column])
      end
    end
    db:run(sql, unpack(values, 1, #part.columns))
  end
end

local function save_mark(db, state)
  if state then
    db:run("INSERT INTO settings (name, value) VALUES (?, ?) "
      .. "ON CONFLICT (name) DO UPDATE SET value = excluded.value", MARK, json.encode(state))
  else
    db:run("DELETE FROM settings WHERE name = ?", MARK)
  end
end

function copying:write_part(name, rows, state)
  local db, part = self.db, part_of(self, name)
  db:transaction(function()
    if part.data_type then
      insert_records(db, part, rows)
    else
      insert(db, part, rows)
    end
    save_mark(db, state)
  end)
  return #rows
end

function copying:copy_state()
  local row = self.db:all("SELECT value FROM settings WHERE name = ?", MARK)[1]
  return row and json.stored(row.value) or nil
end

-- The columns that the database counts up must go on after the numbers that were copied.
local COUNTED = { { "sweeps", "id" }, { "inbox", "number" }, { "portal_audit", "number" } }

function copying:save_copy_state(state)
  local db = self.db
  db:transaction(function()
    if not state then
      for _, counted in ipairs(COUNTED) do
        local sql = db.dialect.count_on(counted[1], counted[2])
        if sql then
          db:all(sql)
        end
      end
    end
    save_mark(db, state)
  end)
  return true
end

function copying:has_copied_rows()
  for _, name in ipairs(copying.copied_parts(self)) do
    if copying.read_part(self, name, nil, 1).rows[1] then
      return true
    end
  end
  return self.db:all("SELECT 1 AS found FROM data_types WHERE built_in = ? LIMIT 1",
    statements.boolean(false))[1] ~= nil
end

-- ---------------------------------------------------------------- backup

function copying:backup(path)
  return self.db:backup(path)
end

-- An epoch of numbers begins at the moment of a restore, in millionths of a second: a store never
-- logs a million changes in a second, so that no epoch reaches the next one, and two restores of
-- the same backup begin different ones. By a clock that is behind, the next thousand million.
local A_SECOND = 1000000
local AHEAD = 1000000000

local function highest_number(db)
  local highest = 0
  for _, name in ipairs { "change_numbers", "event_numbers" } do
    local found = db:all(("SELECT %s FROM %s"):format(db.dialect.whole("max(last)", "n"), name))[1]
    highest = math.max(highest, found.n or 0)
  end
  return highest
end

function copying:skip_numbers(now)
  local db = self.db
  return db:transaction(function()
    local first, highest = math.floor((now or os.time()) * A_SECOND), highest_number(db)
    first = first > highest and first or highest + AHEAD
    db:run("INSERT INTO change_numbers (connection_id, last) SELECT id, 0 FROM connections "
      .. "WHERE id NOT IN (SELECT connection_id FROM change_numbers)")
    db:run("INSERT INTO event_numbers (name, last) VALUES ('events', 0) ON CONFLICT DO NOTHING")
    for _, name in ipairs { "change_numbers", "event_numbers" } do
      db:run(("UPDATE %s SET last = %.0f"):format(name, first - 1))
    end
    return first
  end)
end

return copying
