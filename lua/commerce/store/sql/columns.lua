-- The column names of a data type's table: snake_case of the dotted path, without SQL's own words.

local ascii = require "commerce.base.ascii"

local columns = {}

---@class commerce.sql.Column
---@field name string "payment_method_ref_id"
---@field field string the dotted path in the record: "paymentMethodRef.id"
---@field kind string the field's kind in the model
---@field fact string? the name of the fact that it is of
---@field indexed boolean? see commerce.Fact

-- The words that SQLite or PostgreSQL does not take as a bare table or column name (their
-- documentation, "SQLite Keywords" and "SQL Key Words", the reserved ones).
local WORDS = [[add all alter analyse analyze and any array as asc asymmetric autoincrement between
  both case cast check collate column commit constraint create current_catalog current_date
  current_role current_time current_timestamp current_user default deferrable delete desc distinct
  do drop else end escape except exists false fetch for foreign from grant group having if in index
  initially insert intersect into is isnull join lateral leading limit localtime localtimestamp not
  nothing notnull null offset on only or order placing primary references returning select
  session_user set some symmetric table then to trailing transaction true union unique update user
  using values variadic when where window with]]

local reserved = {}
for word in WORDS:gmatch "[%l_]+" do
  reserved[word] = true
end

--- Whether SQL keeps a lower-case name for itself.
---@param name string
---@return boolean
function columns.is_word(name)
  return reserved[name] == true
end

local function snake(path)
  return ascii.lower((path:gsub("([a-z])([A-Z])", "%1_%2"):gsub("%.", "_")))
end

--- The column of a field; that of `end` is end_.
---@param path string the dotted path in the record
---@return string
function columns.name(path)
  local name = snake(path)
  return reserved[name] and name .. "_" or name
end

local known = setmetatable({}, { __mode = "k" })

--- The columns of a data type, one for each scalar field, in the order of its fields, then one for
--- each fact.
---@param data_type commerce.DataType
---@return commerce.sql.Column[]
function columns.of(data_type)
  local list = known[data_type]
  if not list then
    list = {}
    for i, scalar in ipairs(data_type.scalars) do
      list[i] = { name = columns.name(scalar.field), field = scalar.field, kind = scalar.kind }
    end
    for _, fact in ipairs(data_type.facts) do
      list[#list + 1] = { name = columns.name(fact.name), field = fact.field, kind = fact.kind,
        fact = fact.name, indexed = fact.indexed }
    end
    known[data_type] = list
  end
  return list
end

local TAKEN = { connection_id = true, data = true } -- every table of records has these

--- Why a data type cannot have a table.
---@param data_type commerce.DataType
---@return string? problem nil if it can have one
function columns.problem(data_type)
  local fields = {}
  for _, column in ipairs(columns.of(data_type)) do
    if TAKEN[column.name] then
      return ("field '%s': every table has a column %s already"):format(column.field, column.name)
    elseif fields[column.name] then
      return ("the fields '%s' and '%s' would both be the column %s"):format(fields[column.name],
        column.field, column.name)
    end
    fields[column.name] = column.field
  end
end

return columns
