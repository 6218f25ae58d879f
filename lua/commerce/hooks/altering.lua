-- Hooks that filter, change and route records, called before their page is written. Called by
-- sync.hooking.

local check = require "commerce.model.check"
local hooks = require "commerce.hooks.registry"
local json = require "commerce.base.json"
local model = require "commerce.model"
local time = require "commerce.base.time"

local altering = {}

-- What a before_record hook gave: the record to go on with, or false. nil and what was wrong.
local function decision(hook, record, result, reason)
  if result == nil and reason ~= nil then
    return nil, ("%s: %s"):format(hooks.title(hook), tostring(reason))
  elseif result == nil then
    return record
  elseif result == false or type(result) == "table" then
    return result
  end
  return nil, ("%s: it gave a %s; a hook gives nothing (the record stays as it is), false (it is "
    .. "left out) or a table (the record to take instead)"):format(hooks.title(hook), type(result))
end

-- The hooks of one record. False: it is left out; nil with a message: one of them failed.
local function alter(hooking, list, entry)
  local record = entry.record
  hooking.context._entry = entry
  for _, hook in ipairs(list) do
    local source = hook.source and json.without_nulls(entry.source) or nil
    local ok, result, reason = hooks.call(hook, record, source, hooking.context)
    if ok then
      result, reason = decision(hook, record, result, reason)
    else
      result, reason = nil, result
    end
    if not result then
      hooking.context._entry = nil
      return result, reason, hook
    end
    record = result
  end
  hooking.context._entry = nil
  return record
end

-- The records that are left of a page's entries.
local function alter_records(hooking, type_name, entries)
  local list, kept = hooking:of("before_record", type_name), {}
  for _, entry in ipairs(entries) do
    local record, message, hook = alter(hooking, list, entry)
    if record then
      entry.record, entry.by = record, list[#list]
      kept[#kept + 1] = entry
    elseif record == false then
      hooking.books:count_skipped(type_name)
    else
      local ok, reason, details = hooking:failed(hook, type_name,
        ("record %s: %s"):format(entry.id, message))
      if not ok then
        return nil, reason, details
      end
    end
  end
  return kept
end

-- The entries of the records that a before_page hook left, by the records or their ids.
local function entries_of(entries, records)
  local by_record, by_id, taken, kept = {}, {}, {}, {}
  for _, entry in ipairs(entries) do
    by_record[entry.record], by_id[entry.id] = entry, entry
  end
  for _, record in ipairs(records) do
    local entry = by_record[record] or type(record) == "table" and by_id[record.id]
    if not entry then
      return nil, "it gave a record that is not one of the page's: a hook cannot make new ones"
    elseif taken[entry] then
      return nil, ("it gave the record %s twice"):format(entry.id)
    end
    entry.record, taken[entry] = record, true
    kept[#kept + 1] = entry
  end
  return kept
end

local function alter_page(hooking, type_name, entries)
  for _, hook in ipairs(hooking:of("before_page", type_name)) do
    local records, kept, message = {}, nil, nil
    for i, entry in ipairs(entries) do
      records[i], entry.by = entry.record, hook
    end
    local ok, result = hooks.call(hook, records, hooking.context)
    if not ok then
      message = result
    elseif result == false then
      kept = {}
    elseif result == nil or type(result) == "table" then
      kept, message = entries_of(entries, result or records)
      message = message and ("%s: %s"):format(hooks.title(hook), message)
    else
      message = ("%s: it gave a %s; a list of records, false or nothing was expected"):format(
        hooks.title(hook), type(result))
    end
    if not kept then
      return {}, hooking:failed(hook, type_name, message, #entries)
    end
    hooking.books:count_skipped(type_name, #entries - #kept)
    entries = kept
  end
  return entries, true
end

-- A record that hooks have touched, ready to be stored; nil and what is wrong with it.
local function finished(data_type, entry)
  local record = entry.record
  if data_type.shape.by_name.id then
    if record.id ~= nil and record.id ~= entry.id then
      return nil, "field id: a hook cannot change it"
    end
    record.id = entry.id
  end
  local wrong, body = check.record(data_type, record), nil
  if not wrong then
    body, wrong = model.encode(data_type, record)
  end
  return body and { id = entry.id, body = body }, wrong
end

local function send(hooking, type_name, targets, record)
  for store in pairs(targets) do
    local page = hooking.sent[store] or {}
    hooking.sent[store] = page
    page[type_name] = page[type_name] or {}
    table.insert(page[type_name], record)
  end
end

local function finish_records(hooking, type_name, entries)
  local data_type, records = hooking:type(type_name), {}
  for _, entry in ipairs(entries) do
    local record, wrong = finished(data_type, entry)
    if not record then
      local ok, message, details = hooking:failed(entry.by, type_name,
        ("record %s: after %s: %s"):format(entry.id, hooks.title(entry.by), wrong))
      if not ok then
        return nil, message, details
      end
    else
      if entry.targets then
        send(hooking, type_name, entry.targets, record)
      end
      if entry.routed then
        hooking.books:count_skipped(type_name)
      else
        records[#records + 1] = record
      end
    end
  end
  return records
end

-- A store that records are sent to has to know whose they are.
local function introduce(hooking, store)
  local row = hooking.connection.row
  local rows, message, details = store:connections { id = row.id }
  local companies
  if rows and not rows[1] then
    companies, message, details = hooking.store:companies { id = row.company_id }
    if companies then
      rows, message, details = store:add_connection(row, { company = companies[1] })
    end
  end
  return rows ~= nil, message, details
end

-- It has to know data types of the user's own, too.
local function define(hooking, store, records)
  for name in pairs(records) do
    if not store:find_type(name) then
      local ok, message, details = store:define_type(hooking:type(name))
      if not ok then
        return nil, message, details
      end
    end
  end
  return true
end

-- Records for other stores are written before the checkpoint is: written twice, they are the same.
local function write_sent(hooking)
  for store, records in pairs(hooking.sent) do
    local ok, message, details = true, nil, nil
    if not hooking.known[store] then
      ok, message, details = introduce(hooking, store)
      hooking.known[store] = ok
    end
    if ok then
      ok, message, details = define(hooking, store, records)
    end
    if ok then
      ok, message, details = store:write_page(hooking.connection.id, { records = records },
        time.now())
    end
    if not ok then
      return nil, message, details
    end
  end
  return true
end

--- Call the hooks of a page, and make of its entries records to store.
---@param hooking commerce.Hooking
---@param page table see the store's write_page; of data types that hooks alter, its records are
---  entries { id, record, source }
---@return boolean? ok nil if the run has to end
---@return string? message
---@return commerce.Details? details
function altering.page(hooking, page)
  hooking.sent = {}
  for type_name, entries in pairs(page.records or {}) do
    if hooking:alters(type_name) then
      hooking.context.type = type_name
      local records, ok, message, details
      entries, message, details = alter_records(hooking, type_name, entries)
      if entries then
        entries, ok, message, details = alter_page(hooking, type_name, entries)
        if ok then
          records, message, details = finish_records(hooking, type_name, entries)
        end
      end
      if not records then
        return nil, message, details
      end
      page.records[type_name] = records
    end
  end
  return write_sent(hooking)
end

return altering
