-- What has been found out about lists of records, such as their length: kept until something is
-- written, by whomever. Called by records.

local remembered = {}

local MOST_LISTS = 100 -- of which something is kept

-- A number that changes with the database: with what other connections write, and with what this
-- one does.
local function version_of(db)
  return db:once("PRAGMA data_version")[1][1] .. "/"
    .. db:all("SELECT total_changes() AS n")[1].n
end

--- Where to keep what is found out about a list.
---@param store commerce.Store
---@param sql string the statement that gives it, or counts it
---@param values any[] its bound values
---@param count integer how many of them belong to the list: a page's limit and offset do not
---@return table list empty, or what the caller has put in since something was written last
function remembered.list(store, sql, values, count)
  local words = { sql }
  for i = 1, count do
    words[#words + 1] = type(values[i]) .. tostring(values[i])
  end
  local key, version, known = table.concat(words, "\0"), version_of(store.db), store.known
  if not known or known.version ~= version or known.count > MOST_LISTS then
    known = { version = version, lists = {}, count = 0 }
    store.known = known
  end
  if not known.lists[key] then
    known.lists[key], known.count = {}, known.count + 1
  end
  return known.lists[key]
end

return remembered
