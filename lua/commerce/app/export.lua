-- Records as CSV or JSON Lines, part after part, so that a list of any length takes the memory of
-- one batch.

local csv = require "commerce.base.csv"
local json = require "commerce.base.json"
local listing = require "commerce.app.listing"
local stored = require "commerce.store.sql.columns"

local export = {}

--- The columns of a record in CSV: those of its table, and what lies beside the record.
---@param data_type commerce.DataType
---@return string[] names such as "payment_method_ref_id"
---@return string[] paths the dotted paths in the record
function export.columns(data_type)
  local names, paths = {}, {}
  for i, column in ipairs(stored.of(data_type)) do
    names[i], paths[i] = column.name, column.field
  end
  for _, field in ipairs(data_type.linked.fields) do
    names[#names + 1], paths[#paths + 1] = stored.name(field.name), field.name
  end
  return names, paths
end

--- A record as a line of CSV.
---@param record commerce.RecordFields
---@param paths string[]
---@param raw boolean? see `csv.line`
---@return string
function export.line(record, paths, raw)
  local values = {}
  for i, path in ipairs(paths) do
    values[i] = csv.at(record, path)
  end
  return csv.line(values, #paths, raw)
end

---@class commerce.ExportFormat
---@field kind string Content-Type
---@field head fun(data_type: commerce.DataType): string what comes before the first record
---@field text fun(data_type: commerce.DataType): fun(data: string): string a record's text

--- By name.
---@type table<string, commerce.ExportFormat>
export.FORMATS = {
  csv = { kind = "text/csv; charset=utf-8", head = function(data_type)
    local names = export.columns(data_type)
    return csv.line(names, #names)
  end, text = function(data_type)
    local _, paths = export.columns(data_type)
    return function(data)
      return export.line(json.stored(data), paths)
    end
  end },
  jsonl = { kind = "application/x-ndjson; charset=utf-8", head = function()
    return ""
  end, text = function()
    return function(data)
      return data .. "\n"
    end
  end },
}

--- The text of all records of a list.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@param asked commerce.ListingAsked its limit and place do not matter
---@param format commerce.ExportFormat
---@return fun(): string? next a part, which may be empty; nil at the end
function export.parts(store, data_type, asked, format)
  local next_batch, text_of = listing.batches(store, data_type, asked), format.text(data_type)
  local begun = false
  return function()
    if not begun then
      begun = true
      return format.head(data_type)
    end
    local batch = next_batch()
    for i, row in ipairs(batch or {}) do
      batch[i] = text_of(row.data)
    end
    return batch and table.concat(batch)
  end
end

--- A response that streams an export.
---@param parts fun(): string?
---@param format commerce.ExportFormat
---@param name string of the file, without its ending
---@param ending string
---@return commerce.http.Response
function export.response(parts, format, name, ending)
  return { status = 200, body = parts, headers = { ["Content-Type"] = format.kind,
    ["Cache-Control"] = "no-store", ["X-Content-Type-Options"] = "nosniff",
    ["Content-Disposition"] = ('attachment; filename="%s.%s"'):format(
      name:gsub("[^%w%-_]", "_"), ending) } }
end

return export
