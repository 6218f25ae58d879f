-- JSONPath, as Codat's configurations of data types write the places of values: "$.id", "$[*].id",
-- "$.items.data[0].price", "metadata['order.id']". A path without "$" is meant from the object.
--
-- A dataSource of Stripe's is a list, and each object of it is read by itself: "$[*]" at the
-- beginning is the object. Of a path with "*" the value is the list of all that it leads to.
-- Filters ("?()"), slices and ".." are not supported.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local json_path = {}

local null = json.null

---@class commerce.JsonPathAll

--- The step to every element of an array, or every member of an object.
---@type commerce.JsonPathAll
json_path.ALL = {}

---@alias commerce.JsonPath (string|integer|commerce.JsonPathAll)[] names, indexes from 0, and
---  `json_path.ALL`

-- One step at a position: the step, and the position after it.
local function step_at(text, at)
  local name, after = text:match("^%.?([^%.%[%]%*'\"%s]+)()", at)
  if name and (at == 1 or text:sub(at, at) == ".") then
    return name, after
  end
  after = text:match("^%.?%*()", at) or text:match("^%[%s*%*%s*%]()", at)
  if after then
    return json_path.ALL, after
  end
  local index
  index, after = text:match("^%[%s*(%d+)%s*%]()", at)
  if index and #index < 10 then
    return tonumber(index), after
  end
  for _, quote in ipairs { '"', "'" } do
    name, after = text:match(("^%%[%%s*%s([^%s]+)%s%%s*%%]()"):format(quote, quote, quote), at)
    if name then
      return name, after
    end
  end
end

--- Parse a path.
---@param text string
---@return commerce.JsonPath steps; raises "mapping" for what is not a path, or not supported
function json_path.parse(text)
  local rest, steps = text:gsub("^%s*%$?", ""):gsub("%s+$", ""), {}
  local at = 1
  if text:find "^%s*%$" then
    rest = "." .. rest:gsub("^%.", "")
    rest = rest:gsub("^%.%[", "[")
  end
  while at <= #rest and rest ~= "." do
    local step, after = step_at(rest, at)
    if not step then
      errors.throw("mapping", ("the path '%s' is not a JSONPath such as $.id, "
        .. "$.lines.data[0].price or $.metadata['order.id']; filters and '..' are not supported")
        :format(text))
    end
    steps[#steps + 1], at = step, after
  end
  if steps[1] == json_path.ALL then
    table.remove(steps, 1)
  end
  return steps
end

--- A path of names alone in the form of the mapping language.
---@param steps commerce.JsonPath
---@return string? path nil if there are other steps than names
function json_path.plain(steps)
  local parts = {}
  for i, step in ipairs(steps) do
    if type(step) ~= "string" or step:find("[\"%[%]%^]") then
      return nil
    end
    local bare = not step:find("[%.%s]")
    if not bare and i == 1 then
      return nil
    end
    parts[i] = bare and (i > 1 and "." or "") .. step or ('["%s"]'):format(step)
  end
  return #parts > 0 and table.concat(parts) or nil
end

local all_of

--- The value at a path; of a path with "*", the list of all that it leads to.
---@param value any as `json.decode` gives it
---@param steps commerce.JsonPath
---@param from integer? the first step (1)
---@return any value nil if there is none, or it is null
function json_path.get(value, steps, from)
  for i = from or 1, #steps do
    local step = steps[i]
    if type(value) ~= "table" then
      return nil
    elseif step == json_path.ALL then
      return all_of(value, steps, i + 1)
    end
    value = value[type(step) == "number" and step + 1 or step]
  end
  return value ~= null and value or nil
end

function all_of(value, steps, from)
  local found = json.array {}
  local function add(member)
    local inner = json_path.get(member, steps, from)
    if inner ~= nil then
      found[#found + 1] = inner
    end
  end
  if value[1] ~= nil then
    for _, member in ipairs(value) do
      add(member)
    end
  else
    for _, name in ipairs(ascii.keys(value)) do
      add(value[name])
    end
  end
  return found
end

return json_path
