-- Lists of an account that are read by `sync.backfill` and `sync.balance`, and payouts that
-- `sync.payouts` links, under rate limits, with a clock of their own: a request takes its latency
-- and a page its work, and nothing depends on the machine. It does what the core's pagers
-- (csrc/net/walk.c), limiters (csrc/net/limiter.c) and the scheduler do as far as that decides when
-- which request is sent.

local backfill = require "commerce.sync.backfill"
local core = require "commerce.core"
local jobs = require "commerce.runtime.jobs"

local unpack = require("commerce.base.compat").unpack

local simulated = {}

-- ---------------------------------------------------------------- limits

local function new_bucket(rate)
  local burst = math.max(1, rate / 5)
  return { rate = rate, burst = burst, tokens = burst, at = 0, waiting = 0 }
end

local function refill(bucket, now)
  bucket.tokens = math.min(bucket.burst, bucket.tokens + (now - bucket.at) * bucket.rate)
  bucket.at = now
  return bucket.tokens
end

-- When a bucket has a token.
local function ready(bucket, now)
  local tokens = refill(bucket, now)
  return tokens >= 1 - 1e-9 and now or now + (1 - tokens) / bucket.rate
end

-- ---------------------------------------------------------------- pages and pagers

local page_mt = { __index = {
  created = function(self, i)
    return self[i]
  end,
  last_id = function(self)
    return self.last
  end,
  has_more = function(self)
    return self.more
  end,
} }

