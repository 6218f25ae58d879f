-- Codat's query language: `query=status=Paid&&amount>100` and `orderBy=-createdDate`, parsed
-- against the model into an expression and compiled to SQL with bound values.
-- Called by connection, store and cli; requires only leaf helpers.
--
--   expression = clause { ("&&" | "||") clause }       "&&" binds tighter than "||"
--   clause     = "{" expression "}" | field OP value   OP: = != ~ > < >= <=

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"
local time = require "commerce.base.time"

local query = {}

local MAX_LENGTH = 2048 -- characters of one query, as Codat's documentation limits a text

local ORDERED = { decimal = true, integer = true, datetime = true }

local function fail(message)
  return errors.fail("usage", "Error parsing query - " .. message)
end

local function fail_at(position, message, ...)
  return fail(message:format(...) .. (" (at character %d)"):format(position))
end

local function column_of(data_type, field)
  if data_type.resolve then
    return data_type.resolve(field)
  end
  for _, column in ipairs(data_type.columns) do
    if column.field:lower() == field:lower() then
      return column
    end
  end
end

local function unresolved(data_type, field)
  local names = {}
  for i, column in ipairs(data_type.columns or {}) do
    names[i] = column.field
  end
  return ("Could not resolve property %s on %s%s"):format(field, data_type.title,
    suggest.text(field, names))
end

-- ---------------------------------------------------------------- values

local function number_value(text)
  return text:match("^%-?%d+%.?%d*$") and tonumber(text)
end

local BOOLEANS = { ["true"] = 1, ["false"] = 0 }

-- "+02:00" or "-0530" in seconds; a "+" that was sent in an address unescaped has become a space.
local function offset_of(zone)
  if zone == "" or zone == "Z" then
    return 0
  end
  local sign, hours, minutes = zone:match("^([%+%- ])(%d%d):?(%d%d)$")
  if sign and tonumber(hours) <= 14 and tonumber(minutes) < 60 then
    return (sign == "-" and -1 or 1) * (tonumber(hours) * 3600 + tonumber(minutes) * 60)
  end
end

-- Stored dates are YYYY-MM-DDTHH:MM:SSZ, so their text order is their time order.
local function date_value(text)
  local day, clock, seconds, zone =
    text:match("^(%d%d%d%d%-%d%d%-%d%d)[T ](%d%d:%d%d)(:?%d?%d?)%.?%d*(.*)$")
  if not day then
    return time.parse(text) and text .. "T00:00:00Z"
  end
  local offset = offset_of(zone)
  local normal = ("%sT%s%sZ"):format(day, clock, seconds == "" and ":00" or seconds)
  local moment = offset and time.parse(normal)
  return moment and (offset == 0 and normal or time.format(moment - offset))
end

local CONVERT = {
  decimal = { number_value, "a number" },
  integer = { number_value, "a number" },
  boolean = { function(text)
    return BOOLEANS[text:lower()]
  end, "true or false" },
  datetime = { date_value, "a date (YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS with Z or +HH:MM)" },
}

-- ---------------------------------------------------------------- parsing

local OPERATORS = { "!=", ">=", "<=", "=", "~", ">", "<" }

