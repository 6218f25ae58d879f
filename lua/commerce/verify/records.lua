-- Each data type's records against what Stripe lists: page by page, everything at once. What is
-- listed but not stored is missing; what differs is different; what is stored but was not listed
-- is extra. All lists are entered at the start, so what comes in later is in none of their pages.
-- Called by verify.

local compare = require "commerce.verify.compare"
local convert = require "commerce.sync.convert"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local nested_lists = require "commerce.sync.nested_lists"
local plan = require "commerce.sync.plan"

local records = {}

local PAGE = 100
local JOIN_BATCH = 100 -- parents that are put together and compared at a time

-- Every function takes the run:
---@class commerce.VerifyRun
---@field connection commerce.Connection
---@field session userdata
---@field store commerce.Store
---@field livemode boolean
---@field deep boolean
---@field id string of this run; its listings are named after it
---@field transport userdata
---@field findings table<string, table> by data type
---@field users table<string, string[]> the data types that read a resource
---@field must fun(value: any, message: string?, details: table?): any raises a store's failure
---@field tell fun(type_name: string, read: integer)

-- The name of a listing: of a data type's records, or of a resource's objects.
local function listing(run, kind, name)
  return ("%s %s %s"):format(run.id, kind, name)
end

--- Every data type that needs a resource cannot be verified without it.
---@param run commerce.VerifyRun
---@param task commerce.Task
---@param message string
---@param details commerce.Details?
function records.fail(run, task, message, details)
  local permission
  if run.connection.platform.lacks_permission(details) then
    permission = task.resource.permission
    message = errors.lacking(message, permission)
  end
  for _, type_name in ipairs(run.users[task.name]) do
    run.findings[type_name]:fail(message, permission)
  end
end

-- ---------------------------------------------------------------- comparing