-- Ids are places in the list, from the newest object on.
local function answer(list, query)
  local page, at = setmetatable({ more = false }, page_mt), (query.cursor or 0) + 1
  while list[at] do
    local created = list[at]
    if created < (query.gte or -math.huge) then
      break
    elseif created < (query.lt or math.huge) and created <= (query.lte or math.huge) then
      if #page == query.limit then
        page.more = true
        break
      end
      page[#page + 1], page.last = created, at
    end
    at = at + 1
  end
  return page
end

local pager_methods = {}

local function ask(pager)
  if pager.complete then
    return
  end
  pager.loose = false
  pager.request = { pager = pager, state = "waiting" }
  pager.world:queue(pager.request)
end

local function cut(page, second)
  local count = #page
  while #page > 0 and page[#page] < second do
    page[#page] = nil
  end
  if #page < count then
    page.more = false
    return true
  end
  return false
end

local function take_in(pager, page)
  pager.request = nil
  if pager.loose then
    cut(page, pager.gte)
  end
  pager.complete = not page.more
  if #page == 0 then
    return
  end
  pager.cursor = page.last
  if pager.ready then
    pager.ahead = page
  else
    pager.ready = page
    ask(pager)
  end
end

function pager_methods:poll()
  local page = self.ready
  if not page then
    if self.complete then
      return nil
    end
    return false
  end
  self.reached = page[#page]
  self.ready, self.ahead = self.ahead, nil
  if self.ready then
    ask(self)
  end
  return page
end

function pager_methods:limit()
  return self.size
end

function pager_methods:split(second)
  local high = self.lte
  if self.ready then
    high = self.ready[1]
  elseif self.reached then
    high = self.reached
  elseif self.lt and (not high or high >= self.lt) then
    high = self.lt - 1
  end
  if self.complete or self.gte and second <= self.gte or high and second >= high then
    return false
  end
  self.gte = second
  local ends = self.ready and cut(self.ready, second)
  if self.ahead and cut(self.ahead, second) then
    ends = true
    if #self.ahead == 0 then
      self.ahead, self.ready.more = nil, false
    end
  end
  if ends then
    self.complete = true
    self.world:cancel(self.request)
    return true
  end
  self.loose = self.request ~= nil and self.request.state == "running"
  return true
end

function pager_methods:close()
  self.complete = true
  self.world:cancel(self.request)
end

-- ---------------------------------------------------------------- the world

local world_methods = {}
local world_mt = { __index = world_methods }

function world_methods:queue(request)
  self.line[#self.line + 1] = request
  request.pager.bucket.waiting = request.pager.bucket.waiting + 1
end

local function remove(list, item)
  for i, each in ipairs(list) do
    if each == item then
      table.remove(list, i)
      return true
    end
  end
  return false
end

function world_methods:cancel(request)
  if request and remove(self.line, request) then
    request.pager.bucket.waiting = request.pager.bucket.waiting - 1
  elseif request then
    remove(self.flying, request)
  end
end

-- Sends what may go; gives when more may.
function world_methods:start()
  local wake, i = math.huge, 1
  while self.line[i] do
    local request = self.line[i]
    local pager = request.pager
    local when = math.max(ready(self.all, self.now), ready(pager.bucket, self.now))
    if #self.flying >= self.concurrency then
      break
    elseif when <= self.now then
      table.remove(self.line, i)
      self.all.tokens, pager.bucket.tokens = self.all.tokens - 1, pager.bucket.tokens - 1
      pager.bucket.waiting = pager.bucket.waiting - 1
      request.state, request.due = "running", self.now + self.latency
      request.page = answer(pager.list, { cursor = pager.cursor, gte = pager.gte, lt = pager.lt,
        lte = pager.lte, limit = pager.size })
      self.flying[#self.flying + 1] = request
      self.requests = self.requests + 1
      self.sent[#self.sent + 1] = ("%.3f %s %s..%s after %s: %d"):format(self.now, pager.name,
        tostring(pager.gte), tostring(pager.lt or pager.lte), tostring(pager.cursor), #request.page)
    else
      wake, i = math.min(wake, when), i + 1
    end
  end
  return wake
end

-- Takes one answer that is here.
function world_methods:collect()
  for i, request in ipairs(self.flying) do
    if request.due <= self.now then
      table.remove(self.flying, i)
      take_in(request.pager, request.page)
      return true
    end
  end
  return false
end

-- One step without waiting, or until an answer has come.
function world_methods:step(waits)
  repeat
    local wake = self:start()
    if self:collect() then
      self:start()
      return true
    end
    for _, request in ipairs(self.flying) do
      wake = math.min(wake, request.due)
    end
    if waits and wake < math.huge then
      self.now = math.max(self.now, wake)
    end
  until not waits or wake == math.huge
  return false
end

local function limiter_of(world)
  return {
    stats = function()
      local endpoints = {}
      for name, bucket in pairs(world.buckets) do
        endpoints["GET " .. name] = bucket.rate
      end
      return { in_flight = #world.flying, rate = world.all.rate, endpoints = endpoints }
    end,
    room = function(_, endpoint)
      local room = math.min(math.floor(refill(world.all, world.now) + 1e-9),
        world.concurrency - #world.flying)
      local own = math.huge
      for name, bucket in pairs(world.buckets) do
        local tokens = math.floor(refill(bucket, world.now) + 1e-9)
        room = room - math.min(tokens, bucket.waiting)
        if endpoint == "GET " .. name then
          own = tokens - bucket.waiting
        end
      end
      return math.max(0, math.min(room, own))
    end,
    own_room = function(_, endpoint)
      local bucket = world.buckets[endpoint:match "^GET (.*)$"]
      return math.max(0, math.floor(refill(bucket, world.now) + 1e-9) - bucket.waiting)
    end,
  }
end

local function session_of(world, name, list)
  return {
    pager = function(_, options)
      local pager = setmetatable({ world = world, name = name, list = list,
        size = options.limit, gte = options.created_gte, lt = options.created_lt,
        lte = options.created_lte, cursor = options.cursor, bucket = world.buckets[name] },
        { __index = pager_methods })
      ask(pager)
      return pager
    end,
  }
end

-- Every job goes on until it waits, in turn, as the scheduler has it.
local function run_jobs(world, threads)
  local waited = 0
  while threads[1] do
    world.moved = false
    for _, thread in ipairs { unpack(threads) } do
      local ok, message = coroutine.resume(thread, waited)
      assert(ok, message)
      if coroutine.status(thread) == "dead" then
        remove(threads, thread)
        world.moved = true
      end
    end
    local began = world.now
    world:step(not world.moved)
    waited = world.moved and 0 or world.now - began
  end
end

-- A pager to its end. Gives the number of objects.
local function read_pager(world, pager, work)
  local count = 0
  while true do
    local page, message = pager:poll()
    assert(not message, message)
    if page == nil then
      return count
    elseif page then
      count = count + #page
      world.now = world.now + work * #page / 100
      jobs.pause()
    else
      jobs.wait()
    end
  end
end

-- ---------------------------------------------------------------- payouts

local PAYOUTS, TRANSACTIONS = "/v1/payouts", "/v1/balance_transactions"
local OF_PAYOUT = { 3, 2, 1 } -- a payout's transactions: one page

-- The run as `sync.payouts` sees it: there are so many payouts, which are known when their list has
-- been read.
local function linking_of(world, count, is_read, work)
  local ids = {}
  for i = 1, count do
    ids[i] = ("po_%05d"):format(i)
  end
  local run = { limiter = limiter_of(world), options = {}, types = { payouts = {},
    transactions = {} }, mappings = { resources = { balance_transactions = {
    path = TRANSACTIONS } } } }
  run.progress = { session_for = function() end, is_complete = is_read }
  run.checkpoints = { is_finished = is_read }
  run.store = { linkable_payouts = function(_, _, after, limit)
    local list = {}
    for _, id in ipairs(ids) do
      list[#list + 1] = id > after and #list < limit and not world.linked[id] and id or nil
    end
    return list
  end }
  return require "commerce.sync.payouts".new(run, function(_, _, id)
    assert(not world.linked[id], "linked twice")
    read_pager(world, session_of(world, TRANSACTIONS, OF_PAYOUT):pager { limit = 100 }, work)
    world.linked[id], world.links = true, world.links + 1
  end)
end

--- Read lists to their end.
---@param lists table<string, integer[]> by path: when each object was created, newest first
---@param options table latency, work (seconds of each page), rate, endpoint_rate, concurrency,
---  page_size, ranges, since, now, payouts (how many of the list /v1/payouts are to be linked)
---@return table read seconds, requests, objects, pages (the fewest requests), ideal (the fewest
---  seconds that limits and latency allow), sent (what was asked for, a line each), links, ended
---  (when each list had been read, by path)
function simulated.read(lists, options)
  local balance = require "commerce.sync.balance"
  local world = setmetatable({ now = 0, line = {}, flying = {}, requests = 0, sent = {},
    latency = options.latency or 0.1, concurrency = options.concurrency or 20,
    all = new_bucket(options.rate or 100), buckets = {},
    linked = {}, links = 0 }, world_mt)
  local size, pages, longest, objects, open, threads = options.page_size or 100, 0, 0, 0, {}, {}
  local names = {}
  for name in pairs(lists) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local count = math.max(1, math.ceil(#lists[name] / size))
      + (name == TRANSACTIONS and options.payouts or 0)
    pages, longest = pages + count, math.max(longest, count)
    world.buckets[name] = new_bucket(options.endpoint_rate or 25)
    open[#open + 1] = backfill.start({ resource = { path = name }, expand = {},
      session = session_of(world, name, lists[name]) }, nil, { page_size = size,
      ranges = options.ranges or 8, at = options.now, since = options.since,
      floor = options.floor })
  end
  local real_now, real_wait, real_pause, real_group = core.now, jobs.wait, jobs.pause, jobs.group
  core.now = function()
    return world.now
  end
  jobs.wait = coroutine.yield
  jobs.pause = function()
    world.moved = true
    coroutine.yield()
  end
  local work, ended, begun = options.work or 0.004, {}, 0
  local function begin(job)
    begun = begun + 1
    threads[#threads + 1] = coroutine.create(function()
      job()
      begun = begun - 1
    end)
  end
  jobs.group = function(fill)
    fill { add = function(_, job)
      begin(job)
    end }
    while begun > 0 do
      jobs.wait()
    end
  end
  for _, list in ipairs { unpack(open) } do
    threads[#threads + 1] = coroutine.create(function()
      local count = read_pager(world, list, work)
      objects = objects + count
      ended[list.task.resource.path] = world.now
      remove(open, list)
    end)
  end
  threads[#threads + 1] = coroutine.create(function()
    balance.run({ limiter = limiter_of(world) }, open)
  end)
  if options.payouts then
    threads[#threads + 1] = coroutine.create(function()
      local linking = linking_of(world, options.payouts, function()
        return ended[PAYOUTS] ~= nil
      end, work)
      linking:beside(open, begin)
      while #open > 0 or begun > 0 do
        jobs.wait()
      end
      linking:finish()
    end)
  end
  local ok, message = pcall(run_jobs, world, threads)
  core.now, jobs.wait, jobs.pause, jobs.group = real_now, real_wait, real_pause, real_group
  assert(ok, message)
  return { seconds = world.now, requests = world.requests, objects = objects, pages = pages,
    ideal = math.max(longest / (options.endpoint_rate or 25), pages / (options.rate or 100)),
    sent = world.sent, links = world.links, ended = ended }
end

return simulated
