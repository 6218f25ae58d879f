-- Chooses the data types to compare. Records of a script's own mapping can only be compared by that
-- mapping.

local ascii = require "commerce.base.ascii"
local checkpoints = require "commerce.sync.checkpoints"
local errors = require "commerce.base.errors"
local selection = require "commerce.sync.selection"

local choice = {}

local SCRIPT = "a script's own mapping makes it: call shop:verify() in that script"

-- The data types that have been synced: the records of other types are not missing.
local function synced(connection)
  local names, unknown = {}, {}
  for name, pull in pairs(connection.store:latest_pulls(connection.id)) do
    local into = connection.mappings:find(name) and names or unknown
    into[#into + 1] = pull.status ~= "NotSupported" and name or nil -- nothing was asked of Stripe
  end
  ascii.sort(unknown)
  return names, unknown
end

-- The data types of which only the store knows.
local function of_scripts(connection, names)
  local list = {}
  for _, name in ipairs(names) do
    list[#list + 1] = connection.store.find_type and connection.store:find_type(name) or nil
  end
  return list
end

---@class commerce.verify.Choice
---@field mappings commerce.Mapping[]
---@field left_out commerce.DataType[] cannot be compared
---@field reason string why

--- Choose.
---@param connection commerce.Connection
---@param given string[]? names; what has been synced if left out
---@return commerce.verify.Choice choice raises where there is nothing to compare
function choice.make(connection, given)
  local names, unknown = given, {}
  if not names then
    names, unknown = synced(connection)
  end
  local made = { mappings = {}, left_out = of_scripts(connection, unknown), reason = SCRIPT }
  if #names == 0 and #made.left_out == 0 then
    errors.throw("usage", ("nothing is stored of account %s: run `commerce sync` first")
      :format(connection.account))
  end
  for _, mapping in ipairs(#names > 0 and selection.mappings(connection, names) or {}) do
    if checkpoints.are_ours(connection.store, connection.id, mapping) then
      table.insert(made.mappings, mapping)
    else
      table.insert(made.left_out, mapping.type)
    end
  end
  return made
end

return choice
