-- Each data type's records against what Stripe lists: page by page, all lists at once. A record
-- that is listed but not stored is missing, one that differs is different, one that is stored but
-- was not listed is extra. All lists are entered at the start, so that their pages do not show
-- objects which are created later.

local compare = require "commerce.verify.compare"
local conversion = require "commerce.sync.conversion"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local model = require "commerce.model"
local source = require "commerce.sync.source"
local stripe = require "commerce.stripe"

local records = {}

local JOIN_BATCH = 100 -- parents that are put together and compared at a time

-- Every function takes the run:
---@class commerce.VerifyRun
---@field connection commerce.Connection
---@field session commerce.core.Session
---@field transport commerce.core.Transport
---@field store commerce.Store
---@field livemode boolean
---@field app_account string? see `commerce.sync.source.single`
---@field deep boolean
---@field erasures commerce.Erasures? whose records are not stored
---@field protection commerce.Protection what is never stored: it is not compared
---@field id string of this run; its listings are named after it
---@field findings table<string, commerce.verify.Findings> by data type
---@field users table<string, string[]> the data types that read a resource
---@field session_for fun(): commerce.core.Session the session of every task
---@field tell fun(type_name: string, read: integer)

-- The name of a listing: of a data type's records, or of a resource's objects.
local function listing(run, kind, name)
  return ("%s %s %s"):format(run.id, kind, name)
end

-- ---------------------------------------------------------------- failures

---@class commerce.verify.Entry a record as Stripe's object gives it
---@field id string
---@field object_id string of the object
---@field record commerce.RecordFields
---@field body string? if all is compared

--- Why a resource could not be read.
---@param run commerce.VerifyRun
---@param resource commerce.Resource
---@param failure commerce.Failure
---@return string message
---@return string? permission that the key lacks
function records.reason(run, resource, failure)
  if stripe.lacks_permission(failure) then
    return stripe.lacking(failure.message, resource.permission, run.connection.auth),
      resource.permission
  end
  return failure.message
end

--- Read something. A failure of the store ends the whole run; any other one is given.
---@param read function
---@param ... any its arguments
---@return any? result
---@return commerce.Failure? failure
function records.try(read, ...)
  local result, _, failure = errors.catch(read, ...)
  if failure and (failure.kind == "store" or failure.fatal) then
    errors.rethrow(failure)
  end
  return result, failure
end

-- A data type cannot be verified without each of its resources.
local function guard(run, task, read)
  local result, failure = records.try(read, run, task)
  if failure then
    local message, permission = records.reason(run, task.resource, failure)
    for _, type_name in ipairs(run.users[task.name]) do
      run.findings[type_name]:fail(message, permission)
    end
  end
  return result
end

-- ---------------------------------------------------------------- comparing

--- The records that a source object should have in the store, for one consumer.
---@param run commerce.VerifyRun
---@param consumer commerce.sync.Consumer
---@param object commerce.StripeObject
---@param entries commerce.verify.Entry[] receives them: with the body if all is compared
---@return boolean? ok nil if it cannot be mapped
---@return string? message
function records.entries(run, consumer, object, entries)
  local drafts = {}
  local erased = run.erasures and run.erasures:concerns(object)
  if erased and erasures.fate(consumer.data_type) == "removed" then
    return true
  end
  local ok, message = conversion.map(consumer, object, drafts, nil, true)
  for _, draft in ipairs(drafts) do
    local body, wrong = nil, nil
    if run.deep then
      body, wrong = model.encode(consumer.data_type, draft.record)
    end
    body = body and run.protection:body(consumer.type, body)
    body = body and erased and run.erasures:body(consumer.type, body) or body
    if wrong then
      ok, message = nil, message or conversion.failure(object, wrong)
    else
      entries[#entries + 1] = { id = draft.id, object_id = object.id, record = draft.record,
        body = body }
    end
  end
  return ok, message
end

local function currency_of(consumer, entry)
  return consumer.type == "transactions" and entry.record.currency or nil
end

-- The suspect for an entry's stored record; nil if the record agrees.
local function suspect_of(consumer, entry, data)
  local kind, fields, parts = "missing", nil, nil
  if data then
    kind, fields, parts = "different", compare.differing(consumer.data_type, entry, data)
    if not fields then
      return nil
    end
  end
  local stored_currency = data and consumer.type == "transactions"
    and select(2, compare.money(data)) or nil
  return { id = entry.id, kind = kind, type = consumer.type, fields = fields, parts = parts,
    currency = currency_of(consumer, entry), stored_currency = stored_currency,
    object_id = entry.object_id, consumer = consumer }
end

