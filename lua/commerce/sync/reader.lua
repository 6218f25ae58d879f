-- Reading resources into the store: single objects, lists, and joined objects, which are put
-- together from kept ones.

local backfill = require "commerce.sync.backfill"
local balance = require "commerce.sync.balance"
local errors = require "commerce.base.errors"
local gap = require "commerce.sync.gap"
local jobs = require "commerce.runtime.jobs"
local source = require "commerce.sync.source"
local stripe = require "commerce.stripe"
local sweep = require "commerce.sync.sweep"
local writer = require "commerce.sync.writer"

local unpack = require("commerce.base.compat").unpack

local reader = {}

-- ---------------------------------------------------------------- single objects

local function note_refusal(run, task, refusal)
  for _, consumer in ipairs(task.consumers) do
    run.progress:note(("%s: made without the account, which the app may not read: %s"):format(
      consumer.type, stripe.lacking(refusal.message, task.resource.permission, run.auth)))
  end
end

local function fetch(run, task)
  local known = run.take_known(task.name)
  if known and not run.checkpoints:keeps_sources() then
    return known
  end
  local object, text, refusal = source.single(run, task)
  if refusal then
    note_refusal(run, task, refusal)
  end
  if run.checkpoints:keeps_sources() then
    writer.write(run, { resource = task.name, sources = { { id = task.name, data = text } } })
  end
  return object
end

-- A failure of a page is that of its resource. A store that cannot be written concerns all
-- resources, and ends the run, as does a hook that is to stop it.
local function fail(run, task, message, failure)
  if failure and (failure.kind == "store" or failure.fatal) then
    errors.rethrow(failure)
  elseif failure.kind == "mapping" and #task.consumers > 0 then
    return run.progress:fail_object(task, message)
  end
  run.progress:fail_resource(task, message, failure)
end

local function fetch_all(run, tasks)
  local objects = {}
  for _, task in ipairs(tasks) do
    local object, message, failure = errors.catch(fetch, run, task)
    objects[task.name] = object
    if object then
      run.checkpoints:finish(task.name)
    else
      fail(run, task, message, failure)
    end
  end
  return objects
end

