-- Making the records anew from the kept source objects, after a mapping has changed: without the
-- network. Called by connection.

local convert = require "commerce.sync.convert"
local errors = require "commerce.base.errors"
local hooking = require "commerce.hooks.dispatcher"
local keeping = require "commerce.sync.keeping"
local plan = require "commerce.sync.plan"
local runs = require "commerce.sync.run"
local saved_states = require "commerce.sync.saved_states"
local storing = require "commerce.sync.storing"
local sync = require "commerce.sync"

local remap = {}

local OPTIONS = { types = "table", progress = "function" }

local BATCH = 100 -- objects mapped and written in one transaction

local FIRST = "sync it with keep_source first: shop:sync { keep_source = true }, "
  .. "`commerce sync --keep-source`"

-- ---------------------------------------------------------------- what to make anew

-- Without a choice, all that has been synced and that is not made by what only a script knows.
local function chosen(connection, names)
  if names then
    return sync.mappings(connection, names)
  end
  local pulls, message, details = connection.store:latest_pulls(connection.id)
  if not pulls then
    return nil, message, details
  end
  local list, scripted = {}, {}
  for name in pairs(pulls) do
    local mapping, ours = connection.mappings:find(name), false
    if mapping then
      ours, message, details = saved_states.are_ours(connection.store, connection.id, mapping)
    end
    if ours == nil then
      return nil, message, details
    end
    local into = ours and list or scripted
    into[#into + 1] = name
  end
  table.sort(scripted)
  if #list == 0 then
    return nil, #scripted > 0 and ("what is stored was made by a script's own mappings (%s): "
      .. "call shop:remap() in that script"):format(table.concat(scripted, ", "))
      or "nothing is stored: " .. FIRST
  end
  local mappings
  mappings, message = sync.mappings(connection, list)
  return mappings, message, nil, scripted
end

-- ---------------------------------------------------------------- mapping

-- Whether an object was kept with what a source wants inlined: a bare id stands where it was not.
local function has_inlined(object, path)
  local at = object
  for key in path:gsub("^data%.", ""):gmatch("[^%.]+") do
    if type(at) == "table" and at[1] ~= nil then
      at = at[1] -- one of a list tells for all
    end
    at = type(at) == "table" and at[key] or nil
    if type(at) == "string" then
      return false
    end
  end
  return true
end

local function lacking(object, source)
  for _, path in ipairs(source.expand) do
    if not has_inlined(object, path) then
      return path
    end
  end
end

