-- How far each list of a connection has been read, by its checkpoints, also while a run is under
-- way. Called by the command line.

local backfill = require "commerce.sync.backfill"

local reached = {}

---@class commerce.Reached
---@field resource string
---@field finished boolean whether it has been read to its end
---@field fraction number? how much of it has been read, 0 to 1; nil if that cannot be told
---@field newest integer? unix seconds: created of the newest object that has been read
---@field at integer? unix seconds: when the run began that this is of

-- A list has a checkpoint for each selection of data types that it was read for; "mapping …" is
-- none (saved_states).
local function resource_of(key)
  local name = key:match "^%S+"
  return name ~= "mapping" and name or nil
end

local function entry_of(name, state)
  local done = state.finished or state.ranges and #state.ranges == 0
  return { resource = name, finished = state.finished == true,
    fraction = done and 1 or state.ranges and backfill.fraction(state) or nil,
    newest = state.newest, at = state.at }
end

--- Tell how far each list is: of several checkpoints of one the latest.
---@param store commerce.Store
---@param connection_id string
---@return commerce.Reached[]? list by resource name; nil on failure
---@return string? message
---@return commerce.Details? details
function reached.list(store, connection_id)
  local states, message, details = store:states(connection_id)
  if not states then
    return nil, message, details
  end
  local by_name, list = {}, {}
  for key, state in pairs(states) do
    local name = resource_of(key)
    local known = name and by_name[name]
    if name and (state.ranges or state.at) and (not known or (known.at or 0) < (state.at or 0)) then
      by_name[name] = entry_of(name, state)
    end
  end
  for _, entry in pairs(by_name) do
    list[#list + 1] = entry
  end
  table.sort(list, function(a, b)
    return a.resource < b.resource
  end)
  return list
end

return reached
