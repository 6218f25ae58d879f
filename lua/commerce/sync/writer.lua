-- From source objects to stored records: maps objects, counts them, and writes pages. Every page
-- passes `writer.write`: filtering hooks, then encoding, then the store, then the hooks that are
-- notified.

local conversion = require "commerce.sync.conversion"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local jobs = require "commerce.runtime.jobs"
local time = require "commerce.base.time"

local writer = {}

--- The data that one transaction writes.
---@class commerce.Page
---@field resource string? the resource of its objects
---@field records table<string, commerce.Draft[]>? by data type
---@field deleted table<string, string[]>? ids of records that Stripe deleted, by data type
---@field sources table[]? objects to keep: { id, parent_id, data }
---@field dropped string[]? ids of kept objects to drop
---@field states table<string, table>? checkpoints
---@field sweep table? that of the checkpoint, if a full read saw all of this page
---@field remade boolean? whether records were made anew, so that deleted ones stay marked

-- ---------------------------------------------------------------- mapping

-- An object that no longer maps to a record is excluded by `where`; its record is marked deleted.
local function note_gone(gone, consumer, object)
  local source = consumer.source
  if source.selective and not source.distinct and type(object.id) == "string" then
    gone[consumer.type] = gone[consumer.type] or {}
    table.insert(gone[consumer.type], object.id)
  end
end

--- Map one object for all consumers of its resource. An object that cannot be mapped does not stop
--- the others.
---@param run commerce.sync.Run
---@param consumers commerce.Consumer[]
---@param object table
---@param page commerce.Page receives records, and the ids of deleted ones
---@param dated integer? unix seconds: when the object changed, by its newest event
function writer.map(run, consumers, object, page, dated)
  jobs.breathe() -- nothing of this page is written yet
  -- a resource that dates its own changes needs no event's date
  local changed_at = not object.updated and dated or nil
  local records = page.records
  for _, consumer in ipairs(consumers) do
    local list = records[consumer.type] or {}
    records[consumer.type] = list
    local before = #list
    local _, message = conversion.map(consumer, object, list, changed_at)
    run.progress:count_read(consumer.type, message)
    if #list == before and not message then
      note_gone(page.deleted, consumer, object)
    end
  end
end

-- ---------------------------------------------------------------- writing

-- The records of drafts, encoded. A record that is not valid fails alone.
local function encode(run, type_name, drafts)
  local data_type, records = run.types[type_name], {}
  for _, draft in ipairs(drafts) do
    jobs.breathe()
    local record, wrong = conversion.encode(data_type, draft)
    if record and draft.destination then
      run.hooks:send(draft.destination, type_name, record)
    elseif not record and draft.hook then
      run.hooks:fail_record(run.progress, type_name, draft, wrong)
    elseif not record then
      run.progress:count_failed(type_name, conversion.failure(draft.source, wrong),
        { kind = "mapping" })
    end
    if draft.destination and draft.destination.instead then
      run.progress:count_skipped(type_name)
    else
      records[#records + 1] = record
    end
  end
  return records
end

-- The ids of records and of kept objects, by data type; kept objects have none.
local function ids_of(page)
  local ids = { [""] = {} }
  for i, source in ipairs(page.sources or {}) do
    ids[""][i] = source.id
  end
  for name, list in pairs(page.records or {}) do
    ids[name] = {}
    for i, record in ipairs(list) do
      ids[name][i] = record.id
    end
  end
  return ids
end

--- Write a page and count what became of its records. Raises if the store fails, if the lease is
--- lost, if a hook stops the run, or if the run is to be stopped: the page is stored then.
---@param run commerce.sync.Run
---@param page commerce.Page
function writer.write(run, page)
  jobs.breathe()
  run.lease:keep()
  local stored = { resource = page.resource, records = {}, deleted = page.deleted,
    sources = page.sources, dropped = page.dropped, states = page.states, remade = page.remade,
    sweep = page.sweep and page.sweep.id,
    seen = page.sweep and ids_of(page) } -- also what hooks leave out
  if run.hooks then
    run.hooks:alter(page, run.progress)
  end
  for type_name, drafts in pairs(page.records or {}) do
    stored.records[type_name] = encode(run, type_name, drafts)
  end
  if run.hooks then
    run.hooks:write_sent()
  end
  local counts, done = run.store:write_page(run.id, stored, time.now())
  run.progress:count_written(counts)
  if run.hooks then
    run.hooks:notify(stored, done, run.progress)
  end
  jobs.breathe()
  errors.must(interrupts.go_on())
end

-- ---------------------------------------------------------------- pages of objects

-- Lists are read side by side, and a hook may wait: pages are mapped and written one by one.
local function in_turn(run, work)
  while run.is_writing do
    jobs.wait(run.transport)
  end
  run.is_writing = true
  errors.finally(work, function()
    run.is_writing = nil
  end)
end

local function add_object(run, task, page, object, text, dated)
  writer.map(run, task.consumers, object, page, dated)
  if task.keep then
    local id, parent_id = task.keep(object)
    page.sources[#page.sources + 1] = id and { id = id, parent_id = parent_id, data = text }
  end
end

--- Store a page of a list with the checkpoint after it.
---@param run commerce.sync.Run
---@param task commerce.Task
---@param read commerce.SourcePage
---@param list table see `commerce.sync.backfill`
function writer.list_page(run, task, read, list)
  local unsettled, dates = task.resource.unsettled, run.changes:dates(task.name)
  in_turn(run, function()
    local page = { resource = task.name, records = {}, sources = {}, deleted = {},
      sweep = list.state.sweep, states = { [task.key] = list.state } }
    for i, object in ipairs(read.objects) do
      add_object(run, task, page, object, read.texts[i], dates[object.id])
      if unsettled and unsettled(object, list.state.newest) then
        list:unsettled(object.created)
      end
    end
    writer.write(run, page)
  end)
end

--- Mark the records of an object that Stripe deleted.
---@param run commerce.sync.Run
---@param task commerce.Task
---@param id string the object's
function writer.deleted_object(run, task, id)
  local deleted = {}
  for _, consumers in ipairs { task.consumers, task.joined } do
    for _, consumer in ipairs(consumers) do
      deleted[consumer.type] = { id }
    end
  end
  in_turn(run, function()
    writer.write(run, { resource = task.name, deleted = deleted,
      dropped = task.keep and { id } or nil })
  end)
end

--- Store an object that was fetched because it changed.
---@param run commerce.sync.Run
---@param task commerce.Task
---@param object table see `commerce.sync.source`
---@param text string
---@param dated integer? unix seconds: when the object changed, by its newest event
function writer.changed_object(run, task, object, text, dated)
  if object.deleted == true then
    return writer.deleted_object(run, task, object.id)
  end
  local state = run.checkpoints:held(task.name)
  in_turn(run, function()
    local page = { resource = task.name, records = {}, sources = {}, deleted = {},
      sweep = state and state.sweep }
    add_object(run, task, page, object, text, dated)
    writer.write(run, page)
  end)
end

return writer
