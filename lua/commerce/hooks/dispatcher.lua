-- Calls the hooks of one run, and handles their failures: a hook that raises fails the record, page
-- or type that it was called for, and ends the run only if it was declared with on_error = "stop".
-- A failed hook never changes the checkpoint, which is written with the page.
--
-- `alter` calls the hooks that filter and change records, before their page is written; `notify`
-- calls the others after the page was written, so that a crash cannot undo a reported change.

local check = require "commerce.model.check"
local context = require "commerce.hooks.context"
local errors = require "commerce.base.errors"
local hooks = require "commerce.hooks.registry"
local json = require "commerce.base.json"
local result = require "commerce.hooks.result"
local routers = require "commerce.hooks.router"

local dispatcher = {}

--- A record on its way from the mapping to the store; `commerce.sync.writer` encodes it.
---@class commerce.Draft
---@field id string
---@field record commerce.RecordFields as the mapping or the last hook left it
---@field source commerce.StripeObject the source object
---@field hook commerce.Hook? the last hook that may have changed it
---@field destination commerce.hooks.Destination? the other stores that a hook sends it to

--- The counters of a run that hooks change.
---@class commerce.hooks.Counts
---@field count_failed fun(self, type_name: string, message: string, details: commerce.Details, n:
---  integer?)
---@field count_skipped fun(self, type_name: string, count: integer?)

---@class commerce.hooks.Dispatcher
local methods = {}
local dispatcher_mt = { __name = "commerce.hooks.dispatcher", __index = methods }

--- The hooks of a run; nil if there are none, so that a run without hooks does nothing for them.
---@param connection commerce.Connection
---@param options commerce.sync.Options the options of the sync
---@return commerce.hooks.Dispatcher?
function dispatcher.new(connection, options)
  local all = connection.hooks and connection.hooks:all() or {}
  if #all == 0 then
    return nil
  end
  local router = routers.new(connection.store, connection.row, connection.mappings)
  return setmetatable({
    _all = all, _lists = {}, _types = {}, -- by event and data type; by name
    _store = connection.store, _connection_id = connection.id, _router = router,
    _context = context.new(connection, options, router),
  }, dispatcher_mt)
end

