-- A sync run: composes session, reading, mapping and store. Called by connection.
-- It is the only module that knows all of them.

local backfill = require "commerce.sync.backfill"
local convert = require "commerce.sync.convert"
local core = require "commerce.core"
local errors = require "commerce.errors"
local json = require "commerce.json"
local model = require "commerce.model"
local plan = require "commerce.sync.plan"
local report = require "commerce.report"
local runtime = require "commerce.runtime"
local values = require "commerce.mapping.values"

local sync = {}

local JOIN_BATCH = 100 -- parents built and written in one transaction

-- ---------------------------------------------------------------- options

-- "2026-01-01", "2026-01-01T12:00:00Z" or unix seconds -> unix seconds
local function unix_time(since)
  if since == nil or type(since) == "number" then
    return since
  end
  local year, month, day, rest = tostring(since):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  local hour, minute, second = 0, 0, 0
  if rest and rest ~= "" then
    hour, minute, second = rest:match("^T(%d%d):(%d%d):(%d%d)Z?$")
  end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  if not (year and hour) or month < 1 or month > 12 or day < 1 or day > 31 then
    return nil, ("since: expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, got '%s'")
      :format(tostring(since))
  end
  -- days from civil, without the local time zone that os.time would bring in
  local y = month <= 2 and year - 1 or year
  local shifted = (month + 9) % 12
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400)
    + math.floor((153 * shifted + 2) / 5) + day - 1 - 719468
  return days * 86400 + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
end

local OPTIONS = { types = "table", since = "any", full = "boolean", progress = "function",
  page_size = "number" }

