-- Maps kept source objects again after a mapping has changed, without the network.

local ascii = require "commerce.base.ascii"
local checkpoints = require "commerce.sync.checkpoints"
local dispatcher = require "commerce.hooks.dispatcher"
local errors = require "commerce.base.errors"
local inlined = require "commerce.mapping.inlined"
local plan = require "commerce.sync.plan"
local runs = require "commerce.sync.run"
local selection = require "commerce.sync.selection"
local source = require "commerce.sync.source"
local writer = require "commerce.sync.writer"

local remap = {}

---@class commerce.RemapOptions
---@field types string[]? names of data types (if left out, all that has been synced, except types
---  made by a script's own mapping)
---@field progress fun(event: commerce.ProgressEvent)?

local OPTIONS = { types = "table", progress = "function" }

local FIRST = "sync it with keep_source first: shop:sync { keep_source = true }, "
  .. "`commerce sync --keep-source`"

-- ---------------------------------------------------------------- what to make anew

-- Without a choice: all types that have been synced, except those made by a script's own mapping,
-- and those whose configuration cannot be used. Gives the names of these, too.
local function select_mappings(connection, names)
  if names then
    return selection.mappings(connection, names), {}
  end
  local list, scripted, failures = {}, {}, connection.mappings:failures()
  for name, pull in pairs(connection.store:latest_pulls(connection.id)) do
    local mapping = not failures[name] and connection.mappings:find(name)
    local into = mapping and checkpoints.are_ours(connection.store, connection.id, mapping)
      and list or scripted
    into[#into + 1] = pull.status ~= "NotSupported" and name or nil -- nobody makes such a type
  end
  ascii.sort(scripted)
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
  for _, key in ipairs(inlined.keys(path)) do
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

local function lacking(object, expand)
  for _, path in ipairs(expand) do
    if not has_inlined(object, path) then
      return path
    end
  end
end

-- The consumers for which an object was kept as they need it. For the others it fails.
local function able(run, consumers, object)
  local list = {}
  for _, consumer in ipairs(consumers) do
    local path = lacking(object, consumer.source.expand)
    if path then
      run.progress:count_read(consumer.type, ("%s was kept without %s: sync its type in full, with "
        .. "this mapping"):format(tostring(object.id), path))
    else
      list[#list + 1] = consumer
    end
  end
  return list
end

local function new_page(task)
  return { resource = task.name, records = {}, deleted = {}, remade = true }
end

local function remap_pages(run, task, consumers, pages)
  for read in pages do
    local page = new_page(task)
    for object in read:each(function(message)
      for _, consumer in ipairs(consumers) do
        run.progress:count_read(consumer.type, message)
      end
    end) do
      writer.map(run, able(run, consumers, object), object, page)
    end
    writer.write(run, page)
    run.progress:advance(task.name)
  end
end

-- A single object, with the others that it is mapped with; nothing is done if one is not kept.
local function remap_single(run, task)
  local object = source.kept_single(run, task.name)
  if object and source.join_singles(task.consumers, object, function(name)
    return source.kept_single(run, name)
  end) then
    local page = new_page(task)
    writer.map(run, able(run, task.consumers, object), object, page)
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
  local tasks = plan.make(run.mappings.resources, mappings, { hooks = run.hooks,
    paths = run.erasures and run.erasures.PATHS })
  for _, task in ipairs(tasks) do
    if #task.consumers > 0 and task.resource.list then
      remap_pages(run, task, task.consumers, source.kept(run, task))
    elseif #task.consumers > 0 then
      remap_single(run, task)
    end
  end
  for _, task in ipairs(tasks) do
    for _, consumer in ipairs(task.joined) do
      remap_pages(run, task, { consumer }, source.joined(run, consumer))
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
---@param options commerce.RemapOptions?
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
      local failure = connection.mappings:failures()[name]
      run.progress:note(failure and ("%s: left as they are: %s"):format(name, failure.message)
        or ("%s: made by a script's own mappings, left as they are; call shop:remap() in that "
        .. "script"):format(name))
    end
    return conduct(run, mappings)
  end)
end

return remap
