-- A sync run: composes session, reading, mapping and store. Called by connection.

local apply = require "commerce.sync.apply"
local changed = require "commerce.sync.changed"
local errors = require "commerce.base.errors"
local hooking = require "commerce.hooks.dispatcher"
local incremental = require "commerce.sync.incremental"
local joined = require "commerce.sync.joins"
local keeping = require "commerce.sync.keeping"
local plan = require "commerce.sync.plan"
local probe = require "commerce.sync.probe"
local reading = require "commerce.sync.reading"
local runs = require "commerce.sync.run"
local sweep = require "commerce.sync.sweep"
local tallying = require "commerce.sync.tallying"
local time = require "commerce.base.time"

local sync = {
  --- What makes a function that is told the progress of a run, where the run is given none. Set by
  --- the command line.
  ---@type (fun(): fun(event: table))?
  progress = nil,
}

local OPTIONS = { types = "table", since = "any", before = "any", ["until"] = "any",
  full = "boolean", strict = "boolean", progress = "function", page_size = "number",
  ranges = "number", worker = "string", keep_source = "boolean" }

local RANGES = 8 -- parts of one list that are read side by side, if nothing else is asked for

-- Whether only the store knows of a data type, since some script has defined it.
local function is_of_script(connection, name)
  local store = connection.store
  return store.find_type ~= nil and store:find_type(name) ~= nil
end

