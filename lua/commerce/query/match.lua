-- Evaluates a parsed query over plain Lua values, with the semantics of the compiled SQL: for
-- stores without SQL, and for lists that are not in a store.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local path = require "commerce.base.path"

local match = {}

local folded = ascii.lower -- as SQL does it here

-- As a column holds the value: true is 1, a decimal is a number, an object is its JSON.
local function plain(value)
  if type(value) == "boolean" then
    return value and 1 or 0
  elseif decimal.is_decimal(value) then
    return tonumber(tostring(value))
  elseif type(value) == "table" then
    return json.encode(value)
  end
  return value ~= json.null and value or nil
end

-- Absent values come before numbers, numbers before texts.
local RANKS = { ["nil"] = 1, number = 2, string = 3 }

local function compared(a, b)
  local rank_a, rank_b = RANKS[type(a)], RANKS[type(b)]
  if rank_a ~= rank_b then
    return rank_a < rank_b and -1 or 1
  elseif a == b then
    return 0
  end
  local before = rank_a == RANKS.string and ascii.before(a, b) or rank_a == RANKS.number and a < b
  return before and -1 or 1
end

--- Compare two values as a list is ordered: absent ones first, then numbers and booleans, then
--- texts by their bytes.
---@param a any
---@param b any
---@return integer -1, 0 or 1
function match.compare(a, b)
  return compared(plain(a), plain(b))
end

local TESTS = {
  ["="] = function(order)
    return order == 0
  end,
  [">"] = function(order)
    return order > 0
  end,
  ["<"] = function(order)
    return order < 0
  end,
  [">="] = function(order)
    return order >= 0
  end,
  ["<="] = function(order)
    return order <= 0
  end,
}

local FOLDED_KINDS = { string = true, enum = true, currency = true, any = true }

local function clause_matches(clause, value)
  local wanted, operator = plain(clause.value), clause.operator
  value = plain(value)
  if value == nil then
    return operator == "!="
  elseif operator == "~" then
    return folded(tostring(value)):find(folded(wanted), 1, true) ~= nil
  end
  if FOLDED_KINDS[clause.kind] and type(wanted) == "string" and type(value) == "string" then
    wanted, value = folded(wanted), folded(value)
  end
  local order = compared(value, wanted)
  if operator == "!=" then
    return order ~= 0
  end
  return TESTS[operator](order)
end

-- Whether one of several values matches; for `!=`, whether none of them is equal.
local function any_matches(clause, values)
  local none = clause.operator == "!="
  for i = 1, values.n do
    if clause_matches(clause, values[i]) ~= none then
      return not none
    end
  end
  return none
end

--- Whether a query finds something.
---@param tree commerce.Query from `query.parse`
---@param get fun(field: string, several: boolean?): any gives a field's value by its dotted path,
---  or, if the field has several, a list of them with its length as `n`
---@return boolean
function match.matches(tree, get)
  if tree.parts then
    local all = tree.join == "and"
    for _, part in ipairs(tree.parts) do
      if match.matches(part, get) ~= all then
        return not all
      end
    end
    return all
  elseif tree.several then
    return any_matches(tree, get(tree.field, true))
  end
  return clause_matches(tree, get(tree.field))
end

---@class commerce.ListRequest which elements of a list
---@field query commerce.Query?
---@field order_by commerce.Order?
---@field limit integer?
---@field offset integer?

--- The elements of a list that a query finds, in an order, a page of them.
---@param list table<string, any>[] plain values, in their own order
---@param asked commerce.ListRequest
---@return table<string, any>[] page
---@return integer total how many elements the query finds
function match.select(list, asked)
  local found = {}
  for i, value in ipairs(list) do
    if not asked.query or match.matches(asked.query, function(field)
      return path.at(value, field)
    end) then
      found[#found + 1] = { value = value, place = i }
    end
  end
  local order = asked.order_by
  if order then
    for _, each in ipairs(found) do
      each.key = path.at(each.value, order.field)
    end
    table.sort(found, function(a, b)
      local result = match.compare(a.key, b.key)
      result = result ~= 0 and result or a.place - b.place
      return order.descending and result > 0 or not order.descending and result < 0
    end)
  end
  local page, offset = {}, asked.offset or 0
  for i = offset + 1, math.min(#found, offset + (asked.limit or #found)) do
    page[#page + 1] = found[i].value
  end
  return page, #found
end

return match
