--- Checkout sessions: one for every fourth charge, and between them those that set up a card or
--- begin a subscription, which no payment belongs to.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local charges = require "emulator.data.charges"
local people = require "emulator.data.people"
local sale = require "emulator.data.sale"

local sessions = {
  object = "checkout.session", kind = "checkout_session", url = "/v1/checkout/sessions",
  expand = { customer = "customers", payment_intent = "payment_intents",
    line_items = "list:checkout_items" },
  filters = { customer = "string", payment_intent = "string", status = "string",
    subscription = "string" },
  event_types = { created = false, updated = {} }, -- a new session has no event
}

local EVERY = 4 -- charges

sessions.template = template.new [[{
  "id":$id,"object":"checkout.session","amount_subtotal":$subtotal,"amount_total":$total,
  "automatic_tax":{"enabled":false,"liability":null,"provider":null,"status":null},
  "cancel_url":"https://shop.example/cancel","client_reference_id":$reference,"created":$created,
  "currency":$currency,"customer":@customer,"customer_details":@details,"customer_email":null,
  "discounts":[],"expires_at":$expires,"invoice":$invoice,@line_items"livemode":$livemode,
  "metadata":@metadata,"mode":$mode,"payment_intent":@payment_intent,"payment_link":null,
  "payment_method_types":["card"],"payment_status":$payment_status,"setup_intent":$setup_intent,
  "shipping_cost":@shipping_cost,"status":$status,"subscription":$subscription,
  "success_url":"https://shop.example/thanks","total_details":@total_details,"url":null}]]

local DETAILS = template.new [[{"address":@address,"email":$email,"name":$name,"phone":$phone,
  "tax_exempt":"none","tax_ids":[]}]]
local TOTALS = template.new [[{"amount_discount":$discount,"amount_shipping":$shipping,
  "amount_tax":$tax}]]
local SHIPPING = template.new [[{"amount_subtotal":$amount,"amount_tax":0,"amount_total":$amount,
  "shipping_rate":null}]]
local ITEM = template.new [[{"id":$id,"object":"item","amount_discount":$discount,
  "amount_subtotal":$subtotal,"amount_tax":$tax,"amount_total":$total,"currency":$currency,
  "description":$description,@discounts"price":@price,"quantity":$quantity@taxes}]]
local DISCOUNTS = template.new [["discounts":[{"amount":$amount,"discount":{"id":$id,
  "object":"discount","coupon":null,"source":{"coupon":"WELCOME10","type":"coupon"}}}],]]
local TAXES = template.new [=[,"taxes":[{"amount":$amount,"rate":@rate,
  "taxability_reason":null,"taxable_amount":$taxable}]]=]
local NO_DISCOUNTS, NO_TAXES = '"discounts":[],', ',"taxes":[]'
local ITEMS = template.new [["line_items":@list,]]
local METADATA = { tpl = template.new [[{"channel":"web"}]] }

-- The charge that a session is about: those made later have one that is there already.
local function charge_of(ds, j)
  local i = j * EVERY
  return ds.ledger.count > 0 and i % ds.ledger.count or i
end

function sessions.count(ds) return math.ceil(ds.ledger.count / EVERY) end
function sessions.created(ds, j) return charges.created(ds, charge_of(ds, j)) - 30 end

function sessions.first_from(ds, t)
  return math.ceil(charges.first_from(ds, t + 30) / EVERY)
end

function sessions.id(ds, j)
  return ds.codec:encode("checkout_session", j, ds.livemode == "true" and 2 or 1)
end

local MODES = { [4] = "setup", [9] = "subscription" }

