-- Records made of the bytes of a page, by the core: no object is decoded, unless the core declines
-- one (csrc/text/mapper.h).

local program = require "commerce.mapping.program"
local tables = require "commerce.base.tables"
local time = require "commerce.base.time"

local direct = {}

local UPDATED = 3 -- the key that each program has for it: csrc/text/program.h
local SLICE = 20 -- objects that the core does at once: less than a millisecond

---@class commerce.sync.Direct the way from the bytes of a task's objects to records
---@field private livemode boolean
---@field private task commerce.Task
---@field private made commerce.Program
---@field private paths string[] what is read of each object beside its records
local methods = {}
local direct_mt = { __name = "commerce.sync.direct", __index = methods }

-- Paths whose values decide what becomes of an object besides its records.
local function paths_of(task)
  local paths = {}
  for _, list in ipairs { task.resource.unsettled and task.resource.reads or {},
    task.keep_paths or {} } do
    for _, path in ipairs(list) do
      paths[#paths + 1] = path
    end
  end
  return paths
end

local function completions_of(task)
  local paths = {}
  for i, path in ipairs(task.complete) do
    paths[i] = path .. ".has_more"
  end
  return paths
end

-- What makes the core leave an object to Lua: a list inside it that goes on at Stripe, or that it
-- may change without an event.
local function stops_of(task, made)
  local stops, waits = {}, task.resource.unsettled_if
  for _, path in ipairs(completions_of(task)) do
    stops[#stops + 1], stops[#stops + 2] = made.keys[path], "true"
  end
  if waits then
    stops[#stops + 1], stops[#stops + 2] = made.keys[waits[1]], waits[2]
  end
  return stops
end

-- Whether the core can do several objects at once: nothing is asked of any of them.
local function runs(task)
  if task.keep or task.resource.unsettled and not task.resource.unsettled_if then
    return false
  end
  for _, consumer in ipairs(task.consumers) do
    if consumer.source.distinct then
      return false
    end
  end
  return #task.consumers > 0
end

-- Whether a consumer's records need nothing but the object's bytes.
local function is_plain(run, consumer)
  return #consumer.unasked == 0 and next(consumer.source.with) == nil
    and not (run.hooks and run.hooks:may_alter(consumer.type))
end

--- The direct way of a task.
---@param run commerce.sync.Run
---@param task commerce.Task
---@return commerce.sync.Direct? direct nil if its objects are to be decoded: for a hook, for what
---  others inline, or while a customer's data must be recognised
function direct.of(run, task)
  if run.erasures or run.livemode == nil then
    return nil
  end
  for _, consumer in ipairs(task.consumers) do
    if not is_plain(run, consumer) then
      return nil
    end
  end
  local paths, completions = paths_of(task), completions_of(task)
  local made = program.make(task.consumers, tables.joined(paths, completions))
  return setmetatable({ livemode = run.livemode, task = task, made = made, paths = paths,
    completions = completions, mapper = made.mapper,
    stops = runs(task) and stops_of(task, made) or nil }, direct_mt)
end

-- An object with what is read of it beside its records.
local function outline(self, id)
  local object = { id = id }
  for _, path in ipairs(self.paths) do
    local at, value = object, self.mapper:value(self.made.keys[path])
    for name, dot in path:gmatch "([^%.]+)(%.?)" do
      if dot == "" then
        at[name] = at[name] == nil and value or at[name]
      elseif value ~= nil then
        at[name] = type(at[name]) == "table" and at[name] or {}
        at = at[name]
      else
        break
      end
    end
  end
  return object
end

-- Whether a list inside the object goes on at Stripe.
local function is_incomplete(self)
  for _, path in ipairs(self.completions) do
    if self.mapper:value(self.made.keys[path]) == true then
      return true
    end
  end
  return false
end

--- Read an object of a page.
---@param listed commerce.core.Page
---@param i integer
---@return commerce.StripeObject? object its id and what the task's resource asks for; nil if it is
---  to be decoded
function methods:read(listed, i)
  local id = self.mapper:read(listed, i, self.livemode)
  if not id or is_incomplete(self) then
    return nil
  end
  return #self.paths > 0 and outline(self, id) or { id = id }
end

--- The plans of a page, by which `run` makes its records.
---@param records table<string, commerce.Record[]> by data type, which receive them
---@return commerce.core.MapperPlan[]? plans nil if each object is to be read alone
function methods:plans(records)
  if not self.stops then
    return nil
  end
  local plans = {}
  for i, consumer in ipairs(self.task.consumers) do
    records[consumer.type] = records[consumer.type] or {}
    plans[i] = { self.made.recipes[consumer.source], records[consumer.type], {} }
  end
  return plans
end

--- Make the records of some objects of a page.
---@param listed commerce.core.Page
---@param first integer
---@param plans commerce.core.MapperPlan[]
---@param dates table<string, integer>? objects with a date of their own are left
---@return integer next the first object that is not done
---@return integer? consumer the first of its consumers without records; nil if nothing was tried
function methods:run(listed, first, plans, dates)
  return self.mapper:run(listed, first, math.min(first + SLICE - 1, #listed), self.livemode,
    plans, self.stops, dates)
end

--- Make the records of one consumer of the object that was read last.
---@param consumer commerce.sync.Consumer
---@param drafts commerce.Record[] receives them
---@param dated integer? unix seconds: when the object changed, by its newest event
---@return integer? count nil if the object is to be decoded for this consumer
function methods:make(consumer, drafts, dated)
  local source = consumer.source
  if dated and type(self.mapper:value(UPDATED)) == "number" then
    dated = nil -- the object dates its changes itself
  end
  return (self.mapper:make(self.made.recipes[source], drafts, dated and time.format(dated),
    source.distinct and consumer.seen or nil))
end

--- Add what was counted to the tallies of users' fields.
function methods:count()
  program.count(self.made)
end

return direct
