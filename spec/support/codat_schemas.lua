-- Codat's own schemas of the bodies of success, by operation ("GET /companies"), from its OpenAPI
-- documents (spec/fixtures/codat_schemas.json), and the check of a body against them. They are
-- independent of `commerce.api.schemas`.

local json = require "commerce.base.json"

local codat_schemas = {}

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local document = assert(json.decode(read "spec/fixtures/codat_schemas.json"))

--- Codat's operations with their schemas by status: a schema, or `json.null` for no body.
---@type table<string, table<string, table>>
codat_schemas.operations = document.operations

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"
local FORMATS = {
  uuid = function(text)
    return text:find(UUID) ~= nil
  end,
  uri = function(text)
    return text:find "^%a[%w+.-]*:%S+$" ~= nil
  end,
  ["uri-reference"] = function(text)
    return not text:find "[%s<>\"{}|\\^`]"
  end,
}

local function is_array(value)
  return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
end

local TYPES = {
  object = function(value)
    return type(value) == "table" and value[1] == nil
  end,
  array = is_array,
  string = function(value)
    return type(value) == "string"
  end,
  number = function(value) -- decimals of many digits are objects
    return type(value) == "number" or type(value) == "table" and tonumber(tostring(value)) ~= nil
  end,
  integer = function(value)
    return type(value) == "number" and value % 1 == 0
  end,
  boolean = function(value)
    return type(value) == "boolean"
  end,
}

local check

local function check_members(schema, value, at, problems)
  for _, name in ipairs(schema.required or {}) do
    if value[name] == nil then
      problems[#problems + 1] = at .. "." .. name .. " is missing"
    end
  end
  for name, member in pairs(value) do
    local inner = (schema.properties or {})[name]
    if inner == nil then
      inner = schema.additionalProperties
    end
    if inner == false then
      problems[#problems + 1] = at .. "." .. name .. " is one too many"
    elseif inner then
      check(inner, member, at .. "." .. name, problems)
    end
  end
end

local function check_text(schema, value, at, problems)
  local known = not schema.enum
  for _, word in ipairs(schema.enum or {}) do
    known = known or word == value
  end
  if not known then
    problems[#problems + 1] = ("%s is %s"):format(at, value)
  end
  local format = FORMATS[schema.format]
  if format and not format(value) or #value > (schema.maxLength or #value) then
    problems[#problems + 1] = ("%s is no %s: %s"):format(at, schema.format or "short text", value)
  end
end

function check(schema, value, at, problems)
  schema = schema.ref and document.schemas[schema.ref] or schema
  if value == json.null then
    problems[#problems + 1] = not schema.nullable and at .. " is null" or nil
  elseif schema.type and not TYPES[schema.type](value) then
    problems[#problems + 1] = ("%s is no %s"):format(at, schema.type)
  elseif type(value) == "string" then
    check_text(schema, value, at, problems)
  elseif schema.type == "array" then
    for i, element in ipairs(value) do
      check(schema.items or {}, element, ("%s[%d]"):format(at, i), problems)
    end
  elseif schema.type == "object" then
    check_members(schema, value, at, problems)
  end
end

--- What is wrong with the answer to an operation, by Codat's document.
---@param operation string such as "GET /companies/{companyId}"
---@param status integer
---@param body any decoded; "" for none
---@return string[] problems empty if there are none
function codat_schemas.problems(operation, status, body)
  local answers = assert(document.operations[operation], operation .. " is not Codat's")
  local schema, problems = answers[tostring(status)], {}
  if schema == nil then
    return { ("%s: Codat does not answer with %d"):format(operation, status) }
  elseif schema == json.null or status == 204 then -- the document gives one 204 a schema
    return body ~= "" and { operation .. ": Codat's answer has no body" } or problems
  end
  check(schema, body, operation, problems)
  return problems
end

--- What is wrong with a refusal.
---@param body any decoded
---@return string[] problems
function codat_schemas.refusal_problems(body)
  local problems = {}
  check(document.schemas.ErrorMessage, body, "ErrorMessage", problems)
  return problems
end

return codat_schemas
