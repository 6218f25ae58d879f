-- Writes a page in one transaction, or, among the requests of an OpenResty worker, in several short
-- ones with the requests' turn between them: a page of 100 objects takes SQLite several
-- milliseconds. A transaction is never open while others have their turn: a request that writes
-- would wait for its end, and keep the worker from coming to it.
--
-- The checkpoint is written with the last portion: a kill in between repeats the page, and the
-- records that were written are unchanged then.

local jobs = require "commerce.runtime.jobs"

local portions = {}

local LONG = 0.001 -- seconds of CPU that a transaction should take
local FIRST, LEAST, MOST = 40, 25, 200 -- units of one transaction: about so many rows
local SHRINKS, GROWS = 0.25, 1.5 -- times as large as the last one, at the least and at the most

---@class commerce.sync.Portions
---@field private size number units of the next transaction
local methods = {}
local portions_mt = { __name = "commerce.sync.portions", __index = methods }

--- Make a writer of pages, which learns how much a short transaction can take.
---@return commerce.sync.Portions
function portions.new()
  return setmetatable({ size = FIRST }, portions_mt)
end

local SEEN = 0.1 -- units: all ids of a list are one statement

-- What a page consists of: { list, type (nil for a list without types), value, units }.
local function parts_of(page)
  local parts = {}
  local function add(list, name, values, units)
    for _, value in ipairs(values or {}) do
      parts[#parts + 1] = { list, name, value, units }
    end
  end
  for name, records in pairs(page.records or {}) do
    add("records", name, records, 1)
  end
  add("sources", nil, page.sources, 1)
  for name, ids in pairs(page.deleted or {}) do
    add("deleted", name, ids, 1)
  end
  add("dropped", nil, page.dropped, 1)
  for name, ids in pairs(page.seen or {}) do
    add("seen", name, ids, SEEN)
  end
  return parts
end

local function put(portion, part)
  local list, name = part[1], part[2]
  local values = portion[list] or {}
  portion[list] = values
  if name then
    values[name] = values[name] or {}
    values = values[name]
  end
  values[#values + 1] = part[3]
end

-- A page of the parts from one on, as many as a short transaction can take; the part after them.
local function portion_from(page, parts, at, size)
  local portion, units = { resource = page.resource, remade = page.remade, sweep = page.sweep }, 0
  while parts[at] and units < size do
    put(portion, parts[at])
    units, at = units + parts[at][4], at + 1
  end
  if not parts[at] then
    portion.states, portion.payout_links = page.states, page.payout_links
  end
  return portion, at, units
end

local function add_counts(all, counts)
  for name, count in pairs(counts) do
    all[name] = all[name] or {}
    for kind, number in pairs(count) do
      all[name][kind] = (all[name][kind] or 0) + number
    end
  end
end

-- How many units the next transaction has, if the last one took so long with its units. A part of a
-- page says nothing of a larger one than itself.
local function learn(self, units, seconds)
  local times = math.min(math.max(LONG / math.max(seconds, 1e-6), SHRINKS), GROWS)
  if units > 0 and (units >= self.size or times < 1) then
    self.size = math.min(math.max(math.min(units, self.size) * times, LEAST), MOST)
  end
end

--- Write a page, as the store's `write_page` does.
---@param store commerce.Store
---@param connection_id string
---@param page commerce.Page
---@param now string
---@param whole boolean? in one transaction in any case
---@return table<string, commerce.Counts> counts by data type
---@return commerce.PageChange[] done
function methods:write(store, connection_id, page, now, whole)
  if whole or not jobs.is_among_requests() then
    return store:write_page(connection_id, page, now)
  end
  local parts, at, counts, done = parts_of(page), 1, {}, {}
  repeat
    jobs.breathe(LONG)
    local portion, units
    portion, at, units = portion_from(page, parts, at, self.size)
    local began = os.clock() -- CPU: fewer rows do not shorten the wait for a disk
    local some, changes = store:write_page(connection_id, portion, now)
    learn(self, units, os.clock() - began)
    add_counts(counts, some)
    for _, change in ipairs(changes) do
      done[#done + 1] = change
    end
  until not parts[at]
  return counts, done
end

return portions
