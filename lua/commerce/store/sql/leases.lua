-- Leases: which worker works on a connection, and which connection comes next.
--
-- Work is given out by connection, since the data types of one account share its lists and rate
-- limits. A worker takes a connection with a lease, which it renews while it works and with every
-- page that it stores. A worker that died renews nothing; when its lease has expired, another
-- worker takes over, and what the first one still tries to store is refused.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local fence = require "commerce.store.fence"
local pulls = require "commerce.store.sql.pulls"
local set = require "commerce.base.set"
local turns = require "commerce.store.sql.turns"

local unpack = require("commerce.base.compat").unpack

---@class commerce.sql.Store
local leases = {}

-- A time that the caller gives, or else the store's own.
local function now_of(db)
  return ("coalesce(?, %s)"):format(db.dialect.NOW)
end

-- Whether a lease is over; its two values are both the caller's time. An end that is much further
-- away than the lease is long was written by a clock that was ahead. One more length is allowed for
-- the clocks of several hosts.
local function over(db, name)
  local now = now_of(db)
  return ("(%s.expires <= %s OR %s.expires > %s + 2 * %s.seconds)"):format(name, now, name, now,
    name)
end

-- ---------------------------------------------------------------- one lease

local TAKE = "INSERT INTO leases (connection_id, worker, taken, expires, seconds) "
  .. "VALUES (?, ?, %s, %s + ?, ?) ON CONFLICT (connection_id) DO UPDATE SET "
  .. "taken = CASE WHEN leases.worker = excluded.worker THEN leases.taken ELSE excluded.taken END, "
  .. "worker = excluded.worker, expires = excluded.expires, seconds = excluded.seconds "
  .. "WHERE leases.worker = excluded.worker OR "

function leases:lease(connection_id, worker, now, seconds)
  local db = self.db
  return db:run(TAKE:format(now_of(db), now_of(db)) .. over(db, "leases"), connection_id, worker,
    now, now, seconds + 0.0, seconds + 0.0, now, now) > 0
end

function leases:renew_lease(connection_id, worker, now, seconds)
  local db = self.db
  return db:run(("UPDATE leases SET expires = %s + coalesce(?, seconds), "
    .. "seconds = coalesce(?, seconds) WHERE connection_id = ? AND worker = ?"):format(now_of(db)),
    now, seconds, seconds, connection_id, worker) > 0
end

-- Methods that long work calls again and again: between two calls others may write.
local BATCHES = set.of { "drop_sources", "forget_gone", "prune_changes", "remove_records",
  "remove_sources", "rewrite_events", "rewrite_records", "rewrite_sources" }
local PAUSE = 0.002 -- seconds

function leases:under_lease(lease, method, ...)
  local db, count, arguments = self.db, select("#", ...), { ... }
  local results
  local function write()
    db:atomic(function()
      if not leases.renew_lease(self, lease.connection_id, lease.worker) then
        fence.refuse(lease.connection_id)
      end
      results = { errors.must(self[method](self, unpack(arguments, 1, count))) }
      return true
    end, true)
  end
  if contract.LASTING[method] then
    db:durably(write)
  else
    write()
  end
  if BATCHES[method] then
    db.pause(PAUSE)
  end
  return unpack(results)
end

function leases:release(connection_id, worker)
  return self.db:run("DELETE FROM leases WHERE connection_id = ? AND worker = ?", connection_id,
    worker) > 0
end

function leases:expire_lease(connection_id, worker)
  return self.db:run("UPDATE leases SET expires = 0 WHERE connection_id = ? AND worker = ?",
    connection_id, worker) > 0
end

function leases:leases(now)
  local workers = {}
  for _, row in ipairs(self.db:all("SELECT connection_id, worker FROM leases WHERE NOT "
    .. over(self.db, "leases"), now, now)) do
    workers[row.connection_id] = row.worker
  end
  return workers
end

-- ---------------------------------------------------------------- the next connection

local HEAD = 500 -- pulls whose turn comes first
local FIRST_LINKS = 100 -- of those that did not come among them

-- Connections with work that no worker has. One whose data has never been read comes first; then
-- one of a company that few workers are busy with, and whose turn was long ago; then the one with
-- the pull that has waited longest. Only the head of the queue, which `turns` has put in order, is
-- looked at, and some first links behind it, so that the cost does not grow with the queue: after
-- a day without workers, pulls of all connections wait. @ stands for the column of the order of
-- insertion, {l} and {o} for the condition that this lease is over.
local FREE = [[
  SELECT waiting.id, c.company_id, {turn} FROM (
    SELECT candidates.id, min(candidates.turn) AS turn, min(candidates.requested) AS requested,
      min(candidates.place) AS place
    FROM (
      SELECT * FROM (SELECT p.connection_id AS id, p.turn, p.requested, p.@ AS place
        FROM pulls AS p LEFT JOIN leases AS l ON l.connection_id = p.connection_id
        WHERE p.status = 'Queued' AND (l.connection_id IS NULL OR {l})
        ORDER BY p.turn, p.requested LIMIT HEAD) AS head
      UNION ALL
      SELECT p.connection_id, p.turn, p.requested, p.@ FROM leases AS l
        JOIN pulls AS p ON p.connection_id = l.connection_id
        WHERE p.status IN ('Queued', 'Fetching') AND {l}
      UNION ALL
      SELECT p.connection_id, p.turn, p.requested, p.@ FROM (SELECT f.id FROM connections AS f
        LEFT JOIN leases AS l ON l.connection_id = f.id
        WHERE f.first_read IS NULL AND f.status = 'Linked' AND (l.connection_id IS NULL OR {l})
          AND EXISTS (SELECT 1 FROM pulls AS q
            WHERE q.connection_id = f.id AND q.status = 'Queued')
        LIMIT FIRST_LINKS) AS unread
        JOIN pulls AS p ON p.connection_id = unread.id WHERE p.status = 'Queued') AS candidates
    GROUP BY candidates.id) AS waiting
  JOIN connections AS c ON c.id = waiting.id
  LEFT JOIN company_turns AS turn ON turn.company_id = c.company_id
  LEFT JOIN (SELECT d.company_id, count(*) AS workers FROM leases AS o
    JOIN connections AS d ON d.id = o.connection_id WHERE NOT {o} GROUP BY d.company_id) AS busy
    ON busy.company_id = c.company_id
  ORDER BY CASE WHEN c.first_read IS NULL THEN 0 ELSE 1 END, coalesce(busy.workers, 0),
    coalesce(turn.at, 0), waiting.requested, waiting.place
  LIMIT 8]]
