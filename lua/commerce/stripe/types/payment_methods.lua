-- Payment methods: the tender types that the account's charges were paid with. An addition to
-- Codat's integration.

local mapping = require "commerce.mapping"
local name_of = require "commerce.catalog.payment_method_names"
local v = require "commerce.mapping.values"

local KIND = "payment_method_details.type"

return mapping "payment_methods" {
  mapping.from { resource = "charges", distinct = true, where = KIND },

  id = KIND,
  name = v.with(KIND, name_of),
  status = v.constant "Active",
}
