-- Customers: GET /v1/customers.

local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

return mapping "customers" {
  mapping.from { resource = "customers" },

  id = "id",
  customerName = v.first("name", "business_name", "individual_name", "shipping.name"),
  emailAddress = "email",
  phone = v.first("phone", "shipping.phone"),
  -- a customer has no currency before the first invoice: XXX until then
  defaultCurrency = v.currency "currency",
  addresses = v.list(v.address("address", "Billing"), v.address("shipping.address", "Delivery")),
  note = "description",
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",
  supplementalData = v.supplemental {
    "delinquent", "balance", "tax_exempt", "preferred_locales", "metadata",
  },
}
