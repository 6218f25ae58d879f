-- Landmarks of a long list: after which record the first thousand end, the second, and so on. Who
-- reads a list page by page finds each page from the landmark before it, instead of from the top:
-- all of a million records costs as much as their number says, not its square. Called by records.

local landmarks = {}

local APART = 1000 -- records

--- The nearest landmark before a place.
---@param list table what has been added to it, by the number of the thousand
---@param offset integer how many records come before the place
---@return table? landmark { offset, value, id } as they were added; nil if there is none
function landmarks.before(list, offset)
  for number = math.floor(offset / APART), 0, -1 do
    local landmark = list[number]
    if landmark and landmark.offset <= offset then
      return landmark
    end
  end
end

--- Note one, unless there is one nearby.
---@param list table
---@param offset integer how many records there are up to this one
---@param value any what the list is ordered by, of that record
---@param id string the record's
function landmarks.add(list, offset, value, id)
  local number = math.floor(offset / APART)
  list[number] = list[number] or { offset = offset, value = value, id = id }
end

return landmarks
