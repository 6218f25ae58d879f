-- The plan of a run: which resources to read, in which shape, and which data types each one feeds.
-- A task is complete when `plan.make` returns it; nothing is added to it later.

local core = require "commerce.core"
local inlined = require "commerce.mapping.inlined"
local tables = require "commerce.base.tables"
local value = require "commerce.mapping.value"

local unpack = require("commerce.base.compat").unpack

local plan = {}

---@class commerce.sync.Consumer
---@field type string the data type's name
---@field data_type commerce.DataType
---@field source commerce.Source
---@field seen table<string, boolean> ids of records of a distinct source that have been made
---@field unasked commerce.Expansion[] what is inlined for other consumers only

---@class commerce.Task
---@field name string the resource
---@field resource commerce.Resource
---@field key string under which its checkpoint is kept
---@field session commerce.core.Session?
---@field expand string[] what Stripe is asked to inline, for all consumers together
---@field complete string[] nested lists that are read to their end
---@field paths string[] the paths of an object that its consumers and their hooks read
---@field whole boolean whether all of an object is read
---@field projection commerce.core.Projection? cuts the paths out of an object; nil if all of it is
---  read
---@field keep (fun(object: commerce.StripeObject): string?, string?)? id and parent id of an object
---  that is kept
---@field keep_paths string[]? what `keep` reads of it beside its id
---@field consumers commerce.sync.Consumer[] mapped from each object
---@field joined commerce.sync.Consumer[] mapped from each object with its children, when both are
---  read
---@field types commerce.DataType[] the types that its objects become records of, with joined types
---@field mappings table<string, string> a checksum of each data type's mapping
---@field by_user table<string, boolean> the data types with a user's mapping

---@class commerce.PlanOptions
---@field since integer? unix seconds: only objects created from then on are read
---@field before integer? unix seconds: only objects created before are read
---@field hooks commerce.hooks.Dispatcher? what they read of an object is read, too
---@field keep_all boolean? whether every object is kept
---@field paths string[]? more paths that are read of every object
---@field session_for (fun(resource: string): commerce.core.Session?)? the session of each resource

-- Read of every object, to identify it.
local ALWAYS = { "id", "object", "livemode" }

