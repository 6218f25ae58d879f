-- The books of a run: what each data type has read and stored so far, why one failed, its pull in
-- the store, and the events that tell a progress display. Called by sync.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local report = require "commerce.sync.report"
local time = require "commerce.base.time"

local books = {}

local methods = {}
local books_mt = { __name = "commerce.sync.books", __index = methods }

local COUNTS = { "read", "created", "changed", "unchanged" }
local TRAFFIC = { "requests", "retries", "rate_limited" }

-- Nothing, where nobody talks to the source.
local function traffic_of(connection)
  return connection.session and connection.session:stats()
    or { requests = 0, retries = 0, rate_limited = 0 }
end

--- Open the books.
---@param connection commerce.Connection
---@param mappings commerce.Mapping[] of the data types of this run
---@param progress fun(event: table)?
---@param hooks commerce.Hooking? are told of failures
---@return table books
function books.new(connection, mappings, progress, hooks)
  local self = setmetatable({
    connection = connection, store = connection.store, progress = progress, hooks = hooks,
    mode = connection.integration.mode,
    started = core.now(), before = traffic_of(connection),
    notes = {},
    sessions = {}, -- by resource
    entries = {}, order = {}, -- one entry a data type
    users = {}, -- resource -> set of the data types that read it
    fractions = {}, -- resource -> how much of its time span has been read, 0 to 1
  }, books_mt)
  for i, mapping in ipairs(mappings) do
    local entry = { type = mapping.type.name, status = "complete", read = 0, created = 0,
      changed = 0, unchanged = 0, deleted = 0, skipped = 0, failed = 0, seconds = 0,
      requests = 0, retries = 0, rate_limited = 0 }
    self.entries[entry.type], self.order[i] = entry, entry
    for _, name in ipairs(connection.platform.resources_of(mapping)) do
      self.users[name] = self.users[name] or {}
      self.users[name][entry.type] = true
    end
  end
  return self
end

