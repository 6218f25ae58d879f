-- Decides when which range of a list is divided, so that neither latency nor the other lists keep
-- the rate limits from being used.

local core = require "commerce.core"
local gap = require "commerce.sync.gap"
local jobs = require "commerce.runtime.jobs"

local balance = {}

local LATELY = 0.1 -- seconds
local PATIENCE = 0.02 -- seconds of waiting for pages, lately, that are not worth one more range
local NEARLY = 0.9 -- of the time that is left; of a list's share
local FEW = 3 -- ranges of a list whose oldest object is to be found
local EVEN_OUT = 0.1 -- seconds between two looks at which list is behind
local MOST_AT_ONCE = 20 -- requests in flight; each may bring a page of some 300 KB that waits here

-- The run had to wait, so latency is the limit: if the rate limits leave room, a range is divided,
-- and both parts are requested at once. Ranges whose oldest object is to be found go first, since
-- lists of unknown length cannot be made to end together; then the largest one.
local function halve_largest(run, lists)
  if run.limiter:stats().in_flight >= MOST_AT_ONCE then
    return false
  end
  local best, range, most, best_room, finds
  for _, list in ipairs(lists) do
    local candidate, objects, open = list:largest()
    local room = candidate and run.limiter:room("GET " .. list.task.resource.path) or 0
    if room > 0 and (not best or open and not finds or open == finds and objects > most) then
      best, range, most, best_room, finds = list, candidate, objects, room, open
    end
  end
  return best ~= nil and best:halve(range, best_room)
end

-- What is left of each list, and of all; nil while that is not known of one.
local function rests_of(lists)
  local rests, ranges, all, all_ranges = {}, {}, 0, 0
  for i, list in ipairs(lists) do
    local objects, count = list:rest()
    if not objects then
      return nil
    end
    rests[i], ranges[i], all, all_ranges = objects, count, all + objects, all_ranges + count
  end
  return rests, ranges, all, all_ranges
end

-- The part of all requests that a list may have, by the limit of its endpoint.
local function bound_of(stats, list)
  local rate = stats.endpoints["GET " .. list.task.resource.path] or stats.rate
  return math.min(rate / stats.rate, 1)
end

-- The list that would need its endpoint's limit for the longest, and the time that all lists take
-- at least, both in objects that could be read meanwhile.
local function slowest_of(lists, rests, all, stats)
  local time, slowest, longest = all, nil, 0
  for i, list in ipairs(lists) do
    local own = rests[i] / bound_of(stats, list)
    time = math.max(time, own)
    if own > longest then
      slowest, longest = i, own
    end
  end
  return slowest, longest, time
end

-- The rate limits are the limit, and the requests wait in one queue: a list advances by the number
-- of its ranges. The last list alone could not use what is allowed for all, so a list that would
-- need its endpoint's limit for nearly all of the time that is left gets more ranges, until it has
-- its share. Each range costs a request, so no other list gets any.
local function halve_slowest(run, lists)
  local rests, ranges, all, all_ranges = rests_of(lists)
  if not rests or all == 0 then
    return false
  end
  local slowest, longest, time = slowest_of(lists, rests, all, run.limiter:stats())
  if longest < NEARLY * time or ranges[slowest] / all_ranges >= NEARLY * rests[slowest] / time then
    return false
  end
  local range = lists[slowest]:largest()
  return range and lists[slowest]:halve(range)
end

-- While the rate limits are the limit, too, each list needs a few ranges to find its oldest object.
local function find_oldest(lists)
  for _, list in ipairs(lists) do
    local range, _, open = list:largest()
    local _, count = list:rest()
    if open and count < FEW then
      return list:halve(range, FEW)
    end
  end
  return false
end

local function pages_given(lists)
  local count = 0
  for _, list in ipairs(lists) do
    count = count + list.pages
  end
  return count
end

-- An account's lists begin at about the same time: a list that has been read down to its oldest
-- object tells the others how far they may reach. Objects from before Stripe existed were imported.
local function share_bottom(lists)
  for _, list in ipairs(lists) do
    local bottom = list:bottom()
    for _, other in ipairs(bottom and bottom >= gap.OLDEST and lists or {}) do
      other:expect(bottom)
    end
  end
end

-- Adds up for how long pages were waited for, lately: what is left of it fades.
local function note_wait(waits, waited)
  local now = core.now()
  if now - waits.since > LATELY then
    waits.before, waits.seconds, waits.since = waits.seconds, 0, now
  end
  waits.seconds = waits.seconds + waited
  return math.max(waits.before, waits.seconds)
end

--- Divide ranges while lists are being read, until none is left. A page that comes meanwhile shows
--- that the wait is over: each further range would only hold pages that nobody takes yet.
---@param run commerce.sync.Run
---@param lists commerce.sync.Backfill[] that are being read; one that has ended is taken off
function balance.run(run, lists)
  local evened = core.now()
  local waits = { since = evened, before = 0, seconds = 0 }
  while #lists > 0 do
    local waited = note_wait(waits, jobs.wait(run.transport))
    if #lists > 1 and core.now() - evened > EVEN_OUT and run.limiter:room() < 1 then
      evened = core.now()
      if not find_oldest(lists) then
        halve_slowest(run, lists)
      end
    end
    share_bottom(lists)
    local given = pages_given(lists)
    while waited > PATIENCE and pages_given(lists) == given and halve_largest(run, lists) do
      jobs.pause(run.transport) -- the new range is requested
    end
  end
end

return balance
