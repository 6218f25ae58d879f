-- Compiles a parsed query to an SQL condition with bound values.

local statements = require "commerce.store.sql.statements"

local condition = {}

local FOLDED_KINDS = { string = true, enum = true, currency = true, any = true }

local function clause_to_sql(dialect, clause, name, values)
  local operator, value = clause.operator, clause.value
  if type(value) == "boolean" then
    value = statements.boolean(value)
  elseif type(value) == "number" then
    value = value + 0.0 -- LuaDBI cuts integers to 32 bits
  end
  local of_any = clause.kind == "any" and dialect.any_clause(name, operator, value, values)
  if of_any then
    return of_any
  end
  values[#values + 1] = value
  local bound = "?"
  if operator == "~" then
    return dialect.text_match(name)
  elseif FOLDED_KINDS[clause.kind] and type(value) == "string" then
    name, bound = dialect.without_case(name), dialect.without_case(bound)
  end
  -- a record without the field is not equal to the value, so != finds it
  return operator == "!=" and dialect.differs(name, bound)
    or ("%s %s %s"):format(name, operator, bound)
end

-- The clause that "!=" is the opposite of.
local function equality(clause)
  return { field = clause.field, kind = clause.kind, operator = "=", value = clause.value }
end

--- Compile a query to a condition.
---@param dialect commerce.sql.Dialect
---@param tree commerce.Query
---@param column_of fun(field: string): string, string? gives the SQL of a field's value; for a
---  field of several values also the condition, with %s in it, that one of them matches
---@param values any[] bound values are appended to it
---@return string condition
function condition.compile(dialect, tree, column_of, values)
  if tree.parts then
    local parts = {}
    for i, part in ipairs(tree.parts) do
      parts[i] = condition.compile(dialect, part, column_of, values)
    end
    return "(" .. table.concat(parts, tree.join == "and" and " AND " or " OR ") .. ")"
  end
  local name, exists = column_of(tree.field)
  if exists and tree.operator == "!=" then -- the opposite of "=": none of the values is equal
    return "NOT " .. exists:format(clause_to_sql(dialect, equality(tree), name, values))
  end
  local sql = clause_to_sql(dialect, tree, name, values)
  return exists and exists:format(sql) or sql
end

return condition
