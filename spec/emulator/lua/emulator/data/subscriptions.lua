--- Subscriptions: of every fifth customer. A list leaves out canceled ones unless it is asked for a
--- status.
local random = require "emulator.random"
local template = require "emulator.template"
local customers = require "emulator.data.customers"
local prices = require "emulator.data.prices"
local sale = require "emulator.data.sale"

local subscriptions = {
  object = "subscription", kind = "subscription", url = "/v1/subscriptions",
  expand = { customer = "customers" },
  filters = { customer = "string", status = "string", price = "string" },
  default_filter = { status = "!canceled" }, -- anything but
  event_types = { created = "customer.subscription.created",
    updated = { "customer.subscription.updated" } },
}

local EVERY = 5 -- customers

subscriptions.template = template.new [[{
  "id":$id,"object":"subscription","application_fee_percent":null,"billing_cycle_anchor":$created,
  "cancel_at":null,"cancel_at_period_end":$ending,"canceled_at":$canceled_at,
  "collection_method":"charge_automatically","created":$created,"currency":$currency,
  "customer":@customer,"days_until_due":null,"default_payment_method":null,"description":null,
  "discounts":[],"ended_at":$canceled_at,"items":@items,"latest_invoice":null,
  "livemode":$livemode,"metadata":@metadata,"pause_collection":null,"schedule":null,
  "start_date":$created,"status":$status,"test_clock":null,"trial_end":$trial_end,
  "trial_start":$trial_start}]]

local ITEM = template.new [[{"id":$id,"object":"subscription_item","created":$created,
  "current_period_end":$period_end,"current_period_start":$period_start,"discounts":[],
  "metadata":{},"price":@price,"quantity":$quantity,"subscription":$subscription,
  "tax_rates":[]}]]
local METADATA = { tpl = template.new [[{"plan":"team","channel":"sales"}]] }
local STATUSES = { "active", "active", "active", "canceled", "trialing", "past_due", "active",
  "unpaid" }
local MONTH = 30 * 86400

function subscriptions.count(ds) return math.ceil(customers.count(ds) / EVERY) end

local function customer_of(ds, s)
  local i = s * EVERY
  return customers.count(ds) > 0 and i % customers.count(ds) or i
end

function subscriptions.created(ds, s) return customers.created(ds, customer_of(ds, s)) + 60 end

function subscriptions.first_from(ds, t)
  return math.ceil(customers.first_from(ds, t - 60) / EVERY)
end

function subscriptions.id(ds, s) return ds.codec:encode("subscription", s) end

local function status_of(ds, s) return random.pick(STATUSES, random.hash(ds.seed, s, 305)) end

local function items(ds, s, created, h)
  local nodes = {}
  for k = 1, h % 6 == 0 and 2 or 1 do
    local from = created + math.floor(math.max(0, ds.now - created) / MONTH) * MONTH
    nodes[k] = { tpl = ITEM, id = ds.codec:quoted("subscription_item", s * 4 % 900000000 + k),
      created = created, period_start = from, period_end = from + MONTH,
      price = prices.values(ds, (h + k) % ds.sizes.prices), quantity = h % 3 + 1,
      subscription = '"' .. subscriptions.id(ds, s) .. '"' }
  end
  return nodes
end

function subscriptions.values(ds, s, ex)
  local created = subscriptions.created(ds, s)
  local h = random.hash(ds.seed, s, 306)
  local status = status_of(ds, s)
  local trial = status == "trialing"
  return {
    tpl = subscriptions.template,
    id = '"' .. subscriptions.id(ds, s) .. '"',
    ending = h % 9 == 0 and "true" or "false",
    canceled_at = status == "canceled" and created + 40 * 86400 or "null",
    created = created,
    currency = '"usd"',
    customer = ds:ref(ex, "customer", "customers", customer_of(ds, s)),
    items = sale.list(ds.sizes.prices > 0 and items(ds, s, created, h) or {},
      "/v1/subscription_items?subscription=" .. subscriptions.id(ds, s)),
    livemode = ds.livemode,
    metadata = h % 4 == 0 and METADATA or "{}",
    status = '"' .. status .. '"',
    trial_start = trial and created or "null",
    trial_end = trial and created + 14 * 86400 or "null",
  }
end

function subscriptions.matches(ds, s, filter)
  local status, wanted = status_of(ds, s), filter.status
  if wanted and wanted:sub(1, 1) == "!" then
    if status == wanted:sub(2) then return false end
  elseif wanted and status ~= wanted then
    return false
  end
  if filter.price then return false end
  return not filter.customer
    or customers.id(ds, customer_of(ds, s)) == filter.customer
end

return subscriptions
