-- The queue of pulls: those that were asked for, and who works on them. Methods of a store, part of
-- its contract. Called by the SQL stores; failures are raised as in connection.lua.
--
-- Work is given out by connection, since the data types of one account share its lists and limits.
-- Who takes a connection has a lease on it, to be renewed while the work goes on; a worker that
-- died renews nothing, and when its lease has run out the next one takes over what it left.

local json = require "commerce.base.json"

local queue = {}

-- A pull that waits already is the same request; one that is under way may have passed by what has
-- changed meanwhile, so another one waits behind it.
local function waiting(db, connection_id, data_type)
  return db:all("SELECT * FROM pulls WHERE connection_id = ? AND data_type = ? "
    .. "AND status = 'Queued'", connection_id, data_type)[1]
end

-- Whether a pull has been asked for since a date, whatever became of it.
local function asked_since(db, connection_id, data_type, date)
  return db:all("SELECT 1 AS found FROM pulls WHERE connection_id = ? AND data_type = ? "
    .. "AND requested >= ? LIMIT 1", connection_id, data_type, date)[1] ~= nil
end

--- Ask for pulls.
---@param wanted table[] { id, connection_id, data_type, unless_since? }; the id is used for a new
---  pull; unless_since: a date: not if there has been a request since then, whatever became of it
---@param now string the date of the request
---@return table[]? pulls one for each, in the same order: new, or waiting already; false for one
---  that was not wanted any more; nil on failure
---@return string? message
---@return commerce.Details? details
function queue:queue_pulls(wanted, now)
  local db = self.db
  return db:transaction(function()
    local result = {}
    for i, pull in ipairs(wanted) do
      local found = waiting(db, pull.connection_id, pull.data_type)
      if not found and not (pull.unless_since
        and asked_since(db, pull.connection_id, pull.data_type, pull.unless_since)) then
        db:run("INSERT INTO pulls (id, connection_id, data_type, status, requested) "
          .. "VALUES (?, ?, ?, 'Queued', ?)", pull.id, pull.connection_id, pull.data_type, now)
        found = waiting(db, pull.connection_id, pull.data_type)
      end
      result[i] = found or false
    end
    return result
  end)
end

--- The pulls of a connection that wait.
---@param connection_id string
---@return table<string, table>? pulls by data type name; nil on failure
---@return string? message
---@return commerce.Details? details
function queue:waiting_pulls(connection_id)
  local found = {}
  for _, pull in ipairs(self.db:all("SELECT * FROM pulls WHERE connection_id = ? "
    .. "AND status = 'Queued'", connection_id)) do
    found[pull.data_type] = pull
  end
  return found
end

-- A connection with something to do that nobody works on; who has waited longest comes first.
local FREE = [[
  SELECT p.connection_id AS id FROM pulls AS p
  LEFT JOIN leases AS l ON l.connection_id = p.connection_id
  WHERE (p.status = 'Queued' OR p.status = 'Fetching' AND l.connection_id IS NOT NULL)
    AND (l.connection_id IS NULL OR l.expires <= ?)
  ORDER BY p.requested, p.rowid LIMIT 1]]

--- Take a connection's waiting pulls to work on them, and those that a dead worker left.
---@param worker string who takes them
---@param now number unix seconds
---@param seconds number how long the lease is
---@return table? work { connection_id, pulls }; nil if there is nothing to do
---@return string? message
---@return commerce.Details? details
function queue:take_pulls(worker, now, seconds)
  local db = self.db
  if not db:all(FREE, now)[1] then -- most looks find nothing, and need no lock
    return nil
  end
  return db:transaction(function()
    local free = db:all(FREE, now)[1]
    if not free then
      return nil
    end
    db:run("INSERT INTO leases (connection_id, worker, expires) VALUES (?, ?, ?) "
      .. "ON CONFLICT (connection_id) DO UPDATE SET worker = excluded.worker, "
      .. "expires = excluded.expires", free.id, worker, now + seconds)
    local taken, seen = {}, {}
    for _, pull in ipairs(db:all("SELECT * FROM pulls WHERE connection_id = ? "
      .. "AND status IN ('Queued', 'Fetching') ORDER BY requested DESC, rowid DESC", free.id)) do
      if seen[pull.data_type] then -- left by a dead worker, and asked for again: once is enough
        db:run("UPDATE pulls SET status = 'Cancelled', completed = requested, "
          .. "error_message = 'interrupted' WHERE id = ?", pull.id)
      else
        seen[pull.data_type] = true
        taken[#taken + 1] = pull
      end
    end
    return { connection_id = free.id, pulls = taken }
  end)
end

--- Keep a lease on a connection, or take one without looking for work.
---@param connection_id string
---@param worker string
---@param now number unix seconds
---@param seconds number from now
---@return boolean? held false if another worker has it; nil on failure
---@return string? message
---@return commerce.Details? details
function queue:lease(connection_id, worker, now, seconds)
  return self.db:run("INSERT INTO leases (connection_id, worker, expires) VALUES (?, ?, ?) "
    .. "ON CONFLICT (connection_id) DO UPDATE SET worker = excluded.worker, "
    .. "expires = excluded.expires WHERE worker = excluded.worker OR expires <= ?",
    connection_id, worker, now + seconds, now) > 0
end

--- Give a connection back.
---@param connection_id string
---@param worker string
---@return boolean? released false if another worker has it; nil on failure
---@return string? message
---@return commerce.Details? details
function queue:release(connection_id, worker)
  return self.db:run("DELETE FROM leases WHERE connection_id = ? AND worker = ?", connection_id,
    worker) > 0
end

--- End the lease of a worker that is known to be gone, so that what it left is taken over now.
---@param connection_id string
---@param worker string
---@return boolean? ended false if another worker has it; nil on failure
---@return string? message
---@return commerce.Details? details
function queue:expire_lease(connection_id, worker)
  return self.db:run("UPDATE leases SET expires = 0 WHERE connection_id = ? AND worker = ?",
    connection_id, worker) > 0
end

--- Whom connections are leased to.
---@param now number unix seconds
---@return table<string, string>? workers by connection id, without leases that have run out
---@return string? message
---@return commerce.Details? details
function queue:leases(now)
  local workers = {}
  for _, row in ipairs(self.db:all("SELECT connection_id, worker FROM leases WHERE expires > ?",
    now)) do
    workers[row.connection_id] = row.worker
  end
  return workers
end

--- How many pulls there are of each status, among those of some statuses.
---@param statuses string[]
---@return table<string, integer>? counts nil on failure
---@return string? message
---@return commerce.Details? details
function queue:pull_counts(statuses)
  local counts = {}
  for _, row in ipairs(self.db:all("SELECT status, count(*) AS n FROM pulls "
    .. "WHERE status IN (SELECT value FROM json_each(?)) GROUP BY status",
    json.encode(json.array(statuses)))) do
    counts[row.status] = row.n
  end
  return counts
end

--- Add to counters that all processes keep together.
---@param counts table<string, number>
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function queue:add_counts(counts)
  return self.db:transaction(function()
    for name, count in pairs(counts) do
      self.db:run("INSERT INTO counters (name, value) VALUES (?, ?) "
        .. "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value", name, count)
    end
    return true
  end)
end

--- The counters.
---@return table<string, number>? counts nil on failure
---@return string? message
---@return commerce.Details? details
function queue:counts()
  local counts = {}
  for _, row in ipairs(self.db:all("SELECT name, value FROM counters")) do
    counts[row.name] = row.value
  end
  return counts
end

return queue
