-- The plan of a sync: which resources to read, in which shape, and which data types each one feeds.
-- Called by sync; the platform and its mappings are arguments.

local inlined = require "commerce.mapping.inlined"
local value = require "commerce.mapping.value"

local unpack = require("commerce.base.compat").unpack

local plan = {}

---@class commerce.Task
---@field name string the resource
---@field resource table the platform's entry: path, list, permission
---@field expand string[] what to ask the source to inline, for all consumers together
---@field consumers table[] { type = its name, data_type, source = commerce.Source, seen = ids,
---  unasked = members that others have inlined }
---@field paths string[] what of an object its consumers read
---@field complete string[] nested lists that are read to their end
---@field whole boolean? whether all of an object is read: by its consumers, or by a hook
---@field mappings table<string, string> a sign of each data type's mapping, that changes with it
---@field by_user table<string, boolean> the data types whose mapping is a user's
---@field session userdata? a `commerce.core` session, given when it is read
---@field key string under which its checkpoint is kept
---@field keep fun(object: table): string?, string? id and parent id of an object that a join needs

-- What an object is known by, whatever is read of it.
local ALWAYS = { "id", "object", "livemode" }

local function has(list, item)
  for _, present in ipairs(list) do
    if present == item then
      return true
    end
  end
  return false
end

local function add_unique(list, items)
  for _, item in ipairs(items) do
    if not has(list, item) then
      list[#list + 1] = item
    end
  end
end

-- A short text in place of a long one: the checkpoint is written with every page.
local function sign(text)
  local hash = 5381
  for i = 1, #text do
    hash = (hash * 33 + text:byte(i)) % 4294967296
  end
  return ("%08x"):format(hash)
end

local function keep_parent(object)
  return object.id
end

local function keep_child(key)
  return function(object)
    local parent = object[key]
    return object.id, type(parent) == "table" and parent.id or parent
  end
end

--- The query that a list is asked with.
---@param resource table the platform's entry
---@param paths string[] what to inline
---@return table[] query pairs
function plan.list_query(resource, paths)
  local query = plan.expansions(paths)
  for name, wanted in pairs(resource.query or {}) do
    query[#query + 1] = { name, wanted }
  end
  return query
end

--- The query that asks the source to inline something.
---@param paths string[] as a list takes them ("data.charge")
---@param of_one boolean? for a request of one object, whose paths have no "data." in front
---@return table[] query pairs
function plan.expansions(paths, of_one)
  local query = {}
  for i, path in ipairs(paths) do
    query[i] = { "expand[]", of_one and (path:gsub("^data%.", "")) or path }
  end
  return query
end

-- What a list is read for is part of where its checkpoint is kept: a run for other data types, or
-- for the time since a day, neither continues this one nor spoils it.
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

--- Make the plan.
---@param platform table such as commerce.stripe
---@param mappings commerce.Mapping[] of the data types asked for, in order
---@param since integer? unix seconds: only what was created from then on is read
---@param before integer? unix seconds: only what was created before is read
---@param hooks commerce.hooks.Dispatcher? what they read of an object is read, too
---@return commerce.Task[] tasks each resource once
---@return table[] joins { type, source }: built when both of their resources have been read
function plan.make(platform, mappings, since, before, hooks)
  local tasks, by_name, joins = {}, {}, {}
  local function task_for(name, expand)
    local task = by_name[name]
    if not task then
      task = { name = name, resource = platform.resources[name], expand = {}, consumers = {},
        paths = { unpack(ALWAYS) }, complete = {}, mappings = {}, by_user = {} }
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
        task.keep = keep_parent
        task_for(source.join.resource, source.join.expand or {}).keep = keep_child(source.join.on)
        joins[#joins + 1] = consumer
      else
        task.consumers[#task.consumers + 1] = consumer
        add_unique(task.paths, source.paths)
        task.mappings[consumer.type] = sign(source.sign .. (task.mappings[consumer.type] or ""))
        task.by_user[consumer.type] = mapping.by_user
      end
    end
  end
  for _, task in ipairs(tasks) do
    task.key = key_of(task, since, before)
    task.whole = task.keep ~= nil or has(task.paths, value.WHOLE)
    for _, path in ipairs(task.complete) do -- what it takes to read the rest of a list
      add_unique(task.paths, { path .. ".has_more", path .. ".url", path .. ".data.id" })
    end
    for _, consumer in ipairs(task.consumers) do
      consumer.unasked = inlined.by_others(task.expand, consumer.source.expand)
      if hooks then
        local whole, paths = hooks:source_of(consumer.type)
        task.whole = task.whole or whole
        add_unique(task.paths, paths)
      end
    end
  end
  for _, consumer in ipairs(joins) do
    consumer.unasked = inlined.by_others(by_name[consumer.source.resource].expand,
      consumer.source.expand)
  end
  return tasks, joins
end

return plan
