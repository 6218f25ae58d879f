-- Reading resources into the store: single objects and lists.
-- Called by sync; what it stands on (session, transport, store, books) are arguments.

local backfill = require "commerce.sync.backfill"
local convert = require "commerce.sync.convert"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local inbox = require "commerce.sync.inbox"
local incremental = require "commerce.sync.incremental"
local runtime = require "commerce.runtime"
local storing = require "commerce.sync.storing"
local sweep = require "commerce.sync.sweep"

local reading = {}

local PATIENCE = 0.02 -- seconds of waiting for a page that are not worth one more range
local BEHIND = 1.25 -- times as much to read in each range as all have
local EVEN_OUT = 0.25 -- seconds between two looks at which list is behind
local MOST_AT_ONCE = 20 -- requests in flight; each may bring a page of some 300 KB that waits here

-- Every function takes the run:
---@class commerce.Run
---@field connection commerce.Connection
---@field session userdata
---@field transport userdata
---@field store commerce.Store
---@field livemode boolean
---@field books table
---@field options table since, full, page_size, ranges, floor
---@field follows table<string, table> the lists that only have to be followed, with their states
---@field saved table<string, table> the states of the last run
---@field states table<string, table> the states of this run
---@field events_since integer? the newest event when the run began
---@field finished table<string, boolean> the resources that have been read to their end
---@field unfollowed table<string, boolean> those of which not every change could be read
---@field dated table<string, table<string, integer>> by resource and id: of events, unix seconds
---@field latest_event table<string, integer> by resource: the newest event, unix seconds
---@field reread table<string, boolean> those that have to be read whole the next time
---@field lease table
---@field inbox table[]? the events of webhooks that it applies
---@field mappings commerce.Mapping[] of the data types that are read
---@field joins table[] consumers with a join
---@field kept_since integer? unix seconds: since when the source objects are kept, if they are
---@field hooks commerce.Hooking? nil where there are none

-- ---------------------------------------------------------------- single objects

local function fetch(run, task)
  local known = run.connection:take_known(task.name)
  if known and not run.kept_since then
    return known
  end
  local call = task.session:request { path = task.resource.path }
  local response, message, details = runtime.await(run.transport, call)
  if not response then
    return nil, message, details
  end
  local object, reason = convert.decode(response.body, run.livemode)
  if not object then
    return errors.fail("decode", task.name .. ": " .. reason)
  end
  if run.kept_since then
    local ok
    ok, message, details = storing.write(run, { resource = task.name,
      sources = { { id = task.name, data = response.body } } })
    if not ok then
      return nil, message, details
    end
  end
  return object
end

-- Put into an object those that it is mapped `with`; false if one of them could not be read.
local function complete(object, consumers, objects)
  local whole = true
  for _, consumer in ipairs(consumers) do
    for key, name in pairs(consumer.source.with) do
      object[key] = objects[name]
      whole = whole and objects[name] ~= nil
    end
  end
  return whole
end

--- Read the resources that are one object each.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function reading.objects(run, tasks)
  local objects = {}
  for _, task in ipairs(tasks) do
    if not task.resource.list then
      local object, message, details = errors.catch(fetch, run, task)
      objects[task.name] = object
      run.finished[task.name] = object ~= nil
      if not object then
        run.books:fail_resource(task, message, details)
      end
    end
  end
  for _, task in ipairs(tasks) do
    local object = objects[task.name]
    if object and #task.consumers > 0 and complete(object, task.consumers, objects) then
      local records, gone = {}, {}
      storing.take(run, task.consumers, object, records, gone)
      local ok, message, details = storing.write(run, { resource = task.name, records = records,
        deleted = gone })
      if not ok then
        return nil, message, details
      end
    end
    if not task.resource.list then
      run.books:tell(task.name, 1)
    end
  end
  return true
end

-- ---------------------------------------------------------------- lists

-- What of a failed page concerns its resource is that resource's failure; a store that cannot be
-- written is everybody's, and ends the run, as does a hook that is to stop it.
local function is_fatal(details)
  return type(details) == "table" and (details.kind == "store" or details.fatal)
end

-- One look at one reader: true if it brought a page, false if that is still coming, nil when it is
-- done or failed, with a message if the whole run is.
local function step(run, reader)
  local task = reader.task
  local page, message, details = reader:poll()
  if page then
    local ok
    ok, message, details = errors.catch(storing.page, run, task, page, reader)
    page:close() -- now, not when the collector comes by: it sees a page's handle, not its bytes
    if ok then
      run.books:tell(task.name, reader:fraction(run.options.before or run.started))
      return true
    end
  elseif page == false then
    return false
  elseif not message then
    run.finished[task.name] = true
    run.books:tell(task.name, 1)
    return nil
  end
  if is_fatal(details) then
    return nil, message, details
  end
  run.books:fail_resource(task, message, details)
  return nil
end

