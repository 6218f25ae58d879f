-- Payment methods: the tender types that the account's charges were paid with. An addition to
-- Codat's integration.

local charge = require "commerce.stripe.charge"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local KIND = "payment_method_details.type"

return mapping "payment_methods" {
  mapping.from { resource = "charges", distinct = true, where = KIND },

  id = KIND,
  name = charge.method_name(KIND),
  status = v.constant "Active",
}
