-- The status and the amount of the payment that a charge stands for.

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

return charge
