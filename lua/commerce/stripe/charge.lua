-- The status, the amount and the payment method of the payment that a charge stands for.

local NAMES = require "commerce.catalog.payment_method_names"
local ascii = require "commerce.base.ascii"
local v = require "commerce.mapping.values"

local charge = {}

local UNKNOWN = v.constant "Unknown"

--- The status of a payment. `succeeded` does not mean paid: only a captured charge moved money. A
--- paid one stays paid after a refund or a dispute: these are separate records.
---@param status any path or value of Stripe's status
---@param captured any
---@param refunded any
---@return commerce.Value
function charge.status(status, captured, refunded)
  return v.switch(status, {
    failed = v.constant "Failed", pending = v.constant "Pending",
    succeeded = v.switch(captured, {
      ["nil"] = UNKNOWN,
      ["false"] = v.switch(refunded, { ["nil"] = UNKNOWN, ["false"] = v.constant "Authorized" },
        v.constant "Cancelled"),
    }, v.constant "Paid"),
  }, UNKNOWN)
end

--- The amount of a payment, in minor units.
---@param status any path or value of Stripe's status
---@param captured any
---@param amount any
---@param amount_captured any Stripe always gives it; copies of its API may not
---@return commerce.Value
function charge.amount(status, captured, amount, amount_captured)
  return v.switch(status, {
    succeeded = v.switch(captured, { ["nil"] = amount, ["false"] = amount },
      v.first(amount_captured, amount)),
  }, amount)
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
