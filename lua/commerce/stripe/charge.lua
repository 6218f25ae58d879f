-- The status, the amount and the payment method of the payment that a charge stands for.

local NAMES = require "commerce.catalog.payment_method_names"
local ascii = require "commerce.base.ascii"
local v = require "commerce.mapping.values"

local charge = {}

--- The status of a payment. `succeeded` does not mean paid: only a captured charge moved money.
---@param status string? Stripe's
---@param captured boolean?
---@param refunded boolean?
---@return string status the model's
function charge.status(status, captured, refunded)
  if status == "failed" then
    return "Failed"
  elseif status == "pending" then
    return "Pending"
  elseif status ~= "succeeded" or captured == nil then
    return "Unknown"
  elseif captured then
    return "Paid" -- also after a refund or a dispute: these are separate records
  elseif refunded == nil then
    return "Unknown"
  end
  return refunded and "Cancelled" or "Authorized"
end

--- The amount of a payment, in minor units.
---@param status string? Stripe's
---@param captured boolean?
---@param amount integer?
---@param amount_captured integer?
---@return integer?
function charge.amount(status, captured, amount, amount_captured)
  if status == "succeeded" and captured then
    return amount_captured or amount -- Stripe always gives the first; copies of its API may not
  end
  return amount
end

-- "new_pay" -> "New pay"
local function readable(kind)
  return kind and (kind:gsub("_", " "):gsub("^[a-z]", ascii.upper))
end

--- The name of a payment method type, also of one that is not known yet. The known names are part
--- of the value's signature: records that were made with others are made again.
---@param path string of the type
---@return commerce.Value
function charge.method_name(path)
  return v.first(v.enum(path, NAMES), v.with(path, readable))
end

return charge