-- How a list is read. One without a `created` filter can only be read from its newest object to its
-- oldest.
local function list_options(run, task)
  local follows = run.follows[task.name]
  local options = { events_since = (follows or run).events_since, at = run.started }
  for name, value in pairs(run.options) do
    options[name] = value
  end
  options.from = follows and incremental.list_start(follows)
  options.again = incremental.look_back(run.saved[task.name])
  if task.resource.created == false then
    if options.since or options.before then
      run.books:note(("%s are read whole: they cannot be asked for by the day"):format(task.name))
    end
    options.from, options.since, options.before = nil, nil, nil
    options.ranges, options.full = 1, true
  end
  return options, follows
end

local function start_readers(run, tasks)
  local readers = {}
  for _, task in ipairs(tasks) do
    if task.resource.list then
      -- only what is read gets decoded, except where a join needs the object again
      -- or a hook wants to see it
      task.projection = not task.whole and core.projection(task.paths) or nil
      local options, follows = list_options(run, task)
      local reader = backfill.start(task, run.saved[task.name], options)
      reader.state.newest = reader.state.newest or follows and follows.newest
      reader.state.mappings, reader.state.kept = task.mappings, run.kept_since
      run.states[task.name] = reader.state
      readers[#readers + 1] = reader
      if reader.whole then
        local ok, message, details = sweep.begin(run, task, reader.state)
        if not ok then
          return nil, message, details
        end
      end
    end
  end
  return readers
end

-- The run had to wait, so latency is what holds it up: where the limits leave room, the largest
-- range of any resource is halved and both halves travel at once.
local function halve_largest(run, readers)
  if run.limiter:stats().in_flight >= MOST_AT_ONCE then
    return false
  end
  local best, range, most
  for _, reader in ipairs(readers) do
    local candidate, objects = reader:largest()
    if candidate and (not most or objects > most)
      and run.limiter:room("GET " .. reader.task.resource.path) > 0 then
      best, range, most = reader, candidate, objects
    end
  end
  return best ~= nil and best:halve(range)
end

-- The limits are what holds the run up, and its requests stand in one line: a list gets on by the
-- number of its ranges. So that the lists come to their ends together, instead of the last of them
-- alone, where they cannot use what is allowed for all, the one that is behind the most gets more.
local function halve_slowest(readers)
  local rests, all, all_ranges = {}, 0, 0
  for i, reader in ipairs(readers) do
    local objects, ranges = reader:rest()
    if not objects then
      return false
    end
    rests[i], all, all_ranges = objects / ranges, all + objects, all_ranges + ranges
  end
  local slowest = 1
  for i = 2, #readers do
    slowest = rests[i] > rests[slowest] and i or slowest
  end
  local range = rests[slowest] > BEHIND * all / all_ranges and readers[slowest]:largest()
  return range and readers[slowest]:halve(range)
end

local function close_all(readers)
  for _, reader in ipairs(readers) do
    reader:close()
  end
end

-- One look at every reader; those that are done go. Gives whether any brought something; nil if the
-- run has to end.
local function step_all(run, readers)
  local moved = false
  for i = #readers, 1, -1 do
    local went, failure, why = step(run, readers[i])
    if went == nil then
      readers[i]:close()
      table.remove(readers, i)
    end
    if failure then
      return nil, failure, why
    end
    moved = moved or went ~= false
  end
  return moved
end

--- Read all lists at once: while one page is being stored, the next ones travel.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function reading.lists(run, tasks)
  local readers, message, details = start_readers(run, tasks)
  if not readers then
    return nil, message, details
  end
  local idle, waited, evened = 0, 0, core.now()
  while #readers > 0 do
    local moved
    moved, message, details = step_all(run, readers)
    local go_on = moved ~= nil
    if go_on then
      go_on, message, details = runtime.go_on()
    end
    if not go_on then
      close_all(readers)
      return nil, message, details
    end
    idle = moved and 0 or idle + 1
    if #readers > 1 and core.now() - evened > EVEN_OUT and run.limiter:room() < 1 then
      evened = core.now()
      halve_slowest(readers)
    end
    if moved or waited > PATIENCE and halve_largest(run, readers) then
      runtime.pause(run.transport) -- the lists of another sync have their turn, too
    else
      local began = core.now()
      runtime.wait(run.transport, idle)
      waited = core.now() - began
    end
  end
  return true
end

--- The run is over: the next one begins anew instead of continuing it. What was not read to its end
--- stays to be continued.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function reading.finish(run, tasks)
  local states = {}
  for _, task in ipairs(tasks) do
    if task.resource.list and run.finished[task.name] and not run.unfollowed[task.name] then
      local state = run.states[task.name]
      states[task.key] = { finished = true, newest = state.newest,
        unsettled_since = state.unsettled_since, mappings = state.mappings,
        kept = state.kept, sweep = sweep.left(run, task),
        events_since = not run.reread[task.name] and run.events_since or nil,
        applied = run.applied[task.name],
        latest_event = run.latest_event[task.name]
          or (run.follows[task.name] or {}).latest_event,
        at = run.started }
    end
  end
  local ok, message, details = run.store:write_page(run.connection.id, { states = states })
  if not ok then
    return nil, message, details
  end
  ok, message, details = sweep.finish(run, tasks)
  if not ok then
    return nil, message, details
  end
  return inbox.finish(run, function(name)
    return run.finished[name] and not run.unfollowed[name]
  end)
end

return reading