--- The mappings of the data types that are asked for, in the model's order, then those of a user's
--- own.
---@param connection commerce.Connection
---@param names string[]? all if left out
---@return commerce.Mapping[]? mappings nil if a name is unknown, or none was given
---@return string? message
function sync.mappings(connection, names)
  local asked, chosen = {}, {}
  for _, name in ipairs(names or {}) do
    local data_type, message = connection.mappings:find_type(name)
    if not data_type then
      return nil, is_of_script(connection, name) and ("data type '%s' is defined by a script: "
        .. "only that can read it"):format(name) or message
    elseif not connection.mappings:find(data_type.name) then
      return nil, ("%s gives no %s"):format(connection.integration.title, data_type.name)
    end
    asked[data_type.name] = true
  end
  for _, mapping in ipairs(connection.mappings:all()) do
    if not names or asked[mapping.type.name] then
      chosen[#chosen + 1] = mapping
    end
  end
  if #chosen == 0 then
    return nil, 'types: none given; a list is expected, such as { "payments" }'
  end
  return chosen
end

local function check_count(options, name, most)
  local count = options[name]
  if count and (count < 1 or count > most or count % 1 ~= 0) then
    errors.refuse("bad option '%s': a whole number from 1 to %d expected", name, most)
  end
end

-- The time that an option names, if it is given.
local function time_of(options, name)
  if options[name] == nil then
    return nil
  end
  local seconds, wrong = time.parse(options[name])
  if not seconds then
    return errors.fail("usage", name .. ": " .. wrong)
  end
  return seconds
end

-- The mappings of the types that hooks do not leave out.
local function chosen_by(hooks, mappings)
  local list, failures = {}, {}
  for _, mapping in ipairs(mappings) do
    local name = mapping.type.name
    local wanted, message, details = errors.catch(hooks.before_type, hooks, name)
    if wanted == nil then
      failures[name] = { message = message, details = details }
      if details.fatal then
        return nil, message, details
      end
    end
    list[#list + 1] = wanted ~= false and mapping or nil
  end
  return list, failures
end

-- The mappings of the types that no hook failed for before they began.
local function unharmed(run, mappings)
  local list = {}
  for _, mapping in ipairs(mappings) do
    local failure = run.failures[mapping.type.name]
    if failure then
      run.books:fail(mapping.type.name, failure.message, failure.details)
    else
      list[#list + 1] = mapping
    end
  end
  return list
end

local function make_plan(run, mappings)
  return plan.make(run.connection.platform, mappings, run.options.since, run.options.before,
    run.hooks)
end

-- The mappings of the types that the key may read; the others are skipped before the first page.
local function permitted(run, mappings)
  local platform = run.connection.platform
  local refused, message, details =
    probe.refused(run.connection, (make_plan(run, mappings)))
  if not refused then
    return nil, message, details
  end
  local list = {}
  for _, mapping in ipairs(mappings) do
    local allowed = true
    for _, name in ipairs(platform.resources_of(mapping)) do
      if refused[name] then
        allowed = false
        run.books:skip(mapping.type.name, refused[name].message, refused[name].details)
      end
    end
    list[#list + 1] = allowed and mapping or nil
  end
  return list
end

local function read_everything(run, mappings, tasks, joins)
  local ok, message, details = reading.objects(run, tasks)
  local changes
  if ok then -- before the lists, which show what is newer
    changes, message, details = incremental.changes(run, tasks)
    ok = changes ~= nil
  end
  if ok then
    ok, message, details = reading.lists(run, tasks)
  end
  if ok then
    ok, message, details = changed.fetch(run, tasks, changes)
  end
  if ok then
    ok, message, details = sweep.sources(run, tasks)
  end
  if ok then
    ok, message, details = joined.build(run, joins)
  end
  if ok then
    ok, message, details = sweep.records(run, mappings)
  end
  return ok, message, details
end

local function begin(run, mappings, tasks)
  local ok, message, details = run.books:open()
  if not ok then
    return nil, message, details
  end
  mappings, message, details = permitted(run, unharmed(run, mappings))
  if not mappings then
    return nil, message, details
  end
  ok, message, details = keeping.decide(run)
  if not ok then
    return nil, message, details
  end
  local planned
  run.mappings = mappings
  planned, run.joins = make_plan(run, mappings)
  for i, task in ipairs(planned) do
    task.session = run.books:session_for(task.name)
    tasks[i] = task
  end
  keeping.prepare(run, tasks)
  return read_everything(run, mappings, tasks, run.joins)
end

local function read_and_close(run, mappings)
  local tasks = {}
  tallying.begin(mappings)
  local ok, message, details = errors.catch(begin, run, mappings, tasks)
  tallying.note(run, mappings)
  if not ok then
    run.books:abandon(message, details)
    return nil, message, details
  end
  local report
  report, message, details = run.books:close()
  if report then
    ok, message, details = reading.finish(run, tasks) -- last: a kill before it continues this run
  end
  if report and ok and run.hooks then
    run.hooks:finish(report)
  end
  return ok and report or nil, message, details
end

local function run_with_hooks(connection, mappings, options, times, held)
  local hooks, failures = hooking.new(connection, options), {}
  if hooks then
    local ok, message, details = errors.catch(hooks.before_sync, hooks)
    if not message then
      mappings, failures, details = chosen_by(hooks, mappings)
      ok, message = mappings ~= nil, failures
    end
    if not ok then
      return nil, message, details
    end
  end
  local run = runs.new(connection, mappings, { since = times.since, before = times.before,
    full = options.full, keep_source = options.keep_source, page_size = options.page_size,
    ranges = options.ranges or RANGES,
    floor = connection.account_created,
    progress = options.progress or sync.progress and sync.progress() }, hooks)
  run.lease, run.failures = held, failures
  return read_and_close(run, mappings)
end

--- Read a connection's data types from the source into the store.
---@param connection commerce.Connection
---@param options table? types: list of names (all if left out); since, before: dates or unix
---  seconds, only objects created from then on, or before ("until" is the same, but a word of
---  Lua's own); full: read everything again; strict: nil and the reasons, instead of a report that
---  is not complete (details.report has it); progress: a function that gets events; page_size:
---  objects a request, 1 to 100; ranges: how many parts of a list are read side by side at most,
---  1 for one page after the other; keep_source: keep every source object beside its records,
---  from now on, or (false) no longer; worker: who does it under a lease on the connection that is
---  the caller's to give back (default: this process, for this run)
---@return commerce.Report? report nil where nothing could be done (bad arguments, the store,
---  another run under way: details.code "busy")
---@return string? message
---@return commerce.Details? details
function sync.run(connection, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  check_count(options, "page_size", 100)
  check_count(options, "ranges", 100)
  local since, before, wrong, why
  since, wrong, why = time_of(options, "since")
  if not wrong then
    before, wrong, why = time_of(options, options["until"] ~= nil and "until" or "before")
  end
  if not wrong and since and before and since >= before then
    wrong, why = select(2, errors.fail("usage", "nothing lies between since and before"))
  end
  if wrong then
    return nil, wrong, why
  end
  local mappings, unknown = sync.mappings(connection, options.types)
  if not mappings then
    return errors.fail("usage", unknown)
  end
  local ok, message, details = connection.mappings:tell(connection.store)
  if not ok then
    return nil, message, details
  end
  return runs.alone(connection, options.worker, function(held)
    return run_with_hooks(connection, mappings, options, { since = since, before = before }, held)
  end)
end

--- Apply what webhooks brought.
sync.apply = apply.run

return sync
