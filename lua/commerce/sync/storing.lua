-- From source objects to rows: map, count, write. Called by the readers of a run.

local completing = require "commerce.sync.completing"
local convert = require "commerce.sync.convert"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local runtime = require "commerce.runtime"
local time = require "commerce.base.time"

local storing = {}

-- An object that gives a data type nothing (any more) is one of those that `where` leaves out.
local function note_gone(gone, consumer, object)
  local source = consumer.source
  if source.selective and not source.distinct and type(object.id) == "string" then
    gone[consumer.type] = gone[consumer.type] or {}
    table.insert(gone[consumer.type], object.id)
  end
end

--- Map one object for all consumers of its resource; one that cannot be mapped does not stop the
--- others.
---@param run commerce.Run
---@param consumers table[]
---@param object table
---@param records table<string, table[]> receives them by data type name
---@param gone table<string, string[]> receives ids by data type name, of objects that give it
---  nothing
---@param dated integer? when it changed (unix seconds), as an event told
function storing.take(run, consumers, object, records, gone, dated)
  runtime.breathe(core.now) -- nothing of this page is written yet
  -- a resource that dates its own changes needs no event's date
  local changed_at = not object.updated and dated or nil
  for _, consumer in ipairs(consumers) do
    local list = records[consumer.type] or {}
    records[consumer.type] = list
    local before = #list
    local _, message = convert.map(consumer, object, list, changed_at)
    run.books:count_read(consumer.type, message)
    if #list == before and not message then
      note_gone(gone, consumer, object)
    end
  end
end

-- The ids of records and of kept sources, where a full read has to know later what it saw.
local function seen_of(records, sources)
  local seen = { [""] = {} }
  for i, source in ipairs(sources or {}) do
    seen[""][i] = source.id
  end
  for name, list in pairs(records) do
    seen[name] = {}
    for i, record in ipairs(list) do
      seen[name][i] = record.id
    end
  end
  return seen
end

-- The records of drafts, encoded: always after the hooks. One that is not valid fails alone.
local function encode(run, type_name, drafts)
  local data_type, records = run:type(type_name), {}
  for _, draft in ipairs(drafts) do
    runtime.breathe(core.now)
    local record, wrong = convert.encode(data_type, draft)
    if record and draft.destination then
      run.hooks:send(draft.destination, type_name, record)
    elseif not record and draft.hook then
      run.hooks:fail_record(run.books, type_name, draft, wrong)
    elseif not record then
      run.books:count_failed(type_name, convert.failure(draft.source, wrong), { kind = "mapping" })
    end
    if draft.destination and draft.destination.instead then
      run.books:count_skipped(type_name)
    else
      records[#records + 1] = record
    end
  end
  return records
end

local function alter_and_encode(run, page)
  if run.hooks then
    run.hooks:alter(page, run.books)
  end
  for type_name, drafts in pairs(page.records or {}) do
    page.records[type_name] = encode(run, type_name, drafts)
  end
  if run.hooks then
    run.hooks:write_sent()
  end
end

--- Write a page and count what became of its records.
---@param run commerce.Run
---@param page table see the store's write_page; `sweep`: that of the checkpoint, if a full read saw
---  all of this
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function storing.write(run, page)
  runtime.breathe(core.now)
  local kept, reason, why = run.lease:keep()
  if not kept then
    return nil, reason, why
  end
  if page.sweep then
    page.seen, page.sweep = seen_of(page.records or {}, page.sources), page.sweep.id
  end
  local altered, message, details = errors.catch(alter_and_encode, run, page)
  if message then
    return nil, message, details
  end
  local counts, done
  counts, done, details = run.store:write_page(run.connection.id, page, time.now())
  if not counts then
    return nil, done, details
  end
  run.books:count_written(counts)
  if run.hooks then
    altered, message, details = errors.catch(run.hooks.notify, run.hooks, page, done, run.books)
  end
  if altered == nil and message then
    return nil, message, details
  end
  runtime.breathe(core.now)
  return runtime.go_on() -- what has been read is stored: a good moment to stop
end

-- A source object as it is to be mapped, and its text as it is to be kept.
local function decoded(run, task, text, whole)
  local object, wrong = convert.decode(text, run.livemode)
  if not object then
    return errors.fail("mapping", wrong)
  end
  local changed, message, details = completing.object(task, object, function(pager)
    return runtime.await(run.transport, pager)
  end)
  if changed == nil then
    return nil, message, details
  end
  return object, changed and task.keep and json.encode(object) or whole
end

--- Store a page of a list with the checkpoint after it.
---@param run commerce.Run
---@param task commerce.Task
---@param page userdata
---@param reader table see sync.backfill
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function storing.page(run, task, page, reader)
  local records, sources, gone = {}, {}, {}
  local unsettled, dated = task.resource.unsettled, run.dated[task.name] or {}
  for i = 1, #page do
    local part = page:element(i, task.projection)
    local object, text, details = decoded(run, task, part,
      task.keep and task.projection and page:element(i) or part)
    if not object then
      return nil, text, details
    end
    storing.take(run, task.consumers, object, records, gone, dated[object.id])
    if task.keep then
      local id, parent_id = task.keep(object)
      sources[#sources + 1] = id and { id = id, parent_id = parent_id, data = text }
    end
    if unsettled and unsettled(object, reader.state.newest) then
      reader:unsettled(object.created)
    end
  end
  return storing.write(run, { resource = task.name, records = records, sources = sources,
    deleted = gone, sweep = reader.state.sweep, states = { [task.key] = reader.state } })
end

--- Mark what the source deleted.
---@param run commerce.Run
---@param task commerce.Task
---@param change commerce.Change
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function storing.deleted(run, task, change)
  local deleted = {}
  for _, consumer in ipairs(task.consumers) do
    deleted[consumer.type] = { change.id }
  end
  for _, consumer in ipairs(run.joins) do
    if consumer.source.resource == task.name then
      deleted[consumer.type] = { change.id }
    end
  end
  return storing.write(run, { resource = task.name, deleted = deleted,
    dropped = task.keep and { change.id } or nil })
end

--- Store an object that was fetched because it changed.
---@param run commerce.Run
---@param task commerce.Task
---@param change commerce.Change
---@param text string JSON
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function storing.changed(run, task, change, text)
  local object, whole, details = decoded(run, task, text, text)
  if not object then
    return nil, whole, details
  elseif object.deleted == true then
    return storing.deleted(run, task, change)
  end
  local records, sources, gone = {}, {}, {}
  storing.take(run, task.consumers, object, records, gone, change.dated)
  if task.keep then
    local id, parent_id = task.keep(object)
    sources[1] = { id = id, parent_id = parent_id, data = whole }
  end
  local state = run.states[task.name]
  return storing.write(run, { resource = task.name, records = records, sources = sources,
    deleted = gone, sweep = state and state.sweep })
end

return storing
