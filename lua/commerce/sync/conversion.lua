-- From source objects to records: map, put joined objects together, encode.

local ascii = require "commerce.base.ascii"
local inlined = require "commerce.mapping.inlined"
local json = require "commerce.base.json"
local model = require "commerce.model"
local objects = require "commerce.stripe.object"
local time = require "commerce.base.time"

local conversion = {}

local function draft_of(record, object)
  local id = record.id or object.id
  if type(id) ~= "string" then
    return nil, "field id: string expected, got " .. type(id)
  end
  return { id = id, record = record, source = object }
end

--- Encode a record, which is the last step before it is stored: hooks have seen it. The draft
--- becomes the record, and the values and the source object are let go.
---@param data_type commerce.DataType
---@param draft commerce.Draft
---@return boolean? ok nil if it is not valid
---@return string? message
function conversion.encode(data_type, draft)
  if draft.body then
    return true -- it was written by the mapping already
  end
  local body, message = model.encode(data_type, draft.record)
  if not body then
    return nil, message
  end
  draft.body, draft.record, draft.source = body, nil, nil
  return true
end

--- Put the object's name before what is wrong with its record.
---@param object commerce.StripeObject
---@param message string
---@return string
function conversion.failure(object, message)
  return ("%s: %s"):format(objects.title(object), message)
end

-- The drafts of an object, and what was wrong with those that are not there. Values are made only
-- where somebody looks at them: for hooks, or to tell why a record is not valid.
local function drafts_of(source, object, view, dated, as_values)
  local made = not as_values and source.make(view, dated)
  if made then
    return made
  end
  local drafts, records, wrong = {}, source.map(view, dated)
  for _, record in ipairs(records or {}) do
    local draft, reason = draft_of(record, object)
    drafts[#drafts + 1] = draft
    wrong = wrong or reason
  end
  return drafts, wrong
end

--- Map one object for one consumer and append its records.
---@param consumer commerce.sync.Consumer
---@param object commerce.StripeObject
---@param drafts commerce.Draft[] receives the records
---@param changed_at integer? when the object last changed (unix seconds), if an event told
---@param as_values boolean? whether the records are asked for as tables, which are not encoded yet
---@return boolean? ok nil on failure
---@return string? message names the object and what was wrong
function conversion.map(consumer, object, drafts, changed_at, as_values)
  local source = consumer.source
  local view = consumer.unasked and inlined.without(object, consumer.unasked) or object
  local made, message = drafts_of(source, object, view, changed_at and time.format(changed_at),
    as_values)
  for _, draft in ipairs(made) do
    if not (source.distinct and consumer.seen[draft.id]) then
      drafts[#drafts + 1] = draft
      if source.distinct then
        consumer.seen[draft.id] = true
      end
    end
  end
  if message then
    return nil, conversion.failure(object, message)
  end
  return true
end

local function created_of(object)
  return type(object.created) == "number" and object.created or 0
end

local function newest_first(a, b)
  local of_a, of_b = created_of(a), created_of(b)
  if of_a ~= of_b then
    return of_a > of_b
  end
  return ascii.before(tostring(b.id), tostring(a.id))
end

--- Put an object's children into it, newest first.
---@param data string the parent's JSON
---@param texts string[] the children's
---@param key string where they go
---@return commerce.StripeObject? object nil if one of them cannot be read
---@return string? reason
function conversion.joined(data, texts, key)
  local object, wrong = json.decode(data, true)
  if type(object) ~= "table" then
    return nil, wrong or "object expected"
  end
  local children = {}
  for i, text in ipairs(texts) do
    local child, why = json.decode(text, true)
    if type(child) ~= "table" then
      return nil, ("%s, number %d: %s"):format(key, i, why or "object expected")
    end
    children[i] = child
  end
  table.sort(children, newest_first)
  object[key] = children
  return object
end

return conversion