--- Note something about the run as a whole that its reader should know.
---@param text string
function methods:note(text)
  self.notes[#self.notes + 1] = text
end

function methods:emit(event)
  if self.progress then
    self.progress(event)
  end
end

local function tell_failure(self, type_name, message, details)
  if self.hooks and not (details and details.kind == "cancelled") then
    for _, wrong in ipairs(self.hooks:failure { type = type_name, message = message,
      details = details }) do
      self:note(wrong)
    end
  end
end

--- A data type failed. It does not stop the others; the first reason is kept.
---@param type_name string
---@param message string
---@param details commerce.Details?
function methods:fail(type_name, message, details)
  local entry = self.entries[type_name]
  if entry.status ~= "failed" then
    entry.status, entry.error, entry.details = "failed", message, details
    tell_failure(self, type_name, message, details)
  end
end

--- Some of a data type's records failed, which fails the type.
---@param type_name string
---@param message string
---@param details commerce.Details
---@param count integer? how many; 1 if left out
function methods:count_failed(type_name, message, details, count)
  local entry = self.entries[type_name]
  entry.failed = entry.failed + (count or 1)
  if entry.status == "failed" then
    tell_failure(self, type_name, message, details)
  end
  self:fail(type_name, message, details)
end

--- A hook left records out.
---@param type_name string
---@param count integer? how many; 1 if left out
function methods:count_skipped(type_name, count)
  local entry = self.entries[type_name]
  entry.skipped = entry.skipped + (count or 1)
end

--- A data type cannot be read since the key may not, which is known before it was tried.
---@param type_name string
---@param message string why not
---@param details commerce.Details?
function methods:skip(type_name, message, details)
  local entry = self.entries[type_name]
  if entry.status == "complete" then
    entry.status, entry.error, entry.details = "skipped", message, details
    self:emit { event = "skipped", type = type_name, error = message }
    tell_failure(self, type_name, message, details)
  end
end

--- Whether nothing has gone wrong with a data type so far.
---@param type_name string
---@return boolean
function methods:is_complete(type_name)
  return self.entries[type_name].status == "complete"
end

--- Whether a data type is made of a resource.
---@param type_name string
---@param resource string
---@return boolean
function methods:reads(type_name, resource)
  return (self.users[resource] or {})[type_name] == true
end

--- A resource could not be read: every data type that needs it failed.
---@param task commerce.Task
---@param message string
---@param details commerce.Details?
function methods:fail_resource(task, message, details)
  if self.connection.platform.lacks_permission(details) then
    message = errors.lacking(message, task.resource.permission)
  end
  for type_name in pairs(self.users[task.name]) do
    self:fail(type_name, message, details)
  end
end

--- Open the account of a resource: its requests are counted apart.
---@param name string the resource
---@return userdata session a `commerce.core` session
function methods:session_for(name)
  self.sessions[name] = self.sessions[name] or self.connection.session:child()
  return self.sessions[name]
end

-- What the resources of a data type took. One that several types read counts for each of them.
local function count_requests(self, entry)
  for name, session in pairs(self.sessions) do
    if (self.users[name] or {})[entry.type] then
      local stats = session:stats()
      for _, count in ipairs(TRAFFIC) do
        entry[count] = entry[count] + stats[count]
      end
    end
  end
end

--- A source object was read for a data type.
---@param type_name string
---@param failure string? why it could not be mapped
function methods:count_read(type_name, failure)
  local entry = self.entries[type_name]
  entry.read = entry.read + 1
  if failure then
    self:count_failed(type_name, failure, { kind = "mapping" })
  end
end

--- What became of a page's records.
---@param counts table<string, table> from the store's write_page
function methods:count_written(counts)
  for type_name, count in pairs(counts) do
    local entry = self.entries[type_name]
    for name, number in pairs(count) do
      entry[name] = (entry[name] or 0) + number
    end
  end
end

-- A type is as far as the resource of it that is least far.
local function fraction_of(self, type_name)
  local lowest = 1
  for resource, users in pairs(self.users) do
    if users[type_name] then
      lowest = math.min(lowest, self.fractions[resource] or 0)
    end
  end
  return lowest
end

local KEPT_EVERY = 1 -- seconds

--- Keep in the store, now and then, how far the pulls are, for who looks at them from outside. That
--- this fails is no reason to end the run.
function methods:keep_progress()
  if core.now() - (self.kept or self.started) < KEPT_EVERY then
    return
  end
  self.kept = core.now()
  for _, entry in ipairs(self.order) do
    local progress = math.floor(100 * fraction_of(self, entry.type))
    if entry.pull and entry.pull.progress ~= progress then
      entry.pull.progress = progress
      errors.catch(self.store.save_pull, self.store, entry.pull)
    end
  end
end

--- Tell the progress display where the data types that read a resource are.
---@param resource string
---@param fraction number? how much of the resource has been read, 0 to 1
function methods:tell(resource, fraction)
  self.fractions[resource] = fraction or self.fractions[resource]
  self:keep_progress()
  for type_name in pairs(self.users[resource]) do
    local entry = self.entries[type_name]
    entry.seconds = core.now() - self.started
    self:emit { event = "progress", type = type_name, read = entry.read, created = entry.created,
      changed = entry.changed, unchanged = entry.unchanged,
      fraction = fraction_of(self, type_name) }
  end
end

-- ---------------------------------------------------------------- pulls

local PULL_STATUS = { [401] = "AuthError", [403] = "AuthError", [429] = "RateLimitError" }
local KIND_STATUS = { mapping = "MapError", hook = "ProcessingError", cancelled = "Cancelled" }

local function pull_status(self, entry)
  if entry.status == "complete" then
    return "Complete"
  end
  local details = entry.details or {}
  if self.connection.platform.lacks_permission(details) then
    return "PermissionsError"
  end
  return PULL_STATUS[details.status] or KIND_STATUS[details.kind] or "FetchError"
end

-- One that was asked for and waits is what this run does.
local function pull_for(self, entry, waiting, now)
  if waiting then
    waiting.status = "Fetching"
    return waiting
  end
  return { id = core.uuid(), connection_id = self.connection.id, data_type = entry.type,
    status = "Fetching", requested = now, read = 0, created = 0, changed = 0, unchanged = 0 }
end

--- Begin: a pull for each data type.
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:open()
  local now, names = time.now(), {}
  -- what still says "Fetching" was killed: nobody else has the lease
  local ok, message, details = self.store:end_killed_pulls(self.connection.id, now)
  local waiting
  if ok then
    waiting, message, details = self.store:waiting_pulls(self.connection.id)
    ok = waiting ~= nil
  end
  for i, entry in ipairs(self.order) do
    names[i] = entry.type
    if ok then
      entry.pull = pull_for(self, entry, waiting[entry.type], now)
      ok, message, details = self.store:save_pull(entry.pull)
    end
  end
  self:emit { event = "start", connection = self.connection.id,
    account = self.connection.account, mode = self.mode, types = names }
  return ok, message, details
end

local function close_pull(self, entry)
  local pull = entry.pull
  pull.status, pull.completed = pull_status(self, entry), time.now()
  pull.progress = pull.status == "Complete" and 100 or pull.progress
  pull.error_message = entry.error
  for _, name in ipairs(COUNTS) do
    pull[name] = entry[name]
  end
end

-- Close the pulls, and tell of it. What webhooks bring is no pull: of that, only what has changed
-- is worth telling.
local function end_reads(self)
  local reads = {}
  for _, entry in ipairs(self.order) do
    local modified = entry.created + entry.changed + entry.deleted > 0
    if entry.pull then
      close_pull(self, entry)
    end
    if entry.pull or modified then
      reads[#reads + 1] = { data_type = entry.type, status = pull_status(self, entry),
        modified = modified, message = entry.error, pull = entry.pull }
    end
  end
  if #reads == 0 then
    return true
  end
  return self.store:end_reads(self.connection.id, reads)
end

--- The run is broken off for a reason that concerns all of it. Where that is the store itself,
--- nothing more is asked of it: the next run closes the pulls.
---@param message string
---@param details commerce.Details?
function methods:abandon(message, details)
  local writable = type(details) ~= "table" or details.kind ~= "store"
  for _, entry in ipairs(self.order) do
    self:fail(entry.type, message, details)
  end
  if writable then
    errors.catch(end_reads, self)
  end
end

--- End: close the pulls and sum up.
---@return commerce.Report? report nil if the store failed
---@return string? message
---@return commerce.Details? details
function methods:close()
  local ok, message, details = end_reads(self)
  if not ok then
    return nil, message, details
  end
  for _, entry in ipairs(self.order) do
    count_requests(self, entry)
    entry.reason = entry.status ~= "complete" and pull_status(self, entry) or nil
    entry.pull = nil
  end
  return self:sum_up()
end

--- Sum up.
---@return commerce.Report report
function methods:sum_up()
  local after, complete = traffic_of(self.connection), true
  for _, entry in ipairs(self.order) do
    complete = complete and entry.status == "complete"
    entry.details = nil
    local event = { event = "type" }
    for name, value in pairs(entry) do
      event[name] = value
    end
    self:emit(event)
  end
  return report.new {
    connection = self.connection.id, account = self.connection.account, mode = self.mode,
    complete = complete, types = self.order, notes = self.notes,
    seconds = core.now() - self.started,
    requests = after.requests - self.before.requests,
    retries = after.retries - self.before.retries,
    rate_limited = after.rate_limited - self.before.rate_limited,
  }
end

return books