--- Read the resources that are one object each.
---@param run commerce.sync.Run
---@param tasks commerce.Task[] all of the run
function reader.objects(run, tasks)
  local singles = {}
  for _, task in ipairs(tasks) do
    singles[#singles + 1] = not task.resource.list and task or nil
  end
  local objects = fetch_all(run, singles)
  for _, task in ipairs(singles) do
    local object = objects[task.name]
    if object and #task.consumers > 0
      and source.join_singles(task.consumers, object, function(name)
        return objects[name]
      end) then
      local page = { resource = task.name, records = {}, deleted = {} }
      writer.map(run, task.consumers, object, page)
      writer.write(run, page)
    end
    run.progress:advance(task.name, 1)
  end
end

-- ---------------------------------------------------------------- joined objects

local function build_join(run, consumer)
  local name = consumer.source.resource
  for read in source.joined(run, consumer) do
    local page = { resource = name, records = {}, deleted = {},
      sweep = sweep.of_join(run, consumer) }
    for object in read:each(function(message)
      run.progress:count_read(consumer.type, message)
    end) do
      writer.map(run, { consumer }, object, page)
    end
    writer.joined_page(run, page)
    run.progress:advance(name)
  end
end

local function are_read(run, consumer)
  local made_of = consumer.source
  return run.checkpoints:is_finished(made_of.resource)
    and run.checkpoints:is_finished(made_of.join.resource)
end

--- Build the records of joined types from the kept objects, if both lists have been read.
---@param run commerce.sync.Run
---@param consumers commerce.sync.Consumer[] with a join
function reader.joins(run, consumers)
  for _, consumer in ipairs(consumers) do
    if are_read(run, consumer) then
      build_join(run, consumer)
    end
  end
end

-- The tasks of a joined type's two lists.
local function tasks_of(tasks, consumer)
  local list, made_of = {}, consumer.source
  for _, task in ipairs(tasks) do
    if task.name == made_of.resource or task.name == made_of.join.resource then
      list[#list + 1] = task
    end
  end
  return list
end

-- Build the joined types whose two lists have ended, while other lists are being read. One whose
-- objects have changes that are still to be fetched waits for them.
local function build_ready(run, tasks, joins, changed)
  for i = #joins, 1, -1 do
    local consumer = joins[i]
    if are_read(run, consumer) and not changed[consumer.source.resource]
      and not changed[consumer.source.join.resource] then
      table.remove(joins, i)
      sweep.sources(run, tasks_of(tasks, consumer))
      build_join(run, consumer)
    end
  end
end

-- ---------------------------------------------------------------- lists

local function read_pages(run, list)
  local task = list.task
  for page in source.pages(run, task, list) do
    writer.list_page(run, task, page, list)
    run.progress:advance(task.name, list:fraction(run.options.before or run.started))
    jobs.pause(run.transport) -- the other lists, and other syncs, have their turn
  end
  if list.has_gap then
    run.progress:note(gap.note(task.name))
  end
  run.checkpoints:finish(task.name)
  run.progress:advance(task.name, 1)
end

local function read_list(run, list, lists)
  local _, message, failure = errors.catch(read_pages, run, list)
  list:close()
  for i = #lists, 1, -1 do
    if lists[i] == list then
      table.remove(lists, i)
    end
  end
  if message then
    fail(run, list.task, message, failure)
  end
end

-- How a list is read. A list without a `created` filter can only be read from its newest object to
-- its oldest.
local function list_options(run, task)
  local wanted = run.options
  local options = { since = wanted.since, before = wanted.before, full = wanted.full,
    page_size = wanted.page_size, ranges = wanted.ranges, floor = run.floor, at = run.started,
    events_since = run.changes:events_since(task.name),
    from = run.changes:list_start(task.name), again = run.changes:lookback_start(task.name) }
  if task.resource.created == false then
    if options.since or options.before then
      run.progress:note(("%s are read whole: Stripe cannot list them by date"):format(
        task.name))
    end
    options.from, options.since, options.before = nil, nil, nil
    options.ranges, options.full = 1, true
  end
  return options
end

local function start_list(run, task)
  local list = backfill.start(task, run.checkpoints:saved(task.name), list_options(run, task))
  list.state.newest = list.state.newest or run.changes:newest_object(task.name)
  run.checkpoints:hold(task, list.state)
  if list.whole then
    sweep.begin(run, task)
  end
  return list
end

--- Read all lists at once: while one page is being stored, the next ones travel. Joined types are
--- built as soon as their two lists have ended, and payouts linked as the limits allow.
---@param run commerce.sync.Run
---@param tasks commerce.Task[] all of the run
---@param joins commerce.sync.Consumer[] with a join
---@param changes commerce.sync.Change[] that are fetched when the lists have been read
---@param linking commerce.sync.Linking
---@return commerce.sync.Consumer[] left the joined types that are still to be built
function reader.lists(run, tasks, joins, changes, linking)
  local lists, left, changed = {}, { unpack(joins) }, {}
  for _, change in ipairs(changes) do
    changed[change.resource] = true
  end
  for _, task in ipairs(tasks) do
    lists[#lists + 1] = task.resource.list and start_list(run, task) or nil
  end
  errors.finally(function()
    jobs.group(function(group)
      for _, list in ipairs(lists) do
        group:add(function()
          read_list(run, list, lists)
          build_ready(run, tasks, left, changed)
        end)
      end
      group:add(function()
        balance.run(run, lists)
      end)
      group:add(function()
        linking:beside(lists, function(work)
          group:add(work)
        end)
      end)
    end)
  end, function()
    for _, list in ipairs(lists) do
      list:close()
    end
  end)
  return left
end

return reader
