-- What a request brings: the parameters of its query, its JSON body. Called by api and its groups;
-- requires only leaf helpers.

local answer = require "commerce.http.response"
local json = require "commerce.base.json"
local router = require "commerce.http.router"

local input = {}

local DEFAULT_SIZE, LARGEST_SIZE = 100, 5000 -- records a page (Codat: pageSize 1 to 5000)
local LAST_PAGE = 2 ^ 31 - 1

local function plain(text)
  return router.decoded((text:gsub("%+", " ")))
end

--- The parameters of a query string. One that comes twice counts the first time.
---@param text string? without the question mark
---@return table<string, string> parameters
function input.parameters(text)
  local parameters = {}
  for part in (text or ""):gmatch "[^&]+" do
    local name, value = part:match "^([^=]*)=?(.*)$"
    name, value = plain(name), plain(value)
    if not name or not value then
      answer.refuse(400, "The query string is malformed: '%' must be followed by two "
        .. "hexadecimal digits.")
    elseif value:find "%z" or not answer.is_utf8(value) then
      answer.refuse(400, "The query string is malformed: it must be UTF-8, without NUL.")
    end
    if parameters[name] == nil then
      parameters[name] = value
    end
  end
  return parameters
end

local function whole(parameters, name, default, most)
  local text = parameters[name]
  if text == nil or text == "" then
    return default
  end
  local value = text:find "^%d+$" and #text <= 10 and tonumber(text)
  if not value or value < 1 or value > most then
    answer.refuse(400, ("%s must be a whole number from 1 to %d."):format(name, most))
  end
  return value
end

--- Which page is asked for.
---@param parameters table<string, string>
---@return table page { number, size, offset }
function input.page(parameters)
  local number = whole(parameters, "page", 1, LAST_PAGE)
  local size = whole(parameters, "pageSize", DEFAULT_SIZE, LARGEST_SIZE)
  return { number = number, size = size, offset = (number - 1) * size }
end

--- A parameter that is "true" or "false".
---@param parameters table<string, string>
---@param name string
---@return boolean? value nil if it was left out or is neither
function input.flag(parameters, name)
  local text = (parameters[name] or ""):lower()
  if text == "true" or text == "false" then
    return text == "true"
  end
end

-- ---------------------------------------------------------------- bodies

local CHECKS = {
  string = function(value)
    return type(value) == "string" and answer.is_utf8(value) and not value:find "%z"
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

-- Gives where in the value something is wrong ("" for the value itself), and what; nothing if it
-- is as the rule says.
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

local ANYTHING = {} -- inside an object of any members

local function copy(value, rule)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, member in pairs(value) do
    local inner = rule.fields and rule.fields[key] or rule.each or not rule.fields and ANYTHING
    if inner and member ~= json.null then
      result[key] = copy(member, inner)
    end
  end
  return result
end

--- The JSON body of a request, checked; a refusal names the field and what was wrong. Unknown
--- members and null ones are left out.
---@param text string?
---@param rule table type, required, min and max (length), values (a set), fields (of an object, by
---  name), each (of an array's elements, or of an object's members)
---@return table body
function input.body(text, rule)
  local value = json.decode(text ~= "" and text or "null")
  if value == nil or value == json.null or type(value) ~= "table" then
    answer.refuse(400, "The request body is not a JSON object.")
  end
  local path, problem = check_value(value, rule)
  if problem then
    local label = path == "" and "The request body" or path
    answer.refuse(400, ("%s %s."):format(label, problem), { validation = {
      errors = { { itemId = path, message = label .. " " .. problem .. ".",
        validatorName = "RequestBody" } }, warnings = json.array {} } })
  end
  return copy(value, rule)
end

return input
