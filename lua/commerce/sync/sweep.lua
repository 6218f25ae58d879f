-- What a full read did not see is no more: records are marked as deleted, kept sources dropped.
-- Called by sync.
--
-- It is told only where it is sure: every list that a data type comes from was read from its newest
-- object to its oldest, no object failed on the way, and the record is old enough to have been
-- listed. What a list shows is taken down with each page, so that a run that was killed and
-- continued knows it, too. Where the lists of a data type end in different runs, the one that ended
-- first goes on taking down what it shows until the others have. The first read of an empty store
-- has nothing to sweep.

local storing = require "commerce.sync.storing"

local sweep = {}

local BATCH = 200 -- records marked in one transaction
local LAG = 600 -- seconds: younger objects may not be visible in lists yet

-- ---------------------------------------------------------------- before

local function has_records(run, data_type)
  local rows, message, details = run.store:records(data_type,
    { connection_id = run.connection.id, limit = 1 })
  if not rows then
    return nil, message, details
  end
  local found = rows() ~= nil
  return found and (rows() or true)
end

-- The data types that a resource's objects end up in.
local function types_of(run, task)
  local types = {}
  for _, consumer in ipairs(task.consumers) do
    types[#types + 1] = consumer.data_type
  end
  for _, consumer in ipairs(run.joins) do
    if consumer.source.resource == task.name or consumer.source.join.resource == task.name then
      types[#types + 1] = consumer.data_type
    end
  end
  return types
end

--- A list is going to be read from its beginning to its end: take down what it shows, if there is
--- anything stored that it might not show.
---@param run commerce.Run
---@param task commerce.Task
---@param state table its checkpoint: gets `sweep` { id, began = unix seconds }
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.begin(run, task, state)
  for _, data_type in ipairs(types_of(run, task)) do
    local found, message, details = has_records(run, data_type)
    if message then
      return nil, message, details
    elseif found then
      -- by the source's clock, if this machine's is behind: the newest event was there already
      state.sweep = { began = math.max(run.started, run.events_since or 0) }
      return run.store:begin_sweep(run.connection.id, task.key, state)
    end
  end
  return true
end

-- ---------------------------------------------------------------- after

local function is_done(run, name)
  return run.finished[name] and not run.unfollowed[name]
end

-- The sweep of a list that has been read to its end.
local function done_sweep(run, name)
  local state = run.states[name]
  return is_done(run, name) and state and state.sweep or nil
end

--- Where both lists of a joined type were swept, its records are all there are.
---@param run commerce.Run
---@param consumer table
---@return table? sweep that sees them
function sweep.of_join(run, consumer)
  return done_sweep(run, consumer.source.join.resource)
    and done_sweep(run, consumer.source.resource)
end

-- Hand batches of ids, from a query that goes on after an id, to a writer.
local function in_batches(query, write)
  local after = ""
  repeat
    local ids, message, details = query(after)
    if not ids then
      return nil, message, details
    elseif #ids > 0 then
      local ok, reason, why = write(ids)
      if not ok then
        return nil, reason, why
      end
      after = ids[#ids]
    end
  until #ids < BATCH
  return true
end

--- Drop the kept sources that a full read did not see, before joined records are built from them.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.sources(run, tasks)
  for _, task in ipairs(tasks) do
    local done = task.keep and done_sweep(run, task.name)
    if done then
      local ok, message, details = in_batches(function(after)
        return run.store:unseen_sources(run.connection.id, task.name, done.id, done.began - LAG,
          after, BATCH)
      end, function(ids)
        return storing.write(run, { resource = task.name, dropped = ids })
      end)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

-- The sweeps of a data type's lists and when the first one began; nil if one was not swept.
local function sweeps_of(run, mapping)
  local ids, began = {}, nil
  for _, name in ipairs(run.connection.platform.resources_of(mapping)) do
    local done = done_sweep(run, name)
    if not done then
      return nil
    end
    ids[#ids + 1], began = done.id, math.min(began or done.began, done.began)
  end
  return ids, began
end

--- Mark the records that full reads did not see as deleted.
---@param run commerce.Run
---@param mappings commerce.Mapping[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.records(run, mappings)
  for _, mapping in ipairs(mappings) do
    local data_type = mapping.type
    local ids, began = sweeps_of(run, mapping)
    if ids and run.books:is_complete(data_type.name) then
      local ok, message, details = in_batches(function(after)
        return run.store:unseen(data_type, run.connection.id, ids, began - LAG, after, BATCH)
      end, function(unseen)
        return storing.write(run, { deleted = { [data_type.name] = unseen } })
      end)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

-- Whether another list of a data type is being swept that this run did not read to its end.
local function is_awaited(run, mapping)
  for _, name in ipairs(run.connection.platform.resources_of(mapping)) do
    local state = run.states[name]
    if state and state.sweep and not is_done(run, name) then
      return true
    end
  end
  return false
end

--- What of a list's sweep goes on after this run.
---@param run commerce.Run
---@param task commerce.Task
---@return table? sweep for its checkpoint; nil if it is over
function sweep.left(run, task)
  local done = done_sweep(run, task.name)
  for _, mapping in ipairs(done and run.mappings or {}) do
    if run.books:reads(mapping.type.name, task.name) and is_awaited(run, mapping) then
      return done
    end
  end
end

--- The run is over: let go of what was taken down and is of no more use.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.finish(run, tasks)
  for _, task in ipairs(tasks) do
    if done_sweep(run, task.name) and not sweep.left(run, task) then
      local ok, message, details = run.store:end_sweep(run.connection.id, task.key)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

return sweep
