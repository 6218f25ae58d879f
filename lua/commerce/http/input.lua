-- Checks of what a client sends: query parameters, ids, JSON bodies.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local json = require "commerce.base.json"
local response = require "commerce.http.response"
local url = require "commerce.base.url"

local input = {}

local function plain(text)
  return url.decoded((text:gsub("%+", " ")))
end

--- The parameters of a query string. The first value of a repeated parameter counts.
---@param text string? without the question mark
---@return table<string, string> parameters
function input.parameters(text)
  local parameters = {}
  for part in (text or ""):gmatch "[^&]+" do
    local name, value = part:match "^([^=]*)=?(.*)$"
    name, value = plain(name), plain(value)
    if not name or not value then
      response.refuse(400, "The query string is malformed: '%' must be followed by two "
        .. "hexadecimal digits.")
    elseif value:find "%z" or not core.is_utf8(value) then
      response.refuse(400, "The query string is malformed: it must be UTF-8, without NUL.")
    end
    if parameters[name] == nil then
      parameters[name] = value
    end
  end
  return parameters
end

--- A parameter that is a whole number; any other value is refused.
---@param parameters table<string, string>
---@param name string
---@param default integer
---@param most integer
---@return integer
function input.whole(parameters, name, default, most)
  local text = parameters[name]
  if text == nil or text == "" then
    return default
  end
  local value = text:find "^%d+$" and #text <= 10 and tonumber(text)
  if not value or value < 1 or value > most then
    response.refuse(400, ("%s must be a whole number from 1 to %d."):format(name, most))
  end
  return value
end

local UUID = "^" .. ("%x"):rep(8) .. ("%-" .. ("%x"):rep(4)):rep(3) .. "%-" .. ("%x"):rep(12) .. "$"

--- A UUID in the form in which the store keeps ids.
---@param text string
---@return string? id nil if the text is not a UUID
function input.uuid(text)
  return text:find(UUID) and ascii.lower(text) or nil
end

-- ---------------------------------------------------------------- bodies

---@class commerce.http.Rule what a value of a JSON body must be; also the schema of an answer
---@field type "string"|"boolean"|"number"|"integer"|"object"|"array"
---@field required boolean? of a field: a body without it is refused
---@field min integer? the least length
---@field max integer? the greatest length: characters of a text, elements of an array
---@field values table<string, true>? the texts that are allowed
---@field fields table<string, commerce.http.Rule>? of an object
---@field each commerce.http.Rule? of an array's elements, or of an object's members
---@field nullable boolean? of a field: a null is given to the caller as `json.null`
---@field format string? of an answer's text, such as "date-time"; bodies are not checked for it

local CHECKS = {
  string = function(value)
    return type(value) == "string" and core.is_utf8(value) and not value:find "%z"
  end,
  boolean = function(value)
    return type(value) == "boolean"
  end,
  number = function(value)
    return type(value) == "number"
  end,
  integer = function(value)
    return type(value) == "number" and value % 1 == 0 and math.abs(value) < 2 ^ 53
  end,
  object = function(value)
    return type(value) == "table" and value[1] == nil
  end,
  array = function(value)
    return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
  end,
}

local function check_length(value, rule)
  if type(value) == "string" and rule.max and #value > rule.max then
    return ("must not be longer than %d characters"):format(rule.max)
  elseif type(value) == "string" and rule.min and #value < rule.min then
    return "must not be empty"
  elseif type(value) == "table" and rule.max and #value > rule.max then
    return ("must not have more than %d elements"):format(rule.max)
  end
end

local check_value

local function check_members(value, rule)
  if rule.fields then
    for name, field in pairs(rule.fields) do
      local member = value[name]
      if member == nil or member == json.null then
        if field.required then
          return name, "is required"
        end
      else
        local path, problem = check_value(member, field)
        if problem then
          return name .. (path == "" and "" or (path:find "^%[" and "" or ".") .. path), problem
        end
      end
    end
  end
  if rule.each then
    for key, member in pairs(value) do
      local label = type(key) == "number" and ("[%d]"):format(key - 1) or tostring(key)
      local path, problem = check_value(member, rule.each)
      if problem then
        return label .. (path == "" and "" or "." .. path), problem
      end
    end
  end
end

-- Gives the path of the member that breaks the rule ("" for the value itself) and the reason;
-- nothing if the value follows the rule.
function check_value(value, rule)
  if not CHECKS[rule.type](value) then
    return "", "must be " .. (rule.type:find "^[aeiou]" and "an " or "a ") .. rule.type
  end
  local problem = check_length(value, rule)
  if not problem and rule.values and not rule.values[value] then
    problem = "has a value that is not known"
  end
  if problem then
    return "", problem
  end
  return check_members(value, rule)
end

local ANYTHING = {} -- the rule of members that no rule names, inside an object of any members

local function copy(value, rule)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, member in pairs(value) do
    local inner = rule.fields and rule.fields[key] or rule.each or not rule.fields and ANYTHING
    if inner and (member ~= json.null or inner.nullable) then
      result[key] = copy(member, inner)
    end
  end
  return result
end

--- The JSON body of a request, checked. A refusal names the field and the rule that it breaks.
--- Unknown members are left out, and so are members that are null, unless they are `nullable`.
---@param text string?
---@param rule commerce.http.Rule
---@return table<string, any> body
function input.body(text, rule)
  local value = json.decode(text ~= "" and text or "null")
  if value == nil or value == json.null or type(value) ~= "table" then
    response.refuse(400, "The request body is not a JSON object.")
  end
  local path, problem = check_value(value, rule)
  if problem then
    local label = path == "" and "The request body" or path
    response.refuse(400, ("%s %s."):format(label, problem), { validation = {
      errors = { { itemId = path, message = label .. " " .. problem .. ".",
        validatorName = "RequestBody" } }, warnings = json.array {} } })
  end
  return copy(value, rule)
end

return input