local function add_unique(list, items)
  for _, item in ipairs(items) do
    if not tables.has(list, item) then
      list[#list + 1] = item
    end
  end
end

local function hashed(text, hash)
  for i = 1, #text do
    hash = (hash * 33 + text:byte(i)) % 4294967296
  end
  return hash
end

local hashes = setmetatable({}, { __mode = "k" }) -- by source, whose text has thousands of bytes

-- A checksum of a source's text and of the checksum before it. The texts would be too long, since
-- the checkpoint is written with every page.
local function sign(source, before)
  local hash = hashes[source]
  if not hash then
    hash = hashed(source.sign, 5381)
    hashes[source] = hash
  end
  return ("%08x"):format(hashed(before or "", hash))
end

local function text_of(given)
  return type(given) == "string" and given or nil
end

local function keep_any(object)
  return text_of(object.id)
end

local function keep_child(key)
  return function(object)
    local parent = object[key]
    return text_of(object.id), text_of(type(parent) == "table" and parent.id or parent)
  end
end

--- The query of a list request.
---@param resource commerce.Resource its entry
---@param paths string[] what to inline
---@return commerce.core.Pairs query pairs
function plan.list_query(resource, paths)
  local query = plan.expansions(paths)
  for name, wanted in pairs(resource.query or {}) do
    query[#query + 1] = { name, wanted }
  end
  return query
end

--- The part of a query that asks Stripe to inline something.
---@param paths string[] as a list takes them ("data.charge")
---@param of_one boolean? for a request of one object, whose paths do not begin with "data."
---@return commerce.core.Pairs query pairs
function plan.expansions(paths, of_one)
  local query = {}
  for i, path in ipairs(paths) do
    query[i] = { "expand[]", of_one and (path:gsub("^data%.", "")) or path }
  end
  return query
end

-- The key names what a list is read for: a run for other data types, or since another day, neither
-- continues this one nor spoils its checkpoint.
local function key_of(task, since, before)
  local parts = { task.name }
  for _, consumer in ipairs(task.consumers) do
    parts[#parts + 1] = consumer.type
  end
  add_unique(parts, task.expand)
  if since then
    parts[#parts + 1] = ("since=%d"):format(since)
  end
  if before then
    parts[#parts + 1] = ("before=%d"):format(before)
  end
  return table.concat(parts, " ")
end

-- Set the fields that depend on all consumers of the task.
local function finish(task, options)
  task.key = key_of(task, options.since, options.before)
  task.whole = task.keep ~= nil or tables.has(task.paths, value.WHOLE)
  add_unique(task.paths, options.paths or {})
  for _, path in ipairs(task.complete) do -- read to request the rest of a nested list
    add_unique(task.paths, { path .. ".has_more", path .. ".url", path .. ".data.id" })
  end
  for _, consumer in ipairs(task.consumers) do
    consumer.unasked = inlined.by_others(task.expand, consumer.source.expand)
    if options.hooks then
      local whole, paths = options.hooks:source_of(consumer.type)
      task.whole = task.whole or whole
      add_unique(task.paths, paths)
    end
  end
  for _, consumer in ipairs(task.joined) do
    consumer.unasked = inlined.by_others(task.expand, consumer.source.expand)
  end
  if options.keep_all then
    task.keep = task.keep or keep_any
    task.whole = task.whole or #task.complete > 0 -- a completed list is kept complete
  end
  -- only what is read gets decoded
  task.projection = not task.whole and task.resource.list and core.projection(task.paths) or nil
  task.session = options.session_for and options.session_for(task.name)
end

local function add_consumer(task, consumer, mapping)
  task.consumers[#task.consumers + 1] = consumer
  task.types[#task.types + 1] = consumer.data_type
  add_unique(task.paths, consumer.source.paths)
  task.mappings[consumer.type] = sign(consumer.source, task.mappings[consumer.type])
  task.by_user[consumer.type] = mapping.by_user
end

local function add_join(parents, children, consumer)
  local on = consumer.source.join.on
  parents.keep, children.keep = keep_any, keep_child(on)
  parents.keep_paths, children.keep_paths = nil, { on, on .. ".id" }
  parents.joined[#parents.joined + 1] = consumer
  for _, task in ipairs { parents, children } do
    task.types[#task.types + 1] = consumer.data_type
  end
end

--- Make the plan.
---@param resources table<string, commerce.Resource> Stripe's, with those that the user declared
---@param mappings commerce.Mapping[] of the data types asked for, in order
---@param options commerce.PlanOptions?
---@return commerce.Task[] tasks each resource once
---@return commerce.sync.Consumer[] joins
function plan.make(resources, mappings, options)
  local tasks, by_name, joins = {}, {}, {}
  local function task_for(name, expand)
    local task = by_name[name]
    if not task then
      task = { name = name, resource = resources[name], expand = {}, consumers = {},
        joined = {}, types = {}, paths = { unpack(ALWAYS) }, complete = {}, mappings = {},
        by_user = {} }
      add_unique(task.paths, task.resource.reads or {})
      by_name[name], tasks[#tasks + 1] = task, task
    end
    add_unique(task.expand, expand)
    return task
  end
  for _, mapping in ipairs(mappings) do
    for _, source in ipairs(mapping.sources) do
      local task = task_for(source.resource, source.expand)
      local consumer = { type = mapping.type.name, data_type = mapping.type, source = source,
        seen = {} }
      add_unique(task.complete, source.complete)
      for _, name in pairs(source.with) do
        task_for(name, {})
      end
      if source.join then
        joins[#joins + 1] = consumer
        add_join(task, task_for(source.join.resource, source.join.expand or {}), consumer)
      else
        add_consumer(task, consumer, mapping)
      end
    end
  end
  for _, task in ipairs(tasks) do
    finish(task, options or {})
  end
  return tasks, joins
end

return plan
