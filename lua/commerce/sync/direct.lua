-- Records made of the bytes of a page, by the core: no object is decoded, unless the core declines
-- one (csrc/text/mapper.h).

local program = require "commerce.mapping.program"
local tables = require "commerce.base.tables"
local time = require "commerce.base.time"

local direct = {}

local UPDATED = 3 -- the key that each program has for it: csrc/text/program.h

---@class commerce.sync.Direct the way from the bytes of a task's objects to records
---@field private run commerce.sync.Run
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
  return setmetatable({ run = run, task = task, made = made, paths = paths,
    completions = completions, mapper = made.mapper }, direct_mt)
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
---@param listed userdata the core's page
---@param i integer
---@return commerce.StripeObject? object its id and what the task's resource asks for; nil if it is
---  to be decoded
function methods:read(listed, i)
  local id = self.mapper:read(listed, i, self.run.livemode)
  if not id or is_incomplete(self) then
    return nil
  end
  return #self.paths > 0 and outline(self, id) or { id = id }
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