local function split_clause(text)
  local field, rest = text:match("^%s*([%w_%.%-]+)%s*(.-)%s*$")
  for _, operator in ipairs(OPERATORS) do
    if field and rest:sub(1, #operator) == operator then
      return field, operator, (rest:sub(#operator + 1):gsub("^%s+", ""))
    end
  end
end

local function parse_clause(data_type, text, position)
  local field, operator, raw = split_clause(text)
  if not field or raw == "" then
    return fail(("Malformed query. At character %d: '%s' is no 'field operator value'.")
      :format(position, text))
  end
  position = position + #text:match("^%s*")
  local typed = (operator .. raw):match "^[=!<>~]+"
  if typed ~= operator then -- as in other languages: nobody looks for a text that begins like this
    return fail_at(position, "There is no operator %s: they are = != > < >= <= and ~.", typed)
  end
  local column = column_of(data_type, field)
  if not column then
    return fail_at(position, "%s.", unresolved(data_type, field))
  end
  local ordered, any = ORDERED[column.kind], column.kind == "any"
  if operator == "~" and (ordered or column.kind == "boolean")
    or operator:find("[<>]") and not ordered and not any then
    return fail_at(position, "Operator %s does not apply to %s.", operator, column.field)
  end
  local value = raw
  local convert = CONVERT[column.kind]
  if convert then
    value = convert[1](raw)
  end
  -- nobody means the four letters
  if value == nil or raw:lower() == "null" then
    return fail_at(position, "%s takes %s, not '%s'.", column.field,
      convert and convert[2] or "a text, and cannot be compared with null", raw)
  end
  return { column = column, operator = operator, value = value }
end

-- Cut the text into "{", "}", "&&", "||" and the clauses between them.
local function tokens_of(text)
  local tokens, start, i = {}, 1, 1
  local function clause(stop)
    local part = text:sub(start, stop)
    if part:find("%S") then
      tokens[#tokens + 1] = { clause = part, position = start }
    end
  end
  while i <= #text do
    local mark = text:match("^[{}]", i) or text:match("^&&", i) or text:match("^||", i)
    if mark then
      clause(i - 1)
      tokens[#tokens + 1] = { mark = mark, position = i }
      i = i + #mark
      start = i
    else
      i = i + 1
    end
  end
  clause(#text)
  return tokens
end

local parse_any

local function parse_one(state)
  local token = state.tokens[state.at]
  if not token then
    return fail(("Malformed query. At character %d: it ends too early."):format(#state.text + 1))
  end
  state.at = state.at + 1
  if token.clause then
    return parse_clause(state.type, token.clause, token.position)
  elseif token.mark ~= "{" then
    return fail(("Malformed query. At character %d: unexpected '%s'.")
      :format(token.position, token.mark))
  end
  local inner, message, details = parse_any(state)
  if not inner then
    return nil, message, details
  end
  local closing = state.tokens[state.at]
  if not closing or closing.mark ~= "}" then
    return fail(("Malformed query. The '{' at character %d is not closed."):format(token.position))
  end
  state.at = state.at + 1
  return inner
end

local function parse_chain(mark, parse_part)
  return function(state)
    local parts = {}
    repeat
      local part, message, details = parse_part(state)
      if not part then
        return nil, message, details
      end
      parts[#parts + 1] = part
      local token = state.tokens[state.at]
      local more = token and token.mark == mark
      if more then
        state.at = state.at + 1
      end
    until not more
    return #parts == 1 and parts[1] or { mark = mark, parts = parts }
  end
end

parse_any = parse_chain("||", parse_chain("&&", parse_one))

--- What `parse` and `order` need to know of values that are no records and stand in no table: JSON
--- objects, each the `value` of a row.
---@param title string what one is called in messages
---@param fields table<string, string> the fields that may be asked about -> their kind in the model
---@return commerce.DataType dataset
function query.dataset(title, fields)
  local columns = {}
  for field, kind in pairs(fields) do
    columns[#columns + 1] = { field = field, kind = kind,
      name = ("json_extract(value, '$.%s')"):format(field) }
  end
  return { name = title, title = title, columns = columns }
end

--- Parse a query against a data type.
---@param data_type commerce.DataType
---@param text string
---@return table? expression nil on failure
---@return string? message says where it went wrong
---@return commerce.Details? details
function query.parse(data_type, text)
  if #text > MAX_LENGTH then
    return fail(("Malformed query. It is longer than %d characters."):format(MAX_LENGTH))
  end
  local state = { type = data_type, text = text, tokens = tokens_of(text), at = 1 }
  local expression, message, details = parse_any(state)
  if not expression then
    return nil, message, details
  end
  local extra = state.tokens[state.at]
  if extra then
    return fail(("Malformed query. At character %d: unexpected '%s'.")
      :format(extra.position, extra.mark or extra.clause))
  end
  return expression
end

--- Whether a query asks about a field.
---@param expression table from `query.parse`
---@param field string
---@return boolean
function query.mentions(expression, field)
  for _, part in ipairs(expression.parts or {}) do
    if query.mentions(part, field) then
      return true
    end
  end
  return expression.column ~= nil and expression.column.field == field
end

--- Parse an order: a field's name, with "-" in front for descending.
---@param data_type commerce.DataType
---@param text string
---@return table? order { column, descending } nil on failure
---@return string? message
---@return commerce.Details? details
function query.order(data_type, text)
  local minus, field = text:match("^(%-?)([%w_%.]+)$")
  local column = field and column_of(data_type, field)
  if not column then
    return errors.fail("usage", ("Error parsing orderBy - %s.")
      :format(unresolved(data_type, field or text)))
  end
  return { column = column.name, descending = minus == "-" }
end

-- ---------------------------------------------------------------- SQL

local TEXT_KINDS = { string = true, enum = true, currency = true }

-- What a text may stand for in a column of no one kind: itself, a number, true or false.
local function readings(operator, text)
  local number = number_value(text)
  if operator == "~" or operator:find("[<>]") then
    return { operator ~= "~" and number or text }
  end
  return { text, number or BOOLEANS[text:lower()] }
end

-- Each reading is a clause of its own kind: equal to one of them, or different from all.
local function any_to_sql(column, operator, text, values)
  local parts = {}
  for i, value in ipairs(readings(operator, text)) do
    parts[i] = query.to_sql({ operator = operator, value = value, column = { name = column.name,
      kind = type(value) == "string" and "string" or "decimal" } }, values)
  end
  return "(" .. table.concat(parts, operator == "!=" and " AND " or " OR ") .. ")"
end

--- Compile an expression to an SQL condition.
---@param expression table from `query.parse`
---@param values any[] bound values are appended to it
---@return string condition
function query.to_sql(expression, values)
  if expression.parts then
    local parts = {}
    for i, part in ipairs(expression.parts) do
      parts[i] = query.to_sql(part, values)
    end
    return "(" .. table.concat(parts, expression.mark == "&&" and " AND " or " OR ") .. ")"
  end
  local column, operator = expression.column, expression.operator
  if column.exists then -- a field of several values: one of them must be as the clause says
    return column.exists:format(query.to_sql({ operator = operator, value = expression.value,
      column = { name = column.name, kind = column.kind } }, values))
  elseif column.kind == "any" then
    return any_to_sql(column, operator, expression.value, values)
  end
  values[#values + 1] = expression.value
  if operator == "~" then
    return ("instr(lower(%s), lower(?)) > 0"):format(column.name)
  end
  -- a record without the field is not equal to the value, so != finds it
  local sql_operator = operator == "!=" and "IS NOT" or operator
  local collate = TEXT_KINDS[column.kind] and " COLLATE NOCASE" or ""
  return ("%s%s %s ?"):format(column.name, collate, sql_operator)
end

return query
