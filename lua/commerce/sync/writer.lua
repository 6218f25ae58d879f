-- From source objects to stored records: maps objects, counts them, and writes pages. Every page
-- passes `writer.write`: filtering hooks, then the encoding of what they may have changed, then the
-- store, then the hooks that are notified. Fields that are never stored leave a record when it is
-- encoded, so no hook can put them back.

local conversion = require "commerce.sync.conversion"
local direct = require "commerce.sync.direct"
local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local interrupts = require "commerce.runtime.interrupts"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local time = require "commerce.base.time"

local writer = {}

--- The data that one transaction writes.
---@class commerce.sync.Page
---@field resource string? the resource of its objects
---@field records table<string, commerce.Draft[]>? by data type; encoded already, unless a hook may
---  change them
---@field deleted table<string, string[]>? ids of records that Stripe deleted, by data type
---@field sources commerce.SourceRow[]? objects to keep
---@field dropped string[]? ids of kept objects to drop
---@field states table<string, commerce.Checkpoint>?
---@field sweep commerce.sync.Sweep? that of the checkpoint, if a full read saw all of this page
---@field remade boolean? whether records were made anew, so that deleted ones stay marked
---@field payout_links commerce.PayoutLinks?

-- ---------------------------------------------------------------- mapping

-- An object that no longer maps to a record is excluded by `where`; its record is marked deleted.
local function note_gone(gone, consumer, object)
  local source = consumer.source
  if source.selective and not source.distinct and type(object.id) == "string" then
    gone[consumer.type] = gone[consumer.type] or {}
    table.insert(gone[consumer.type], object.id)
  end
end

-- An object that gave a data type no record.
local function note_none(run, page, consumer, object)
  run.progress:count_left_out(consumer.type, consumer.source)
  note_gone(page.deleted, consumer, object)
end

-- Put a value at a path, or take it away; objects that are left empty go as well.
local function put(values, keys, at, new)
  local key = keys[at]
  if at == #keys then
    values[key] = new
    return
  elseif type(values[key]) ~= "table" then
    values[key] = new ~= nil and {} or nil
  end
  if values[key] then
    put(values[key], keys, at + 1, new)
    values[key] = next(values[key]) ~= nil and values[key] or nil
  end
end

local function value_at(values, keys)
  for _, key in ipairs(keys) do
    values = type(values) == "table" and values[key] or nil
  end
  return values
end

-- Fields that kept objects do not have are taken over from the stored record.
local function take_over(run, type_name, draft)
  local paths = run.protection:not_made_of_kept(type_name)
  local data = paths and run.store:find(run.types[type_name], run.id, { draft.id }, true)[draft.id]
  local stored = data and json.stored(data)
  for _, keys in ipairs(stored and paths or {}) do
    put(draft.record, keys, 1, value_at(stored, keys))
  end
end

-- Whether somebody looks at a type's records before they are encoded.
local function needs_values(run, type_name, remade)
  return run.hooks and run.hooks:may_alter(type_name)
    or remade and run.protection:not_made_of_kept(type_name) ~= nil
end

-- The record of a draft; nil if it is not valid, which fails it alone.
local function encode(run, type_name, draft, remade)
  local source = draft.source
  if remade then
    take_over(run, type_name, draft)
  end
  local encoded, wrong = conversion.encode(run.types[type_name], draft)
  if encoded then
    draft.body = run.protection:body(type_name, draft.body)
    if draft.erased then
      draft.body = run.erasures:body(type_name, draft.body)
    end
    return draft
  elseif draft.hook then
    run.hooks:fail_record(run.progress, type_name, draft, wrong)
  else
    run.progress:count_failed(type_name, conversion.failure(source, wrong), { kind = "mapping" })
  end
end

