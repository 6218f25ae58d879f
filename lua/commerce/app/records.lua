-- Stored records, of one connection or of all, as an iterator.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local linked = require "commerce.store.linked"
local mode = require "commerce.account.mode"
local query = require "commerce.query"
local tables = require "commerce.base.tables"

local records = {}

---@class commerce.RecordsOptions
---@field query string? in Codat's language: "amount>100&&status=Paid"
---@field orderBy string? "-createdDate"
---@field limit integer?
---@field offset integer?
---@field connection_id string? all connections if left out
---@field mode "test"|"live"|nil both if left out
---@field deleted boolean? also those that the source deleted
---@field raw boolean? gives each record as JSON text

local RECORD_OPTIONS = { connection_id = "string", mode = "string", query = "string",
  orderBy = "string", limit = "number", offset = "number", deleted = "boolean", raw = "boolean" }

--- The user's options, with what the caller sets.
---@param options commerce.RecordsOptions?
---@param set commerce.RecordsOptions
---@return commerce.RecordsOptions
function records.options(options, set)
  errors.check_options(options or {}, RECORD_OPTIONS)
  return tables.merged(set, options or {})
end

-- The options of the store's list, from the caller's options.
local function request_of(data_type, options)
  return { connection_id = options.connection_id, limit = options.limit, offset = options.offset,
    deleted = options.deleted,
    integrations = options.mode and mode.integrations(mode.check(options.mode)) or nil,
    query = options.query and errors.must(query.parse(data_type, options.query)) or nil,
    order_by = options.orderBy and errors.must(query.order(data_type, options.orderBy)) or nil }
end

--- Iterate over the records of a data type, newest first. Raises on failure, so that no loop ends
--- early in silence.
---@param store commerce.Store
---@param type_name string
---@param options commerce.RecordsOptions from `records.options`
---@param mappings commerce.Mappings? with data types of one's own, which the store may not know yet
---@return fun(): any next
local function read(store, type_name, options, mappings)
  if mappings then
    mappings:tell(store, type_name)
  end
  local data_type, unknown = store:find_type(type_name)
  if not data_type then
    errors.refuse("%s", unknown)
  end
  local next_row = linked.rows(store, data_type,
    store:records(data_type, request_of(data_type, options)))
  return errors.placed(function()
    local _, data = next_row()
    if data == nil or options.raw then
      return data
    end
    return json.stored(data)
  end)
end

records.read = errors.placed(read)

return records
