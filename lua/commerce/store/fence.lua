-- The store's answer to a run whose connection was taken over by another one.

local errors = require "commerce.base.errors"

local fence = {}

--- Refuse a write of a run that has lost its lease. Raises a failure of the store with the code
--- "taken_over".
---@param connection_id string
function fence.refuse(connection_id)
  errors.throw("store", ("connection %s has been taken over by another process, since this one "
    .. "stood still for too long"):format(connection_id), { code = "taken_over" })
end

return fence
