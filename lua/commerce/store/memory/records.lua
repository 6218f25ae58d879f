-- Records, the data types that they are of, and the log of their changes.

local ascii = require "commerce.base.ascii"
local change_log = require "commerce.store.change_log"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local log = require "commerce.store.memory.log"
local model = require "commerce.model"
local paths = require "commerce.base.path"
local query = require "commerce.query"
local record = require "commerce.model.record"
local tables = require "commerce.store.memory.tables"
local time = require "commerce.base.time"

local records = {}

---@class commerce.MemoryRecord a row of a table "records"
---@field id string
---@field data string
---@field deleted boolean
---@field connection_id string

local function table_of(self, data_type, connection_id)
  return self.db:table("records", connection_id, data_type.name)
end

--- The table of a connection's records of a data type.
records.table_of = table_of

-- ---------------------------------------------------------------- data types

-- The names of a database's tables, which a data type must not have: a script that works in memory
-- must also work with a database. A spec compares them.
local RESERVED = {}
for name in ([[access_tokens api_keys change_numbers changes checkpoints companies company_turns
  connection_errors connection_history connections consumers counters data_types erased
  event_numbers inbox integrations leases link_states listed model_version payout_links
  payout_totals portal_audit portal_sessions portal_users pulls rate_limits rate_shares removals
  resource_state secrets seen settings
  source_objects spent_codes stripe_app_grants stripe_apps stripe_reads sweeps
  sync_settings transactions_with_payout
  webhook_consumers webhook_deliveries webhook_events]]):gmatch "%S+" do
  RESERVED[name] = true
end

local function defined(self)
  local list = {}
  for i, row in ipairs(self.db:table("data_types"):list()) do
    list[i] = row.type
  end
  return list
end

function records.types(self)
  return model.types(defined(self))
end

function records.find_type(self, name)
  local data_type = model.find(name)
  if data_type then
    return data_type
  end
  return model.find(name, defined(self))
end

function records.type_problem(_, data_type)
  return RESERVED[data_type.name] and "a store has a table with this name; choose another name"
    or nil
end

function records.define_type(self, data_type)
  local problem = records.type_problem(self, data_type)
  if problem then
    errors.throw("store", ("data type '%s': %s"):format(data_type.name, problem))
  end
  local known = self.db:table("data_types")
  local description = json.encode(model.describe(data_type))
  local before = known:get(data_type.name)
  if not before or before.description ~= description then
    known:put(data_type.name, { description = description,
      type = model.restore(json.stored(description)) })
  end
  return true
end

-- ---------------------------------------------------------------- writing

local function must_find_type(self, name)
  local data_type, message = records.find_type(self, name)
  return data_type or errors.throw("store", message)
end

-- A record is asked about later: what is not JSON must not get in.
local function new_row(entry, data, connection_id)
  local values = json.stored(data)
  if type(values) ~= "table" then
    errors.throw("store", ("record %s: its body is not JSON"):format(entry.id))
  end
  local metadata = values.metadata
  return { id = entry.id, data = data, connection_id = connection_id,
    deleted = type(metadata) == "table" and metadata.isDeleted == true }
end

