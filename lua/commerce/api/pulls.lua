-- Requests pulls, and checks whether a data type has been pulled.

local configured = require "commerce.mapping.configured"
local core = require "commerce.core"
local pull = require "commerce.codat.pull"
local refresh = require "commerce.app.refresh"
local response = require "commerce.http.response"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local pulls = {}

--- Queue pulls for a worker. A pull that is queued already is not queued twice.
---@param context commerce.http.Context
---@param wanted commerce.WantedPull[]
---@return commerce.PullRow[]
function pulls.queue(context, wanted)
  return refresh.queue(context.store, wanted)
end

--- The pulls of some connections, as far as these are linked.
---@param context commerce.http.Context
---@param connections commerce.ConnectionRow[]
---@param names string[]? data types; those that each connection's settings fetch if left out
---@return commerce.WantedPull[] wanted for `pulls.queue`
function pulls.of_linked(context, connections, names)
  local wanted = {}
  for _, connection in ipairs(connections) do
    for _, name in ipairs(connection.status == "Linked"
      and (names or refresh.types(context.store, connection)) or {}) do
      wanted[#wanted + 1] = { connection_id = connection.id, data_type = name }
    end
  end
  return wanted
end

-- The key of a custom data type that has not been read yet, so that the store does not know it.
local function configured_key(context, name)
  for _, integration in pairs(stripe.integrations) do
    for _, entry in ipairs(configured.custom_types(configured.get(context.store,
      integration.name))) do
      if entry.name == name then
        return "custom/" .. entry.identifier
      end
    end
  end
end

--- The key of a pull's data type, as Codat calls it.
---@param context commerce.http.Context
---@param name string as the store calls it
---@return string key such as "commerce-payments" or "custom/refunds"
function pulls.key_of(context, name)
  local known = context.type_keys or {} -- a page may have thousands of pulls of few types
  context.type_keys = known
  if not known[name] then
    local key = pull.type_key(name)
    local data_type = key == name and context.store:find_type(name)
    known[name] = data_type and data_type.key or key ~= name and key
      or configured_key(context, name) or name
  end
  return known[name]
end

--- A pull as Codat's API gives it.
---@param context commerce.http.Context
---@param row commerce.PullRow
---@param company_id string
---@return commerce.codat.View view Codat's PullOperation
function pulls.view(context, row, company_id)
  return pull.view(row, company_id, pulls.key_of(context, row.data_type))
end

--- Refuse unless a connection can be synced.
---@param connection commerce.ConnectionRow
function pulls.check_linked(connection)
  if connection.status ~= "Linked" then
    response.refuse(409, ("Data connection %s is %s: only a Linked one can be refreshed.")
      :format(connection.id, connection.status))
  end
end

--- Refuse a data type that only a script can read, since its mapping is in that script.
---@param data_type commerce.DataType
function pulls.check_mapped(data_type)
  if data_type.own then
    response.refuse(409, ("Datatype [%s] is defined by a script, which has to read it.")
      :format(data_type.key))
  end
end

--- Store the pull of a data type that neither the integration nor a script provides: it has ended
--- as "NotSupported".
---@param context commerce.http.Context
---@param connection commerce.ConnectionRow
---@param key string Codat's, under which the pull is stored
---@return commerce.PullRow
function pulls.refuse(context, connection, key)
  local now = time.now()
  local row = { id = core.uuid(), connection_id = connection.id, data_type = key,
    status = "NotSupported", requested = now, completed = now, read = 0, created = 0, changed = 0,
    unchanged = 0, error_message = "the integration does not provide this data type" }
  context.store:save_pull(row)
  return row
end

--- Refuse unless a data type of a connection has been read completely once. A later pull that is
--- under way or has failed does not matter.
---@param context commerce.http.Context
---@param connection commerce.ConnectionRow
---@param name string the data type's
function pulls.check_complete(context, connection, name)
  if context.store:is_complete(connection.id, name) then
    return
  end
  local last = context.store:latest_pulls(connection.id)[name]
  if not last then
    response.refuse(409, "The data set has not been requested.")
  end
  response.refuse(409, ("The data set is not available yet: its last pull is %s.")
    :format(last.status))
end

return pulls
