-- The progress of a run: what each data type has read and stored so far and why it failed, its
-- requests, its pull in the store, and the events that a progress display gets.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local pulls = require "commerce.sync.pulls"
local report = require "commerce.sync.report"
local stripe = require "commerce.stripe"

local progress = {}

---@class commerce.ProgressEvent
---@field event "start"|"waiting"|"progress"|"skipped"|"type" type: the data type has ended
---@field connection string? of "start"
---@field account string? of "start"
---@field mode "test"|"live"|nil of "start"
---@field types string[]? of "start"
---@field message string? of "waiting"
---@field type string? data type name
---@field read integer? source objects so far
---@field created integer? records so far
---@field changed integer?
---@field unchanged integer?
---@field fraction number? of "progress": how much has been read, 0 to 1; nil if that is not known
---@field error string? of "skipped"; of "type": why it is not complete
---@field status "complete"|"failed"|"skipped"|nil of "type", with all fields of
---  `commerce.TypeReport`

---@class commerce.sync.Progress
local methods = {}
local progress_mt = { __name = "commerce.sync.progress", __index = methods }

local OTHERS = "excluded by `where`"

local TRAFFIC = { "requests", "retries", "rate_limited" }

-- Zero without a session: nothing is asked of Stripe then.
local function traffic_of(session)
  return session and session:stats() or { requests = 0, retries = 0, rate_limited = 0 }
end

-- How the objects that a data type reads relate to its records, unless each object gives one.
local function relation_of(mapping)
  for _, source in ipairs(mapping.sources) do
    if source.split or source.distinct then
      return source.split and "1:n" or "n:1"
    end
  end
end

--- Make the progress of a run.
---@param run commerce.sync.Run
---@param mappings commerce.Mapping[] of the data types of the run
---@return commerce.sync.Progress
function progress.new(run, mappings)
  local self = setmetatable({
    _id = run.id, _account = run.account, _mode = run.mode, _auth = run.auth,
    _session = run.session,
    _hooks = run.hooks, _listener = run.options.progress,
    _began = core.now(), _before = traffic_of(run.session),
    _pulls = pulls.new(run.store, run.id),
    _notes = {},
    _sessions = {}, -- by resource
    _entries = {}, _order = {}, -- the report's entry of each data type
    _details = {}, -- by data type: the failure of its entry
    _readers = {}, -- resource -> set of the data types that read it
    _listed = {}, -- by joined data type: objects of its lists, before they are put together
    _fractions = {}, -- resource -> the part of its time span that has been read, 0 to 1
  }, progress_mt)
  for i, mapping in ipairs(mappings) do
    local entry = { type = mapping.type.name, status = "complete", read = 0, created = 0,
      changed = 0, unchanged = 0, deleted = 0, left_out = 0, skipped = 0, failed = 0, seconds = 0,
      requests = 0, retries = 0, rate_limited = 0 }
    entry.relation = relation_of(mapping)
    self._entries[entry.type], self._order[i] = entry, entry
    for _, name in ipairs(stripe.resources_of(mapping)) do
      self._readers[name] = self._readers[name] or {}
      self._readers[name][entry.type] = true
    end
  end
  return self
end