local function write_records(into, connection_id, entries, now, remade)
  local created, changed, unchanged, marks = {}, {}, 0, 0
  for _, entry in ipairs(entries) do
    if type(entry.id) ~= "string" or type(entry.body) ~= "string" then
      errors.throw("store", "a record must have an id and a body")
    end
    local old = into:get(entry.id)
    local data, marked = record.renewed(old and old.data, entry.body, now, remade)
    marks = marks + (marked and 1 or 0)
    if not data then
      unchanged = unchanged + 1
    else
      local ids = old and changed or created
      ids[#ids + 1] = entry.id
      into:put(entry.id, new_row(entry, data, connection_id))
    end
  end
  return created, changed, unchanged, marks
end

local function delete_records(into, ids, now)
  local deleted = {}
  for _, id in ipairs(ids) do
    local row = into:get(id)
    if row and not row.deleted then
      into:change(id, { data = record.mark_deleted(row.data, now), deleted = true })
      deleted[#deleted + 1] = id
    end
  end
  return deleted
end

--- The records of a page, and their entries in the log of changes.
---@param self commerce.MemoryStore the store
---@param connection_id string
---@param page commerce.Page
---@param now string
---@return table<string, commerce.Counts> counts
---@return commerce.PageChange[] done
function records.write(self, connection_id, page, now)
  local counts, done = {}, {}
  local function note(name, kind, ids)
    if #ids > 0 then
      done[#done + 1] = { type = name, kind = kind, ids = ids }
    end
    return #ids
  end
  for name, entries in pairs(page.records or {}) do
    local created, changed, unchanged, marks = write_records(
      table_of(self, must_find_type(self, name), connection_id), connection_id, entries, now,
      page.remade)
    counts[name] = { created = note(name, "created", created),
      changed = note(name, "changed", changed), unchanged = unchanged, deleted = 0,
      marked = page.remade and marks or nil }
  end
  for name, ids in pairs(page.deleted or {}) do
    counts[name] = counts[name] or { created = 0, changed = 0, unchanged = 0, deleted = 0 }
    counts[name].deleted = note(name, "deleted", delete_records(
      table_of(self, must_find_type(self, name), connection_id), ids, now))
  end
  log.append(self, connection_id, done, now)
  return counts, done
end

-- ---------------------------------------------------------------- reading

local MOST_LISTS = 50 -- that are kept until the next write

local function connections_of(self, options)
  if options.connection_id and not options.integrations then
    return { options.connection_id }
  end
  local wanted, ids = {}, {}
  for _, name in ipairs(options.integrations or {}) do
    wanted[name] = true
  end
  for id, row in self.db:table("connections"):each() do
    if (not options.integrations or wanted[row.integration])
      and (not options.connection_id or options.connection_id == id) then
      ids[#ids + 1] = id
    end
  end
  return ids
end

local function matches(tree, row)
  local values -- decoded when the first field is asked for
  return query.matches(tree, function(field)
    values = values or json.stored(row.data)
    return paths.at(values, field)
  end)
end

local function found(self, data_type, options)
  local rows = {}
  -- a query about deleted records means to see them
  local deleted = options.deleted or query.is_about_deleted(options.query)
  for _, id in ipairs(connections_of(self, options)) do
    for _, row in pairs(table_of(self, data_type, id).rows) do
      if (deleted or not row.deleted) and (not options.query or matches(options.query, row)) then
        rows[#rows + 1] = row
      end
    end
  end
  return rows
end

-- The values of a field by row, and whether all are texts.
local function keys_of(rows, field)
  local keys, texts = {}, true
  local top = field:match "^[^.]+"
  for _, row in ipairs(rows) do
    local text = record.member(row.data, top)
    local value = text and json.stored("[" .. text .. "]")[1]
    if top ~= field then
      value = paths.at({ [top] = value }, field)
    end
    keys[row], texts = value, texts and type(value) == "string"
  end
  return keys, texts
end

local function compare_texts(a, b)
  return a == b and 0 or ascii.before(a, b) and -1 or 1
end

-- No two rows share a place: ids break ties, and connections those of ids.
local function sort(rows, field, descending)
  local keys, texts = keys_of(rows, field)
  local compare = texts and compare_texts or query.compare
  table.sort(rows, function(a, b)
    local order = compare(keys[a], keys[b])
    if order == 0 then
      order = compare_texts(a.id, b.id)
    end
    if order == 0 then
      order = compare_texts(a.connection_id, b.connection_id)
    end
    if descending then
      return order > 0
    end
    return order < 0
  end)
  return rows
end

local function kept_list(self, key, make)
  local version, kept = self.db:version("records", "connections"), self.lists
  if not kept or kept.version ~= version or kept.count >= MOST_LISTS then
    kept = { version = version, count = 0, by_key = {} }
    self.lists = kept
  end
  if not kept.by_key[key] then
    kept.by_key[key], kept.count = make(), kept.count + 1
  end
  return kept.by_key[key]
end

-- All records of a list in its order, kept until the next write.
local function listed(self, data_type, options)
  local order = options.order_by or { descending = true,
    field = data_type.shape.by_name.createdDate and "createdDate" or "id" }
  local key = json.encode { type = data_type.name, connection = options.connection_id,
    integrations = options.integrations, query = options.query, field = order.field,
    descending = order.descending, deleted = options.deleted }
  return kept_list(self, key, function()
    return sort(found(self, data_type, options), order.field, order.descending)
  end)
end

function records.records(self, data_type, options)
  local rows = listed(self, data_type, options)
  local i = options.offset or 0
  local last = options.limit and math.min(#rows, i + options.limit) or #rows
  return function()
    i = i + 1
    local row = i <= last and rows[i]
    if row then
      return row.id, row.data, row.connection_id
    end
  end
end

function records.count(self, data_type, connection_id, tree)
  return #listed(self, data_type, { connection_id = connection_id, query = tree })
end

function records.find(self, data_type, connection_id, ids, deleted)
  local stored, result = table_of(self, data_type, connection_id), {}
  for _, id in ipairs(ids) do
    local row = stored:get(id)
    if row and (deleted or not row.deleted) then
      result[id] = row.data
    end
  end
  return result
end

function records.unlisted(self, data_type, connection_id, listing, after, limit)
  local ids = self.db:table("listed", "", listing)
  return table_of(self, data_type, connection_id):after(after, limit, function(row, id)
    return not row.deleted and not ids:get(id)
  end)
end

-- A record's age by its source's dates. modifiedDate is the last choice: a first sync writes old
-- records today.
local function age_of(row)
  local values = json.stored(row.data)
  return values.createdDate or values.sourceModifiedDate or values.modifiedDate
end

function records.unseen(self, data_type, connection_id, full_reads, visible, after, limit)
  local seen, until_date = {}, time.format(visible)
  for i, sweep in ipairs(full_reads) do
    seen[i] = self.db:table("seen", tostring(sweep), data_type.name)
  end
  return table_of(self, data_type, connection_id):after(after, limit, function(row, id)
    for _, ids in ipairs(seen) do
      if ids:get(id) then
        return false
      end
    end
    return not row.deleted and age_of(row) < until_date
  end)
end

-- ---------------------------------------------------------------- changes

local function data_of(self, connection_id, type_name, id)
  local data_type = records.find_type(self, type_name)
  local row = data_type and table_of(self, data_type, connection_id):get(id)
  return row and row.data
end

function records.changes(self, connection_id, after, limit)
  local list, number, rows = {}, after, self.db:table("changes", connection_id)
  local first, last = log.kept(self, connection_id)
  change_log.check_kept(after, first - 1)
  while number < last and #list < limit do
    number = number + 1
    local change = tables.copy(rows:get(number))
    if change.id ~= "" then -- "" is left of an erased record
      change.number, change.data = number, data_of(self, connection_id, change.type, change.id)
      list[#list + 1] = change
    end
  end
  return list
end

return records