local function chosen_mappings(connection, types)
  local chosen, asked = {}, {}
  for _, name in ipairs(types or {}) do
    local data_type, message = model.find(name)
    if not data_type then
      return nil, message
    elseif not connection.mappings[data_type.name] then
      return nil, ("%s gives no %s"):format(connection.integration.title, data_type.name)
    end
    asked[data_type.name] = true
  end
  for _, data_type in ipairs(model.types()) do
    local mapping = connection.mappings[data_type.name]
    if mapping and (not types or asked[data_type.name]) then
      chosen[#chosen + 1] = mapping
    end
  end
  if #chosen == 0 then
    return nil, "types: none given"
  end
  return chosen
end

-- ---------------------------------------------------------------- the run's books

local run_methods = {}
local run_mt = { __index = run_methods }

-- A failure of one type does not stop the others; the first reason of each is kept.
function run_methods:fail(type_name, message, details)
  local entry = self.entries[type_name]
  if entry.status ~= "failed" then
    entry.status, entry.error = "failed", message
    entry.details = details
  end
end

function run_methods:fail_users(task_name, message, details)
  for _, entry in ipairs(self.order) do
    if self.users[task_name][entry.type] then
      self:fail(entry.type, message, details)
    end
  end
end

function run_methods:emit(event)
  if self.progress then
    self.progress(event)
  end
end

-- How far a type is, by time: lists go from now back to the account's first day.
local function fraction(run, type_name)
  local lowest = 1
  for task_name, users in pairs(run.users) do
    if users[type_name] then
      lowest = math.min(lowest, run.fractions[task_name] or 0)
    end
  end
  return lowest
end

function run_methods:report_progress(type_names)
  for type_name in pairs(type_names) do
    local entry = self.entries[type_name]
    self:emit { event = "progress", type = type_name, read = entry.read, created = entry.created,
      changed = entry.changed, unchanged = entry.unchanged, fraction = fraction(self, type_name) }
  end
end

local PULL_STATUS = { [401] = "AuthError", [403] = "PermissionsError", [429] = "RateLimitError" }

local function pull_status(entry)
  if entry.status == "complete" then
    return "Complete"
  end
  local details = entry.details or {}
  return PULL_STATUS[details.status] or details.kind == "mapping" and "MapError" or "FetchError"
end

-- A pull that says "Fetching" though nobody fetches any more was killed.
local function close_killed_pulls(run, now)
  local latest, message, details = run.store:latest_pulls(run.connection.id)
  if not latest then
    return nil, message, details
  end
  for _, pull in pairs(latest) do
    if pull.status == "Fetching" and run.entries[pull.data_type] then
      pull.status, pull.completed, pull.error_message = "Cancelled", now, "interrupted"
      local ok, reason, why = run.store:save_pull(pull)
      if not ok then
        return nil, reason, why
      end
    end
  end
  return true
end

function run_methods:open_pulls()
  local now = values.format_time(os.time())
  local ok, message, details = close_killed_pulls(self, now)
  for _, entry in ipairs(self.order) do
    if ok then
      entry.pull = { id = core.uuid(), connection_id = self.connection.id, data_type = entry.type,
        status = "Fetching", requested = now, read = 0, created = 0, changed = 0, unchanged = 0 }
      ok, message, details = self.store:save_pull(entry.pull)
    end
  end
  return ok, message, details
end

function run_methods:close_pull(entry)
  local pull = entry.pull
  pull.status, pull.completed = pull_status(entry), values.format_time(os.time())
  pull.error_message = entry.error
  for _, name in ipairs { "read", "created", "changed", "unchanged" } do
    pull[name] = entry[name]
  end
  return self.store:save_pull(pull)
end

-- ---------------------------------------------------------------- reading and storing

-- Write a page and count what became of its records.
function run_methods:write(page)
  local counts, message, details = self.store:write_page(self.connection.id, page,
    values.format_time(os.time()))
  if not counts then
    return nil, message, details
  end
  for type_name, count in pairs(counts) do
    local entry = self.entries[type_name]
    entry.created = entry.created + count.created
    entry.changed = entry.changed + count.changed
    entry.unchanged = entry.unchanged + count.unchanged
  end
  return true
end

-- One object to all consumers of its resource.
function run_methods:take(task, object, records)
  for _, consumer in ipairs(task.consumers) do
    local entry = self.entries[consumer.type]
    records[consumer.type] = records[consumer.type] or {}
    entry.read = entry.read + 1
    local ok, message = convert.map(consumer, object, records[consumer.type])
    if not ok then
      entry.failed = entry.failed + 1
      self:fail(consumer.type, message, { kind = "mapping" })
    end
  end
end

function run_methods:keep(task, object, text, sources)
  local id, parent_id = task.keep(object)
  sources[#sources + 1] = { id = id, parent_id = parent_id, data = text }
end

function run_methods:store_page(task, page, state)
  local records, sources = {}, {}
  for _, text in page:elements() do
    local object, message = convert.decode(text, self.livemode)
    if not object then
      return nil, message, { kind = "mapping" }
    end
    self:take(task, object, records)
    if task.keep then
      self:keep(task, object, text, sources)
    end
  end
  return self:write { resource = task.name, records = records, sources = sources, state = state }
end

-- What of a failed page concerns one resource is that resource's failure; a store that cannot be
-- written ends the run.
local function fatal(details)
  return type(details) == "table" and details.kind == "store"
end

function run_methods:step(reader)
  local page, message, details = reader:poll()
  local task = reader.task
  if page then
    local ok
    ok, message, details = self:store_page(task, page, reader.state)
    if ok then
      local oldest = page:created(#page)
      if oldest and self.born < self.started_at then
        self.fractions[task.name] =
          math.max(0, math.min(1, (self.started_at - oldest) / (self.started_at - self.born)))
      end
      self:report_progress(self.users[task.name])
      return true
    end
  elseif page == false then
    return false
  elseif not message then
    self.fractions[task.name] = 1
    self.finished[task.name] = true
    return nil
  end
  if fatal(details) then
    return nil, message, details
  end
  self:fail_users(task.name, message, details)
  return nil
end

-- All lists at once: while one page is being stored, the next ones travel.
function run_methods:read_lists(tasks)
  local readers, idle = {}, 0
  for _, task in ipairs(tasks) do
    if task.resource.list then
      local saved = self.store:state(self.connection.id, task.name)
      readers[#readers + 1] = backfill.start(self.session, task, saved, self.options)
    end
  end
  while #readers > 0 do
    local progressed = false
    for i = #readers, 1, -1 do
      local went, message, details = self:step(readers[i])
      if message then
        for _, reader in ipairs(readers) do
          reader:close()
        end
        return nil, message, details
      elseif went == nil then
        readers[i]:close()
        table.remove(readers, i)
      end
      progressed = progressed or went ~= false
    end
    idle = progressed and 0 or idle + 1
    if #readers > 0 then
      if progressed then
        self.transport:run(0)
      else
        runtime.wait(self.transport, idle)
      end
    end
  end
  return true
end

function run_methods:fetch_object(task)
  local call = self.session:request { path = task.resource.path }
  local response, message, details = runtime.await(self.transport, call)
  if not response then
    return nil, message, details
  end
  local object, reason = convert.decode(response.body, self.livemode)
  if not object then
    return errors.fail("decode", task.name .. ": " .. reason)
  end
  return object
end

-- Single objects; one that another is mapped `with` is put into it under its key.
function run_methods:read_objects(tasks)
  local objects = {}
  for _, task in ipairs(tasks) do
    if not task.resource.list then
      local object, message, details = self:fetch_object(task)
      if object then
        objects[task.name], self.finished[task.name] = object, true
      else
        self:fail_users(task.name, message, details)
      end
    end
  end
  for _, task in ipairs(tasks) do
    local object, records, whole = objects[task.name], {}, true
    for _, consumer in ipairs(object and task.consumers or {}) do
      for key, name in pairs(consumer.source.with) do
        object[key] = objects[name]
        whole = whole and objects[name] ~= nil
      end
    end
    if object and whole and #task.consumers > 0 then
      self:take(task, object, records)
      local ok, message, details = self:write { resource = task.name, records = records }
      if not ok then
        return nil, message, details
      end
      self:report_progress(self.users[task.name])
    end
  end
  return true
end

local function newest_first(a, b)
  if a.created ~= b.created then
    return (a.created or 0) > (b.created or 0)
  end
  return a.id > b.id
end

-- Records of a joined type are built from the kept objects once both resources have been read.
function run_methods:build_join(consumer)
  local source, after = consumer.source, ""
  local join = source.join
  local task = { consumers = { consumer } }
  repeat
    local batch, message, details = self.store:joined_sources(self.connection.id, source.resource,
      join.resource, after, JOIN_BATCH)
    if not batch then
      return nil, message, details
    end
    local records = {}
    for _, parent in ipairs(batch) do
      local object, children = json.decode(parent.data), {}
      for i, text in ipairs(parent.children) do
        children[i] = json.decode(text)
      end
      table.sort(children, newest_first)
      object[join.key] = children
      self:take(task, object, records)
      after = parent.id
    end
    local ok, reason, why = self:write { records = records }
    if not ok then
      return nil, reason, why
    end
    self:report_progress { [consumer.type] = true }
  until #batch < JOIN_BATCH
  return true
end

function run_methods:build_joins(joins)
  for _, consumer in ipairs(joins) do
    local source = consumer.source
    if self.finished[source.resource] and self.finished[source.join.resource] then
      local ok, message, details = self:build_join(consumer)
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

-- ---------------------------------------------------------------- the run

local function new_run(connection, mappings, options)
  local run = setmetatable({
    connection = connection, store = connection.store, session = connection.session,
    transport = connection.transport, livemode = connection.integration.livemode,
    options = options, progress = options.progress, started = core.now(), started_at = os.time(),
    born = connection.account_created or os.time(),
    entries = {}, order = {}, users = {}, fractions = {}, finished = {},
  }, run_mt)
  for i, mapping in ipairs(mappings) do
    local entry = { type = mapping.type.name, status = "complete", read = 0, created = 0,
      changed = 0, unchanged = 0, failed = 0, seconds = 0 }
    run.entries[entry.type], run.order[i] = entry, entry
    for _, name in ipairs(connection.platform.resources_of(mapping)) do
      run.users[name] = run.users[name] or {}
      run.users[name][entry.type] = true
    end
  end
  return run
end

function run_methods:read_all(tasks, joins)
  local ok, message, details = self:read_objects(tasks)
  if ok then
    ok, message, details = self:read_lists(tasks)
  end
  if ok then
    ok, message, details = self:build_joins(joins)
  end
  return ok, message, details
end

function run_methods:finish(before)
  local after, complete = self.session:stats(), true
  for _, entry in ipairs(self.order) do
    entry.seconds = core.now() - self.started
    complete = complete and entry.status == "complete"
    local ok, message, details = self:close_pull(entry)
    if not ok then
      return nil, message, details
    end
    entry.pull, entry.details = nil, nil
    self:emit { event = "type", type = entry.type, status = entry.status, read = entry.read,
      created = entry.created, changed = entry.changed, unchanged = entry.unchanged,
      failed = entry.failed, error = entry.error }
  end
  return report.new {
    connection = self.connection.id, account = self.connection.account,
    mode = self.livemode and "live" or "test", complete = complete, types = self.order,
    requests = after.requests - before.requests, retries = after.retries - before.retries,
    rate_limited = after.rate_limited - before.rate_limited, seconds = core.now() - self.started,
  }
end

--- Read a connection's data types from the source into the store.
---@param connection table see commerce.connection
---@param options table? types: list of names (all if left out); since: a date or unix seconds, only
---  objects created from then on; full: start over instead of continuing a killed run; progress: a
---  function that gets events; page_size: objects a request, 1 to 100
---@return commerce.Report? report nil where nothing could be done (bad arguments, the store)
---@return string? message
---@return commerce.Details? details
function sync.run(connection, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local since, wrong = unix_time(options.since)
  if wrong then
    return errors.fail("usage", wrong)
  end
  local mappings, unknown = chosen_mappings(connection, options.types)
  if not mappings then
    return errors.fail("usage", unknown)
  end
  local run = new_run(connection, mappings, { since = since, full = options.full,
    page_size = options.page_size, progress = options.progress })
  local tasks, joins = plan.make(connection.platform, mappings)
  for _, task in ipairs(tasks) do
    for _, consumer in ipairs(task.consumers) do
      consumer.seen = {}
    end
  end
  local before = run.session:stats()
  local ok, message, details = run:open_pulls()
  if not ok then
    return nil, message, details
  end
  run:emit { event = "start", connection = connection.id, account = connection.account,
    mode = run.livemode and "live" or "test", types = options.types }
  ok, message, details = run:read_all(tasks, joins)
  if not ok then
    for _, entry in ipairs(run.order) do
      run:fail(entry.type, message, details)
      run:close_pull(entry) -- as far as the store still can
    end
    return nil, message, details
  end
  return run:finish(before)
end

return sync
