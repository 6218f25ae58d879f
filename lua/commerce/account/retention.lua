-- For how long records are kept that Stripe deleted. A sync removes them (`commerce.sync.erasure`).

local errors = require "commerce.base.errors"

local retention = {}

local SETTING = "deleted_retention"
local MOST = 36500 -- days

--- For how many days records are kept that Stripe deleted.
---@param store commerce.Store
---@return integer? days nil: for ever
function retention.get(store)
  local text = store:setting(SETTING)
  return text and text ~= "" and tonumber(text) or nil
end

--- Set for how many days records are kept that Stripe deleted. Raises for anything but whole days.
---@param store commerce.Store
---@param days integer? nil: for ever
function retention.set(store, days)
  if days and (type(days) ~= "number" or days % 1 ~= 0 or days < 1 or days > MOST) then
    errors.throw("usage", ("deleted_retention: whole days from 1 to %d expected, got %s"):format(
      MOST, tostring(days)))
  end
  store:save_setting(SETTING, days and ("%d"):format(days) or "")
end

return retention
