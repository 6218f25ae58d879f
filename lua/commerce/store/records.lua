-- Reading records. Methods of a store, part of its contract. Called by the SQL stores; failures are
-- raised as in connection.lua.

local json = require "commerce.json"
local query = require "commerce.query"
local selection = require "commerce.store.selection"

local records = {}

local IS_DELETED = "metadata.isDeleted"

local function selected(data_type, options)
  local where = {}
  if options.connection_id then
    where[#where + 1] = { "connection_id = ?", options.connection_id }
  elseif not options.integrations then -- what is left of a removed one is nobody's
    where[#where + 1] = { "connection_id IN (SELECT id FROM connections)" }
  end
  if options.integrations then
    where[#where + 1] = { "connection_id IN (SELECT id FROM connections WHERE integration IN "
      .. "(SELECT value FROM json_each(?)))", json.encode(options.integrations) }
  end
  -- who asks about deleted records means to see them
  if not options.deleted and not (options.query and query.mentions(options.query, IS_DELETED)) then
    where[#where + 1] = { "metadata_is_deleted IS NOT 1" }
  end
  local created = data_type.shape.by_name.createdDate and "created_date" or nil
  return {
    columns = "id, data, connection_id", from = data_type.name, where = where,
    query = options.query, order = selection.order(options.order_by, created, "id"),
    limit = options.limit, offset = options.offset,
  }
end

local SHORT = 1000 -- rows that are read or passed over in about a millisecond

-- Whether a part of a list may take long. All of a list never counts as such: it is read little by
-- little.
local function is_long(options)
  return options.limit and (options.query or options.order_by or options.limit > SHORT
    or (options.offset or 0) > SHORT)
end

--- Iterate over stored records, newest first if nothing else is asked for. They may be written
--- meanwhile; one whose createdDate changes may then come twice, or not at all.
---@param data_type commerce.DataType
---@param options table connection_id; integrations (a list: only records of their connections);
---  query (from `query.parse`); order_by (from `query.order`); limit; offset; deleted (true: also
---  those that the source deleted; so does a query about metadata.isDeleted)
---@return (fun(): string?, string?, string?)? next gives id, data and connection id; nil on failure
---@return string? message
---@return commerce.Details? details
function records:records(data_type, options)
  local sql, values = selection.rows(selected(data_type, options))
  if not is_long(options) then
    return self.db:each(sql, values, 3)
  end
  local rows, i = self.db:list(sql, values, 3), 0
  return function()
    i = i + 1
    if rows[i] then
      return rows[i][1], rows[i][2], rows[i][3]
    end
  end
end

-- A number that changes with the database: with what other connections write, and with what this
-- one does.
local function version_of(db)
  return db:once("PRAGMA data_version")[1][1] .. "/"
    .. db:all("SELECT total_changes() AS n")[1].n
end

local PAUSE = 0.002 -- seconds
local LONGEST_COUNT = 10 -- seconds after which whoever counts is believed to have gone

-- Counting a million records takes a tenth of a second, and every page of a list tells the total.
-- Who asks while it is counted, where others can go on meanwhile, waits for that.
local function remembered(self, name, count)
  local version = version_of(self.db)
  if not self.totals or self.totals.version ~= version then
    self.totals = { version = version, begun = {} }
  end
  local totals = self.totals
  local begun = totals.begun
  while begun[name] and os.time() - begun[name] < LONGEST_COUNT do
    self.db.pause(PAUSE)
  end
  if not totals[name] then
    begun[name] = os.time()
    local ok, result = pcall(count)
    begun[name] = nil
    if not ok then
      error(result, 0)
    end
    totals[name] = result
  end
  return totals[name]
end

--- How many records of a type are stored.
---@param data_type commerce.DataType
---@param connection_id string
---@param expression table? from `query.parse`; without one, all but the deleted ones
---@return integer? count nil on failure
---@return string? message
---@return commerce.Details? details
function records:count(data_type, connection_id, expression)
  local sql, values = selection.count(selected(data_type,
    { connection_id = connection_id, query = expression }))
  local function count()
    return self.db:list(sql, values, 1)[1][1]
  end
  return expression and count() or remembered(self, data_type.name .. " " .. connection_id, count)
end

return records
