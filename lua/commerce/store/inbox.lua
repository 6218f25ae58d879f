-- Events that the source delivered by webhook and that have not been applied yet. Methods of a
-- store, part of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local json = require "commerce.base.json"

local inbox = {}

--- Keep events. One that is there already is not kept twice.
---@param events table[] { connection_id, id, at (unix seconds, when it happened), body (JSON) }
---@return integer? added how many were not there; nil on failure: then none is kept
---@return string? message
---@return commerce.Details? details
function inbox:keep_events(events)
  return self.db:transaction(function()
    local added = 0
    for _, event in ipairs(events) do
      added = added + self.db:run("INSERT OR IGNORE INTO inbox (connection_id, id, at, body) "
        .. "VALUES (?, ?, ?, ?)", event.connection_id, event.id, event.at, event.body)
    end
    return added
  end)
end

--- A connection's events, in the order in which they were kept.
---@param connection_id string
---@param limit integer
---@return table[]? events { id, at, body }; nil on failure
---@return string? message
---@return commerce.Details? details
function inbox:waiting_events(connection_id, limit)
  return self.db:all("SELECT id, at, body FROM inbox WHERE connection_id = ? "
    .. "ORDER BY number LIMIT ?", connection_id, limit)
end

--- Let go of events that have been applied.
---@param connection_id string
---@param ids string[]
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function inbox:drop_events(connection_id, ids)
  self.db:run("DELETE FROM inbox WHERE connection_id = ? "
    .. "AND id IN (SELECT value FROM json_each(?))", connection_id, json.strings(ids))
  return true
end

--- How many events wait.
---@return table<string, integer>? counts by connection id; nil on failure
---@return string? message
---@return commerce.Details? details
function inbox:waiting_counts()
  local counts = {}
  for _, row in ipairs(self.db:all("SELECT connection_id, count(*) AS n FROM inbox "
    .. "GROUP BY connection_id")) do
    counts[row.connection_id] = row.n
  end
  return counts
end

return inbox
