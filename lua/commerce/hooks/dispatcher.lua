-- The hooks of a run: which are called when, and what it means that one fails. A hook that raises
-- fails what it was called for and nothing else, unless it is to stop the run; it never touches the
-- checkpoint, which is written by the page that it belongs to. Called by sync.
--
-- Hooks that filter and change are called before their page is written (altering); those that are
-- told of something are called after it (telling): nothing is told that a crash could undo.

local altering = require "commerce.hooks.altering"
local context = require "commerce.hooks.context"
local errors = require "commerce.base.errors"
local hooks = require "commerce.hooks.registry"
local telling = require "commerce.hooks.telling"

local hooking = {}

---@class commerce.Hooking
---@field context commerce.HookContext
---@field books table set by sync, as soon as there are any
local methods = {}
local hooking_mt = { __name = "commerce.hooks.dispatcher", __index = methods }

--- The hooks of a run; nil where there are none, so that a run without them does nothing for them.
---@param connection commerce.Connection
---@param options table what the sync was asked for
---@return commerce.Hooking? hooking
function hooking.new(connection, options)
  local all = connection.hooks and connection.hooks:all() or {}
  if #all == 0 then
    return nil
  end
  return setmetatable({
    all = all, lists = {}, types = {},
    connection = connection, store = connection.store,
    context = context.new(connection, options),
    known = {}, -- by store that records are sent to: it knows the connection
  }, hooking_mt)
end

--- The hooks of an event for a data type, in the order of declaration.
---@param event string
---@param type_name string? of an event that is about one
---@return commerce.Hook[]
function methods:of(event, type_name)
  local key = type_name and event .. " " .. type_name or event
  local list = self.lists[key]
  if not list then
    list = {}
    for _, hook in ipairs(self.all) do
      if hook.event == event and (not hook.type or hook.type == type_name) then
        list[#list + 1] = hook
      end
    end
    self.lists[key] = list
  end
  return list
end

--- A data type of the run.
---@param name string
---@return commerce.DataType
function methods:type(name)
  self.types[name] = self.types[name] or assert(self.store:find_type(name))
  return self.types[name]
end

--- Whether the records of a data type come by before they are encoded.
---@param type_name string
---@return boolean
function methods:alters(type_name)
  return #self:of("before_record", type_name) > 0 or #self:of("before_page", type_name) > 0
end

--- Count what a hook failed for.
---@param hook commerce.Hook
---@param type_name string
---@param message string
---@param count integer? how many records; 1 if left out
---@return boolean? ok nil if the run has to end
---@return string? message
---@return commerce.Details? details
function methods:failed(hook, type_name, message, count)
  self.books:count_failed(type_name, message, { kind = "hook", at = hook.at }, count)
  if hook.stop then
    return errors.fail("hook", message .. "; the sync was stopped", { fatal = true, at = hook.at })
  end
  return true
end

-- ---------------------------------------------------------------- the run and its types

--- Call the hooks of an event that concerns the run as a whole.
---@param event "before_sync"|"after_sync"
---@param report commerce.Report? for after_sync
---@return boolean? ok nil if one of them failed
---@return string? message of the first that failed
---@return commerce.Details? details
function methods:whole(event, report)
  local first, at
  self.context.type, self.context.resource = nil, nil
  for _, hook in ipairs(self:of(event)) do
    local ok, message
    if report then
      ok, message = hooks.call(hook, report, self.context)
    else
      ok, message = hooks.call(hook, self.context)
    end
    if not ok then
      first, at = first or message, at or hook.at
    end
  end
  if first then
    return errors.fail("hook", first, { at = at })
  end
  return true
end

--- Ask whether a data type is to be read.
---@param type_name string
---@return boolean? wanted false: a hook leaves it out; nil: one failed
---@return string? message
---@return commerce.Details? details
function methods:before_type(type_name)
  self.context.type = type_name
  for _, hook in ipairs(self:of("before_type", type_name)) do
    local ok, result = hooks.call(hook, type_name, self.context)
    if not ok then
      return errors.fail("hook", result, { at = hook.at, fatal = hook.stop })
    elseif result == false then
      return false, "left out by " .. hooks.title(hook)
    end
  end
  return true
end

--- Tell what became of every data type and of the run. It is over: a hook that fails now is noted.
---@param report commerce.Report
function methods:finish(report)
  for _, entry in ipairs(report.types) do
    self.context.type = entry.type
    for _, hook in ipairs(self:of("after_type", entry.type)) do
      local ok, message = hooks.call(hook, entry, self.context)
      if not ok then
        report.complete, report.notes[#report.notes + 1] = false, message
      end
    end
  end
  local ok, message = self:whole("after_sync", report)
  if not ok then
    report.complete, report.notes[#report.notes + 1] = false, message
  end
end

--- Tell of a failure. What an error hook itself raises is noted, and told to nobody.
---@param failure table { type, message, details }
function methods:tell_failure(failure)
  self.context.type = failure.type
  for _, hook in ipairs(self:of("error", failure.type)) do
    local ok, message = hooks.call(hook, failure, self.context)
    if not ok then
      self.books:note(message)
    end
  end
end

-- ---------------------------------------------------------------- pages

-- A hook that takes the source object needs all of it, or the paths that it names.
local function add_source(task, list)
  for _, hook in ipairs(list) do
    if hook.source == true then
      task.whole = true
    end
    for _, path in ipairs(type(hook.source) == "table" and hook.source or {}) do
      task.paths[#task.paths + 1] = path
    end
  end
end

--- See to it that the records of a plan come by before they are encoded.
---@param tasks commerce.Task[]
---@param joins table[] consumers with a join
function methods:prepare(tasks, joins)
  for _, task in ipairs(tasks) do
    for _, consumer in ipairs(task.consumers) do
      consumer.hooked = self:alters(consumer.type)
      add_source(task, self:of("before_record", consumer.type))
    end
  end
  for _, consumer in ipairs(joins) do
    consumer.hooked = self:alters(consumer.type)
  end
end

--- Call the hooks that may change what a page brings, and make of its entries records to store.
---@param page table see the store's write_page; of data types that hooks alter, its records are
---  entries { id, record, source }
---@return boolean? ok nil if the run has to end
---@return string? message
---@return commerce.Details? details
function methods:before_write(page)
  self.context.resource = page.resource
  return altering.page(self, page)
end

--- Tell what a page that has been written did.
---@param page table see the store's write_page
---@param done table[] what it did, from write_page
---@return boolean? ok nil if the run has to end
---@return string? message
---@return commerce.Details? details
function methods:after_write(page, done)
  self.context.resource = page.resource
  return telling.page(self, page, done)
end

return hooking