-- Encode the drafts of a list from a place on. Records that hooks send to other stores instead
-- leave the list.
local function encode_from(run, type_name, drafts, first, remade)
  local last = first - 1
  for i = first, #drafts do
    local draft = drafts[i]
    local destination, encoded = draft.destination, encode(run, type_name, draft, remade)
    drafts[i] = nil
    if encoded and destination then
      run.hooks:send(destination, type_name, encoded)
    end
    if destination and destination.instead then
      run.progress:count_skipped(type_name)
    elseif encoded then
      last = last + 1
      drafts[last] = encoded
    end
  end
end

-- Mark the drafts of a customer that was erased, or take them off the list.
local function note_erased(run, consumer, list, before)
  local removed = erasures.fate(consumer.data_type) == "removed"
  for i = #list, before + 1, -1 do
    list[i].erased = true
    if removed then
      list[i] = nil
    end
  end
  if removed then
    run.progress:count_left_out(consumer.type, { excluded = erasures.EXCLUDED })
  end
end

--- Map one object for all consumers of its resource. An object that cannot be mapped does not stop
--- the others. A record that no hook may change is encoded at once: a page in memory holds the
--- bytes of its records, not their values and their objects.
---@param run commerce.sync.Run
---@param consumers commerce.sync.Consumer[]
---@param object commerce.StripeObject
---@param page commerce.sync.Page receives records, and the ids of deleted ones
---@param dated integer? unix seconds: when the object changed, by its newest event
---@return boolean ok false if a record of it failed
---@return boolean? erased whether it belongs to a customer that was erased, and must not be kept
function writer.map(run, consumers, object, page, dated)
  -- a resource that dates its own changes needs no event's date
  local changed_at = type(object.updated) ~= "number" and dated or nil
  local records, failed = page.records, false
  local erased = run.erasures and run.erasures:concerns(object)
  for _, consumer in ipairs(consumers) do
    local type_name = consumer.type
    local list = records[type_name] or {}
    records[type_name] = list
    local before = #list
    local _, message = conversion.map(consumer, object, list, changed_at,
      needs_values(run, type_name, page.remade))
    run.progress:count_read(type_name, message)
    if erased and #list > before then
      note_erased(run, consumer, list, before)
    elseif #list == before and not message then
      note_none(run, page, consumer, object)
    end
    if #list > before and not (run.hooks and run.hooks:may_alter(type_name)) then
      local made = #list
      encode_from(run, type_name, list, before + 1, page.remade)
      failed = failed or #list < made
    end
    failed = failed or message ~= nil
  end
  return not failed, erased
end

-- ---------------------------------------------------------------- writing

-- The ids of records and of kept objects, by data type; kept objects have none.
local function ids_of(page)
  local ids = { [""] = {} }
  for i, source in ipairs(page.sources or {}) do
    ids[""][i] = source.id
  end
  for name, list in pairs(page.records or {}) do
    ids[name] = {}
    for i, draft in ipairs(list) do
      ids[name][i] = draft.id
    end
  end
  return ids
end

