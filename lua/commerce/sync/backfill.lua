-- Reading one list resource page by page, so that it can go on where it was killed.
-- Called by sync; requires nothing: the session is an argument.
--
-- The checkpoint is a list of ranges of `created` still to be read, newest first, each with the
-- cursor after its last stored page; none are left when the resource has been read. A run that was
-- killed is continued: first what came in since it began, then what it had left.

local backfill = {}

local methods = {}
local backfill_mt = { __name = "commerce.sync.backfill", __index = methods }

-- What the pages are read for. A killed run is continued only by one that asks for the same: a data
-- type that was not asked for then must see the pages that were stored without it.
local function purpose(task, options)
  local parts = { "since=" .. tostring(options.since or "") }
  for _, path in ipairs(task.expand) do
    parts[#parts + 1] = "expand=" .. path
  end
  for _, consumer in ipairs(task.consumers) do
    parts[#parts + 1] = consumer.type
  end
  return table.concat(parts, " ")
end

local function resumable(saved, options, wanted)
  return saved and not saved.finished and not options.full and saved.purpose == wanted
end

local function starting_state(saved, options, wanted)
  if not resumable(saved, options, wanted) then
    return { purpose = wanted, ranges = { { gte = options.since } } }
  end
  local ranges = saved.ranges
  if saved.newest and (#ranges == 0 or ranges[1].cursor or ranges[1].lte) then
    table.insert(ranges, 1, { gte = saved.newest })
  end
  return { purpose = wanted, newest = saved.newest, ranges = ranges }
end

--- Begin, or continue, the reading of a resource.
---@param session userdata a `commerce.core` session
---@param task commerce.Task
---@param saved table? the checkpoint of an earlier run
---@param options table since (unix seconds), full (ignore the checkpoint), page_size
---@return table reader
function backfill.start(session, task, saved, options)
  return setmetatable({
    session = session, task = task, page_size = options.page_size,
    state = starting_state(saved, options, purpose(task, options)),
  }, backfill_mt)
end

local function open_pager(self, range)
  local query = {}
  for _, path in ipairs(self.task.expand) do
    query[#query + 1] = { "expand[]", path }
  end
  return self.session:pager {
    path = self.task.resource.path, query = query, limit = self.page_size,
    created_gte = range.gte, created_lte = range.lte, cursor = range.cursor,
  }
end

local function close_pager(self)
  if self.pager then
    self.pager:close()
    self.pager = nil
  end
end

local function finish_range(self)
  close_pager(self)
  table.remove(self.state.ranges, 1)
end

local function advance(self, range, page)
  local state, count = self.state, #page
  if count > 0 then
    state.newest = math.max(state.newest or 0, page:created(1) or 0)
    range.cursor, range.created = page:last_id(), page:created(count)
  end
  if not page:has_more() then
    finish_range(self)
  end
end

-- The object a killed run stopped at may be gone by now; the range is then entered by time.
local function cursor_gone(range, details)
  return range.cursor and range.created and type(details) == "table"
    and details.code == "resource_missing" and details.param == "starting_after"
end

--- The next page. After it, `reader.state` is the checkpoint to write with that page.
---@return userdata|false|nil page false while it is still coming, nil at the end or on failure
---@return string? message
---@return commerce.Details? details
function methods:poll()
  local range = self.state.ranges[1]
  if not range then
    return nil
  end
  self.pager = self.pager or open_pager(self, range)
  local page, message, details = self.pager:poll()
  if page then
    advance(self, range, page)
    return page
  elseif page == false then
    return false
  elseif not message then
    finish_range(self)
    return false
  elseif cursor_gone(range, details) then
    close_pager(self)
    range.cursor, range.lte = nil, range.created
    return false
  end
  close_pager(self)
  return nil, message, details
end

--- Let go of what is in flight.
function methods:close()
  close_pager(self)
end

return backfill