local function item_nodes(ds, s, j, created, currency, ex)
  local nodes = {}
  for k, line in ipairs(s.lines) do
    local taxed = ex and ex.taxes
    nodes[k] = { tpl = ITEM, id = ds.codec:quoted("checkout_item", j * 32 % 900000000 + k),
      discount = line.discount, subtotal = line.subtotal, tax = line.tax, total = line.total,
      currency = currency, description = json.quote(line.text), quantity = line.quantity,
      price = sale.price(ds, line, currency, created),
      discounts = ex and ex.discounts and (line.discount > 0 and { tpl = DISCOUNTS,
        amount = line.discount, id = ds.codec:quoted("discount", j % 900000000) } or NO_DISCOUNTS)
        or "",
      taxes = taxed and (s.tax_rate and { tpl = TAXES, amount = line.tax, rate = sale.rate(ds, s),
        taxable = line.subtotal - line.discount } or NO_TAXES) or "" }
  end
  return nodes
end

local function facts(ds, j)
  local i = charge_of(ds, j)
  local fact = ds.ledger:charge(i)
  local mode = MODES[j % 10] or "payment"
  local total = mode == "setup" and 0 or fact.amount
  return i, fact, mode, sale.of(ds, i, total, j % 20 == 6 and 14 or nil)
end

--- All line items of session `j`, as nodes.
function sessions.items(ds, j, ex)
  local _, fact, mode, s = facts(ds, j)
  if mode == "setup" then return {} end
  return item_nodes(ds, s, j, sessions.created(ds, j), '"' .. fact.currency .. '"', ex)
end

function sessions.values(ds, j, ex)
  local i, fact, mode, s = facts(ds, j)
  local created = sessions.created(ds, j)
  local h = random.hash(ds.seed, i, 302)
  local ci = charges.customer(ds, fact, i)
  local who = people.person(ds.seed, ci or 100000000 + i)
  local paying = mode ~= "setup"
  local failed = fact.outcome == "failed"
  local status = failed and (created < ds.now - 86400 and "expired" or "open") or "complete"
  local paid = paying and (fact.captured and fact.outcome ~= "pending" and "paid" or "unpaid")
    or "no_payment_required"
  local currency = '"' .. fact.currency .. '"'
  local id = sessions.id(ds, j)
  return {
    tpl = sessions.template,
    id = '"' .. id .. '"',
    subtotal = paying and s.subtotal or "null",
    total = paying and s.total or "null",
    reference = h % 3 == 0 and '"cart-' .. i .. '"' or "null",
    created = created,
    currency = paying and currency or "null",
    customer = ci and ds:ref(ex, "customer", "customers", ci) or "null",
    details = { tpl = DETAILS, address = people.at(who.country, h), email = who.email,
      name = who.name, phone = who.phone },
    expires = created + 86400,
    invoice = mode == "subscription" and ds.codec:quoted("invoice", 800000000 + j % 1000000)
      or "null",
    line_items = ex and ex.line_items and { tpl = ITEMS, list = sale.list(sessions.items(ds, j,
      ex.line_items.data or {}), sessions.url .. "/" .. id .. "/line_items") } or "",
    livemode = ds.livemode,
    metadata = h % 2 == 0 and METADATA or "{}",
    mode = '"' .. mode .. '"',
    payment_intent = mode == "payment" and not fact.transferred
      and ds:ref(ex, "payment_intent", "payment_intents", charges.intent(fact, i)) or "null",
    payment_status = '"' .. paid .. '"',
    setup_intent = mode == "setup" and ds.codec:quoted("setup_intent", j % 900000000) or "null",
    shipping_cost = s.shipping > 0 and { tpl = SHIPPING, amount = s.shipping } or "null",
    status = '"' .. status .. '"',
    subscription = mode == "subscription" and ds.codec:quoted("subscription", j % 900000000)
      or "null",
    total_details = paying and { tpl = TOTALS, discount = s.discount, shipping = s.shipping,
      tax = s.tax } or "null",
  }
end

function sessions.matches(ds, j, filter)
  local v = sessions.values(ds, j)
  for _, name in ipairs { "customer", "payment_intent", "status", "subscription" } do
    if filter[name] and v[name] ~= '"' .. filter[name] .. '"' then return false end
  end
  return true
end

return sessions
