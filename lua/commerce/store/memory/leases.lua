-- Leases: which worker works on a connection, and which connection comes next; shares of limits.

local errors = require "commerce.base.errors"
local fence = require "commerce.store.fence"
local set = require "commerce.base.set"
local tables = require "commerce.store.memory.tables"

local leases = {}

local copy = tables.copy

local UNDER_WAY = set.of { "Queued", "Fetching" }

local function pulls(self)
  return self.db:table "pulls"
end

local function all(self)
  return self.db:table "leases"
end

-- An end that is much further away than the lease is long was written by a clock that was ahead.
local function is_over(lease, now)
  return lease.expires <= now or lease.expires > now + 2 * lease.seconds
end

-- ---------------------------------------------------------------- one lease

function leases.lease(self, connection_id, worker, now, seconds)
  now = now or os.time()
  local held = all(self):get(connection_id)
  local same = held ~= nil and held.worker == worker
  if held and not same and not is_over(held, now) then
    return false
  end
  all(self):put(connection_id, { connection_id = connection_id, worker = worker,
    taken = same and held.taken or now, expires = now + seconds, seconds = seconds })
  return true
end

local function has_lease(self, connection_id, worker)
  local held = all(self):get(connection_id)
  return held ~= nil and held.worker == worker
end

function leases.renew_lease(self, connection_id, worker, now, seconds)
  if not has_lease(self, connection_id, worker) then
    return false
  end
  seconds = seconds or all(self):get(connection_id).seconds
  all(self):change(connection_id, { expires = (now or os.time()) + seconds, seconds = seconds })
  return true
end

function leases.under_lease(self, lease, method, ...)
  if not leases.renew_lease(self, lease.connection_id, lease.worker) then
    fence.refuse(lease.connection_id)
  end
  return errors.must(self[method](self, ...))
end

function leases.release(self, connection_id, worker)
  return has_lease(self, connection_id, worker) and all(self):remove(connection_id)
end

function leases.expire_lease(self, connection_id, worker)
  local held = has_lease(self, connection_id, worker)
  if held then
    all(self):change(connection_id, { expires = 0 })
  end
  return held
end

function leases.leases(self, now)
  local workers = {}
  for connection_id, lease in all(self):each() do
    workers[connection_id] = not is_over(lease, now or os.time()) and lease.worker or nil
  end
  return workers
end

-- ---------------------------------------------------------------- the next connection

-- How many workers are busy with each company.
local function busy_with(self, now)
  local counts = {}
  for _, lease in all(self):each() do
    local connection = self.db:table("connections"):get(lease.connection_id)
    if connection and not is_over(lease, now) then
      counts[connection.company_id] = (counts[connection.company_id] or 0) + 1
    end
  end
  return counts
end

-- Connections with something to do that no worker has, by id: the places of their oldest pulls.
local function free_connections(self, now)
  local found, places = {}, pulls(self).places
  for _, pull in pulls(self):each() do
    local lease = all(self):get(pull.connection_id)
    if (pull.status == "Queued" or pull.status == "Fetching" and lease)
      and (not lease or is_over(lease, now)) then
      local known = found[pull.connection_id]
      if not known or pull.requested < known.requested then
        found[pull.connection_id] = { requested = pull.requested, place = places[pull.id] }
      end
    end
  end
  return found
end

-- One whose data has never been read comes first; then one of a company that few workers are busy
-- with, and whose turn was long ago; then the one with the pull that has waited longest.
local function rank(self, id, oldest, busy)
  local connection = self.db:table("connections"):get(id)
  local turn = self.db:table("company_turns"):get(connection.company_id)
  return { connection.first_read and 1 or 0, busy[connection.company_id] or 0,
    turn and turn.at or 0, oldest.requested, oldest.place }
end

local function is_before(a, b)
  for i = 1, #a do
    if a[i] ~= b[i] then
      return a[i] < b[i]
    end
  end
  return false
end

local function next_connection(self, now)
  local busy, best, first = busy_with(self, now), nil, nil
  for id, oldest in pairs(free_connections(self, now)) do
    local ranked = rank(self, id, oldest, busy)
    if not best or is_before(ranked, best) then
      best, first = ranked, id
    end
  end
  return first
end

-- The pulls of a connection that are not over, newest first.
local function under_way(self, connection_id)
  local list = pulls(self):list(function(pull)
    return pull.connection_id == connection_id and UNDER_WAY[pull.status]
  end)
  local places = pulls(self).places
  table.sort(list, function(a, b)
    if a.requested ~= b.requested then
      return a.requested > b.requested
    end
    return places[a.id] > places[b.id]
  end)
  return list
end

function leases.take_pulls(self, worker, now, seconds)
  now = now or os.time()
  local connection_id = next_connection(self, now)
  if not connection_id then
    return nil
  end
  leases.lease(self, connection_id, worker, now, seconds)
  local company_id = self.db:table("connections"):get(connection_id).company_id
  self.db:table("company_turns"):put(company_id, { company_id = company_id, at = now })
  local taken, seen = {}, {}
  for _, pull in ipairs(under_way(self, connection_id)) do
    if seen[pull.data_type] then -- left by a dead worker, and asked for again: once is enough
      pulls(self):change(pull.id, { status = "Cancelled", completed = pull.requested,
        error_message = "interrupted" })
    else
      seen[pull.data_type] = true
      taken[#taken + 1] = copy(pull)
    end
  end
  return { connection_id = connection_id, pulls = taken }
end

-- ---------------------------------------------------------------- for people who watch

function leases.queue_state(self, now)
  now = now or os.time()
  local state, seen = { pulls = 0, connections = 0, first_links = 0, leases = {} }, {}
  for _, pull in pulls(self):each() do
    if pull.status == "Queued" then
      local connection = self.db:table("connections"):get(pull.connection_id)
      state.pulls = state.pulls + 1
      if not seen[connection.id] then
        seen[connection.id] = true
        state.connections = state.connections + 1
        state.first_links = state.first_links + (connection.first_read and 0 or 1)
      end
      state.oldest = (not state.oldest or pull.requested < state.oldest) and pull.requested
        or state.oldest
    end
  end
  for _, lease in all(self):each() do
    table.insert(state.leases, { connection_id = lease.connection_id, worker = lease.worker,
      company_id = self.db:table("connections"):get(lease.connection_id).company_id,
      held = now - lease.taken, remaining = lease.expires - now })
  end
  table.sort(state.leases, function(a, b)
    return is_before({ -a.held, a.connection_id }, { -b.held, b.connection_id })
  end)
  return state
end

-- ---------------------------------------------------------------- shares of limits

local LEAST = 0.001 -- a smaller share counts as zero: sums of fractions are not exact

function leases.share(self, name, holder, seconds, now)
  now = now or os.time()
  local shares, given, others = self.db:table("rate_shares", "", name), 0, {}
  for other, row in shares:each() do
    if is_over(row, now) then
      shares:remove(other)
    elseif other ~= holder then
      given, others[#others + 1] = given + row.share, other
    end
  end
  local share = math.min(1 / (#others + 1), 1 - given)
  share = share < LEAST and 0 or share
  shares:put(holder, { share = share, expires = now + seconds, seconds = seconds })
  return { share = share, others = others }
end

function leases.drop_share(self, name, holder)
  return self.db:table("rate_shares", "", name):remove(holder)
end

return leases