FREE = FREE:gsub("FIRST_LINKS", FIRST_LINKS):gsub("HEAD", HEAD)

local function free_connections(db, now)
  local values = 0
  local sql = FREE:gsub("{turn}", db.dialect.whole("waiting.turn", "turn")):gsub("@",
    db.dialect.INSERTED):gsub("{(%l)}", function(name)
    values = values + 2
    return over(db, name)
  end)
  local bound = {}
  for i = 1, values do
    bound[i] = now
  end
  return db:all(sql, unpack(bound, 1, values))
end

-- Whether a connection may be free: the first one that is found will do. In this form and order, no
-- planner reads the whole queue, also while there are no leases.
local WAITS = "SELECT 1 AS found FROM pulls AS p WHERE p.status = 'Queued' "
  .. "AND NOT EXISTS (SELECT 1 FROM leases AS l "
  .. "WHERE l.connection_id = p.connection_id AND NOT %s) ORDER BY p.turn, p.requested LIMIT 1"
local LEFT_BEHIND = "SELECT 1 AS found FROM leases AS l JOIN pulls AS p "
  .. "ON p.connection_id = l.connection_id WHERE p.status = 'Fetching' AND %s LIMIT 1"

local function may_be_free(db, now)
  for _, sql in ipairs { WAITS, LEFT_BEHIND } do
    if db:all(sql:format(over(db, "l")), now, now)[1] then
      return true
    end
  end
  return false
end

-- The pulls of a connection that are not over, one of each data type.
local function take(db, connection_id)
  local taken, seen = {}, {}
  for _, pull in ipairs(db:all(("SELECT %s FROM pulls WHERE connection_id = ? "
    .. "AND status IN ('Queued', 'Fetching') ORDER BY requested DESC, %s DESC"):format(
    pulls.row_of(db), db.dialect.INSERTED), connection_id)) do
    if seen[pull.data_type] then -- left by a dead worker, and asked for again: once is enough
      db:run("UPDATE pulls SET status = 'Cancelled', completed = requested, "
        .. "error_message = 'interrupted' WHERE id = ?", pull.id)
    else
      seen[pull.data_type] = true
      taken[#taken + 1] = pull
    end
  end
  return taken
end

function leases:take_pulls(worker, now, seconds)
  local db = self.db
  if not may_be_free(db, now) then -- most polls find nothing and need no lock
    return nil
  end
  return db:transaction(function()
    for _, free in ipairs(free_connections(db, now)) do
      -- another worker may have taken it, and may even have done its pulls, in the meantime
      if leases.lease(self, free.id, worker, now, seconds) then
        local taken = take(db, free.id)
        if taken[1] then
          turns.take(db, free.company_id, free.turn, now_of(db), now)
          return { connection_id = free.id, pulls = taken }
        end
        leases.release(self, free.id, worker)
      end
    end
  end)
end

-- ---------------------------------------------------------------- for people who watch

-- All from indexes: the waiting pulls by connection, and the connections that were never read.
local COUNTS = "SELECT %s, %s, min(oldest) AS oldest FROM (SELECT count(*) AS pulls, "
  .. "min(requested) AS oldest FROM pulls WHERE status = 'Queued' GROUP BY connection_id) AS w"
local UNREAD = "SELECT %s FROM connections AS c WHERE c.first_read IS NULL AND EXISTS (SELECT 1 "
  .. "FROM pulls AS p WHERE p.connection_id = c.id AND p.status = 'Queued')"

function leases:queue_state(now)
  local db, whole = self.db, self.db.dialect.whole
  local waiting = db:all(COUNTS:format(whole("coalesce(sum(CAST(pulls AS BIGINT)), 0)", "pulls"),
    whole("count(*)", "connections")))[1]
  local unread = db:all(UNREAD:format(whole("count(*)", "n")))[1].n
  local list = db:all(("SELECT l.connection_id, c.company_id, l.worker, "
    .. "%s - l.taken AS held, l.expires - %s AS remaining FROM leases AS l "
    .. "JOIN connections AS c ON c.id = l.connection_id ORDER BY l.taken, l.connection_id")
    :format(now_of(db), now_of(db)), now, now)
  return { pulls = waiting.pulls, connections = waiting.connections,
    first_links = unread, oldest = waiting.oldest, leases = list }
end

return leases
