-- Applying what webhooks brought, without a look at lists or the feed. Called by sync.

local changed = require "commerce.sync.changed"
local hooking = require "commerce.hooks.dispatcher"
local inbox = require "commerce.sync.inbox"
local joined = require "commerce.sync.joins"
local keeping = require "commerce.sync.keeping"
local plan = require "commerce.sync.plan"
local runs = require "commerce.sync.run"
local saved_states = require "commerce.sync.saved_states"

local apply = {}

-- Only types that have been synced: a first sync reads the others anyway. What a script's own
-- mapping made is left to that script, whose next sync finds the same changes in the feed.
local function touched(run, changes)
  local pulls, message, details = run.store:latest_pulls(run.connection.id)
  if not pulls then
    return nil, message, details
  end
  local resources, list = {}, {}
  for _, change in ipairs(changes) do
    resources[change.resource] = true
  end
  for _, mapping in ipairs(run.connection.mappings:all()) do
    local reads = false
    for _, resource in ipairs(run.connection.platform.resources_of(mapping)) do
      reads = reads or resources[resource]
    end
    local ours, wrong, why = saved_states.are_ours(run.store, run.connection.id, mapping)
    if ours == nil then
      return nil, wrong, why
    end
    list[#list + 1] = reads and ours and pulls[mapping.type.name] and mapping or nil
  end
  return list
end

-- Joined records are built only where both their lists have been read: else what is kept of them is
-- not all. A full read that is under way has seen what is stored now.
local function mark_read(run, tasks)
  for _, task in ipairs(tasks) do
    local state, message, details = run.store:state(run.connection.id, task.key)
    if message then
      return nil, message, details
    end
    run.finished[task.name] = state ~= nil and state.finished == true
    run.states[task.name] = state
  end
  return true
end

local function of_tasks(tasks, changes)
  local known, list = {}, {}
  for _, task in ipairs(tasks) do
    known[task.name] = task.resource.list
  end
  for _, change in ipairs(changes) do
    list[#list + 1] = known[change.resource] and change or nil
  end
  return list
end

local function store_all(run, tasks, changes)
  local ok, message, details = mark_read(run, tasks)
  if ok then
    ok, message, details = changed.fetch(run, tasks, of_tasks(tasks, changes))
  end
  if ok then
    ok, message, details = joined.build(run, run.joins)
  end
  if ok then
    ok, message, details = inbox.finish(run, function(name)
      return not run.unfollowed[name] and not run.reread[name]
    end)
  end
  return ok, message, details
end

local function work(connection, held)
  local run = runs.new(connection, {}, {})
  run.lease = held
  local changes = {}
  local all = plan.make(connection.platform, connection.mappings:all())
  local ok, message, details = inbox.collect(run, all, {}, changes)
  local mappings
  if ok then
    mappings, message, details = touched(run, changes)
  end
  if not mappings then
    return nil, message, details
  end
  local waiting = run.inbox
  run = runs.new(connection, mappings, {}, hooking.new(connection, {}))
  run.lease, run.inbox = held, waiting
  local tasks
  tasks, run.joins = plan.make(connection.platform, mappings, nil, nil, run.hooks)
  for _, task in ipairs(tasks) do
    task.session = run.books:session_for(task.name)
  end
  run.kept_since, message, details = keeping.since(run.store, connection.id)
  if message then
    return nil, message, details
  end
  keeping.prepare(run, tasks)
  ok, message, details = store_all(run, tasks, changes)
  if not ok then
    return nil, message, details
  end
  return run.books:close()
end

--- Apply the events that webhooks brought to the data types that have been synced. Each object is
--- fetched again, so nothing newer is overwritten, whatever the order of events. What could not be
--- fetched stays for the next time.
---@param connection commerce.Connection an opened one
---@param worker string? who does it, see `commerce.sync.run`
---@return commerce.Report? report nil where nothing could be done
---@return string? message
---@return commerce.Details? details
function apply.run(connection, worker)
  return runs.alone(connection, worker, function(held)
    return work(connection, held)
  end)
end

return apply
