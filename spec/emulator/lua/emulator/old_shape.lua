--- Objects as an old API version writes them into events: lists inline that are no longer there,
--- without the fields and values that came later. Not one version's exact shape, but enough to
--- spoil what a reader stores that takes it for the present one.
local json = require "emulator.json"

local old_shape = {}

local GONE = {
  charge = { "amount_captured", "failure_balance_transaction", "presentment_details",
    "radar_options", "calculated_statement_descriptor" },
  refund = { "destination_details", "failure_balance_transaction", "customer", "customer_account",
    "payment_method", "pending_reason" },
  dispute = { "enhanced_eligibility_types", "payment_method_details" },
  payout = { "payout_method", "reconciliation_status", "trace_id", "application_fee",
    "application_fee_amount" },
  customer = { "business_name", "individual_name", "customer_account", "test_clock" },
  product = { "default_price", "marketing_features", "tax_code", "images" },
  price = { "custom_unit_amount", "currency_options", "tax_behavior" },
  tax_rate = { "effective_percentage", "flat_amount", "jurisdiction_level", "rate_type",
    "country", "state", "tax_type" },
  account = { "controller", "future_requirements" },
}

local function list(url)
  local data = setmetatable({}, json.Array)
  return json.object("object", "list", "data", data, "has_more", false, "total_count",
    setmetatable({ text = "0" }, json.Number), "url", url)
end

local adds = {}

function adds.charge(doc)
  local id = doc.map.id
  doc:set("refunds", list("/v1/charges/" .. id .. "/refunds"))
  for _, key in ipairs { "invoice", "order", "destination", "dispute" } do
    doc:set(key, json.null)
  end
  -- a card was the charge's source, and details were the source's
  local details = doc.map.payment_method_details
  if details and details ~= json.null then
    local kind = details.map.type
    local inner = json.object("id", "card_old", "object", "card")
    if details.map[kind] and details.map[kind].map then json.merge(inner, details.map[kind]) end
    doc:set("source", inner)
  end
end

function adds.customer(doc)
  local url = "/v1/customers/" .. doc.map.id
  doc:set("account_balance", doc.map.balance)
  doc:set("sources", list(url .. "/sources"))
  doc:set("subscriptions", list(url .. "/subscriptions"))
  doc:set("tax_ids", list(url .. "/tax_ids"))
end

function adds.product(doc)
  doc:set("attributes", setmetatable({}, json.Array))
  doc:set("caption", json.null)
end

function adds.payout(doc)
  doc:set("statement_description", json.null)
  if doc.map.status == "canceled" then doc:set("status", "failed") end
end

--- Turn a document into the old shape, in place.
---@param doc table an object of emulator.json
---@return table doc
function old_shape.of(doc)
  local kind = doc.map.object
  for _, key in ipairs(GONE[kind] or {}) do doc:unset(key) end
  if adds[kind] then adds[kind](doc) end
  return doc
end

return old_shape