-- The objects of a page as they may be kept.
local function protected(run, page)
  if not page.sources or not run.protection:changes_sources() then
    return page.sources
  end
  local list = {}
  for _, object in ipairs(page.sources) do
    local text = run.protection:source(page.resource, object.data)
    list[#list + 1] = text and { id = object.id, parent_id = object.parent_id, data = text } or nil
  end
  return list
end

--- Write a page and count what became of its records. Raises if the store fails, if the lease is
--- lost, if a hook stops the run, or if the run is to be stopped: the page is stored then.
---@param run commerce.sync.Run
---@param page commerce.sync.Page
function writer.write(run, page)
  jobs.breathe()
  run.lease:keep()
  local stored = { resource = page.resource, records = {}, deleted = page.deleted,
    sources = protected(run, page), dropped = page.dropped, states = page.states,
    remade = page.remade, payout_links = page.payout_links,
    sweep = page.sweep and page.sweep.id,
    seen = page.sweep and ids_of(page) } -- also what hooks leave out
  if run.hooks then
    run.hooks:alter(page, run.progress)
  end
  for type_name, drafts in pairs(page.records or {}) do
    if run.hooks and run.hooks:may_alter(type_name) then
      encode_from(run, type_name, drafts, 1, page.remade)
    end
    stored.records[type_name] = drafts
  end
  if run.hooks then
    run.hooks:write_sent()
  end
  -- a hook that is told of a page is told of all of it, which is stored then
  local counts, done = run.portions:write(run.store, run.id, stored, time.now(), run.hooks ~= nil)
  run.progress:count_written(counts)
  if run.hooks then
    run.hooks:notify(stored, done, run.progress)
  end
  jobs.breathe()
  errors.must(interrupts.go_on())
end

-- ---------------------------------------------------------------- pages of objects

-- Lists are read side by side, and a hook may wait: pages are written one by one.
local function write_in_turn(run, page)
  while run.is_writing do
    jobs.wait(run.transport)
  end
  run.is_writing = true
  errors.finally(function()
    writer.write(run, page)
  end, function()
    run.is_writing = nil
  end)
end

local function add_object(run, task, page, object, text, dated)
  local ok, erased = writer.map(run, task.consumers, object, page, dated)
  if task.keep and not erased then
    local id, parent_id = task.keep(object)
    page.sources[#page.sources + 1] = id and { id = id, parent_id = parent_id, data = text }
  end
  return ok
end

-- The direct way of a task from bytes to records, if it has one. It is found once in a run.
local function way_of(run, task)
  run.ways = run.ways or {}
  if run.ways[task] == nil then
    run.ways[task] = direct.of(run, task) or false
  end
  return run.ways[task] or nil
end

-- The records that the core made: fields that are not stored leave them.
local function protect(run, type_name, drafts, first)
  if not run.protection:concerns(type_name) then
    return
  end
  for i = first, #drafts do
    drafts[i].body = run.protection:body(type_name, drafts[i].body)
  end
end

-- The same as `writer.map` does, for an object that the core has read. `decoded` reads it if the
-- core declines it.
local function map_bytes(run, way, consumer, object, page, dated, decoded)
  local type_name = consumer.type
  local list = page.records[type_name] or {}
  page.records[type_name] = list
  local before = #list
  local count = way:make(consumer, list, dated)
  if not count then
    local whole, wrong = decoded()
    if whole then
      return (writer.map(run, { consumer }, whole, page, dated))
    end
    run.progress:count_read(type_name, wrong)
    return false
  end
  run.progress:count_read(type_name)
  if count == 0 then
    note_none(run, page, consumer, object)
  end
  protect(run, type_name, list, before + 1)
  return true
end

-- As `add_object`, for an object that the core has read. The consumers before `first` have their
-- records.
local function add_bytes(run, task, way, page, listed, i, object, decode, dated, first)
  local ok, whole, wrong = true, nil, nil
  local function decoded()
    if not whole and not wrong then
      whole, wrong = decode(i)
    end
    return whole, wrong
  end
  for at = first, #task.consumers do
    ok = map_bytes(run, way, task.consumers[at], object, page, dated, decoded) and ok
  end
  if task.keep then
    local id, parent_id = task.keep(object)
    page.sources[#page.sources + 1] = id
      and { id = id, parent_id = parent_id, data = listed:element(i) }
  end
  return ok
end

-- The record of an object that failed must not count as unseen: neither in this run nor in a later
-- one, which would go on with the same sweep.
local function end_sweep(page, list)
  page.sweep, list.state.sweep = nil, nil
end

-- Count what the core has done: objects from one place to before another, of whose plans those from
-- `consumer` on have not made records of the last one.
local function count_run(run, task, page, plans, objects, consumer)
  for at, plan in ipairs(plans) do
    local of, none = task.consumers[at], plan[3]
    run.progress:count_read(of.type, nil, objects + (at < (consumer or 1) and 1 or 0))
    for i = 1, #none do
      note_none(run, page, of, { id = none[i] })
      none[i] = nil
    end
  end
end

-- What makes the records of objects without decoding them, if it can: a function for
-- `SourcePage:each`. The core does several at once, up to one of which more is to be known; it
-- tells `note` what became of that one.
local function taker(run, task, way, page, dates, note)
  local plans, made = way:plans(page.records), {}
  local function alone(listed, i, decode, first)
    local object = way:read(listed, i)
    if object then
      note(add_bytes(run, task, way, page, listed, i, object, decode, dates[object.id], first),
        object)
    end
    return object ~= nil
  end
  local function together(listed, first)
    for at, plan in ipairs(plans) do
      made[at] = #plan[2]
    end
    local after, consumer = way:run(listed, first, plans, next(dates) and dates or nil)
    count_run(run, task, page, plans, after - first, consumer)
    for at, plan in ipairs(plans) do
      protect(run, task.consumers[at].type, plan[2], made[at] + 1)
    end
    return after, consumer
  end
  return function(listed, i, decode)
    jobs.breathe() -- nothing of this page is written yet
    local after, consumer = i, nil
    if plans then
      after, consumer = together(listed, i)
      if not consumer then
        return after - i
      end
    end
    local done = alone(listed, after, decode, consumer or 1)
    return after - i + (done and 1 or 0)
  end
end

--- Store a page of a list with the checkpoint after it.
---@param run commerce.sync.Run
---@param task commerce.Task
---@param read commerce.SourcePage
---@param list commerce.sync.Backfill
function writer.list_page(run, task, read, list)
  local unsettled, dates = task.resource.unsettled, run.changes:dates(task.name)
  local page = { resource = task.name, records = {}, sources = {}, deleted = {},
    sweep = list.state.sweep, states = { [task.key] = list.state } }
  local function note(ok, object)
    if not ok then
      run.checkpoints:note_failed(task.name, object.id)
      end_sweep(page, list)
    end
    if unsettled and unsettled(object, list.state.newest) then
      list:unsettled(object.created)
    end
  end
  local way = way_of(run, task)
  for object, text in read:each(function(message, id)
    run.progress:fail_object(task, message)
    run.checkpoints:note_failed(task.name, id)
    end_sweep(page, list)
  end, way and taker(run, task, way, page, dates, note)) do
    note(add_object(run, task, page, object, text, dates[object.id]), object)
  end
  if way then
    way:count()
  end
  run.progress:count_listed(task, #page.sources)
  write_in_turn(run, page)
end

--- Store a page of records that are made of kept objects.
---@param run commerce.sync.Run
---@param page commerce.sync.Page
function writer.joined_page(run, page)
  write_in_turn(run, page)
end

--- Store a page of a payout's transactions.
---@param run commerce.sync.Run
---@param links commerce.PayoutLinks
function writer.linked_page(run, links)
  write_in_turn(run, { resource = "payouts", payout_links = links })
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
  write_in_turn(run, { resource = task.name, deleted = deleted,
    dropped = task.keep and { id } or nil })
end

--- Store an object that was fetched because it changed.
---@param run commerce.sync.Run
---@param task commerce.Task
---@param object commerce.StripeObject see `commerce.sync.source`
---@param text string
---@param dated integer? unix seconds: when the object changed, by its newest event
function writer.changed_object(run, task, object, text, dated)
  if object.deleted == true then
    return writer.deleted_object(run, task, object.id)
  end
  local state = run.checkpoints:held(task.name)
  local page = { resource = task.name, records = {}, sources = {}, deleted = {},
    sweep = state and state.sweep }
  if add_object(run, task, page, object, text, dated) then
    run.checkpoints:forget_failed(task.name, object.id)
  else
    run.checkpoints:note_failed(task.name, object.id)
  end
  write_in_turn(run, page)
end

return writer
