-- Landmarks of long lists: after which record the first thousand end, the second, and so on. Who
-- reads a list page by page finds each page from the landmark before it, instead of from the top:
-- all of a million records costs as much as their number says, not its square. They hold until
-- something is written. Called by records.

local landmarks = {}

local APART = 1000 -- records
local MOST_LISTS = 50

local methods = {}
local landmarks_mt = { __index = methods }

--- Make an empty set.
---@return table landmarks
function landmarks.new()
  return setmetatable({ lists = {}, count = 0 }, landmarks_mt)
end

-- What is known of a list in this version of the database.
local function list_of(self, version, key)
  if self.version ~= version or self.count > MOST_LISTS then
    self.version, self.lists, self.count = version, {}, 0
  end
  local list = self.lists[key]
  if not list then
    list = {}
    self.lists[key], self.count = list, self.count + 1
  end
  return list
end

--- The nearest landmark before a place.
---@param version string of the database
---@param key string which list
---@param offset integer how many records come before the place
---@return table? landmark { offset, value, id } as they were added; nil if there is none
function methods:before(version, key, offset)
  local list = list_of(self, version, key)
  for number = math.floor(offset / APART), 0, -1 do
    local landmark = list[number]
    if landmark and landmark.offset <= offset then
      return landmark
    end
  end
end

--- Note one, unless there is one nearby.
---@param version string
---@param key string
---@param offset integer how many records there are up to this one
---@param value any what the list is ordered by, of that record
---@param id string the record's
function methods:add(version, key, offset, value, id)
  local list, number = list_of(self, version, key), math.floor(offset / APART)
  list[number] = list[number] or { offset = offset, value = value, id = id }
end

return landmarks
