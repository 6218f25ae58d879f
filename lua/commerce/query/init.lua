-- Codat's query language: parses `query=status=Paid&&amount>100` and `orderBy=-createdDate` against
-- a data type or dataset into a tree of fields, kinds, operators and values. A SQL store compiles
-- the tree (store/sql/condition.lua); match.lua evaluates it over plain Lua values.
--
--   expression = clause { ("&&" | "||") clause }       "&&" binds tighter than "||"
--   clause     = "{" expression "}" | field OP value   OP: = != ~ > < >= <=
--
-- The meaning of a clause, the same in SQL and over Lua values:
--   - Texts are compared without case (ASCII letters only); dates exactly.
--   - `!=` also finds a record without the field; every other operator does not.
--   - `~` finds a part of a text, without wildcards.
--   - A field of several values (a company's connections) matches if one of its values does. `!=`
--     is the opposite of `=`: it finds what has no such value, also what has no values at all.
--   - A record without `metadata.isDeleted` is not deleted: the field counts as false.
--   - A field of kind `any` is compared as a text, and as a number or boolean if the value reads as
--     one; true counts as 1 and false as 0 there, and every number is less than every text.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local match = require "commerce.query.match"
local suggest = require "commerce.base.suggest"
local time = require "commerce.base.time"

local query = { matches = match.matches, compare = match.compare, select = match.select }

---@class commerce.Query a node of a parsed query: a clause, or clauses joined
---@field join "and"|"or"|nil of joined clauses
---@field parts commerce.Query[]? of joined clauses
---@field field string? of a clause: the dotted path in the record, "metadata.isDeleted"
---@field kind string? the field's kind in the model
---@field operator string? = != ~ > < >= <=
---@field value string|number|boolean|nil a datetime is text, YYYY-MM-DDTHH:MM:SSZ
---@field several boolean? whether a record has several values of the field

---@class commerce.Order
---@field field string the dotted path
---@field descending boolean

---@class commerce.Dataset what may be asked about; every commerce.DataType is one
---@field title string what one element is called in messages
---@field scalars commerce.Scalar[] the fields that may be asked about
---@field open string? the kind of every field, if any name may be one (a company's tags)

local MAX_LENGTH = 2048 -- characters of one query, as Codat's documentation limits a text

local ORDERED = { decimal = true, integer = true, datetime = true }

local function fail(message)
  return errors.fail("usage", "Error parsing query - " .. message)
end

local function fail_at(position, message, ...)
  return fail(message:format(...) .. (" (at character %d)"):format(position))
end

local function scalar_of(dataset, field)
  if dataset.open then
    return { field = field, kind = dataset.open }
  end
  for _, scalar in ipairs(dataset.scalars) do
    if ascii.lower(scalar.field) == ascii.lower(field) then
      return scalar
    end
  end
end

local function unresolved(dataset, field)
  local names = {}
  for i, scalar in ipairs(dataset.scalars) do
    names[i] = scalar.field
  end
  return ("Could not resolve property %s on %s%s"):format(field, dataset.title,
    suggest.text(field, names))
end

-- ---------------------------------------------------------------- values

local function number_value(text)
  return text:match("^%-?%d+%.?%d*$") and tonumber(text)
end

local BOOLEANS = { ["true"] = true, ["false"] = false }

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
    return BOOLEANS[ascii.lower(text)]
  end, "true or false" },
  datetime = { date_value, "a date (YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS with Z or +HH:MM)" },
}

-- The values that a text can stand for in a field of kind `any`: itself, a number, true or false.
local function readings(operator, text)
  local number = number_value(text)
  if operator == "~" then
    return { text }
  elseif operator:find "[<>]" then
    return { number or text }
  end
  local other = number
  if other == nil then
    other = BOOLEANS[ascii.lower(text)]
  end
  return { text, other }
end

-- Equal to one of its readings, or different from all of them.
local function clause_of_any(scalar, operator, text)
  local parts = {}
  for i, value in ipairs(readings(operator, text)) do
    parts[i] = { field = scalar.field, kind = "any", operator = operator, value = value }
  end
  return #parts == 1 and parts[1] or { join = operator == "!=" and "and" or "or", parts = parts }
end

-- ---------------------------------------------------------------- parsing

local OPERATORS = { "!=", ">=", "<=", "=", "~", ">", "<" }

