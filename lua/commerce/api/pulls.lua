-- Requests pulls, and checks whether a data type has been pulled.

local core = require "commerce.core"
local response = require "commerce.http.response"
local time = require "commerce.base.time"

local pulls = {}

--- Queue pulls for a worker. A pull that is queued already is not queued twice.
---@param context commerce.http.Context
---@param wanted table[] { connection_id, data_type }
---@return commerce.PullRow[]
function pulls.queue(context, wanted)
  for _, pull in ipairs(wanted) do
    pull.id = core.uuid()
  end
  return context.store:queue_pulls(wanted, time.now())
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

--- Refuse unless a data type of a connection has been read completely once. A later pull that is
--- under way or has failed does not matter.
---@param context commerce.http.Context
---@param connection commerce.ConnectionRow
---@param name string the data type's
function pulls.check_complete(context, connection, name)
  if context.store:is_complete(connection.id, name) then
    return
  end
  local pull = context.store:latest_pulls(connection.id)[name]
  if not pull then
    response.refuse(409, "The data set has not been requested.")
  end
  response.refuse(409, ("The data set is not available yet: its last pull is %s.")
    :format(pull.status))
end

return pulls
