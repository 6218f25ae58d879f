-- Scrubbing: what is stored already loses the fields that are not stored any more. It runs before
-- anything of a connection is written, under the lease, in batches, and goes on where a killed run
-- stopped. Records keep their modifiedDate, and the log of changes does not mention it: nothing
-- changed at the source.

local fields = require "commerce.account.fields"
local json = require "commerce.base.json"
local protection = require "commerce.account.protection"
local set = require "commerce.base.set"
local traces = require "commerce.sync.traces"

local scrub = {}

local STATE = "fields" -- the checkpoint: { applied, target?, step?, after? }
local BATCH = 200 -- rows of one transaction

---@class commerce.Scrubbed
---@field fields string[] names of fields that have been taken out or hashed
---@field restored string[] names of fields that are stored again
---@field records integer changed records
---@field objects integer changed or dropped objects of Stripe's that were kept
---@field events integer changed events that wait

-- The rules of one list that another one does not have, as lists of fields.
local function difference(list, other)
  local known, lists, names = set.of(other), { leave_out = {}, hash = {} }, {}
  for _, rule in ipairs(list) do
    if not known[rule] then
      local kind, name = rule:match "^(%S+) (.+)$"
      table.insert(lists[kind], name)
      names[#names + 1] = name
    end
  end
  return lists, names
end

local function rules_of(lists)
  local rules = {}
  for _, kind in ipairs { "hash", "leave_out" } do
    for _, name in ipairs(lists[kind]) do
      rules[#rules + 1] = kind .. " " .. name
    end
  end
  return rules
end

-- ---------------------------------------------------------------- the steps

local function record_steps(store, connection_id, applied, lists)
  local steps, seen = {}, {}
  for _, kind in ipairs { "hash", "leave_out" } do
    for _, name in ipairs(lists[kind]) do
      local type_name = fields.rule(name).type
      local data_type = type_name and not seen[type_name] and store:find_type(type_name)
      if data_type then
        seen[type_name] = true
        steps[#steps + 1] = { name = "records " .. type_name, count = "records",
          run = function(after, states)
            return store:rewrite_records(connection_id, data_type, after, BATCH, function(data)
              return applied:data(type_name, data)
            end, states)
          end }
      end
    end
  end
  table.sort(steps, function(a, b)
    return a.name < b.name
  end)
  return steps
end

local function source_steps(store, connection_id, applied, steps)
  if not applied:changes_sources() then
    return steps
  end
  for _, resource in ipairs(store:kept_resources(connection_id)) do
    steps[#steps + 1] = { name = "sources " .. resource, count = "objects",
      run = function(after, states)
        return store:rewrite_sources(connection_id, resource, after, BATCH, function(data)
          return applied:source(resource, data) or false
        end, states)
      end }
  end
  steps[#steps + 1] = { name = "waiting events", count = "events",
    run = function(after, states)
      return store:rewrite_events(connection_id, after, BATCH, function(body)
        local event = json.decode(body)
        return type(event) == "table" and applied:event(event, body) or nil
      end, states)
    end }
  return steps
end

-- ---------------------------------------------------------------- the run

-- Run the steps from the checkpoint on. A batch and the checkpoint after it are one transaction.
local function run_steps(store, steps, state, done, lease)
  local passed = false -- without its step, a killed run is begun again: a step can be repeated
  for _, step in ipairs(steps) do
    passed = passed or step.name == state.step
  end
  for _, step in ipairs(steps) do
    if not passed or step.name == state.step then
      local after = passed and state.after or ""
      passed = false
      repeat
        local batch = step.run(after, function(result)
          return { [STATE] = { applied = state.applied, target = state.target, step = step.name,
            after = result.last or after } }
        end)
        done[step.count] = done[step.count] + batch.changed + batch.removed
        after = batch.last or after
        if batch.changed + batch.removed > 0 then
          traces.expect(store)
        end
        if lease then
          lease:go_on()
        end
      until batch.seen < BATCH
    end
  end
end

local function save(store, connection_id, state)
  store:rewrite_events(connection_id, "", 0, function() end, function()
    return { [STATE] = state }
  end)
end

-- Apply the rules of a target that were not applied before.
local function apply(store, connection_id, mappings, state, done, lease)
  local lists, names = difference(state.target, state.applied)
  local applied = protection.new(store, mappings, lists)
  run_steps(store, source_steps(store, connection_id, applied,
    record_steps(store, connection_id, applied, lists)), state, done, lease)
  save(store, connection_id, { applied = state.target })
  for _, name in ipairs(names) do
    done.fields[#done.fields + 1] = name
  end
end

--- Whether anything that was stored has been changed.
---@param done commerce.Scrubbed
---@return boolean
function scrub.is_changed(done)
  return done.records + done.objects + done.events > 0
end

local function notes_on(done)
  local notes = {}
  if scrub.is_changed(done) then
    notes[#notes + 1] = ("no longer stored as they are: %s: %d records, %d kept objects and %d "
      .. "waiting events have been changed"):format(table.concat(done.fields, ", "), done.records,
      done.objects, done.events)
  end
  if #done.restored > 0 then
    notes[#notes + 1] = ("stored again: %s: records that were read before have them after a full "
      .. "sync: `commerce sync --full`"):format(table.concat(done.restored, ", "))
  end
  return notes
end

--- Make what is stored of a connection agree with the lists of fields. The caller has the lease.
---@param store commerce.Store
---@param connection_id string
---@param mappings commerce.Mappings
---@param lease commerce.sync.Lease? renewed between the batches
---@return string[] notes for the report; none if nothing was to be done
---@return commerce.Scrubbed done
function scrub.run(store, connection_id, mappings, lease)
  local rules = rules_of(fields.of(store, connection_id))
  local done = { fields = {}, restored = {}, records = 0, objects = 0, events = 0 }
  local state = store:state(connection_id, STATE)
  if #rules == 0 and not state then
    return {}, done
  end
  state = state or { applied = {} }
  if state.target then -- a killed run's
    apply(store, connection_id, mappings, state, done, lease)
    state = store:state(connection_id, STATE)
  end
  local gone, restored = difference(state.applied, rules)
  local new, added = difference(rules, state.applied)
  local left_out = set.of(new.leave_out)
  for _, list in ipairs { gone.leave_out, gone.hash } do
    for _, name in ipairs(list) do
      done.restored[#done.restored + 1] = not left_out[name] and name or nil
    end
  end
  if #added > 0 then
    apply(store, connection_id, mappings, { applied = state.applied, target = rules }, done,
      lease)
  elseif #restored > 0 then
    save(store, connection_id, { applied = rules })
  end
  if scrub.is_changed(done) then
    store:finish_erasure()
  end
  return notes_on(done), done
end

return scrub
