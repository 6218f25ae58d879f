-- Mark and sweep: records that a full read did not see are marked as deleted, and their kept source
-- objects are dropped.
--
-- A sweep needs certainty: every list of the data type was read from its newest object to its
-- oldest, no object failed, and the record is old enough to have been listed. Each page stores the
-- ids that it shows, so that a run that continues a killed one has them, too. If the lists of a
-- data type end in different runs, the one that ended first goes on storing its ids until the
-- others have ended. The first read of an empty store has nothing to sweep.

local stripe = require "commerce.stripe"
local tables = require "commerce.base.tables"
local writer = require "commerce.sync.writer"

local sweep = {}

---@class commerce.sync.Sweep a full read of a list
---@field id integer
---@field began integer unix seconds

local BATCH = 200 -- records marked in one transaction
local LAG = 600 -- seconds: younger objects may not be visible in lists yet

-- ---------------------------------------------------------------- before

local function has_records(run, data_type)
  local rows = run.store:records(data_type, { connection_id = run.id, limit = 1 })
  local found = rows() ~= nil
  if found then
    rows() -- to its end, which closes it
  end
  return found
end

-- Whether anything is stored that was made of a list. A run that was cut short may have kept
-- objects of which joined records are made, but no record yet.
local function has_stored(run, task)
  for _, data_type in ipairs(task.types) do
    if has_records(run, data_type) then
      return true
    end
  end
  return task.keep ~= nil and #run.store:kept_sources(run.id, task.name, "", 1) > 0
end

--- A list is going to be read from its beginning to its end: take down what it shows, if anything
--- is stored that it might not show.
---@param run commerce.sync.Run
---@param task commerce.Task whose checkpoint is held
function sweep.begin(run, task)
  if has_stored(run, task) then
    -- by Stripe's clock, if this machine's is behind: the newest event was there already
    run.checkpoints:begin_sweep(task, math.max(run.started, run.changes:newest_event() or 0))
  end
end

-- ---------------------------------------------------------------- after

-- The sweep of a list that has been read to its end.
local function done_sweep(run, name)
  local state = run.checkpoints:held(name)
  return run:is_done(name) and state and state.sweep or nil
end

--- The sweep that sees the records of a joined type, if both of its lists were swept.
---@param run commerce.sync.Run
---@param consumer commerce.sync.Consumer
---@return commerce.sync.Sweep? sweep
function sweep.of_join(run, consumer)
  return done_sweep(run, consumer.source.join.resource)
    and done_sweep(run, consumer.source.resource)
end

-- Hand batches of ids, from a query that goes on after an id, to a function.
local function in_batches(query, write)
  local after = ""
  repeat
    local ids = query(after)
    if #ids > 0 then
      write(ids)
      after = ids[#ids]
    end
  until #ids < BATCH
end

--- Drop the kept objects that a full read did not see, before joined records are built from them.
---@param run commerce.sync.Run
---@param tasks commerce.Task[]
function sweep.sources(run, tasks)
  for _, task in ipairs(tasks) do
    local done = task.keep and done_sweep(run, task.name)
    if done then
      in_batches(function(after)
        return run.store:unseen_sources(run.id, task.name, done.id, done.began - LAG, after, BATCH)
      end, function(ids)
        writer.write(run, { resource = task.name, dropped = ids })
      end)
    end
  end
end

-- The sweeps of a data type's lists and when the first of them began; nil if a list was not swept.
local function sweeps_of(run, mapping)
  local ids, began = {}, nil
  for _, name in ipairs(stripe.resources_of(mapping)) do
    local done = done_sweep(run, name)
    if not done then
      return nil
    end
    ids[#ids + 1], began = done.id, math.min(began or done.began, done.began)
  end
  return ids, began
end

--- Mark the records that full reads did not see as deleted.
---@param run commerce.sync.Run
---@param mappings commerce.Mapping[]
function sweep.records(run, mappings)
  for _, mapping in ipairs(mappings) do
    local data_type = mapping.type
    local ids, began = sweeps_of(run, mapping)
    if ids and run.progress:is_complete(data_type.name) then
      in_batches(function(after)
        return run.store:unseen(data_type, run.id, ids, began - LAG, after, BATCH)
      end, function(unseen)
        writer.write(run, { deleted = { [data_type.name] = unseen } })
      end)
    end
  end
end

-- Whether another list of a data type is being swept that this run did not read to its end.
local function is_awaited(run, resources)
  for _, name in ipairs(resources) do
    local state = run.checkpoints:held(name)
    if state and state.sweep and not run:is_done(name) then
      return true
    end
  end
  return false
end

--- The sweep of a list that goes on after this run.
---@param run commerce.sync.Run
---@param mappings commerce.Mapping[] of the data types that are read
---@param task commerce.Task
---@return commerce.sync.Sweep? sweep for its checkpoint; nil if it is over
function sweep.left(run, mappings, task)
  local done = done_sweep(run, task.name)
  for _, mapping in ipairs(done and mappings or {}) do
    local resources = stripe.resources_of(mapping)
    if tables.has(resources, task.name) and is_awaited(run, resources) then
      return done
    end
  end
end

--- The run is over: forget what was taken down and is of no more use.
---@param run commerce.sync.Run
---@param mappings commerce.Mapping[]
---@param tasks commerce.Task[]
function sweep.finish(run, mappings, tasks)
  for _, task in ipairs(tasks) do
    if done_sweep(run, task.name) and not sweep.left(run, mappings, task) then
      run.store:end_sweep(run.id, task.key)
    end
  end
end

return sweep
