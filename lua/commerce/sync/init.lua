-- A sync: reads a connection's data types from Stripe into the store. This file is the pipeline;
-- each stage stands in a file of its own.

local ascii = require "commerce.base.ascii"
local checkpoints = require "commerce.sync.checkpoints"
local compiler = require "commerce.runtime.compiler"
local delivered = require "commerce.sync.delivered"
local dispatcher = require "commerce.hooks.dispatcher"
local erasure = require "commerce.sync.erasure"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local patience = require "commerce.account.patience"
local payouts = require "commerce.sync.payouts"
local probe = require "commerce.account.probe"
local reader = require "commerce.sync.reader"
local refetch = require "commerce.sync.refetch"
local runs = require "commerce.sync.run"
local selection = require "commerce.sync.selection"
local stripe = require "commerce.stripe"
local sweep = require "commerce.sync.sweep"
local time = require "commerce.base.time"

local sync = {
  --- Makes the function that gets the progress events of a run, if the run is not given one. Set by
  --- the command line.
  ---@type (fun(): fun(event: table))?
  progress = nil,
}

---@class commerce.SyncOptions
---@field types string[]? names of data types (all if left out)
---@field since string|number|nil date or unix seconds: only objects created from then on
---@field before string|number|nil date or unix seconds: only objects created before ("until" is the
---  same, but a keyword of Lua)
---@field full boolean? read everything again
---@field strict boolean? nil and the reasons in place of a report that is not complete
---  (details.report has it)
---@field progress fun(event: commerce.ProgressEvent)?
---@field page_size integer? objects a request, 1 to 100
---@field ranges integer? parts of a list that are read side by side at most; 1: one page after the
---  other
---@field keep_source boolean? keep every source object beside its record, from now on, or (false)
---  no longer
---@field worker string? who does it under a lease on the connection that is the caller's to give
---  back (default: this process, for this run)

local OPTIONS = { types = "table", since = "any", before = "any", ["until"] = "any",
  full = "boolean", strict = "boolean", progress = "function", page_size = "number",
  ranges = "number", worker = "string", keep_source = "boolean" }

local RANGES = 8 -- parts of one list that are read side by side at most, by default

-- ---------------------------------------------------------------- options

local function check_count(options, name, most)
  local count = options[name]
  if count and (count < 1 or count > most or count % 1 ~= 0) then
    errors.refuse("bad option '%s': a whole number from 1 to %d expected", name, most)
  end
end

local function time_of(options, name)
  if options[name] == nil then
    return nil
  end
  local seconds, wrong = time.parse(options[name])
  if not seconds then
    errors.throw("usage", name .. ": " .. wrong)
  end
  return seconds
end

-- The options of a run, from those of a sync.
local function options_of(given)
  errors.check_options(given, OPTIONS)
  check_count(given, "page_size", 100)
  check_count(given, "ranges", 100)
  local since = time_of(given, "since")
  local before = time_of(given, given["until"] ~= nil and "until" or "before")
  if since and before and since >= before then
    errors.throw("usage", "since must be an earlier time than before")
  end
  return { since = since, before = before, full = given.full, keep_source = given.keep_source,
    page_size = given.page_size, ranges = given.ranges or RANGES,
    progress = given.progress or sync.progress and sync.progress() }
end

-- ---------------------------------------------------------------- what is read

