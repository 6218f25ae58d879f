-- Reading stored records, of one connection or of all. Called by connection and init.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local mode = require "commerce.account.mode"
local query = require "commerce.query"

local records = {}

local RECORD_OPTIONS = { connection_id = "string", mode = "string", query = "string",
  orderBy = "string", limit = "number", offset = "number", deleted = "boolean", raw = "boolean" }

--- The user's options, with what the caller sets.
---@param options table?
---@param set table
---@return table
function records.options(options, set)
  errors.check_options(options or {}, RECORD_OPTIONS)
  local all = {}
  for _, given in ipairs { set, options } do
    for name, value in pairs(given) do
      all[name] = value
    end
  end
  return all
end

local function parsed(data_type, options)
  local found = { connection_id = options.connection_id, limit = options.limit,
    offset = options.offset, deleted = options.deleted }
  local message, details
  if options.mode then
    local known
    known, message, details = mode.check(options.mode)
    if not known then
      return nil, message, details
    end
    found.integrations = mode.integrations(known)
  end
  if options.query then
    found.query, message, details = query.parse(data_type, options.query)
    if not found.query then
      return nil, message, details
    end
  end
  if options.orderBy then
    found.order_by, message, details = query.order(data_type, options.orderBy)
    if not found.order_by then
      return nil, message, details
    end
  end
  return found
end

--- Iterate over the records of a data type, newest first. Raises on failure, so that no loop ends
--- early in silence.
---@param store commerce.Store
---@param type_name string
---@param options table from `records.options`: query and orderBy in Codat's language
---  ("amount>100&&status=Paid", "-createdDate"); limit; offset; connection_id (all if left out);
---  mode: "test" or "live" (both if left out); deleted: true for those too that the source deleted;
---  raw: true gives each record as JSON text
---@param mappings commerce.Mappings? with data types of one's own, which the store may not know yet
---@return fun(): any next
local function read(store, type_name, options, mappings)
  if mappings then
    local ok, failure, why = mappings:tell(store, type_name)
    if not ok then
      errors.raise(failure, why)
    end
  end
  local data_type, unknown, trouble = store:find_type(type_name)
  if trouble then
    errors.raise(unknown, trouble)
  elseif not data_type then
    errors.refuse("%s", unknown)
  end
  local found, message, details = parsed(data_type, options)
  local next_row
  if found then
    next_row, message, details = store:records(data_type, found)
  end
  if not next_row then
    errors.raise(message, details)
  end
  return errors.placed(function()
    local _, data = next_row()
    if data == nil or options.raw then
      return data
    end
    return json.decode(data)
  end)
end

records.read = errors.placed(read)

return records
