-- Views of a source object without what only other mappings expand. Mappings of one resource share
-- its requests, so an object can have objects inlined that this mapping did not request; in its
-- view the bare id is there instead.

local dotted = require "commerce.base.path"

local inlined = {}

---@class commerce.Expansion
---@field keys string[] from the object to what is inlined
---@field shared boolean whether the mapping expands something of the same member

--- The names of an expansion, from the object to what is inlined.
---@param path string as Stripe's `expand` has it, of an object or of a list's objects
---@return string[] keys
function inlined.keys(path)
  return dotted.keys((path:gsub("^data%.", "")))
end

--- The expansions that are requested for a resource only because of other mappings.
---@param asked string[] all expansions that are requested for a resource
---@param own string[] the expansions of this mapping
---@return commerce.Expansion[] expansions
function inlined.by_others(asked, own)
  local mine, members, expansions = {}, {}, {}
  for _, path in ipairs(own) do
    mine[path], members[inlined.keys(path)[1]] = true, true
  end
  for _, path in ipairs(asked) do
    if not mine[path] then
      local keys = inlined.keys(path)
      expansions[#expansions + 1] = { keys = keys, shared = members[keys[1]] or false }
    end
  end
  return expansions
end

local function copy_of(object)
  local copy = setmetatable({}, getmetatable(object))
  for key, value in pairs(object) do
    copy[key] = value
  end
  return copy
end

local function has_id(found)
  return type(found) == "table" and type(found.id) == "string"
end

-- A value in which ids stand for the objects at the end of the keys: a copy, or the value itself if
-- there are none. Keys lead into every element of a list.
local function bare(found, keys, at)
  if type(found) ~= "table" then
    return found
  elseif at > #keys and has_id(found) then
    return found.id
  end
  local copy
  local function replace(key, next_key)
    local inner = bare(found[key], keys, next_key)
    if inner ~= found[key] then
      copy = copy or copy_of(found)
      copy[key] = inner
    end
  end
  if found[1] ~= nil then
    for i = 1, #found do
      replace(i, at)
    end
  elseif at <= #keys then
    replace(keys[at], at + 1)
  end
  return copy or found
end

--- An object with the ids of what was inlined for others.
---@param object commerce.StripeObject
---@param expansions commerce.Expansion[]
---@return commerce.StripeObject object the same object, or a copy if something was replaced
function inlined.without(object, expansions)
  local view = object
  for _, expansion in ipairs(expansions) do
    -- A member with an id was inlined, too, on the way to the object that was asked for. Further
    -- in, an object on the way stays: Stripe may give it unasked, such as the price of an item.
    local first = { expansion.keys[1] }
    if not has_id(view[first[1]]) then
      view = bare(view, expansion.keys, 1)
    elseif not expansion.shared then
      view = bare(view, first, 1)
    end
  end
  return view
end

return inlined