-- The hooks of an event, in the order of declaration.
local function hooks_of(self, event, type_name)
  local key = type_name and event .. " " .. type_name or event
  local list = self._lists[key]
  if not list then
    list = {}
    for _, hook in ipairs(self._all) do
      if hook.event == event and (not hook.type or hook.type == type_name) then
        list[#list + 1] = hook
      end
    end
    self._lists[key] = list
  end
  return list
end

local function find_type(self, name)
  self._types[name] = self._types[name] or assert(self._store:find_type(name))
  return self._types[name]
end

--- Count the records that a hook failed. Raises if the hook is to stop the run.
---@param counts commerce.hooks.Counts
---@param hook commerce.Hook
---@param type_name string
---@param message string
---@param count integer? how many records; 1 if left out
function methods:fail(counts, hook, type_name, message, count)
  counts:count_failed(type_name, message, { kind = "hook", at = hook.at }, count)
  if hook.stop then
    errors.throw("hook", message .. "; the sync was stopped", { fatal = true, at = hook.at })
  end
end

-- ---------------------------------------------------------------- the run and its types

-- Call all hooks of an event that concerns the whole run. Gives the failure of the first that
-- failed.
local function call_whole(self, event, ...)
  local message, at
  self._context.type, self._context.resource = nil, nil
  for _, hook in ipairs(hooks_of(self, event)) do
    local ok, wrong = hooks.call(hook, ...)
    if not ok and not message then
      message, at = wrong, hook.at
    end
  end
  return message, at
end

--- Announce the run. Raises if a hook fails.
function methods:before_sync()
  local message, at = call_whole(self, "before_sync", self._context)
  if message then
    errors.throw("hook", message, { at = at })
  end
end

--- Ask whether a data type is to be read. Raises if a hook fails; `fatal` if that stops the run.
---@param type_name string
---@return boolean wanted
function methods:before_type(type_name)
  self._context.type = type_name
  for _, hook in ipairs(hooks_of(self, "before_type", type_name)) do
    local ok, given = hooks.call(hook, type_name, self._context)
    if not ok then
      errors.throw("hook", given, { at = hook.at, fatal = hook.stop })
    elseif given == false then
      return false
    end
  end
  return true
end

--- Tell what became of every data type and of the run. The run is over: a hook that fails now makes
--- the report incomplete, with a note.
---@param report commerce.Report
function methods:finish(report)
  local function note(message)
    report.complete, report.notes[#report.notes + 1] = false, message
  end
  for _, entry in ipairs(report.types) do
    self._context.type = entry.type
    for _, hook in ipairs(hooks_of(self, "after_type", entry.type)) do
      local ok, message = hooks.call(hook, entry, self._context)
      if not ok then
        note(message)
      end
    end
  end
  local message = call_whole(self, "after_sync", report, self._context)
  if message then
    note(message)
  end
end

--- Tell of a failure. An error hook that fails is not told of to other error hooks.
---@param failure { type: string?, message: string, details: commerce.Details? }
---@return string[] messages of the error hooks that failed
function methods:failure(failure)
  local messages = {}
  self._context.type = failure.type
  for _, hook in ipairs(hooks_of(self, "error", failure.type)) do
    local ok, message = hooks.call(hook, failure, self._context)
    messages[#messages + 1] = not ok and message or nil
  end
  return messages
end

-- ---------------------------------------------------------------- before a page is written

--- The source paths that the before_record hooks of a data type read.
---@param type_name string
---@return boolean whole whether a hook reads the whole object
---@return string[] paths that the other hooks name
function methods:source_of(type_name)
  local whole, paths = false, {}
  for _, hook in ipairs(hooks_of(self, "before_record", type_name)) do
    whole = whole or hook.source == true
    for _, path in ipairs(type(hook.source) == "table" and hook.source or {}) do
      paths[#paths + 1] = path
    end
  end
  return whole, paths
end

--- Whether a hook may change or leave out records of a data type before they are written.
---@param type_name string
---@return boolean
function methods:may_alter(type_name)
  return #hooks_of(self, "before_record", type_name) > 0
    or #hooks_of(self, "before_page", type_name) > 0
end

-- Let the before_record hooks change a record. False: it is left out; nil with a message and the
-- hook: it failed.
local function alter_record(self, list, draft)
  local record = draft.record
  for _, hook in ipairs(list) do
    local source = hook.source and json.without_nulls(draft.source) or nil
    local ok, given, reason = hooks.call(hook, record, source, self._context)
    if ok then
      given, reason = result.of_record(hook, record, given, reason)
    else
      given, reason = nil, given
    end
    if not given then
      return given, reason, hook
    end
    record = given
  end
  return record
end

local function alter_records(self, counts, type_name, drafts)
  local list, kept, router = hooks_of(self, "before_record", type_name), {}, self._router
  if #list == 0 then
    return drafts
  end
  for _, draft in ipairs(drafts) do
    router:begin()
    local record, message, hook = alter_record(self, list, draft)
    local destination = router:finish()
    if record then
      draft.record, draft.hook, draft.destination = record, list[#list], destination
      kept[#kept + 1] = draft
    elseif record == false then
      counts:count_skipped(type_name)
    else
      self:fail(counts, hook, type_name, ("record %s: %s"):format(draft.id, message))
    end
  end
  return kept
end

-- The drafts that one before_page hook leaves; nil and a message if it failed.
local function call_page_hook(self, hook, drafts)
  local records = {}
  for i, draft in ipairs(drafts) do
    records[i], draft.hook = draft.record, hook
  end
  local ok, given = hooks.call(hook, records, self._context)
  if not ok then
    return nil, given
  end
  return result.of_page(hook, drafts, records, given)
end

-- A page whose before_page hook failed is not stored: all its drafts are removed.
local function alter_page(self, counts, type_name, drafts)
  for _, hook in ipairs(hooks_of(self, "before_page", type_name)) do
    local kept, message = call_page_hook(self, hook, drafts)
    if not kept then
      self:fail(counts, hook, type_name, message, #drafts)
      return {}
    end
    counts:count_skipped(type_name, #drafts - #kept)
    drafts = kept
  end
  return drafts
end

local function wrong_with(data_type, draft)
  local record = draft.record
  if data_type.shape.by_name.id then
    if record.id ~= nil and record.id ~= draft.id then
      return "field id: a hook cannot change it"
    end
    record.id = draft.id
  end
  return check.record(data_type, record)
end

-- Mappings make valid records by construction; users' functions may not.
local function valid_drafts(self, counts, type_name, drafts)
  local data_type, valid = find_type(self, type_name), {}
  for _, draft in ipairs(drafts) do
    local wrong = draft.hook and wrong_with(data_type, draft)
    if wrong then
      self:fail_record(counts, type_name, draft, wrong)
    else
      valid[#valid + 1] = draft
    end
  end
  return valid
end

--- Count a record that cannot be stored as its hooks left it. Raises if that is to stop the run.
---@param counts commerce.hooks.Counts
---@param type_name string
---@param draft commerce.Draft with its hook
---@param wrong string
function methods:fail_record(counts, type_name, draft, wrong)
  self:fail(counts, draft.hook, type_name, ("record %s: after %s: %s"):format(draft.id,
    hooks.title(draft.hook), wrong))
end

--- Call the hooks that may change or leave out what a page brings.
---@param page commerce.sync.Page its `records`, lists of drafts, are replaced by what the hooks
---  leave
---@param counts commerce.hooks.Counts
function methods:alter(page, counts)
  self._context.resource = page.resource
  for type_name, drafts in pairs(page.records or {}) do
    if self:may_alter(type_name) then
      self._context.type = type_name
      drafts = alter_records(self, counts, type_name, drafts)
      drafts = alter_page(self, counts, type_name, drafts)
      page.records[type_name] = valid_drafts(self, counts, type_name, drafts)
    end
  end
end

--- Queue an encoded record for the stores that a hook sends it to.
---@param destination commerce.hooks.Destination
---@param type_name string
---@param record commerce.Record
function methods:send(destination, type_name, record)
  self._router:add(destination, type_name, record)
end

--- Write what is queued for other stores. Raises if one of them fails.
function methods:write_sent()
  self._router:write()
end

-- ---------------------------------------------------------------- after a page was written

-- Tell each hook of an event about records as they are stored: one by one, or as a page.
local function call_each(self, counts, type_name, list, records, ids, kind)
  for _, id in ipairs(ids) do
    for _, hook in ipairs(records[id] and list or {}) do
      -- decoded for each hook, so that none sees what another one did to the record
      local record = json.stored(records[id])
      local ok, message = hooks.call(hook, record, kind or self._context,
        kind and self._context or nil)
      if not ok then
        self:fail(counts, hook, type_name, ("record %s: %s"):format(id, message))
      end
    end
  end
end

local function call_page(self, counts, type_name, list, records, ids)
  for _, hook in ipairs(list) do
    local page = {}
    for _, id in ipairs(ids) do
      page[#page + 1] = records[id] and json.stored(records[id])
    end
    local ok, message = hooks.call(hook, page, self._context)
    if not ok then
      self:fail(counts, hook, type_name, ("a page of %s: %s"):format(type_name, message))
    end
  end
end

local function notify_of(self, counts, event, type_name, ids, kind)
  local list = hooks_of(self, event, type_name)
  if #list == 0 or #ids == 0 then
    return
  end
  self._context.type = type_name
  local records = errors.must(self._store:find(find_type(self, type_name), self._connection_id,
    ids, true))
  local call = event == "after_page" and call_page or call_each
  call(self, counts, type_name, list, records, ids, kind)
end

--- Tell what a page that has been written did.
---@param page commerce.Page
---@param done commerce.PageChange[] its changes, from the store's write_page
---@param counts commerce.hooks.Counts
function methods:notify(page, done, counts)
  self._context.resource = page.resource
  for _, change in ipairs(done) do
    if change.kind == "deleted" then
      notify_of(self, counts, "delete", change.type, change.ids)
    else
      notify_of(self, counts, "change", change.type, change.ids, change.kind)
    end
  end
  for type_name, records in pairs(page.records or {}) do
    local ids = {}
    for i, record in ipairs(records) do
      ids[i] = record.id
    end
    notify_of(self, counts, "after_record", type_name, ids)
    notify_of(self, counts, "after_page", type_name, ids)
  end
end

return dispatcher
