-- What a full read did not see is no more: records are marked as deleted, kept sources dropped.
-- Called by sync.
--
-- It is told only where it is sure: every list that a data type comes from was read from its newest
-- object to its oldest, no object failed on the way, and the record is old enough to have been
-- listed. What a list shows is taken down with each page, so that a run that was killed and
-- continued knows it, too. The first read of an empty store has nothing to sweep.

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
---@param state table its checkpoint: gets `sweep`, when that began (unix seconds)
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.begin(run, task, state)
  for _, data_type in ipairs(types_of(run, task)) do
    local found, message, details = has_records(run, data_type)
    if message then
      return nil, message, details
    elseif found then
      state.sweep = run.started
      return run.store:forget_seen(run.connection.id, task.name)
    end
  end
  return true
end

-- ---------------------------------------------------------------- after

local function swept_since(run, name)
  local state = run.states[name]
  return run.finished[name] and not run.unfollowed[name] and state and state.sweep or nil
end

--- Whether both lists of a joined type were swept, so that its records are all there are.
---@param run commerce.Run
---@param consumer table
---@return boolean
function sweep.covers_join(run, consumer)
  return swept_since(run, consumer.source.resource) ~= nil
    and swept_since(run, consumer.source.join.resource) ~= nil
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
    local began = task.keep and swept_since(run, task.name)
    if began then
      local ok, message, details = in_batches(function(after)
        return run.store:unseen_sources(run.connection.id, task.name, began - LAG, after, BATCH)
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

-- When the sweep of a data type began; nil if one of its lists was not swept.
local function type_swept_since(run, mapping)
  local began
  for _, name in ipairs(run.connection.platform.resources_of(mapping)) do
    if not run.connection.platform.resources[name].list or not swept_since(run, name) then
      return nil
    end
    began = math.min(began or swept_since(run, name), swept_since(run, name))
  end
  return began
end

--- Mark the records that full reads did not see as deleted.
---@param run commerce.Run
---@param mappings commerce.Mapping[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.records(run, mappings)
  for _, mapping in ipairs(mappings) do
    local data_type, began = mapping.type, type_swept_since(run, mapping)
    if began and run.books:is_complete(data_type.name) then
      local ok, message, details = in_batches(function(after)
        return run.store:unseen(data_type, run.connection.id, began - LAG, after, BATCH)
      end, function(ids)
        return storing.write(run, { deleted = { [data_type.name] = ids } })
      end)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

--- The run is over: let go of what was taken down.
---@param run commerce.Run
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function sweep.finish(run, tasks)
  for _, task in ipairs(tasks) do
    if swept_since(run, task.name) then
      local ok, message, details = run.store:forget_seen(run.connection.id, task.name)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

return sweep
