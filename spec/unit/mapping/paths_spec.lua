-- A sync decodes only the paths that a mapping declares: from an object cut down to them, every
-- mapping must make the same records as from the whole object.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local model = require "commerce.model"
local permissions = require "commerce.catalog.permissions"
local schema_check = require "spec.support.schema_check"
local stripe = require "commerce.stripe"

local null = json.null

-- The paths as a tree: { evidence_details = { due_by = true }, metadata = true }.
local function tree_of(paths)
  local tree = { id = true, object = true, livemode = true } -- what is read of every object
  for _, path in ipairs(paths) do
    local node, last = tree, nil
    for key in path:gmatch "[^%.]+" do
      if last then
        node[last] = node[last] or {}
        node = node[last]
      end
      if node == true then
        break
      end
      last = key
    end
    if node ~= true then
      node[last] = true
    end
  end
  return tree
end

-- What is left of an object when only the tree's paths are read; a path goes into every element of
-- an array, and a path into a bare id leads to the id.
local function pruned(value, tree)
  if tree == true or type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, member in pairs(value) do
    local inner = type(key) == "number" and tree or tree[key]
    if inner then
      result[key] = pruned(member, inner)
    end
  end
  return result
end

local function account(overrides)
  local object = builders.account(overrides)
  object.balance = builders.balance()
  return object
end

local LEVY = { amount = 10, currency = "gbp", description = null, type = "tax" }

-- type, resource, source objects that take different ways through the mapping
local CASES = {
  { "company_info", "account", {
    account(),
    account { ["business_profile.name"] = null, company = builders.ABSENT,
      individual = { first_name = "Rosa", last_name = "Lindqvist" } },
    account { business_profile = null, company = builders.ABSENT, settings = builders.ABSENT },
    account { company = { address_kanji = { city = "渋谷区", town = "神宮前", line1 = "27-15" },
      address_kana = { city = "ｼﾌﾞﾔ", town = "ｼﾞﾝｸﾞｳﾏｴ" } } },
  } },
  { "customers", "customers", {
    builders.customer(),
    builders.customer { name = null, phone = null, address = null, business_name = "B" },
    builders.customer { name = null, individual_name = "I" },
    builders.customer { name = null, shipping = null },
  } },
  { "payments", "charges", {
    builders.charge(),
    builders.charge { captured = false },
    builders.charge { captured = false, refunded = true },
    builders.charge { status = "failed", failure_code = "c", failure_message = "m" },
    builders.charge { payment_method_details = null },
  } },
  { "payments", "refunds", {
    builders.refund(),
    builders.refund { charge = "ch_1", balance_transaction = "txn_1" },
    builders.refund { charge = builders.charge { captured = false } },
    builders.refund { reason = "expired_uncaptured_charge" },
    builders.refund {
      ["balance_transaction.reporting_category"] = "partial_capture_reversal",
    },
    builders.refund { status = "failed", failure_reason = "r" },
  } },
  { "disputes", "disputes", {
    builders.dispute(),
    builders.dispute { charge = "ch_1" },
    builders.dispute { status = "prevented", charge = builders.charge { refunded = true } },
    builders.dispute { charge = builders.charge { balance_transaction = null } },
    builders.dispute {
      charge = builders.charge { balance_transaction = builders.balance_transaction() },
    },
  } },
  { "products", "products", {
    builders.product(),
    builders.product { prices = {} },
    builders.product { prices = { builders.price { nickname = null }, builders.price {
      unit_amount_decimal = null, currency_options = { usd = { unit_amount = 5 } },
    } } },
    builders.product { prices = { builders.price { type = "recurring",
      recurring = { interval = "month" }, transform_quantity = { divide_by = 10 } } } },
  } },
  { "transactions", "balance_transactions", {
    builders.balance_transaction(),
    builders.balance_transaction { fee_details = {} },
    builders.balance_transaction { fee_details = { LEVY, LEVY } },
    builders.balance_transaction { type = "adjustment", reporting_category = "fee" },
    builders.balance_transaction { source = null },
  } },
  { "payment_methods", "charges", {
    builders.charge(), builders.charge { payment_method_details = null },
  } },
  { "tax_components", "tax_rates", {
    builders.tax_rate(), builders.tax_rate { effective_percentage = 7.25 },
    builders.tax_rate { rate_type = "flat_amount" },
  } },
  { "payouts", "payouts", {
    builders.payout(), builders.payout { status = "failed", trace_id = null,
      failure_balance_transaction = "txn_2", failure_code = "account_closed" },
    builders.payout { destination = { id = "ba_2" }, original_payout = "po_2" },
  } },
}

describe("the declared paths", function()
  for _, case in ipairs(CASES) do
    it(("of %s are all it reads of %s"):format(case[1], case[2]), function()
      local source = schema_check.source(case[1], case[2])
      for _, object in ipairs(case[3]) do
        assert.same(assert(source.map(object)),
          assert(source.map(pruned(object, tree_of(source.paths)))))
      end
    end)
  end

  it("are known where Stripe added the members lately", function()
    local fields = require "commerce.catalog.fields"
    for resource, name in pairs { balance = "risk_reserved", reviews = "payment_intent",
      checkout_sessions = "tax_id_collection", invoices = "amount_paid_off_stripe",
      invoice_items = "proration_details", setup_intents = "attach_to_self",
      payment_intents = "allowed_payment_method_types", topups = "payment_method_options",
      disputes = "intended_submission_method", products = "tax_details",
      subscriptions = "status_details", subscription_schedules = "pause_schedules" } do
      assert.truthy(fields[resource][name], resource .. "." .. name)
    end
    assert.is_true(fields.payment_intents.payment_record)
    assert.is_true(fields.invoice_items.invoicing_rules and fields.invoice_items.frozen_fields)
  end)
end)

describe("every built-in data type", function()
  local mappings = stripe.mappings()

  it("has a mapping, whose resources need permissions that Stripe's API has names for", function()
    for _, data_type in ipairs(model.types()) do
      local mapping = mappings[data_type.name]
      assert.equal(data_type, mapping.type)
      for _, name in ipairs(stripe.resources_of(mapping)) do
        local permission = stripe.resources[name].permission
        assert.is_string(permissions[permission],
          ("%s: %s: permission '%s'"):format(data_type.name, name, permission))
      end
    end
  end)
end)
