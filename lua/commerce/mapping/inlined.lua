-- What of a source object was inlined because somebody asked for it: one who did not ask sees the
-- id that stands there otherwise. Called by mapping.layer and sync; requires nothing.

local inlined = {}

--- The member of an object that an expansion fills: "data.customer.tax_ids" -> "customer".
---@param path string as a list takes it, or as a single object does
---@return string member
function inlined.member(path)
  return path:match("^data%.([^%.]+)") or path:match("^[^%.]+")
end

--- The members that others have inlined in objects, though one did not ask for it.
---@param asked string[] all expansions of a resource
---@param own string[] one's own
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

--- An object as it would be without some members inlined: the ids stand there again.
---@param object table
---@param members string[]
---@return table object a copy, if anything had to be changed
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
