-- The bytes of a stored record. Every other module treats them as opaque JSON.
--
-- A body is a record's canonical JSON without its end: the members of the data type in their order,
-- no closing brace. The store stamps it, which makes the data that is stored:
--
--   {"id":"ch_1","amount":5,"sourceModifiedDate":"…"                               a body
--   {"id":"ch_1","amount":5,"sourceModifiedDate":"…","modifiedDate":"…"}            data
--   {"id":"ch_1","amount":5,…,"metadata":{"isDeleted":true},"modifiedDate":"…"}     deleted
--
-- The text is edited and not decoded and encoded again, since that would round long numbers.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local shape = require "commerce.model.shape"

local record = {}

local byte, concat, find, match, sub = string.byte, table.concat, string.find, string.match,
  string.sub

-- ---------------------------------------------------------------- fields

-- The last member of data. The store writes it, because only the store knows when the record last
-- changed. Comparisons ignore it.
local STAMP = "modifiedDate"

--- The fields that end every record.
---@type commerce.DeclaredField[]
record.ENDING = {
  { "metadata", shape.object { { "isDeleted", "boolean" } } },
  { "createdDate", "datetime" }, { "sourceModifiedDate", "datetime" }, { STAMP, "datetime" },
}

-- ---------------------------------------------------------------- encoding

local function words_of(values)
  return concat(ascii.keys(values), ", ")
end

-- Remedies for the most frequent mistakes.
local HINTS = {
  ["decimal string"] = "; tonumber(…) makes a number of a text",
  ["map string"] = "; it is a table, such as { content = { shop = { … } } }",
}

local function written(of_shape, values)
  local body, path, field, got = core.json_body(of_shape, values, STAMP)
  if body then
    return body
  end
  -- the message must not contain the value: a record's values are personal data
  local wanted = field.kind
  if wanted == "enum" then
    wanted = "one of " .. words_of(field.values)
    got = got == "string" and "another word" or got
  end
  return nil, ("field %s: %s expected, got %s%s"):format(path, wanted, got,
    HINTS[wanted .. " " .. got] or "")
end

--- Write a record as a body. Its fields are checked against the model on the way.
---@param data_type commerce.DataType
---@param values commerce.RecordFields the record's fields
---@return string? body nil on failure
---@return string? message names the field and what was wrong with it
function record.encode(data_type, values)
  local ok, body, message = pcall(written, data_type.shape, values)
  if ok then
    return body, message
  elseif errors.is_interrupt(body) then
    error(body, 0)
  end
  return nil, tostring(body)
end

--- Read a body.
---@param body string
---@return commerce.RecordFields? values nil if it is not JSON
---@return string? message
function record.decode(body)
  return json.decode(body .. "}")
end

-- ---------------------------------------------------------------- the stamp

local STAMP_START = '"' .. STAMP .. '":"'
local NEXT_STAMP = "," .. STAMP_START
local STAMP_LENGTH = #STAMP_START + #"YYYY-MM-DDTHH:MM:SSZ" + #'"}'
local STAMP_END = ',?"' .. STAMP .. '":"[^"]*"}$'
local STAMP_ROOM = 80 -- more bytes than a stamp has

--- Complete a body with the date of its last change.
---@param body string
---@param modified string YYYY-MM-DDTHH:MM:SSZ
---@return string data
function record.stamp(body, modified)
  return body .. (body == "{" and STAMP_START or NEXT_STAMP) .. modified .. '"}'
end

-- The body that data was made of.
local function body_of(data)
  local stamp = find(data, STAMP_END, #data > STAMP_ROOM and #data - STAMP_ROOM or 1)
  return stamp and sub(data, 1, stamp - 1) or sub(data, 1, -2)
end

--- Whether data is this body with any modifiedDate.
---@param data string
---@param body string
---@return boolean
function record.same(data, body)
  return #data == #body + (body == "{" and 0 or 1) + STAMP_LENGTH and sub(data, 1, #body) == body
    and find(data, STAMP_START, #body + 1, true) ~= nil
end

local SOURCE_MODIFIED = '"sourceModifiedDate":"([^"]*)"'

--- A body with the newer of its own sourceModifiedDate and that of stored data: an event may have
--- dated a change that the object itself does not date.
---@param body string
---@param data string
---@return string body
function record.keep_newest(body, data)
  local new = match(body, SOURCE_MODIFIED .. "$")
  local old = match(data, SOURCE_MODIFIED .. "," .. STAMP_START .. '[^"]*"}$')
  if new and old and old > new then
    return sub(body, 1, -#new - 2) .. old .. '"'
  end
  return body
end

-- ---------------------------------------------------------------- one member

local QUOTE, BACKSLASH = byte '"', byte "\\"
local OPENING_BRACE, OPENING_BRACKET, CLOSING_BRACKET = byte "{", byte "[", byte "]"
local OPENING, CLOSING = { [byte "{"] = true, [byte "["] = true },
  { [byte "}"] = true, [byte "]"] = true }

-- The position of the quote that ends a string; nil if the string does not end.
local function string_end(text, at)
  repeat
    at = find(text, '["\\]', at + 1)
    local escaped = at and byte(text, at) == BACKSLASH
    at = escaped and at + 1 or at
  until not escaped
  return at
end

-- The position where an object or array ends; nil if it does not end.
local function nested_end(text, at)
  local depth = 0
  repeat
    local char = byte(text, at)
    if char == QUOTE then
      at = string_end(text, at)
    else
      depth = depth + (OPENING[char] and 1 or CLOSING[char] and -1 or 0)
    end
    if depth == 0 then
      return at
    end
    at = at and find(text, '["{}%[%]]', at + 1)
  until not at
end

local function value_end(text, at)
  local char = byte(text, at)
  if char == QUOTE then
    return string_end(text, at)
  elseif OPENING[char] then
    return nested_end(text, at)
  end
  return select(2, find(text, "^[^,}%]%s]+", at))
end

-- The position of a member of the outermost object: of its name, and of its value's first and last
-- byte.
local function place_of(text, name)
  local wanted = json.string(name)
  local at = match(text, "^%s*{%s*()")
  while at and byte(text, at) == QUOTE do
    local name_end = string_end(text, at)
    local from = name_end and match(text, "^%s*:%s*()", name_end + 1)
    local to = from and value_end(text, from)
    if not to then
      return nil
    elseif sub(text, at, name_end) == wanted then
      return at, from, to
    end
    at = match(text, "^%s*,%s*()", to + 1)
  end
end

--- The JSON of one member of a record, digit by digit as it is stored.
---@param text string data or a body
---@param name string
---@return string? json nil if the record has no such member
function record.member(text, name)
  local _, from, to = place_of(text, name)
  return from and sub(text, from, to)
end

-- ---------------------------------------------------------------- deleted records

local DELETED = '"metadata":{"isDeleted":true}'

-- A body without one of its members.
local function without(body, name)
  local at, _, to = place_of(body, name)
  if not at then
    return body
  elseif sub(body, at - 1, at - 1) == "," then
    return sub(body, 1, at - 2) .. sub(body, to + 1)
  end
  return sub(body, 1, at - 1) .. match(body, "^,?(.*)$", to + 1)
end

-- A body with the deletion mark at its end; the mark replaces the body's metadata.
local function marked(body)
  body = without(body, "metadata")
  return body .. (body == "{" and "" or ",") .. DELETED
end

--- Mark stored data as deleted by the source.
---@param data string
---@param modified string the date of this change, YYYY-MM-DDTHH:MM:SSZ
---@return string data
function record.mark_deleted(data, modified)
  return record.stamp(marked(body_of(data)), modified)
end

--- Whether stored data has a deletion mark, from the store or from the mapping.
---@param data string
---@return boolean
function record.is_deleted(data)
  if not find(data, '"isDeleted"', 1, true) then
    return false -- most records, at the price of one search
  end
  local metadata = record.member(data, "metadata")
  return metadata ~= nil and record.member(metadata, "isDeleted") == "true"
end

--- Stored data with another date of its last change.
---@param data string
---@param modified string YYYY-MM-DDTHH:MM:SSZ
---@return string data
function record.restamp(data, modified)
  return record.stamp(body_of(data), modified)
end

-- ---------------------------------------------------------------- editing one value

local edited_value

-- The elements of an array's text, each edited. Elements that are left out, or left empty, go.
local function edited_elements(text, keys, at, change)
  local out, from = {}, match(text, "^%[%s*()")
  while from and byte(text, from) ~= CLOSING_BRACKET do
    local to = value_end(text, from)
    if not to then
      return text -- not JSON that the library wrote
    end
    out[#out + 1] = edited_value(sub(text, from, to), keys, at, change)
    from = match(text, "^%s*,?%s*()", to + 1)
  end
  return #out > 0 and "[" .. concat(out, ",") .. "]" or nil
end

function edited_value(text, keys, at, change)
  if at > #keys then
    return change(text)
  elseif byte(text) == OPENING_BRACKET then
    return edited_elements(text, keys, at, change)
  elseif byte(text) ~= OPENING_BRACE then
    return text
  end
  local _, from, to = place_of(text, keys[at])
  if not from then
    return text
  end
  local new = edited_value(sub(text, from, to), keys, at + 1, change)
  if new then
    return sub(text, 1, from - 1) .. new .. sub(text, to + 1)
  end
  local rest = without(text, keys[at])
  return rest ~= "{}" and rest or nil
end

--- Change the values at a path of a JSON object, digit by digit as all else stands. The path leads
--- into each element of an array. An object or array that is left without members goes as well.
---@param text string JSON of an object
---@param keys string[] the path
---@param change fun(value: string): string? gets a value's JSON; nil removes the value
---@return string text "{}" if nothing is left
function record.edit(text, keys, change)
  return edited_value(text, keys, 1, change) or "{}"
end

--- Change a body as a whole JSON object.
---@param body string
---@param change fun(text: string): string
---@return string body
function record.edit_body(body, change)
  return sub(change(body .. "}"), 1, -2)
end

-- ---------------------------------------------------------------- a record that arrives again

-- A remade body with the deletion mark of the stored data, and whether the data has one.
local function keep_mark(body, data)
  local old = body_of(data)
  if sub(old, -#DELETED) ~= DELETED then
    return body, false
  end
  local unmarked = match(sub(old, 1, -#DELETED - 1), "^(.-),?$")
  return marked(record.keep_newest(body, record.stamp(unmarked, ""))), true
end

--- The data to be stored for a body, given what is stored already.
---@param data string? nil for a new record
---@param body string
---@param modified string the date of this change, YYYY-MM-DDTHH:MM:SSZ
---@param remade boolean? whether the body was made anew from a kept source object: a record that is
---  marked as deleted stays marked
---@return string? data nil if what is stored has the same content
---@return boolean marked whether a mark was carried over
function record.renewed(data, body, modified, remade)
  if not data then
    return record.stamp(body, modified), false
  end
  local marked_before = false
  if remade then
    body, marked_before = keep_mark(body, data)
  end
  if record.same(data, body) then
    return nil, marked_before
  end
  local dated = record.keep_newest(body, data)
  if dated ~= body and record.same(data, dated) then
    return nil, marked_before
  end
  body = dated
  return record.stamp(body, modified), marked_before
end

return record