--- Add a line about the whole run to its report.
---@param text string
function methods:note(text)
  self._notes[#self._notes + 1] = text
end

local function emit(self, event)
  if self._listener then
    self._listener(event)
  end
end

-- ---------------------------------------------------------------- failures

local function call_error_hooks(self, type_name, message, details)
  if self._hooks and not (details and details.kind == "cancelled") then
    for _, wrong in ipairs(self._hooks:failure { type = type_name, message = message,
      details = details }) do
      self:note(wrong)
    end
  end
end

--- A data type failed, which does not stop the others. The first reason is kept.
---@param type_name string
---@param message string
---@param details commerce.Failure?
function methods:fail(type_name, message, details)
  local entry = self._entries[type_name]
  if entry.status ~= "failed" then
    entry.status, entry.error, self._details[type_name] = "failed", message, details
    call_error_hooks(self, type_name, message, details)
  end
end

--- A resource could not be read: all data types that read it failed.
---@param task commerce.Task
---@param message string
---@param details commerce.Failure?
function methods:fail_resource(task, message, details)
  if stripe.lacks_permission(details) then
    message = stripe.lacking(message, task.resource.permission, self._auth)
    details = select(3, errors.fail(details.kind, message, details)) -- what a pull stores
  end
  for type_name in pairs(self._readers[task.name]) do
    self:fail(type_name, message, details)
  end
end

--- A data type cannot be read since the key has no permission, which is known before it is read.
---@param type_name string
---@param message string
---@param details commerce.Failure?
function methods:skip(type_name, message, details)
  local entry = self._entries[type_name]
  if entry.status == "complete" then
    entry.status, entry.error, self._details[type_name] = "skipped", message, details
    emit(self, { event = "skipped", type = type_name, error = message })
    call_error_hooks(self, type_name, message, details)
  end
end

--- Whether nothing has gone wrong with a data type so far.
---@param type_name string
---@return boolean
function methods:is_complete(type_name)
  return self._entries[type_name].status == "complete"
end

-- ---------------------------------------------------------------- counting

--- A source object was read for a data type.
---@param type_name string
---@param failure string? why it could not be mapped
---@param count integer? how many; 1 if left out
function methods:count_read(type_name, failure, count)
  local entry = self._entries[type_name]
  entry.read = entry.read + (count or 1)
  if failure then
    self:count_failed(type_name, failure, { kind = "mapping" })
  end
end

--- An object gave a data type no record: `where` leaves it out. Of a distinct source, most objects
--- give a record that another one gave already.
---@param type_name string
---@param source commerce.Source
function methods:count_left_out(type_name, source)
  if source.distinct then
    return
  end
  local entry, why = self._entries[type_name], source.excluded or OTHERS
  entry.left_out = entry.left_out + 1
  entry.reasons = entry.reasons or {}
  entry.reasons[why] = (entry.reasons[why] or 0) + 1
end

--- A source object could not be read: it fails alone, for each data type that is made of it.
---@param task commerce.Task
---@param message string names the object
function methods:fail_object(task, message)
  for _, consumers in ipairs { task.consumers, task.joined } do
    for _, consumer in ipairs(consumers) do
      self:count_read(consumer.type, message)
    end
  end
end

--- Some of a data type's records failed, which fails the type.
---@param type_name string
---@param message string
---@param details commerce.Details
---@param count integer? how many; 1 if left out
function methods:count_failed(type_name, message, details, count)
  local entry = self._entries[type_name]
  entry.failed = entry.failed + (count or 1)
  if entry.status == "failed" then
    call_error_hooks(self, type_name, message, details)
  end
  self:fail(type_name, message, details)
end

--- A hook left records out.
---@param type_name string
---@param count integer? how many; 1 if left out
function methods:count_skipped(type_name, count)
  local entry = self._entries[type_name]
  entry.skipped = entry.skipped + (count or 1)
end

--- A page was written.
---@param counts table<string, table<string, integer>> by data type, from the store's write_page
function methods:count_written(counts)
  for type_name, count in pairs(counts) do
    local entry = self._entries[type_name]
    for name, number in pairs(count) do
      entry[name] = (entry[name] or 0) + number
    end
  end
end

--- The objects that a data type has read, and the records that were made of them.
---@param type_name string
---@return integer read
---@return integer made without those that stay marked as deleted
function methods:made(type_name)
  local entry = self._entries[type_name]
  return entry.read, entry.created + entry.changed + entry.unchanged - (entry.marked or 0)
end

--- The session that a resource is read by: it counts the resource's requests.
---@param resource string
---@return commerce.core.Session? session
function methods:session_for(resource)
  self._sessions[resource] = self._sessions[resource] or self._session and self._session:child()
  return self._sessions[resource]
end

-- The requests of a data type's resources. A resource of several types counts for each of them.
local function count_requests(self, entry)
  for name, session in pairs(self._sessions) do
    if (self._readers[name] or {})[entry.type] then
      local stats = session:stats()
      for _, count in ipairs(TRAFFIC) do
        entry[count] = entry[count] + stats[count]
      end
    end
  end
end

-- ---------------------------------------------------------------- how far it is

-- A type is as far as the slowest of its resources.
local function fraction_of(self, type_name)
  local lowest = 1
  for resource, types in pairs(self._readers) do
    if types[type_name] then
      lowest = math.min(lowest, self._fractions[resource] or 0)
    end
  end
  return lowest
end

--- Objects of a list were stored of which joined data types will be made.
---@param task commerce.Task
---@param count integer
function methods:count_listed(task, count)
  local mapped = {}
  for _, consumer in ipairs(task.consumers) do
    mapped[consumer.type] = true
  end
  for type_name in pairs(self._readers[task.name]) do
    if not mapped[type_name] then
      self._listed[type_name] = (self._listed[type_name] or 0) + count
    end
  end
end

--- A part of a resource was read and stored.
---@param resource string
---@param fraction number? how much of the resource has been read, 0 to 1
function methods:advance(resource, fraction)
  self._fractions[resource] = fraction or self._fractions[resource]
  self._pulls:save_progress(function(type_name)
    return fraction_of(self, type_name)
  end)
  for type_name in pairs(self._readers[resource]) do
    local entry = self._entries[type_name]
    entry.seconds = core.now() - self._began
    emit(self, { event = "progress", type = type_name, created = entry.created,
      read = math.max(entry.read, self._listed[type_name] or 0),
      changed = entry.changed, unchanged = entry.unchanged,
      fraction = fraction_of(self, type_name) })
  end
end

--- The run waits for Stripe: tell it while it lasts.
---@param message string
function methods:wait(message)
  self._pulls:say(message)
  emit(self, { event = "waiting", message = message })
end

-- ---------------------------------------------------------------- begin and end

--- Begin: open a pull for each data type.
function methods:open()
  local names = {}
  for i, entry in ipairs(self._order) do
    names[i] = entry.type
  end
  self._pulls:open(names)
  emit(self, { event = "start", connection = self._id, account = self._account, mode = self._mode,
    types = names })
end

-- Each session has a copy of the key.
local function close_sessions(self)
  for name, session in pairs(self._sessions) do
    session:close()
    self._sessions[name] = nil
  end
end

--- The run ended for a reason that concerns all of it. If the store itself failed, the pulls stay
--- open, and the next run closes them.
---@param failure commerce.Failure
function methods:abandon(failure)
  for _, entry in ipairs(self._order) do
    self:fail(entry.type, failure.message, failure)
  end
  if failure.kind ~= "store" then
    errors.catch(self._pulls.close, self._pulls, self._order, self._details)
  end
  close_sessions(self)
end

--- End: close the pulls and sum up.
---@return commerce.Report
function methods:close()
  self._pulls:close(self._order, self._details)
  for _, entry in ipairs(self._order) do
    count_requests(self, entry)
    if entry.status ~= "complete" then
      entry.reason = pulls.status(entry, self._details[entry.type])
    end
  end
  close_sessions(self)
  return self:sum_up()
end

--- Sum up.
---@return commerce.Report
function methods:sum_up()
  local after, complete = traffic_of(self._session), true
  for _, entry in ipairs(self._order) do
    complete = complete and entry.status == "complete"
    local event = { event = "type" }
    for name, value in pairs(entry) do
      event[name] = value
    end
    emit(self, event)
  end
  return report.new {
    connection = self._id, account = self._account, mode = self._mode,
    complete = complete, types = self._order, notes = self._notes,
    seconds = core.now() - self._began,
    requests = after.requests - self._before.requests,
    retries = after.retries - self._before.retries,
    rate_limited = after.rate_limited - self._before.rate_limited,
  }
end

return progress