-- The consumers that an object was kept for as they want it; for the others it fails.
local function able(run, consumers, object)
  local list = {}
  for _, consumer in ipairs(consumers) do
    local path = lacking(object, consumer.source)
    if path then
      run.books:count_read(consumer.type, ("%s was kept without %s: sync its type in full, with "
        .. "this mapping"):format(tostring(object.id), path))
    else
      list[#list + 1] = consumer
    end
  end
  return list
end

local function write(run, resource, records, gone)
  return storing.write(run, { resource = resource, records = records, deleted = gone,
    remade = true })
end

-- Batches of kept objects, each given as a decoded object.
local function each_batch(run, task, query, object_of, consumers)
  local after, total = "", 0
  repeat
    local batch, message, details = query(after)
    if not batch then
      return nil, message, details
    end
    local records, gone = {}, {}
    for _, kept in ipairs(batch) do
      local object, wrong = object_of(kept)
      if not object then
        return errors.fail("mapping", wrong)
      end
      storing.take(run, able(run, consumers, object), object, records, gone)
      after = kept.id
    end
    if #batch > 0 then
      local ok, reason, why = write(run, task.name, records, gone)
      if not ok then
        return nil, reason, why
      end
      total = total + #batch
      run.books:tell(task.name)
    end
  until #batch < BATCH
  return total
end

local function remap_list(run, task)
  return each_batch(run, task, function(after)
    return run.store:kept_sources(run.connection.id, task.name, after, BATCH)
  end, function(kept)
    return convert.decode(kept.data, run.livemode)
  end, task.consumers)
end

local function remap_joined(run, tasks, consumer)
  local source = consumer.source
  return each_batch(run, tasks[source.resource], function(after)
    return run.store:joined_sources(run.connection.id, source.resource, source.join.resource,
      after, BATCH)
  end, function(parent)
    return convert.joined(parent.data, parent.children, source.join.key)
  end, { consumer })
end

local function kept_single(run, name)
  local batch, message, details = run.store:kept_sources(run.connection.id, name, "", 1)
  if not batch or not batch[1] then
    return nil, message, details
  end
  return convert.decode(batch[1].data, run.livemode)
end

-- An object of its own, with the others that it is mapped with.
local function remap_single(run, task)
  local object, message, details = kept_single(run, task.name)
  if not object then
    return message and nil or 0, message, details
  end
  for _, consumer in ipairs(task.consumers) do
    for key, name in pairs(consumer.source.with) do
      object[key], message, details = kept_single(run, name)
      if not object[key] then
        return message and nil or 0, message, details
      end
    end
  end
  local records, gone = {}, {}
  storing.take(run, task.consumers, object, records, gone)
  local ok
  ok, message, details = write(run, task.name, records, gone)
  return ok and 1 or nil, message, details
end

-- ---------------------------------------------------------------- what is left

local function made(entry)
  return entry.created + entry.changed + entry.unchanged - (entry.marked or 0)
end

-- Records without a kept source stay as an earlier mapping made them.
local function note_rest(run, mapping)
  local entry = run.books.entries[mapping.type.name]
  local stored, message, details = run.store:count(mapping.type, run.connection.id)
  if not stored then
    return nil, message, details
  end
  local rest = stored - made(entry)
  if entry.read == 0 and stored > 0 then
    run.books:fail(entry.type, "nothing is kept that it is made of: " .. FIRST,
      { kind = "state" })
  elseif rest > 0 then
    run.rest[entry.type] = true
    run.books:note(("%d %s have no kept source and stay as they are: %s"):format(rest, entry.type,
      FIRST))
  end
  return true
end

-- What was made anew need not be read again, because of the mapping, by the next sync.
local function sign(run, tasks)
  local states, message, details = run.store:states(run.connection.id)
  if not states then
    return nil, message, details
  end
  local changed = {}
  for _, task in pairs(tasks) do
    for name, text in pairs(task.mappings) do
      if run.books:is_complete(name) and not run.rest[name] then
        for key, state in pairs(states) do
          if key:match("^%S+") == task.name and state.mappings and state.mappings[name] then
            state.mappings[name], changed[key] = text, state
          end
        end
        local key = saved_states.type_key(name)
        changed[key] = saved_states.signed(changed[key] or states[key] or {}, task, name)
      end
    end
  end
  local ok
  ok, message, details = run.store:write_page(run.connection.id, { states = changed })
  return ok and true, message, details
end

-- ---------------------------------------------------------------- all of it

local function remap_all(run, mappings, tasks, joins)
  local by_name = {}
  for _, task in ipairs(tasks) do
    by_name[task.name] = task
    if #task.consumers > 0 then
      local count, message, details = (task.resource.list and remap_list or remap_single)(run, task)
      if not count then
        return nil, message, details
      end
    end
  end
  for _, consumer in ipairs(joins) do
    local count, message, details = remap_joined(run, by_name, consumer)
    if not count then
      return nil, message, details
    end
  end
  for _, mapping in ipairs(mappings) do
    local ok, message, details = note_rest(run, mapping)
    if not ok then
      return nil, message, details
    end
  end
  return sign(run, by_name)
end

local function work(run, mappings)
  local tasks, joins = plan.make(run.connection.platform, mappings, nil, nil, run.hooks)
  local ok, message, details = remap_all(run, mappings, tasks, joins)
  if not ok then
    return nil, message, details
  end
  return run.books:sum_up()
end

--- Make a connection's records anew from the source objects that were kept. Nothing is asked of the
--- source. What is marked as deleted stays so.
---@param connection commerce.Connection
---@param options table? types: list of names (all that has been synced, if left out, but for what
---  only a script's mappings made); progress: a function that gets events
---@return commerce.Report? report nil where nothing could be done (bad arguments, the store)
---@return string? message
---@return commerce.Details? details
function remap.run(connection, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local mappings, message, details, scripted = chosen(connection, options.types)
  if not mappings then
    return nil, message, details or select(3, errors.fail("usage", message))
  end
  local since, wrong, why = keeping.since(connection.store, connection.id)
  if wrong then
    return nil, wrong, why
  elseif not since then
    return errors.fail("usage", "no source objects are kept: " .. FIRST)
  end
  local ok
  ok, message, details = connection.mappings:tell(connection.store)
  if not ok then
    return nil, message, details
  end
  return runs.alone(connection, nil, function(held)
    local run = runs.new(connection, mappings, { progress = options.progress },
      hooking.new(connection, options))
    run.lease, run.rest = held, {}
    for _, name in ipairs(scripted or {}) do
      run.books:note(("%s: made by a script's own mappings, left as they are; call shop:remap() "
        .. "in that script"):format(name))
    end
    return work(run, mappings)
  end)
end

return remap