-- The mappings of the types that no hook leaves out. Adds the failures of the types whose hook
-- failed.
local function ask_hooks(hooks, mappings, failures)
  local list = {}
  hooks:before_sync()
  for _, mapping in ipairs(mappings) do
    local name = mapping.type.name
    local wanted, message, failure = errors.catch(hooks.before_type, hooks, name)
    if message and failure.fatal then
      errors.rethrow(failure)
    elseif message then
      failures[name] = failure
    end
    list[#list + 1] = wanted ~= false and mapping or nil
  end
  return list
end

-- The mappings of the types that no hook failed for.
local function unharmed(run, mappings, failures)
  local list = {}
  for _, mapping in ipairs(mappings) do
    local failure = failures[mapping.type.name]
    if failure then
      run.progress:fail(mapping.type.name, failure.message, failure)
    else
      list[#list + 1] = mapping
    end
  end
  return list
end

-- The resources that the run is about to read for the first time and that its key may not read. A
-- resource that has been read before is not probed: its first page tells.
local function refused_resources(run, connection, tasks)
  local names, refused = {}, {}
  if not connection.restricted then
    return refused
  end
  for _, task in ipairs(tasks) do
    names[#names + 1] = not run.store:state(run.id, task.key) and task.name or nil
  end
  for name, found in pairs(probe.run(connection, names)) do
    refused[name] = found.allowed == false and found or nil
  end
  return refused
end

-- The mappings of the types that the key may read; the others are skipped before the first page.
local function permitted(run, connection, mappings)
  local refused = refused_resources(run, connection, (run:plan(mappings)))
  local list = {}
  for _, mapping in ipairs(mappings) do
    local allowed = true
    for _, name in ipairs(stripe.resources_of(mapping)) do
      if refused[name] and not (run.app_account and name == "account") then
        allowed = false
        run.progress:skip(mapping.type.name, refused[name].message, refused[name].details)
      end
    end
    list[#list + 1] = allowed and mapping or nil
  end
  return list
end

-- ---------------------------------------------------------------- the pipeline

-- Remove what Stripe deleted long ago.
local function expire(run)
  local removed, days = erasure.expire(run.store, run.id, run.mappings, run.lease)
  if removed > 0 then
    run.progress:note(("%d records that Stripe deleted more than %d days ago have been removed")
      :format(removed, days))
  end
  erasure.prune(run.store, run.id, run.lease)
end

local function read_everything(run, mappings, tasks, joins)
  reader.objects(run, tasks)
  local changes = run.changes:find(tasks) -- before the lists, which show what is newer
  local linking = payouts.new(run)
  local joins_left = reader.lists(run, tasks, joins, changes, linking)
  refetch.run(run, tasks, changes)
  sweep.sources(run, tasks)
  reader.joins(run, joins_left)
  sweep.records(run, mappings)
  linking:finish()
  expire(run)
end

-- The next run begins anew instead of continuing this one. Lists that were not read to their end
-- are continued.
local function finish(run, mappings, tasks)
  local done = {}
  for _, task in ipairs(tasks) do
    done[#done + 1] = task.resource.list and run:is_done(task.name) and task or nil
  end
  run.checkpoints:close(done, function(resource)
    return run.changes:position(resource)
  end, function(task)
    return sweep.left(run, mappings, task)
  end)
  sweep.finish(run, mappings, tasks)
  run.inbox:finish(function(resource)
    return run:is_done(resource)
  end)
end

-- Of what cannot be kept without a field that is never stored.
local function note_unkept(run)
  local unkept = run.protection:unkept()
  for _, name in ipairs(run.checkpoints:keeps_sources() and ascii.keys(unkept) or {}) do
    run.progress:note(("%s are not kept: %s"):format(name, unkept[name]))
  end
end

local function read(run, connection, mappings, failures)
  run.progress:open()
  mappings = permitted(run, connection, unharmed(run, mappings, failures))
  run.checkpoints:decide_sources(run.mappings:all())
  note_unkept(run)
  local tasks, joins = run:plan(mappings)
  read_everything(run, mappings, tasks, joins)
  return mappings, tasks
end

local function call(work)
  return work()
end

local function conduct(connection, mappings, failures, given, options, lease)
  local hooks = dispatcher.new(connection, given)
  if hooks then
    mappings = ask_hooks(hooks, mappings, failures)
  end
  local run = runs.new(connection, lease, mappings, options, hooks)
  selection.start_tallies(mappings)
  local stop = patience.watch(run.transport, function(message)
    run.progress:wait(message)
  end)
  -- hooks are a user's own Lua, and nginx's requests share LuaJIT: both may gain from the compiler
  local conducted = (hooks or jobs.is_among_requests()) and call or compiler.without
  local read_mappings, tasks, failure = errors.finally(function()
    return conducted(function()
      return errors.catch(read, run, connection, mappings, failures)
    end)
  end, stop)
  for _, note in ipairs(selection.empty_fields(mappings)) do
    run.progress:note(note)
  end
  if not read_mappings then
    run.progress:abandon(failure)
    errors.rethrow(failure)
  end
  local report = run.progress:close()
  finish(run, read_mappings, tasks) -- last: a run that is killed before it is continued
  if hooks then
    hooks:finish(report)
  end
  return report
end

--- Read a connection's data types from Stripe into the store.
---@param connection commerce.Connection an opened one
---@param options commerce.SyncOptions?
---@return commerce.Report report. Raises if nothing could be done (bad arguments, the store,
---  another run under way: code "busy")
function sync.run(connection, options)
  local given = options or {}
  local run_options = options_of(given)
  local mappings, failures = selection.readable(connection, given.types)
  errors.must(connection.mappings:tell(connection.store))
  return runs.alone(connection, given.worker, function(lease)
    return conduct(connection, mappings, failures, given, run_options, lease)
  end)
end

--- Apply the events that webhooks brought.
sync.apply = delivered.apply

--- How far each list of a connection has been read.
sync.reached = checkpoints.reached

--- The mappings of the data types that are asked for.
sync.mappings = selection.mappings

return sync
