-- Reading one list, in ranges of `created` side by side.
--
-- The checkpoint is a list of the ranges that are still to be read, newest first, each with the
-- cursor after its last stored page; it is empty when the list has been read. It starts as one
-- range that is open at its older end: even if it has a lower bound, its oldest object may lie far
-- above that. While there is room for more requests the largest range is divided, so that latency
-- is not the limit. A run that was killed is continued.

local gap = require "commerce.sync.gap"
local plan = require "commerce.sync.plan"

local backfill = {}

---@class commerce.sync.ListOptions times are unix seconds
---@field since integer? only objects created from then on
---@field before integer? only objects created before then
---@field full boolean? ignore the checkpoint
---@field page_size integer?
---@field floor integer? where to expect the oldest object
---@field ranges integer? parts of the list that are read side by side at most (1)
---@field from integer? read no further back
---@field again integer? from when on a continued list is read once more
---@field events_since integer? kept in the checkpoint
---@field at integer? now, kept in the checkpoint

---@class commerce.sync.Range a part of a list, by `created`; times are unix seconds
---@field gte integer? its lower bound
---@field lt integer? its upper bound
---@field lte integer? its upper bound in place of lt, where it goes on by time: its cursor is gone,
---  or a gap was passed
---@field open boolean? whether its oldest object may lie far above its lower bound
---@field step integer? of an open one: seconds that are cut off it next
---@field cursor string? the last object of its last stored page
---@field created integer? of that object
---@field pace number? seconds from one object to the next in that page
---@field step_below integer? seconds that were passed below a gap, which is passed in growing steps

---@class commerce.sync.Backfill what reads a list
---@field task commerce.Task
---@field state commerce.Checkpoint
---@field whole boolean whether it begins to read the whole list
---@field has_gap boolean? whether a part of the list could not be read
---@field private page_size integer?
---@field private most_ranges integer
---@field private now number unix seconds
---@field private pagers table<commerce.sync.Range, commerce.core.Pager>
---@field private turn integer the range that was polled last
---@field private pages integer

local methods = {}
local backfill_mt = { __name = "commerce.sync.backfill", __index = methods }

local function new_state(saved, options)
  return { ranges = { { gte = options.from or options.since, lt = options.before, open = true } },
    at = options.at, events_since = options.events_since,
    sweep = options.from and saved and saved.sweep or nil,
    failed = options.from and saved and saved.failed or nil },
    not (options.from or options.since or options.before)
end

-- A continued run reads one more range: objects that were created since, became visible late, or
-- had not settled when they were read.
local function look_again(ranges, from, options)
  local first = ranges[1]
  local begun = first and (first.cursor or first.lte or first.lt ~= options.before)
  from = math.max(from, options.since or 0)
  if first and not begun then -- nothing of it was read yet: it reaches up to the newest object
    first.gte = first.gte and math.min(first.gte, from)
    return
  elseif first and first.created and from >= (first.gte or 0) then
    from = math.max(from, first.created) -- older ones are in this range
  end
  table.insert(ranges, 1, { gte = from, lt = options.before })
end

local function starting_state(saved, options)
  if not saved or saved.finished or options.full then
    return new_state(saved, options)
  end
  if options.again then
    look_again(saved.ranges, options.again, options)
  end
  return { newest = saved.newest, ranges = saved.ranges, at = saved.at, sweep = saved.sweep,
    events_since = saved.events_since, unsettled_since = saved.unsettled_since,
    bottom = saved.bottom, failed = saved.failed }
end

--- Begin or continue to read a list.
---@param task commerce.Task
---@param saved commerce.Checkpoint? of an earlier run
---@param options commerce.sync.ListOptions
---@return commerce.sync.Backfill reader
function backfill.start(task, saved, options)
  local state, whole = starting_state(saved, options)
  state.floor = options.floor
  return setmetatable({
    task = task, page_size = options.page_size,
    most_ranges = options.ranges or 1,
    state = state, whole = whole,
    now = options.at or math.huge,
    pagers = {}, -- by range: what of a range lives only in this process
    turn = 0, -- the range that was polled last
    pages = 0,
  }, backfill_mt)
end

local function open_pager(self, range)
  return self.task.session:pager {
    path = self.task.resource.path, query = plan.list_query(self.task.resource, self.task.expand),
    limit = self.bearable or self.page_size,
    created_gte = range.gte, created_lt = range.lt, created_lte = range.lte,
    cursor = range.cursor,
  }
end

local function close_pager(self, range)
  if self.pagers[range] then
    self.pagers[range]:close()
    self.pagers[range] = nil
  end
end

