-- From source objects to records ready to be stored: decode, check the mode, map, encode.
-- Called by sync; requires leaf helpers and the model.

local inlined = require "commerce.mapping.inlined"
local json = require "commerce.base.json"
local model = require "commerce.model"
local time = require "commerce.base.time"

local convert = {}

local MODES = { [true] = "live", [false] = "test" }

--- Read a source object. One whose mode is not the connection's is refused: the two never mix.
---@param text string JSON
---@param livemode boolean the connection's mode
---@return table? object nil on failure
---@return string? message
function convert.decode(text, livemode)
  local object, message = json.decode(text)
  if type(object) ~= "table" then
    return nil, "not a JSON object: " .. tostring(message)
  end
  if type(object.livemode) == "boolean" and object.livemode ~= livemode then
    return nil, ("%s %s is a %s mode object, this connection is in %s mode"):format(
      tostring(object.object), tostring(object.id), MODES[object.livemode], MODES[livemode])
  end
  return object
end

-- A record ready to be stored; or as it is, where hooks are to see it first.
local function entry_of(consumer, record, object)
  local id = record.id or object.id
  if type(id) ~= "string" then
    return nil, "field id: string expected, got " .. type(id)
  elseif consumer.hooked then
    return { id = id, record = record, source = object }
  end
  local body, message = model.encode(consumer.data_type, record)
  if not body then
    return nil, message
  end
  return { id = id, body = body }
end

-- Dates of one form: the order of the texts is the order of the times.
local function later(a, b)
  return b > a and b or a
end

--- Map one object for one consumer and append its records.
---@param consumer table { type, data_type, source, seen = ids taken already, hooked = whether hooks
---  alter its records }
---@param object table
---@param records table[] receives { id, body }, or { id, record, source } if hooked
---@param changed_at integer? when the object last changed (unix seconds), if an event told
---@return boolean? ok nil on failure
---@return string? message names the object and what was wrong
function convert.map(consumer, object, records, changed_at)
  local source = consumer.source
  local mapped, message = source.map(inlined.without(object, consumer.unasked or {}))
  for _, record in ipairs(mapped or {}) do
    local encoded, reason
    if changed_at and record.sourceModifiedDate then
      record.sourceModifiedDate = later(record.sourceModifiedDate, time.format(changed_at))
    end
    if not (source.distinct and consumer.seen[record.id]) then
      encoded, reason = entry_of(consumer, record, object)
      records[#records + 1] = encoded
      message = message or reason
      if source.distinct and encoded then
        consumer.seen[encoded.id] = true
      end
    end
  end
  if message then
    return nil, ("%s %s: %s"):format(tostring(object.object), tostring(object.id), message)
  end
  return true
end

--- Whether an id can stand in a request's path. One that a merchant made up for a product may not.
---@param id string
---@return boolean
function convert.is_askable(id)
  return #id > 0 and #id <= 255 and not id:find("[^%w_%-%.~]") and not id:find("^%.%.?$")
end

local function newest_first(a, b)
  if a.created ~= b.created then
    return (a.created or 0) > (b.created or 0)
  end
  return tostring(a.id) > tostring(b.id)
end

--- Put an object's children into it, newest first.
---@param data string the parent's JSON
---@param texts string[] the children's
---@param key string where they go
---@return table object
function convert.joined(data, texts, key)
  local object, children = json.decode(data), {}
  for i, text in ipairs(texts) do
    children[i] = json.decode(text)
  end
  table.sort(children, newest_first)
  object[key] = children
  return object
end

return convert
