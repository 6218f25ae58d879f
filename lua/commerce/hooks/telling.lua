-- Hooks that are told what a page did, called after it has been written. Called by sync.hooking.

local hooks = require "commerce.hooks.registry"
local json = require "commerce.base.json"

local telling = {}

-- Call a hook of a page's type. Gives nil and the reason where the run has to end.
local function tell(hooking, hook, type_name, what, first, second)
  local ok, message
  if second then
    ok, message = hooks.call(hook, first, second, hooking.context)
  else
    ok, message = hooks.call(hook, first, hooking.context)
  end
  if ok then
    return true
  end
  return hooking:failed(hook, type_name, ("%s: %s"):format(what, message))
end

-- Call the hooks of an event for each of some records, as they are stored.
local function tell_each(hooking, event, type_name, ids, kind)
  local list = hooking:of(event, type_name)
  if #list == 0 or #ids == 0 then
    return true
  end
  hooking.context.type = type_name
  local found, message, details = hooking.store:find(hooking:type(type_name), hooking.connection.id,
    ids, true)
  for _, id in ipairs(found and ids or {}) do
    for _, hook in ipairs(found[id] and list or {}) do
      -- decoded for each, so that none finds what another one did to it
      local ok, reason, why = tell(hooking, hook, type_name, "record " .. id,
        json.decode(found[id]), kind)
      if not ok then
        return nil, reason, why
      end
    end
  end
  return found ~= nil, message, details
end

local function tell_page(hooking, type_name, ids)
  local list = hooking:of("after_page", type_name)
  if #list == 0 or #ids == 0 then
    return true
  end
  hooking.context.type = type_name
  local found, message, details = hooking.store:find(hooking:type(type_name), hooking.connection.id,
    ids, true)
  for _, hook in ipairs(found and list or {}) do
    local records = {}
    for _, id in ipairs(ids) do
      records[#records + 1] = found[id] and json.decode(found[id])
    end
    local ok, reason, why = tell(hooking, hook, type_name, "a page of " .. type_name, records)
    if not ok then
      return nil, reason, why
    end
  end
  return found ~= nil, message, details
end

local function tell_records(hooking, page)
  for type_name, records in pairs(page.records or {}) do
    local ids = {}
    for i, record in ipairs(records) do
      ids[i] = record.id
    end
    local ok, message, details = tell_each(hooking, "after_record", type_name, ids)
    if ok then
      ok, message, details = tell_page(hooking, type_name, ids)
    end
    if not ok then
      return nil, message, details
    end
  end
  return true
end

--- Tell what a page that has been written did.
---@param hooking commerce.Hooking
---@param page table see the store's write_page
---@param done table[] what it did, from write_page
---@return boolean? ok nil if the run has to end
---@return string? message
---@return commerce.Details? details
function telling.page(hooking, page, done)
  for _, change in ipairs(done) do
    local ok, message, details
    if change.kind == "deleted" then
      ok, message, details = tell_each(hooking, "delete", change.type, change.ids)
    else
      ok, message, details = tell_each(hooking, "change", change.type, change.ids, change.kind)
    end
    if not ok then
      return nil, message, details
    end
  end
  return tell_records(hooking, page)
end

return telling
