-- Suspects are fetched once more, one by one, before they are called differences: objects that
-- changed, came in or went while the lists were read are not reported.

local conversion = require "commerce.sync.conversion"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"
local records = require "commerce.verify.records"
local source = require "commerce.sync.source"

local recheck = {}

local AT_ONCE = 10 -- requests in flight

local GONE = { gone = true }

-- A task of one source alone.
local function task_of(run, name, expand, complete)
  return { name = name, resource = run.connection.mappings.resources[name], session = run.session,
    expand = expand, complete = complete, whole = true }
end

-- A resource that is one object, with those that it is mapped `with`.
local function fetch_single(run, consumer)
  local object = source.single(run, task_of(run, consumer.source.resource, {}, {}))
  source.join_singles({ consumer }, object, function(name)
    return (source.single(run, task_of(run, name, {}, {})))
  end)
  return object
end

local function unreadable(message)
  errors.throw("mapping", message)
end

local function with_children(run, parent, join)
  local task, children = task_of(run, join.resource, join.expand or {}, {}), {}
  for page in source.pages(run, task, source.part(task, { { join.on, parent.id } })) do
    for _, text in page:each(unreadable) do
      children[#children + 1] = text
    end
  end
  local object, wrong = conversion.joined(json.encode(parent), children, join.key)
  return object or unreadable(wrong)
end

local function fetch_listed(run, consumer, id)
  local made_of = consumer.source
  local object, wrong = source.object(run,
    task_of(run, made_of.resource, made_of.expand, made_of.complete), id)
  if not object and wrong then
    unreadable(wrong)
  elseif not object or object.deleted == true then
    return GONE
  end
  return made_of.join and with_children(run, object, made_of.join) or object
end

-- The source object of an id as it is now, complete enough to be mapped; GONE if Stripe does not
-- have it; nil if that cannot be told.
local function fetch(run, consumer, id)
  if not run.connection.mappings.resources[consumer.source.resource].list then
    return (records.try(fetch_single, run, consumer))
  elseif objects.has_path(id) then
    return (records.try(fetch_listed, run, consumer, id))
  end
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
    local made_of = consumer.source
    local id = made_of.split and suspect.id:match("^(.-):") or suspect.id
    -- a distinct record has no object of its own; for it, and for an id that nothing can be asked
    -- about, the list stands
    if not made_of.distinct and objects.has_path(id) then
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
---@param suspects commerce.verify.Suspect[]
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
