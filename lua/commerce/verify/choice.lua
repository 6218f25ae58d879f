-- Chooses the data types to compare. If a script has the mapping of a data type, or its
-- configuration cannot be used, that type alone is left out, with the reason.

local ascii = require "commerce.base.ascii"
local checkpoints = require "commerce.sync.checkpoints"
local errors = require "commerce.base.errors"
local selection = require "commerce.sync.selection"

local choice = {}

local SCRIPT = "a script's own mapping makes it: call shop:verify() in that script"

-- The data types that have been synced: the records of other types are not missing.
local function synced(connection)
  local names, unknown = {}, {}
  local mappings = connection.mappings
  for name, pull in pairs(connection.store:latest_pulls(connection.id)) do
    local into = (mappings:find(name) or mappings:failures()[name]) and names or unknown
    into[#into + 1] = pull.status ~= "NotSupported" and name or nil -- nothing was asked of Stripe
  end
  ascii.sort(unknown)
  return names, unknown
end

local function stored_type(connection, name)
  return connection.store.find_type and connection.store:find_type(name) or nil
end

---@class commerce.verify.LeftOut
---@field type commerce.DataType of which only the name is known, if the store has no such type
---@field reason string why it cannot be compared

---@class commerce.verify.Choice
---@field mappings commerce.Mapping[]
---@field left_out commerce.verify.LeftOut[]

-- The data types of which only the store knows.
local function of_scripts(connection, names)
  local list = {}
  for _, name in ipairs(names) do
    local found = stored_type(connection, name)
    list[#list + 1] = found and { type = found, reason = SCRIPT } or nil
  end
  return list
end

--- Choose.
---@param connection commerce.Connection
---@param given string[]? names; what has been synced if left out
---@return commerce.verify.Choice choice raises where there is nothing to compare
function choice.make(connection, given)
  local names, unknown = given, {}
  if not names then
    names, unknown = synced(connection)
  end
  local made = { mappings = {}, left_out = of_scripts(connection, unknown) }
  if #names == 0 and #made.left_out == 0 then
    errors.throw("usage", ("nothing is stored of account %s: run `commerce sync` first")
      :format(connection.account))
  end
  local chosen, failed = {}, {}
  if #names > 0 then
    chosen, failed = selection.readable(connection, names)
  end
  for _, mapping in ipairs(chosen) do
    local name = mapping.type.name
    if failed[name] then
      table.insert(made.left_out, { type = stored_type(connection, name) or mapping.type,
        reason = failed[name].message })
    elseif checkpoints.are_ours(connection.store, connection.id, mapping) then
      table.insert(made.mappings, mapping)
    else
      table.insert(made.left_out, { type = mapping.type, reason = SCRIPT })
    end
  end
  return made
end

return choice
