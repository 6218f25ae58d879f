-- SQLite's own SQL, behind the functions that store/sql is written over.

local dialect = {}

--- A boolean as it is bound.
---@param value boolean
---@return integer
function dialect.boolean(value)
  return value and 1 or 0
end

--- The condition that a text contains a bound one, without case.
---@param sql string
---@return string
function dialect.text_match(sql)
  return ("instr(lower(%s), lower(?)) > 0"):format(sql)
end

--- A text to be compared without case.
---@param sql string
---@return string
function dialect.without_case(sql)
  return sql .. " COLLATE NOCASE"
end

--- The condition that a value differs from a bound one; an absent one does.
---@param sql string
---@return string
function dialect.differs(sql)
  return sql .. " IS NOT ?"
end

return dialect