--- Hold entries against the store.
---@param run commerce.VerifyRun
---@param consumer commerce.sync.Consumer
---@param entries commerce.verify.Entry[] from `records.entries`
---@return commerce.verify.Suspect[] suspects
function records.suspects(run, consumer, entries)
  local ids, suspects = {}, {}
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
  end
  local stored = run.store:find(consumer.data_type, run.connection.id, ids)
  for _, entry in ipairs(entries) do
    suspects[#suspects + 1] = suspect_of(consumer, entry, stored[entry.id])
  end
  return suspects
end

local function take(run, consumer, entries)
  local found, ids = run.findings[consumer.type], {}
  for i, entry in ipairs(entries) do
    ids[i] = { id = entry.id }
  end
  found.facts.expected = found.facts.expected
    + run.store:add_listed(listing(run, "records", consumer.type), ids)
  for _, suspect in ipairs(records.suspects(run, consumer, entries)) do
    found:suspect(suspect)
  end
  run.tell(consumer.type, found.facts.expected)
end

-- An object that cannot be mapped fails its type's check.
local function add_entries(run, consumer, object, entries)
  local ok, message = records.entries(run, consumer, object, entries)
  if not ok then
    run.findings[consumer.type]:fail(message)
  end
end

local function take_object(run, consumer, object)
  local entries = {}
  add_entries(run, consumer, object, entries)
  take(run, consumer, entries)
end

-- ---------------------------------------------------------------- reading

-- An object that cannot be read fails the checks of the types that it is a part of.
local function fail_users(run, task)
  return function(message)
    for _, type_name in ipairs(run.users[task.name]) do
      run.findings[type_name]:fail(message)
    end
  end
end

local function read_page(run, task, page)
  local kept, entries = {}, {}
  for i = 1, #task.consumers do
    entries[i] = {}
  end
  for object, text in page:each(fail_users(run, task)) do
    if task.keep then -- the objects that joins need are kept until all lists have been read
      local id, parent_id = task.keep(object)
      kept[#kept + 1] = id and { id = id, parent_id = parent_id, data = text }
    end
    for i, consumer in ipairs(task.consumers) do
      add_entries(run, consumer, object, entries[i])
    end
  end
  if task.keep then
    run.store:add_listed(listing(run, "objects", task.name), kept)
  end
  for i, consumer in ipairs(task.consumers) do
    take(run, consumer, entries[i])
  end
end

local function read_list(run, task)
  for page in source.pages(run, task) do
    read_page(run, task, page)
  end
end

local function single(run, task)
  return (source.single(run, task))
end

-- The resources that are one object each: there are two.
local function read_singles(run, tasks)
  local objects = {}
  for _, task in ipairs(tasks) do
    objects[task.name] = guard(run, task, single)
  end
  for _, task in ipairs(tasks) do
    local object = objects[task.name]
    for _, consumer in ipairs(object and task.consumers or {}) do
      if source.join_singles({ consumer }, object, function(name)
        return objects[name]
      end) then
        take_object(run, consumer, object)
      end
    end
  end
end

--- Begin the jobs that read every task.
---@param run commerce.VerifyRun
---@param tasks commerce.Task[]
---@param group commerce.JobGroup
function records.start(run, tasks, group)
  local singles = {}
  for _, task in ipairs(tasks) do
    if task.resource.list then
      group:add(function()
        guard(run, task, read_list)
      end)
    else
      singles[#singles + 1] = task
    end
  end
  group:add(function()
    read_singles(run, singles)
  end)
end

-- ---------------------------------------------------------------- when all is read

local function compare_join(run, consumer)
  local made_of, after = consumer.source, ""
  local parents = listing(run, "objects", made_of.resource)
  local children = listing(run, "objects", made_of.join.resource)
  repeat
    local batch = run.store:listed_families(parents, children, after, JOIN_BATCH)
    local entries = {}
    for _, parent in ipairs(batch) do
      local object, wrong = conversion.joined(parent.data, parent.children, made_of.join.key)
      if object then
        add_entries(run, consumer, object, entries)
      else
        run.findings[consumer.type]:fail(("%s: %s cannot be read: %s"):format(made_of.resource,
          parent.id, wrong))
      end
      after = parent.id
    end
    take(run, consumer, entries)
  until #batch < JOIN_BATCH
  run.store:drop_listing(parents)
  run.store:drop_listing(children)
end

--- Compare the types that are joined from two lists, in a job.
---@param run commerce.VerifyRun
---@param joins commerce.sync.Consumer[] with a join
function records.joins(run, joins)
  for _, consumer in ipairs(joins) do
    if not run.findings[consumer.type].facts.error then
      compare_join(run, consumer)
    end
  end
end

--- A batch of the stored records that were not listed.
---@param run commerce.VerifyRun
---@param data_type commerce.DataType
---@param after string an id
---@param limit integer
---@return commerce.verify.Suspect[] suspects of the kind "extra"
function records.extras(run, data_type, after, limit)
  local ids = run.store:unlisted(data_type, run.connection.id,
    listing(run, "records", data_type.name), after, limit)
  local stored = data_type.name == "transactions"
    and run.store:find(data_type, run.connection.id, ids) or {}
  local suspects = {}
  for i, id in ipairs(ids) do
    suspects[i] = { id = id, kind = "extra", type = data_type.name,
      currency = stored[id] and select(2, compare.money(stored[id])) or nil }
  end
  return suspects
end

--- Let go of what was kept of a type's listing.
---@param run commerce.VerifyRun
---@param type_name string
function records.forget(run, type_name)
  run.store:drop_listing(listing(run, "records", type_name))
end

return records
