-- The words that SQL keeps for itself: no table and no column has such a name, so that nobody has
-- to quote one. Called by model; requires nothing.

local sql_words = {}

-- What SQLite or PostgreSQL does not take as a bare column name (their documentation, "SQLite
-- Keywords" and "SQL Key Words", the reserved ones).
local WORDS = [[add all alter analyse analyze and any array as asc asymmetric autoincrement between
  both case cast check collate column commit constraint create current_catalog current_date
  current_role current_time current_timestamp current_user default deferrable delete desc distinct
  do drop else end escape except exists false fetch for foreign from grant group having if in index
  initially insert intersect into is isnull join lateral leading limit localtime localtimestamp not
  nothing notnull null offset on only or order placing primary references returning select
  session_user set some symmetric table then to trailing transaction true union unique update user
  using values variadic when where window with]]

local reserved = {}
for word in WORDS:gmatch("[%l_]+") do
  reserved[word] = true
end

--- Whether a lower-case name is such a word.
---@param name string
---@return boolean
function sql_words.is_reserved(name)
  return reserved[name] == true
end

return sql_words
