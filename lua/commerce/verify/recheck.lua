-- Suspects are looked at once more, one by one, before they are called differences: what changed,
-- came in or went while the lists were read is none. Called by verify.

local convert = require "commerce.sync.convert"
local jobs = require "commerce.runtime.jobs"
local objects = require "commerce.stripe.object"
local plan = require "commerce.sync.plan"
local records = require "commerce.verify.records"

local recheck = {}

local AT_ONCE = 10 -- requests in flight

local GONE = { gone = true }

-- The source object of an id as it is now, complete enough to be mapped; GONE if there is none; nil
-- if that cannot be told.
local function fetch(run, consumer, id)
  local source, resources = consumer.source, run.connection.platform.resources
  local resource = resources[source.resource]
  if not resource.list then
    local object = records.single(run, resource)
    local ok = object and records.complete(consumer, object, function(name)
      return records.single(run, resources[name])
    end)
    return ok and object or nil
  end
  if not convert.is_askable(id) then
    return nil
  end
  local response, _, details = jobs.await(run.transport, run.session:request {
    path = resource.path .. "/" .. id, query = plan.expansions(source.expand, true),
    endpoint = objects.endpoint(resource.path),
  })
  if not response then
    return type(details) == "table" and details.status == 404 and GONE or nil
  end
  local object = convert.decode(response.body, run.livemode)
  if object and object.deleted then
    return GONE
  elseif object and records.with_lists(run, source, object) == nil then
    return nil
  elseif object and source.join then
    return (records.with_children(run, object, source))
  end
  return object
end

-- The entry that an object gives under an id; distinct sources may give it again.
local function entry_of(run, consumer, object, id)
  local entries = {}
  records.entries(run, { type = consumer.type, data_type = consumer.data_type,
    source = consumer.source, seen = {} }, object, entries)
  for _, entry in ipairs(entries) do
    if entry.id == id then
      return entry
    end
  end
end

local function look_again(run, suspect)
  local object = fetch(run, suspect.consumer, suspect.object_id)
  if object == nil then
    return
  end
  local entry = object ~= GONE and entry_of(run, suspect.consumer, object, suspect.id)
  if not entry then
    suspect.withdrawn = true
    local facts = run.findings[suspect.type].facts
    facts.expected = facts.expected - (suspect.kind == "missing" and 1 or 0)
  else
    local still = records.suspects(run, suspect.consumer, { entry })[1]
    suspect.withdrawn = still == nil
    if still then
      suspect.kind, suspect.fields, suspect.parts = still.kind, still.fields, still.parts
    end
  end
end

-- A record that was not listed: which object it would be made of, each of its type's sources tells.
-- It is unsure where one of them cannot be asked.
local function look_for(run, suspect)
  for _, consumer in ipairs(run.consumers[suspect.type]) do
    local source = consumer.source
    local id = source.split and suspect.id:match("^(.-):") or suspect.id
    -- a distinct record has no object of its own; for it, and for an id that nothing can be asked
    -- about, the list stands
    if not source.distinct and convert.is_askable(id) then
      local object = fetch(run, consumer, id)
      if object == nil then
        suspect.unsure = true
      elseif object ~= GONE and entry_of(run, consumer, object, suspect.id) then
        suspect.withdrawn = true
        local facts = run.findings[suspect.type].facts
        facts.expected = facts.expected + 1
        return
      end
    end
  end
end

--- Look at suspects again, in a job; those that turn out to be none are withdrawn.
---@param run commerce.VerifyRun
---@param suspects table[]
function recheck.all(run, suspects)
  jobs.each(suspects, AT_ONCE, function(suspect)
    if suspect.kind == "extra" then
      look_for(run, suspect)
    else
      look_again(run, suspect)
    end
  end)
end

return recheck