--- What a source object should be in the store, for one consumer.
---@param run commerce.VerifyRun
---@param consumer table see `commerce.Task`
---@param object table
---@param entries table[] receives { id, object_id, body } or { id, object_id, record }
---@return boolean? ok nil if it cannot be mapped
---@return string? message
function records.entries(run, consumer, object, entries)
  if run.deep then
    local from = #entries + 1
    local ok, message = convert.map(consumer, object, entries)
    for i = #entries, from, -1 do
      local record, wrong = convert.encode(consumer.data_type, entries[i])
      if record then
        record.object_id, entries[i] = object.id, record
      else
        table.remove(entries, i)
        ok, message = nil, message or convert.failure(object, wrong)
      end
    end
    return ok, message
  end
  local mapped, message = consumer.source.map(object)
  for _, record in ipairs(mapped or {}) do
    local id = record.id or object.id
    if not (consumer.source.distinct and consumer.seen[id]) then
      consumer.seen[id] = consumer.source.distinct
      entries[#entries + 1] = { id = id, object_id = object.id, record = record }
    end
  end
  return mapped and true, message
end

local function currency_of(consumer, entry)
  if consumer.type ~= "transactions" then
    return nil
  elseif entry.record then
    return entry.record.currency
  end
  return (select(2, compare.money(entry.body)))
end

-- What is wrong with the stored record of an entry; nil if nothing is.
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
---@param consumer table
---@param entries table[] from `records.entries`
---@return table[] suspects
function records.suspects(run, consumer, entries)
  local ids, suspects = {}, {}
  for i, entry in ipairs(entries) do
    ids[i] = entry.id
  end
  local stored = run.must(run.store:find(consumer.data_type, run.connection.id, ids))
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
    + run.must(run.store:add_listed(listing(run, "records", consumer.type), ids))
  for _, suspect in ipairs(records.suspects(run, consumer, entries)) do
    found:suspect(suspect)
  end
  run.tell(consumer.type, found.facts.expected)
end

-- ---------------------------------------------------------------- reading

-- Hold objects against the store for one consumer; one that cannot be mapped fails its check.
local function take_objects(run, consumer, objects)
  local entries = {}
  for _, object in ipairs(objects) do
    local ok, message = records.entries(run, consumer, object, entries)
    if not ok then
      run.findings[consumer.type]:fail(message)
    end
  end
  take(run, consumer, entries)
end

local function awaiting(run)
  return function(pager)
    return jobs.await(run.transport, pager)
  end
end

local function take_page(run, task, page)
  local objects, sources = {}, {}
  for i = 1, #page do
    local text = page:element(i, task.projection)
    local object, message = convert.decode(text, run.livemode)
    local changed
    if object then
      changed, message = errors.catch(nested_lists.complete, task, object, awaiting(run))
    end
    if changed == nil then
      return nil, message
    end
    objects[i], text = object, changed and json.encode(object) or text
    if task.keep then
      local id, parent_id = task.keep(object)
      sources[i] = { id = id, parent_id = parent_id, data = text }
    end
  end
  run.must(run.store:add_listed(listing(run, "objects", task.name), sources))
  for _, consumer in ipairs(task.consumers) do
    take_objects(run, consumer, objects)
  end
  return true
end

local function read_list(run, task)
  task.session = run.session
  local pager = run.session:pager { path = task.resource.path,
    query = plan.list_query(task.resource, task.expand), limit = PAGE }
  while true do
    local page, message, details = jobs.await(run.transport, pager)
    if not page then
      if message then
        records.fail(run, task, message, details)
      end
      break
    end
    local ok, wrong = take_page(run, task, page)
    page:close()
    if not ok then
      records.fail(run, task, wrong)
      break
    end
  end
  pager:close()
end

--- Fetch a resource that is one object.
---@param run commerce.VerifyRun
---@param resource table
---@return table? object nil on failure
---@return string? message
---@return commerce.Details? details
function records.single(run, resource)
  local response, message, details =
    jobs.await(run.transport, run.session:request { path = resource.path })
  if not response then
    return nil, message, details
  end
  return convert.decode(response.body, run.livemode)
end

--- Put into an object those that it is mapped `with`.
---@param consumer table
---@param object table
---@param single fun(name: string): table?, string?, table?
---@return boolean? ok nil if one of them could not be read
---@return string? message
---@return commerce.Details? details
function records.complete(consumer, object, single)
  for key, name in pairs(consumer.source.with) do
    local part, message, details = single(name)
    if not part then
      return nil, message, details
    end
    object[key] = part
  end
  return true
end

-- The single objects, one after the other: there are two.
local function read_singles(run, tasks)
  local objects = {}
  for _, task in ipairs(tasks) do
    local object, message, details = records.single(run, task.resource)
    objects[task.name] = object
    if not object then
      records.fail(run, task, message, details)
    end
  end
  local function already_read(name)
    return objects[name]
  end
  for _, task in ipairs(tasks) do
    local object = objects[task.name]
    for _, consumer in ipairs(object and task.consumers or {}) do
      if records.complete(consumer, object, already_read) then
        take_objects(run, consumer, { object })
      end
    end
  end
end

--- Add the jobs that read every task.
---@param run commerce.VerifyRun
---@param tasks commerce.Task[]
---@param group commerce.JobGroup
function records.start(run, tasks, group)
  local singles = {}
  for _, task in ipairs(tasks) do
    if task.resource.list then
      group:add(function()
        read_list(run, task)
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
  local source, after = consumer.source, ""
  local parents = listing(run, "objects", source.resource)
  local children = listing(run, "objects", source.join.resource)
  repeat
    local batch = run.must(run.store:listed_families(parents, children, after, JOIN_BATCH))
    local objects = {}
    for i, parent in ipairs(batch) do
      objects[i] = convert.joined(parent.data, parent.children, source.join.key)
      after = parent.id
    end
    take_objects(run, consumer, objects)
  until #batch < JOIN_BATCH
  run.must(run.store:drop_listing(parents))
  run.must(run.store:drop_listing(children))
end

--- Compare the types that are joined from two lists, in a job.
---@param run commerce.VerifyRun
---@param joins table[] consumers with a join
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
---@return table[] suspects { id, kind = "extra", … }
function records.extras(run, data_type, after, limit)
  local ids = run.must(run.store:unlisted(data_type, run.connection.id,
    listing(run, "records", data_type.name), after, limit))
  local stored = data_type.name == "transactions"
    and run.must(run.store:find(data_type, run.connection.id, ids)) or {}
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
  run.must(run.store:drop_listing(listing(run, "records", type_name)))
end

--- Read the lists inside an object to their end, for one source.
---@param run commerce.VerifyRun
---@param source commerce.Source
---@param object table
---@return boolean? changed nil on failure
---@return string? message
function records.with_lists(run, source, object)
  return errors.catch(nested_lists.complete, { session = run.session, expand = source.expand,
    resource = run.connection.platform.resources[source.resource], complete = source.complete },
    object, awaiting(run))
end

--- A joined object, by the JSON of its parent and a pager over its children.
---@param run commerce.VerifyRun
---@param parent table
---@param source commerce.Source
---@return table? object nil on failure
---@return string? message
function records.with_children(run, parent, source)
  local join, children = source.join, {}
  local query = plan.expansions(join.expand or {})
  query[#query + 1] = { join.on, parent.id }
  local pager = run.session:pager { path = run.connection.platform.resources[join.resource].path,
    query = query, limit = PAGE }
  while true do
    local page, message = jobs.await(run.transport, pager)
    if not page then
      pager:close()
      if message then
        return nil, message
      end
      return convert.joined(json.encode(parent), children, join.key)
    end
    for i = 1, #page do
      children[#children + 1] = page:element(i)
    end
    page:close()
  end
end

return records
