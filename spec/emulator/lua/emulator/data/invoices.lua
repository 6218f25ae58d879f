--- Invoices: one for every tenth charge, paid by it.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local charges = require "emulator.data.charges"
local people = require "emulator.data.people"
local sale = require "emulator.data.sale"

local invoices = {
  object = "invoice", kind = "invoice", url = "/v1/invoices", deletable = true,
  expand = { customer = "customers" },
  filters = { customer = "string", status = "string", subscription = "string",
    collection_method = "string" },
}

local EVERY, FIRST = 10, 5 -- charges

invoices.template = template.new [[{
  "id":$id,"object":"invoice","account_country":"US","account_name":"Example Shop",
  "amount_due":$total,"amount_paid":$paid,"amount_remaining":$remaining,
  "amount_shipping":$shipping,"attempt_count":1,"attempted":true,"auto_advance":false,
  "billing_reason":"manual","collection_method":"charge_automatically","created":$created,
  "currency":$currency,"customer":@customer,"customer_address":@address,"customer_email":$email,
  "customer_name":$name,"customer_phone":$phone,"customer_tax_exempt":"none","description":null,
  "discounts":[],"due_date":null,"ending_balance":0,"footer":null,"lines":@lines,
  "livemode":$livemode,"metadata":{},"number":$number,"parent":null,"period_end":$created,
  "period_start":$created,"post_payment_credit_notes_amount":0,
  "pre_payment_credit_notes_amount":0,"receipt_number":null,"shipping_cost":@shipping_cost,
  "starting_balance":0,"status":$status,"status_transitions":{"finalized_at":$created,
  "marked_uncollectible_at":$uncollectible_at,"paid_at":$paid_at,"voided_at":$voided_at},
  "subtotal":$subtotal,"subtotal_excluding_tax":$subtotal,"total":$total,
  "total_discount_amounts":@discounts,"total_excluding_tax":$untaxed,"total_taxes":@taxes}]]

local SHIPPING = template.new [[{"amount_subtotal":$amount,"amount_tax":0,"amount_total":$amount,
  "shipping_rate":null}]]
local DISCOUNT = template.new [[{"amount":$amount,"discount":$id}]]
local TAX = template.new [[{"amount":$amount,"tax_behavior":"exclusive",
  "tax_rate_details":{"tax_rate":$rate},"taxability_reason":"standard_rated",
  "taxable_amount":$taxable,"type":"tax_rate_details"}]]
local LINE = template.new [[{"id":$id,"object":"line_item","amount":$subtotal,
  "currency":$currency,"description":$description,"discount_amounts":@discounts,
  "discountable":true,"discounts":[],"invoice":$invoice,"livemode":$livemode,"metadata":{},
  "parent":null,"period":{"end":$created,"start":$created},"pretax_credit_amounts":[],
  "pricing":{"price_details":{"price":$price,"product":$product},"type":"price_details",
  "unit_amount_decimal":$decimal},"quantity":$quantity,"subtotal":$subtotal,"taxes":@taxes}]]

--- The charge that pays invoice `k`: those made later have one that is there already.
function invoices.charge(ds, k)
  local i = k * EVERY + FIRST
  return ds.ledger.count > 0 and i % ds.ledger.count or i
end

function invoices.count(ds) return math.ceil(math.max(0, ds.ledger.count - FIRST) / EVERY) end
function invoices.created(ds, k) return charges.created(ds, invoices.charge(ds, k)) end

function invoices.first_from(ds, t)
  return math.max(0, math.ceil((charges.first_from(ds, t) - FIRST) / EVERY))
end

function invoices.id(ds, k) return ds.codec:encode("invoice", k) end

--- What became of invoice `k`: paid, open, uncollectible or void.
function invoices.status(ds, k)
  local fact = ds.ledger:charge(invoices.charge(ds, k))
  if fact.captured and fact.outcome ~= "pending" and fact.outcome ~= "ach_failed" then
    return "paid", fact
  end
  return random.pick({ "open", "uncollectible", "void" }, random.hash(ds.seed, k, 303)), fact
end

local function facts(ds, k)
  local i = invoices.charge(ds, k)
  local status, fact = invoices.status(ds, k)
  return i, fact, status, sale.of(ds, i + 500000, fact.amount, k % 8 == 3 and 23 or nil)
end

local function discounts_of(ds, amount, k)
  if amount == 0 then return "[]" end
  return { list = { { tpl = DISCOUNT, amount = amount, id = ds.codec:quoted("discount",
    k % 900000000) } } }
end

local function taxes_of(ds, s, amount, taxable)
  if not s.tax_rate then return "[]" end
  return { list = { { tpl = TAX, amount = amount, taxable = taxable,
    rate = ds.codec:quoted("tax_rate", s.tax_rate) } } }
end

--- All lines of invoice `k`, as nodes.
function invoices.items(ds, k)
  local _, fact, _, s = facts(ds, k)
  local nodes = {}
  for n, line in ipairs(s.lines) do
    local price, product = sale.ids(ds, line)
    nodes[n] = { tpl = LINE, id = ds.codec:quoted("invoice_line", k * 32 % 900000000 + n),
      subtotal = line.subtotal, currency = '"' .. fact.currency .. '"',
      description = json.quote(line.text), discounts = discounts_of(ds, line.discount, k),
      invoice = '"' .. invoices.id(ds, k) .. '"', livemode = ds.livemode,
      created = invoices.created(ds, k), price = price, product = product,
      decimal = '"' .. ("%d"):format(line.unit) .. '"', quantity = line.quantity,
      taxes = taxes_of(ds, s, line.tax, line.subtotal - line.discount) }
  end
  return nodes
end

function invoices.values(ds, k, ex)
  local i, fact, status, s = facts(ds, k)
  local created = invoices.created(ds, k)
  local h = random.hash(ds.seed, i, 304)
  local customers = ds.sizes.customers
  local ci = charges.customer(ds, fact, i) or customers > 0 and h % customers or nil
  local who = people.person(ds.seed, ci or 100000000 + i)
  local id = invoices.id(ds, k)
  local paid = status == "paid"
  return {
    tpl = invoices.template,
    id = '"' .. id .. '"',
    total = s.total,
    paid = paid and s.total or 0,
    remaining = paid and 0 or s.total,
    shipping = s.shipping,
    created = created,
    currency = '"' .. fact.currency .. '"',
    customer = ci and ds:ref(ex, "customer", "customers", ci) or "null",
    address = people.at(who.country, h), email = who.email, name = who.name, phone = who.phone,
    lines = sale.list(invoices.items(ds, k), invoices.url .. "/" .. id .. "/lines"),
    livemode = ds.livemode,
    number = ('"A1B2C3-%04d"'):format(k % 10000),
    shipping_cost = s.shipping > 0 and { tpl = SHIPPING, amount = s.shipping } or "null",
    status = '"' .. status .. '"',
    paid_at = paid and created + 60 or "null",
    uncollectible_at = status == "uncollectible" and created + 86400 or "null",
    voided_at = status == "void" and created + 3600 or "null",
    subtotal = s.subtotal,
    untaxed = s.total - s.tax,
    discounts = discounts_of(ds, s.discount, k),
    taxes = taxes_of(ds, s, s.tax, s.subtotal - s.discount),
  }
end

function invoices.matches(ds, k, filter)
  if filter.subscription or filter.collection_method
    and filter.collection_method ~= "charge_automatically" then return false end
  if filter.status and (invoices.status(ds, k)) ~= filter.status then return false end
  return not filter.customer
    or invoices.values(ds, k).customer == '"' .. filter.customer .. '"'
end

return invoices
