-- Interprets and checks the results of hooks that filter or change records.

local hooks = require "commerce.hooks.registry"

local result = {}

--- Interpret what a before_record hook returned.
---@param hook commerce.Hook
---@param record commerce.RecordFields that it got
---@param given any its first result
---@param reason any its second result
---@return commerce.RecordFields|false|nil record to go on with; false: leave the record out; nil:
---  it failed
---@return string? message
function result.of_record(hook, record, given, reason)
  if given == nil and reason ~= nil then
    return nil, ("%s: %s"):format(hooks.title(hook), tostring(reason))
  elseif given == nil then
    return record
  elseif given == false or type(given) == "table" then
    return given
  end
  return nil, ("%s: it gave a %s; a hook gives nothing (the record stays as it is), false (it is "
    .. "left out) or a table (the record to take instead)"):format(hooks.title(hook), type(given))
end

-- The drafts of the given records, found by the records or their ids.
local function drafts_of(drafts, records)
  local by_record, by_id, taken, kept = {}, {}, {}, {}
  for _, draft in ipairs(drafts) do
    by_record[draft.record], by_id[draft.id] = draft, draft
  end
  for _, record in ipairs(records) do
    local draft = by_record[record] or type(record) == "table" and by_id[record.id]
    if not draft then
      return nil, "it gave a record that is not one of the page's: a hook cannot make new ones"
    elseif taken[draft] then
      return nil, ("it gave the record %s twice"):format(draft.id)
    end
    draft.record, taken[draft] = record, true
    kept[#kept + 1] = draft
  end
  return kept
end

--- Interpret what a before_page hook returned.
---@param hook commerce.Hook
---@param drafts commerce.Draft[] of the page
---@param records commerce.RecordFields[] their records, in the list that the hook got and may have
---  changed
---@param given any its result
---@return commerce.Draft[]? drafts that are left; nil if it failed
---@return string? message
function result.of_page(hook, drafts, records, given)
  if given == false then
    return {}
  elseif given ~= nil and type(given) ~= "table" then
    return nil, ("%s: it gave a %s; a list of records, false or nothing was expected"):format(
      hooks.title(hook), type(given))
  end
  local kept, message = drafts_of(drafts, given or records)
  return kept, message and ("%s: %s"):format(hooks.title(hook), message)
end

return result
