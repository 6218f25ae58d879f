-- Asking for data types to be read again: pulls that wait in the store until a worker takes them.

local core = require "commerce.core"
local settings = require "commerce.account.settings"
local time = require "commerce.base.time"

local refresh = {}

--- Queue pulls for a worker. A pull that is queued already is not queued twice.
---@param store commerce.Store its methods raise
---@param wanted commerce.WantedPull[] their ids are made here
---@return commerce.PullRow[]
function refresh.queue(store, wanted)
  for _, row in ipairs(wanted) do
    row.id = core.uuid()
  end
  return store:queue_pulls(wanted, time.now())
end

--- The data types of a connection that its settings fetch when it is linked.
---@param store commerce.Store its methods raise
---@param row commerce.ConnectionRow
---@return string[] names
function refresh.types(store, row)
  local names = {}
  for _, setting in ipairs(settings.get(store, { company = row.company_id,
    integration = row.integration })) do
    if setting.fetch_on_first_link then
      names[#names + 1] = setting.type
    end
  end
  return names
end

return refresh
