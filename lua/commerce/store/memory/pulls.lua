-- Pulls: runs of one data type, asked for, under way and over; counters. `leases` gives them to
-- workers.

local event_rules = require "commerce.store.event_rules"
local outbox = require "commerce.store.memory.outbox"
local query = require "commerce.query"
local records = require "commerce.store.memory.records"
local set = require "commerce.base.set"
local tables = require "commerce.store.memory.tables"
local time = require "commerce.base.time"

local pulls = {}

local copy = tables.copy

local function all(self)
  return self.db:table "pulls"
end

local UNDER_WAY = set.of { "Queued", "Fetching" }

-- ---------------------------------------------------------------- one pull

local FIELDS = { "id", "connection_id", "data_type", "status", "requested", "completed", "read",
  "created", "changed", "unchanged", "progress", "error_message" }

-- The fields that keep the values of the request for the pull.
local FIRST = { "connection_id", "data_type", "requested" }

function pulls.save_pull(self, given)
  local before, row = all(self):get(given.id), {}
  if before and before.completed and not given.completed then
    return true -- the progress of a run that was cancelled meanwhile
  end
  for _, name in ipairs(FIELDS) do
    row[name] = given[name]
  end
  for _, name in ipairs(before and FIRST or {}) do
    row[name] = before[name]
  end
  row.progress = row.progress or 0
  all(self):put(row.id, row)
  return true
end

function pulls.pull(self, id)
  return copy(all(self):get(id))
end

function pulls.end_killed_pulls(self, connection_id, now)
  local ended = 0
  for id, pull in all(self):each() do
    if pull.connection_id == connection_id and pull.requested > now then
      all(self):change(id, { requested = now,
        completed = pull.completed and pull.completed > now and now or pull.completed })
    end
    if pull.connection_id == connection_id and pull.status == "Fetching" then
      all(self):change(id, { status = "Cancelled", completed = now,
        error_message = "interrupted" })
      ended = ended + 1
    end
  end
  return ended
end

-- ---------------------------------------------------------------- the latest

local function latest_of(self, connection_id, status)
  local latest = {}
  for _, pull in all(self):each() do -- of one second, the one that was begun last
    if pull.connection_id == connection_id and (not status or pull.status == status) then
      local other = latest[pull.data_type]
      if not other or pull.requested >= other.requested then
        latest[pull.data_type] = pull
      end
    end
  end
  return copy(latest)
end

function pulls.latest_pulls(self, connection_id)
  return latest_of(self, connection_id)
end

function pulls.latest_complete_pulls(self, connection_id)
  return latest_of(self, connection_id, "Complete")
end

function pulls.is_complete(self, connection_id, type_name)
  for _, pull in ipairs(all(self):where("connection_id", connection_id)) do
    if pull.data_type == type_name and pull.status == "Complete" then
      return true
    end
  end
  return false
end

-- ---------------------------------------------------------------- the history

-- A pull as queries see it.
local function view_of(self, pull)
  local data_type = records.find_type(self, pull.data_type)
  return { id = pull.id, connectionId = pull.connection_id, status = pull.status,
    requested = pull.requested, completed = pull.completed, progress = pull.progress,
    errorMessage = pull.error_message, dataType = data_type and data_type.key or pull.data_type,
    row = pull }
end

local function selected(self, connection_ids, options)
  local wanted, views = set.of(connection_ids), {}
  for _, pull in all(self):each() do
    if wanted[pull.connection_id] then
      views[#views + 1] = view_of(self, pull)
    end
  end
  return query.select(views, { query = options.query, limit = options.limit,
    offset = options.offset,
    order_by = options.order_by or { field = "requested", descending = true } })
end

function pulls.pulls(self, connection_ids, options)
  local rows = {}
  for i, view in ipairs((selected(self, connection_ids, options))) do
    rows[i] = copy(view.row)
  end
  return rows
end

function pulls.count_pulls(self, connection_ids, tree)
  return (select(2, selected(self, connection_ids, { query = tree })))
end

function pulls.pull_counts(self, statuses)
  local wanted, counts = set.of(statuses), {}
  for _, pull in all(self):each() do
    if wanted[pull.status] then
      counts[pull.status] = (counts[pull.status] or 0) + 1
    end
  end
  return counts
end

-- ---------------------------------------------------------------- the queue

function pulls.waiting_pulls(self, connection_id)
  local waiting = {}
  for _, pull in ipairs(all(self):where("connection_id", connection_id)) do
    if pull.status == "Queued" then
      waiting[pull.data_type] = copy(pull)
    end
  end
  return waiting
end

local AHEAD = 3600 -- seconds: later dates were written by a clock that was ahead

-- Whether a pull has been requested since a date. Its outcome does not matter.
local function asked_since(self, wanted, now)
  local latest = time.format(time.parse(now) + AHEAD)
  for _, pull in ipairs(all(self):where("connection_id", wanted.connection_id)) do
    if pull.data_type == wanted.data_type and pull.requested >= wanted.unless_since
      and pull.requested <= latest then
      return true
    end
  end
  return false
end

-- A pull that waits already is the same request; one that is under way may have passed by what has
-- changed meanwhile, so another one waits behind it.
function pulls.queue_pulls(self, wanted, now)
  local result, waiting_of = {}, {}
  for i, each in ipairs(wanted) do
    local id, data_type = each.connection_id, each.data_type
    local waiting = waiting_of[id] or pulls.waiting_pulls(self, id)
    waiting_of[id] = waiting
    if not waiting[data_type] and not (each.unless_since and asked_since(self, each, now)) then
      waiting[data_type] = { id = each.id, connection_id = id, data_type = data_type,
        status = "Queued", requested = now, read = 0, created = 0, changed = 0, unchanged = 0,
        progress = 0 }
      all(self):put(each.id, copy(waiting[data_type]))
    end
    result[i] = waiting[data_type] and copy(waiting[data_type]) or false
  end
  return result
end

-- ---------------------------------------------------------------- counters

function pulls.add_counts(self, counts)
  local counters = self.db:table "counters"
  for name, count in pairs(counts) do
    counters:put(name, (counters:get(name) or 0) + count)
  end
  return true
end

function pulls.counts(self)
  local counts = {}
  for name, value in self.db:table("counters"):each() do
    counts[name] = value
  end
  return counts
end

-- ---------------------------------------------------------------- the end of a reading

local function is_anything_under_way(self, connection_id)
  for _, pull in ipairs(all(self):where("connection_id", connection_id)) do
    if UNDER_WAY[pull.status] then
      return true
    end
  end
  return false
end

-- The first time that everything that was asked for has been read, some of it to its end.
local function tell_first(self, connection)
  local first = not connection.first_read and not is_anything_under_way(self, connection.id)
    and event_rules.first_reads(latest_of(self, connection.id))
  if first then
    outbox.append(self, "read.completed.initial", { connection = connection, reads = first })
    self.db:table("connections"):change(connection.id, { first_read = time.now() })
  end
end

function pulls.end_reads(self, connection_id, list)
  local reads, earlier = {}, pulls.latest_complete_pulls(self, connection_id)
  for i, read in ipairs(list) do
    if read.pull then
      pulls.save_pull(self, read.pull)
    end
    reads[i] = { data_type = read.data_type, status = read.status, message = read.message,
      modified = read.modified == true }
  end
  local connection = self.db:table("connections"):get(connection_id)
  local told = connection and event_rules.reads(reads)
  if told then
    outbox.append(self, "read.completed", { connection = connection, reads = told,
      since = event_rules.read_before(earlier, told) })
    tell_first(self, connection)
  end
  return true
end

return pulls