local function finish_range(self, range)
  close_pager(self, range)
  local ranges = self.state.ranges
  if range == ranges[#ranges] and not self.state.bottom then
    self.state.bottom = range.gte or range.created or range.lt
  end
  for i, other in ipairs(ranges) do
    if other == range then
      table.remove(ranges, i)
    end
  end
end

-- How dense a list is at the end of a page, in seconds an object: by the later half of it, since
-- the first objects may lie years before the others.
local function pace_of(page)
  local count = #page
  local half = math.max(math.floor(count / 2), 1)
  local from, to = page:created(half), page:created(count)
  return from and to and math.max(from - to, 1) / math.max(count - half, 1) or nil
end

-- Objects of a test clock are created later than now; later runs go on from those that are not.
local function note_newest(self, page)
  for i = 1, #page do
    local created = page:created(i)
    if created and created <= self.now then
      self.state.newest = math.max(self.state.newest or 0, created)
      return
    end
  end
end

local function advance(self, range, page)
  local count = #page
  self.pages = self.pages + 1
  if count > 0 then
    note_newest(self, page)
    range.cursor, range.created = page:last_id(), page:created(count)
    range.step_below = nil
    range.pace = range.created and pace_of(page)
  end
  if not page:has_more() then
    finish_range(self, range)
  end
end

-- The object at which a killed run stopped may be gone by now; the range then goes on by time.
local function cursor_gone(range, details)
  return range.cursor and range.created and type(details) == "table"
    and details.code == "resource_missing" and details.param == "starting_after"
end

-- Objects behind a gap, which a full read cannot see, must not count as deleted.
local function pass_gap(self, range)
  close_pager(self, range)
  self.has_gap, self.state.sweep = true, nil
  local at, step = range.created or range.lte or range.lt or math.min(self.now, os.time()), nil
  if self.task.resource.created ~= false then
    at, step = gap.below(at, range.step_below, range.gte)
  else
    at = nil
  end
  if at then
    range.cursor, range.created, range.pace, range.lt = nil, nil, nil, nil
    range.lte, range.step_below = at, step
  else
    finish_range(self, range)
  end
end

-- Poll one range: a page, false while it is still coming, or nil with the failure.
local function poll_range(self, range)
  self.pagers[range] = self.pagers[range] or open_pager(self, range)
  local page, message, details = self.pagers[range]:poll()
  if page then
    self.bearable = self.pagers[range]:limit() -- the server may have made pages smaller
    advance(self, range, page)
    return page
  elseif page == false then
    return false
  elseif not message then
    finish_range(self, range)
    return false
  elseif cursor_gone(range, details) then
    close_pager(self, range)
    range.cursor, range.lt, range.lte = nil, nil, range.created
    return false
  elseif gap.is(details) then
    pass_gap(self, range)
    return false
  end
  self:close()
  return nil, message, details
end

--- The next page of any range. After it, `reader.state` is the checkpoint to write with that page.
---@return commerce.core.Page|false|nil page false while none is here, nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function methods:poll()
  local ranges = self.state.ranges
  for _ = 1, #ranges do
    self.turn = self.turn % math.max(#ranges, 1) + 1
    local page, message, details = poll_range(self, ranges[self.turn])
    if page ~= false then
      return page, message, details
    elseif #ranges == 0 then
      break
    end
  end
  if #ranges > 0 then
    return false
  end
  return nil
end

-- ---------------------------------------------------------------- dividing

-- Pages: each part ends with a page that is not full, so a small range is better read as it is.
local WORTH_HALVING = 3
local PAGE = 100 -- objects, unless something else is asked for
-- Where the oldest object lies is found out by going back in growing steps: `account.created` is
-- the day on which an account was connected, and its objects may be of any time. A step is measured
-- in pages at first; the steps grow, so that a long history takes few of them.
local FIRST_STEP, GROWTH = 4, 3
local FIRST_REACH = 32 -- pages: the first step in a range with a lower bound
local LOOKS_LONG = 10 -- pages

local function is_open(range)
  return range.open or not range.gte
end

-- Objects of a page. A continued range may be divided before its first page has come.
local function size_of(self)
  return self.bearable or self.page_size or PAGE
end

-- The seconds from the end of an open range's last page down to where the oldest object is expected
-- beforehand; 0 if that is not known, or is not below. It is a guess: objects may lie below it, and
-- there may be none for years above it.
local function expected_span(self, range)
  local floor = is_open(range) and self.state.floor
  return floor and math.max(range.created - floor, 0) or 0
end

-- A range is cut this many seconds below its last object, unless half of it is less. One with a
-- lower bound may be as dense as the end of its page for a week and empty for years.
local function step_of(self, range)
  local span = expected_span(self, range)
  local pages = is_open(range) and FIRST_STEP or FIRST_REACH
  return span > 0 and math.ceil(span / 2) or math.max(range.step or 0,
    math.ceil(pages * size_of(self) * range.pace))
end

-- The rest of a range: from the end of its last page down to its lower bound, or to where the
-- oldest object is expected. Otherwise as much is expected as the list is known to span so far.
local function left_of(self, range)
  local lower = range.gte or 0
  if is_open(range) then
    local known, span = (self.state.newest or range.created) - range.created,
      expected_span(self, range)
    lower = math.max(lower, range.created
      - (span > 0 and span or math.max(2 * step_of(self, range), known)))
  end
  return range.created - lower
end

-- Objects still expected in a range, if the rest is as dense as the end of its last page.
local function expected(self, range)
  return left_of(self, range) / range.pace
end

--- How many objects are still to be read, and in how many ranges.
---@return number? objects expected; nil while nothing has been read of a range
---@return integer ranges
function methods:rest()
  local objects, ranges = 0, self.state.ranges
  for _, range in ipairs(ranges) do
    if not range.pace then
      return nil, #ranges
    end
    objects = objects + expected(self, range)
  end
  return objects, #ranges
end

-- Where a range is divided. Nothing is older than the first second of 1970.
local function cut_of(self, range)
  local lower = range.gte or 0
  return math.max(range.created - step_of(self, range),
    math.floor(lower + (range.created - lower) / 2))
end

-- Whether dividing a range may be worth a request. Most lists end with their second page, which is
-- on its way with the first one, so an open range must look long before that page has come.
local function divisible(self, range)
  return self.pagers[range] and range.pace and (not is_open(range) or self.pages > 1
    or expected_span(self, range) / range.pace > LOOKS_LONG * size_of(self))
    and left_of(self, range) >= 2 and cut_of(self, range) > 0
end

--- The range with the most objects expected, if dividing it is worth a request.
---@return commerce.sync.Range? range
---@return number objects expected in it; 0 without such a range
---@return boolean open whether nothing tells where its oldest object lies
function methods:largest()
  local largest, most = nil, WORTH_HALVING * size_of(self)
  if #self.state.ranges >= self.most_ranges then
    return nil, 0, false
  end
  for _, range in ipairs(self.state.ranges) do
    local objects = divisible(self, range) and expected(self, range) or 0
    if objects > most then
      largest, most = range, objects
    end
  end
  return largest, largest and most or 0,
    largest ~= nil and is_open(largest) and expected_span(self, largest) == 0
end

-- Cuts the next step off the open range below another one, before anything of it has been read: the
-- two are asked for at once, so that the oldest object is found in half as many steps.
local function step_further(self, range)
  local ranges = self.state.ranges
  local last = ranges[#ranges]
  local cut = last.lt and last.step and last.lt - last.step
  if not is_open(last) or last == range or not cut or #ranges >= self.most_ranges
    or cut <= math.max(last.gte or 0, self.state.floor or 0) then
    return
  end
  ranges[#ranges + 1] = { gte = last.gte, lt = cut, open = last.open, step = GROWTH * last.step }
  last.gte, last.step, last.open = cut, nil, nil
end

--- Divide a range in `created`: it keeps its newer part, a new range gets the older one. One with a
--- lower bound is halved; of an open one, which stays open, one or two steps are cut off. Ranges
--- are half-open and cut at whole seconds, so that no object is in both.
---@param range commerce.sync.Range from `largest`
---@param room integer? how many requests may be sent now (1)
---@return boolean divided
function methods:halve(range, room)
  local cut, was_open = cut_of(self, range), is_open(range)
  if not self.pagers[range]:split(cut) then
    return false
  end
  for i, other in ipairs(self.state.ranges) do
    if other == range then
      table.insert(self.state.ranges, i + 1, { gte = range.gte, lt = cut, open = range.open,
        step = GROWTH * step_of(self, range) })
    end
  end
  range.gte, range.step, range.open = cut, nil, nil
  if was_open and (room or 1) > 1 then
    step_further(self, range)
  end
  return true
end

--- Expect the oldest object no later than there, since another list of the account has one there.
---@param created integer unix seconds
function methods:expect(created)
  self.state.floor = math.min(self.state.floor or created, created)
end

--- Where the oldest object of the list lies, as far as that has been found out.
---@return integer? created unix seconds
function methods:bottom()
  return self.state.bottom
end

--- How much of a list has been read, by time: the part of its span that is in none of its ranges.
---@param state commerce.Checkpoint a checkpoint
---@param now integer? unix seconds: the span goes from there back to the oldest object, as far as
---  that is known (default: when the run began)
---@return number? fraction 0 to 1; nil if the span is not known
function backfill.fraction(state, now)
  now = now or state.at or 0
  local last = state.ranges[#state.ranges]
  local bottom = state.bottom or last and last.gte or state.floor
  if not bottom or last and not last.gte and bottom >= (last.created or now) then
    return nil
  end
  local span, left = now - bottom, 0
  for _, range in ipairs(state.ranges) do
    local top = range.created or range.lt or range.lte or now
    left = left + math.max(0, top - (range.gte or bottom))
  end
  return span > 0 and math.max(0, math.min(0.99, 1 - left / span)) or nil
end

--- How much of this list has been read.
---@param now integer unix seconds
---@return number? fraction
function methods:fraction(now)
  return backfill.fraction(self.state, now)
end

--- Remember an object that has to be read again the next time.
---@param created integer
function methods:unsettled(created)
  self.state.unsettled_since = math.min(self.state.unsettled_since or created, created)
end

--- Abort the requests in flight.
function methods:close()
  for range in pairs(self.pagers) do
    close_pager(self, range)
  end
end

return backfill
