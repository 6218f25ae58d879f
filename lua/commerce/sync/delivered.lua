-- Applies the events that webhooks delivered, without reading lists or the events feed.

local checkpoints = require "commerce.sync.checkpoints"
local dispatcher = require "commerce.hooks.dispatcher"
local inboxes = require "commerce.sync.inbox"
local payouts = require "commerce.sync.payouts"
local plan = require "commerce.sync.plan"
local reader = require "commerce.sync.reader"
local refetch = require "commerce.sync.refetch"
local runs = require "commerce.sync.run"
local stripe = require "commerce.stripe"

local delivered = {}

-- Only types that have been synced: the first sync reads the others anyway. Records of a script's
-- own mapping are left to that script; its next sync finds the same changes in the feed.
local function touched_mappings(connection, changes)
  local pulls = connection.store:latest_pulls(connection.id)
  local touched, list = {}, {}
  for _, change in ipairs(changes) do
    touched[change.resource] = true
  end
  for _, mapping in ipairs(connection.mappings:all()) do
    local reads = false
    for _, resource in ipairs(stripe.resources_of(mapping)) do
      reads = reads or touched[resource]
    end
    list[#list + 1] = reads and pulls[mapping.type.name]
      and checkpoints.are_ours(connection.store, connection.id, mapping) and mapping or nil
  end
  return list
end

local function changes_of_lists(tasks, changes)
  local is_list, list = {}, {}
  for _, task in ipairs(tasks) do
    is_list[task.name] = task.resource.list
  end
  for _, change in ipairs(changes) do
    list[#list + 1] = is_list[change.resource] and change or nil
  end
  return list
end

local function conduct(connection, lease)
  local inbox, changes = inboxes.new(connection, lease:fenced()), {}
  inbox:collect((plan.make(connection.mappings.resources, connection.mappings:all())), {}, changes)
  local mappings = touched_mappings(connection, changes)
  local run = runs.new(connection, lease, mappings, {}, dispatcher.new(connection, {}), inbox)
  run.checkpoints:load_sources()
  local tasks, joins = run:plan(mappings)
  -- joined records are built only if both their lists have been read, else not all is kept; a full
  -- read that is under way has seen what is stored now
  run.checkpoints:resume(tasks)
  refetch.run(run, tasks, changes_of_lists(tasks, changes))
  reader.joins(run, joins)
  payouts.new(run):finish()
  inbox:finish(function(resource)
    return not run.changes:is_lost(resource) -- what has to be read again, the feed tells, too
  end)
  return run.progress:close()
end

--- Apply the events that webhooks brought to the data types that have been synced. Each object is
--- fetched again, so that events in any order do not overwrite newer data. Events whose object
--- could not be fetched stay for the next time.
---@param connection commerce.Connection an opened one
---@param worker string? who does it, see `commerce.sync.run`
---@return commerce.Report
function delivered.apply(connection, worker)
  return runs.alone(connection, worker, function(lease)
    return conduct(connection, lease)
  end)
end

return delivered
