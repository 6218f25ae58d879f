-- Codat's client: the operator of this server, known to programs by one id.

local core = require "commerce.core"

local client = {}

local SETTING = "client_id"

--- The client's id, which is made once.
---@param store commerce.Store
---@return string id a UUID
function client.id(store)
  local id = store:setting(SETTING)
  if not id then
    id = core.uuid()
    store:save_setting(SETTING, id)
  end
  return id
end

return client
