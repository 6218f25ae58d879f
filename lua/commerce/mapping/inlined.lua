-- Views of a source object without the members that only other mappings expand. Mappings of one
-- resource share its requests, so an object can have members inlined that this mapping did not
-- request; in its view the bare id is there instead.

local inlined = {}

--- The member of an object that an expansion fills: "data.customer.tax_ids" -> "customer".
---@param path string as a list takes it, or as a single object does
---@return string member
function inlined.member(path)
  return path:match("^data%.([^%.]+)") or path:match("^[^%.]+")
end

--- The members that are inlined in an object only because of other mappings.
---@param asked string[] all expansions that are requested for a resource
---@param own string[] the expansions of this mapping
---@return string[] members
function inlined.by_others(asked, own)
  local mine, members = {}, {}
  for _, path in ipairs(own) do
    mine[inlined.member(path)] = true
  end
  for _, path in ipairs(asked) do
    local member = inlined.member(path)
    if not mine[member] then
      mine[member] = true
      members[#members + 1] = member
    end
  end
  return members
end

--- An object with some inlined members replaced by their ids.
---@param object table
---@param members string[]
---@return table object the same object, or a copy if a member was replaced
function inlined.without(object, members)
  local copy
  for _, member in ipairs(members) do
    local found = object[member]
    if type(found) == "table" and type(found.id) == "string" then
      if not copy then
        copy = {}
        for key, value in pairs(object) do
          copy[key] = value
        end
      end
      copy[member] = found.id
    end
  end
  return copy or object
end

return inlined
