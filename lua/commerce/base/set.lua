-- Sets of texts: tables that have true for each of them.

local set = {}

--- The set of the items of a list.
---@param list string[]
---@return table<string, boolean>
function set.of(list)
  local items = {}
  for _, item in ipairs(list) do
    items[item] = true
  end
  return items
end

return set