-- Where any name may be a field, everything up to the operator is its name.
local function split_clause(dataset, text)
  local field, rest = text:match(dataset.open and "^%s*(.-)%s*([!=<>~].*)$"
    or "^%s*([%w_%.%-]+)%s*(.*)$")
  field, rest = field ~= "" and field or nil, rest and rest:match "^(.-)%s*$"
  for _, operator in ipairs(OPERATORS) do
    if field and rest:sub(1, #operator) == operator then
      return field, operator, (rest:sub(#operator + 1):gsub("^%s+", ""))
    end
  end
end

local IS_DELETED = "metadata.isDeleted" -- records that are not deleted do not have the field
local OPPOSITES = { ["="] = "!=", ["!="] = "=" }

local function parse_clause(dataset, text, position)
  local field, operator, raw = split_clause(dataset, text)
  if not field or raw == "" then
    return fail(("Malformed query. At character %d: '%s' is not 'field operator value'.")
      :format(position, text))
  end
  position = position + #text:match("^%s*")
  local typed = (operator .. raw):match "^[=!<>~]+"
  if typed ~= operator then -- "==" is another language's operator, not a text that begins with "="
    return fail_at(position, "There is no operator %s: they are = != > < >= <= and ~.", typed)
  end
  local scalar = scalar_of(dataset, field)
  if not scalar then
    return fail_at(position, "%s.", unresolved(dataset, field))
  end
  local ordered, any = ORDERED[scalar.kind], scalar.kind == "any"
  if operator == "~" and (ordered or scalar.kind == "boolean")
    or operator:find("[<>]") and not ordered and not any then
    return fail_at(position, "Operator %s does not apply to %s.", operator, scalar.field)
  end
  local value = raw
  local convert = CONVERT[scalar.kind]
  if convert then
    value = convert[1](raw)
  end
  -- "null" is meant as the missing value, not as a text of four letters
  if value == nil or ascii.lower(raw) == "null" then
    return fail_at(position, "%s takes %s, not '%s'.", scalar.field,
      convert and convert[2] or "a text, and cannot be compared with null", raw)
  elseif any then
    return clause_of_any(scalar, operator, raw)
  elseif scalar.field == IS_DELETED and value == false then
    operator, value = OPPOSITES[operator], true
  end
  return { field = scalar.field, kind = scalar.kind, several = scalar.several,
    operator = operator, value = value }
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
    return parse_clause(state.dataset, token.clause, token.position)
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

local JOINS = { ["&&"] = "and", ["||"] = "or" }

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
    return #parts == 1 and parts[1] or { join = JOINS[mark], parts = parts }
  end
end

parse_any = parse_chain("||", parse_chain("&&", parse_one))

--- A dataset of its fields.
---@param title string what one element is called in messages
---@param fields table<string, string> the fields that may be asked about -> their kind in the model
---@param several string[]? those of them of which an element has several values
---@return commerce.Dataset
function query.dataset(title, fields, several)
  local scalars, of_several = {}, {}
  for _, field in ipairs(several or {}) do
    of_several[field] = true
  end
  for field, kind in pairs(fields) do
    scalars[#scalars + 1] = { field = field, kind = kind, several = of_several[field] }
  end
  return { title = title, scalars = scalars }
end

--- Parse a query against a data type or dataset.
---@param dataset commerce.Dataset
---@param text string
---@return commerce.Query? tree nil on failure
---@return string? message says where it went wrong
---@return commerce.Details? details
function query.parse(dataset, text)
  if #text > MAX_LENGTH then
    return fail(("Malformed query. It is longer than %d characters."):format(MAX_LENGTH))
  end
  local state = { dataset = dataset, text = text, tokens = tokens_of(text), at = 1 }
  local tree, message, details = parse_any(state)
  if not tree then
    return nil, message, details
  end
  local extra = state.tokens[state.at]
  if extra then
    return fail(("Malformed query. At character %d: unexpected '%s'.")
      :format(extra.position, extra.mark or extra.clause))
  end
  return tree
end

--- Whether a query asks about a field.
---@param tree commerce.Query
---@param field string
---@return boolean
function query.mentions(tree, field)
  for _, part in ipairs(tree.parts or {}) do
    if query.mentions(part, field) then
      return true
    end
  end
  return tree.field == field
end

--- Whether a query asks about deleted records: only then they belong to what it finds.
---@param tree commerce.Query?
---@return boolean
function query.is_about_deleted(tree)
  return tree ~= nil and query.mentions(tree, IS_DELETED)
end

--- Parse an order: a field's name, with "-" in front for descending.
---@param dataset commerce.Dataset
---@param text string
---@return commerce.Order? order nil on failure
---@return string? message
---@return commerce.Details? details
function query.order(dataset, text)
  local minus, field = text:match("^(%-?)([%w_%.]+)$")
  local scalar = field and scalar_of(dataset, field)
  if not scalar then
    return errors.fail("usage", ("Error parsing orderBy - %s.")
      :format(unresolved(dataset, field or text)))
  elseif scalar.several then
    return errors.fail("usage", ("Error parsing orderBy - %s has several values of %s.")
      :format(dataset.title, scalar.field))
  end
  return { field = scalar.field, descending = minus == "-" }
end

return query
