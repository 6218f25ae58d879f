-- Makes the records anew from kept source objects after a mapping has changed, without the network.

local checkpoints = require "commerce.sync.checkpoints"
local conversion = require "commerce.sync.conversion"
local dispatcher = require "commerce.hooks.dispatcher"
local errors = require "commerce.base.errors"
local objects = require "commerce.stripe.object"
local plan = require "commerce.sync.plan"
local runs = require "commerce.sync.run"
local selection = require "commerce.sync.selection"
local writer = require "commerce.sync.writer"

local remap = {}

local OPTIONS = { types = "table", progress = "function" }

local BATCH = 100 -- objects mapped and written in one transaction

local FIRST = "sync it with keep_source first: shop:sync { keep_source = true }, "
  .. "`commerce sync --keep-source`"

-- ---------------------------------------------------------------- what to make anew

-- Without a choice: all types that have been synced, except those made by a script's own mapping.
-- Gives the names of these, too.
local function select_mappings(connection, names)
  if names then
    return selection.mappings(connection, names), {}
  end
  local list, scripted = {}, {}
  for name in pairs(connection.store:latest_pulls(connection.id)) do
    local mapping = connection.mappings:find(name)
    local into = mapping and checkpoints.are_ours(connection.store, connection.id, mapping)
      and list or scripted
    into[#into + 1] = name
  end
  table.sort(scripted)
  if #list == 0 and #scripted > 0 then
    errors.throw("usage", ("what is stored was made by a script's own mappings (%s): call "
      .. "shop:remap() in that script"):format(table.concat(scripted, ", ")))
  elseif #list == 0 then
    errors.throw("usage", "nothing is stored: " .. FIRST)
  end
  return selection.mappings(connection, list), scripted
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

-- The consumers for which an object was kept as they need it. For the others it fails.
local function able(run, consumers, object)
  local list = {}
  for _, consumer in ipairs(consumers) do
    local path = lacking(object, consumer.source)
    if path then
      run.progress:count_read(consumer.type, ("%s was kept without %s: sync its type in full, with "
        .. "this mapping"):format(tostring(object.id), path))
    else
      list[#list + 1] = consumer
    end
  end
  return list
end

local function decode(run, text)
  local object, wrong = objects.decode(text, run.livemode)
  if not object then
    errors.throw("mapping", wrong)
  end
  return object
end

local function new_page(task)
  return { resource = task.name, records = {}, deleted = {}, remade = true }
end

-- Batches of kept objects, from a query that goes on after an id, each given as a decoded object.
local function remap_batches(run, task, consumers, query, object_of)
  local after = ""
  repeat
    local batch = query(after)
    local page = new_page(task)
    for _, kept in ipairs(batch) do
      local object = object_of(kept)
      writer.map(run, able(run, consumers, object), object, page)
      after = kept.id
    end
    if #batch > 0 then
      writer.write(run, page)
      run.progress:advance(task.name)
    end
  until #batch < BATCH
end

local function remap_list(run, task)
  remap_batches(run, task, task.consumers, function(after)
    return run.store:kept_sources(run.id, task.name, after, BATCH)
  end, function(kept)
    return decode(run, kept.data)
  end)
end

local function remap_joined(run, task, consumer)
  local join = consumer.source.join
  remap_batches(run, task, { consumer }, function(after)
    return run.store:joined_sources(run.id, task.name, join.resource, after, BATCH)
  end, function(parent)
    return conversion.joined(parent.data, parent.children, join.key)
  end)
end

local function kept_single(run, name)
  local kept = run.store:kept_sources(run.id, name, "", 1)[1]
  return kept and decode(run, kept.data)
end

-- A single object, with the others that it is mapped with; nothing is done if one is not kept.
local function remap_single(run, task)
  local object = kept_single(run, task.name)
  for _, consumer in ipairs(object and task.consumers or {}) do
    for key, name in pairs(consumer.source.with) do
      object[key] = kept_single(run, name)
      if not object[key] then
        return
      end
    end
  end
  if object then
    local page = new_page(task)
    writer.map(run, task.consumers, object, page)
    writer.write(run, page)
  end
end

-- ---------------------------------------------------------------- all of it

-- Records without a kept object stay as an earlier mapping made them. Gives whether there are any.
local function note_rest(run, mapping)
  local name = mapping.type.name
  local stored = run.store:count(mapping.type, run.id)
  local read, made = run.progress:made(name)
  if read == 0 and stored > 0 then
    run.progress:fail(name, "nothing is kept that it is made of: " .. FIRST, { kind = "state" })
  elseif stored > made then
    run.progress:note(("%d %s have no kept source and stay as they are: %s"):format(stored - made,
      name, FIRST))
    return true
  end
  return false
end

local function conduct(run, mappings)
  local rest = {} -- the types with records that stay as they are
  local tasks = plan.make(run.mappings.resources, mappings, { hooks = run.hooks })
  for _, task in ipairs(tasks) do
    if #task.consumers > 0 then
      (task.resource.list and remap_list or remap_single)(run, task)
    end
  end
  for _, task in ipairs(tasks) do
    for _, consumer in ipairs(task.joined) do
      remap_joined(run, task, consumer)
    end
  end
  for _, mapping in ipairs(mappings) do
    rest[mapping.type.name] = note_rest(run, mapping)
  end
  run.checkpoints:sign_again(tasks, function(type_name)
    return run.progress:is_complete(type_name) and not rest[type_name]
  end)
  return run.progress:sum_up()
end

--- Make a connection's records anew from the source objects that were kept. Stripe is not asked.
--- Records that are marked as deleted stay so.
---@param connection commerce.Connection
---@param options table? types: list of names (if left out, all that has been synced, except types
---  made by a script's own mapping); progress: a function that gets events
---@return commerce.Report report. Raises if nothing could be done (bad arguments, the store)
function remap.run(connection, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local mappings, scripted = select_mappings(connection, options.types)
  if not checkpoints.sources_since(connection.store, connection.id) then
    errors.throw("usage", "no source objects are kept: " .. FIRST)
  end
  errors.must(connection.mappings:tell(connection.store))
  return runs.alone(connection, nil, function(lease)
    local run = runs.new(connection, lease, mappings, { progress = options.progress },
      dispatcher.new(connection, options))
    for _, name in ipairs(scripted) do
      run.progress:note(("%s: made by a script's own mappings, left as they are; call shop:remap() "
        .. "in that script"):format(name))
    end
    return conduct(run, mappings)
  end)
end

return remap
