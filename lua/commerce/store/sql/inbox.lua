-- The inbox: Stripe events that webhooks delivered and that have not been applied yet.

---@class commerce.sql.Store
local inbox = {}

function inbox:keep_events(events)
  return self.db:transaction(function()
    local added = 0
    for _, event in ipairs(events) do
      added = added + self.db:run("INSERT INTO inbox (connection_id, id, at, body) "
        .. "VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", event.connection_id, event.id,
        event.at, event.body)
    end
    return added
  end)
end

function inbox:waiting_events(connection_id, limit)
  return self.db:all(("SELECT id, %s, body FROM inbox WHERE connection_id = ? "
    .. "ORDER BY number LIMIT ?"):format(self.db.dialect.whole("at", "at")), connection_id, limit)
end

function inbox:drop_events(connection_id, ids)
  local dialect = self.db.dialect
  self.db:run("DELETE FROM inbox WHERE connection_id = ? AND " .. dialect.in_list "id",
    connection_id, dialect.list(ids))
  return true
end

function inbox:waiting_counts()
  local counts = {}
  for _, row in ipairs(self.db:all(("SELECT connection_id, %s FROM inbox "
    .. "GROUP BY connection_id"):format(self.db.dialect.whole("count(*)", "n")))) do
    counts[row.connection_id] = row.n
  end
  return counts
end

return inbox
