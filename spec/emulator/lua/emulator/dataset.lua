--- All data of one account in one mode: what is generated, and the overlay of what tests have
--- changed.
local ids = require "emulator.ids"
local json = require "emulator.json"
local random = require "emulator.random"
local template = require "emulator.template"
local curve = require "emulator.data.curve"
local ledger = require "emulator.data.ledger"
local collection = require "emulator.collection"

local dataset = {}

--- The resources, by name. Each module has object, url, count, created, first_from, id, values,
--- matches.
dataset.resources = {
  charges = require "emulator.data.charges",
  refunds = require "emulator.data.refunds",
  disputes = require "emulator.data.disputes",
  payouts = require "emulator.data.payouts",
  balance_transactions = require "emulator.data.balance_transactions",
  customers = require "emulator.data.customers",
  products = require "emulator.data.products",
  prices = require "emulator.data.prices",
  tax_rates = require "emulator.data.tax_rates",
  payment_intents = require "emulator.data.payment_intents",
  mandates = require "emulator.data.mandates",
  checkout_sessions = require "emulator.data.checkout_sessions",
  invoices = require "emulator.data.invoices",
  invoice_payments = require "emulator.data.invoice_payments",
  subscriptions = require "emulator.data.subscriptions",
  application_fees = require "emulator.data.application_fees",
}

local BY_KIND = {}
for name, resource in pairs(dataset.resources) do
  resource.name = name
  BY_KIND[resource.kind] = name
end

local DELETED = template.new [[{"id":$id,"object":$object,"deleted":true}]]
local REFUNDS = template.new [[{"object":"list","data":@data,"has_more":$has_more,"url":$url}]]
local PLAIN = template.style(false, false)

local Dataset = {}
Dataset.__index = Dataset
Dataset.resources = dataset.resources

--- How many of each there are, given the ones asked for.
---@param asked table
function dataset.sizes(asked)
  local charges = asked.charges or 1000
  local products = asked.products or 60
  return {
    charges = charges,
    customers = asked.customers or math.floor(charges / 4),
    products = products,
    prices = products > 0 and (asked.prices or math.floor(products * 2.2)) or 0,
    tax_rates = asked.tax_rates or 12,
  }
end

--- A data set.
---@param options table settings (see state.lua) with account and livemode
function dataset.new(options)
  local sizes = dataset.sizes(options)
  local seed = random.seed(options.account .. (options.livemode and "live" or "test")
    .. options.seed)
  local c = curve.new(seed, options.now, options.days)
  local series = {
    customers = c:series(sizes.customers, 2, true, options.tie_size),
    products = c:series(sizes.products, 3, true),
    prices = c:series(sizes.prices, 4, true),
    tax_rates = c:series(sizes.tax_rates, 5, true),
  }
  return setmetatable({
    account = options.account, name = options.name, type = options.type or "standard",
    livemode = options.livemode and "true" or "false", seed = seed, base_now = options.now,
    now = options.now + (options.advanced or 0),
    events_api_version = options.events_api_version,
    future = options.future, sizes = sizes, curve = c, series = series,
    codec = ids.codec(seed, options.account),
    ledger = ledger.new(seed, c:series(sizes.charges, 1, true, options.tie_size), options.now,
      options.pending_days), application = '"ca_' .. ids.text(32, seed, 7) .. '"',
    descriptor = '"EXAMPLE SHOP"', next_midnight = options.now, settled_until = options.now,
    overlay = { inserted = {}, patched = {}, deleted = {}, extras = {}, moved = {}, beside = {},
      watched = {}, due = math.huge, next = 900000000,
      events = {}, event_numbers = {}, event_count = 0 },
  }, Dataset)
end

--- Which resource an id belongs to by its prefix, and its number if it is a generated object of
--- this data set.
---@param id string
---@return string? resource
---@return number? index
function Dataset:find(id)
  local kind = ids.kind(id)
  local name = kind and BY_KIND[kind]
  if not name then return nil end
  local resource = dataset.resources[name]
  local i = self.codec:decode(kind, id)
  if i and i < resource.count(self) and resource.id(self, i) == id then return name, i end
  return name
end

-- A changed or inserted object as a node: what was not asked for is left out, what was is filled
-- in.
function Dataset:doc_node(resource, doc, ex)
  local out = json.object()
  for _, key in ipairs(doc.keys) do
    local kind, value = resource.expand[key], doc.map[key]
    local wanted = ex and ex[key]
    local hidden = kind == "inline" or type(kind) == "string" and kind:find "^list:" ~= nil
    if type(kind) == "table" and wanted and type(value) == "table" and value.keys then
      -- an object whose own members can be expanded
      value = self:doc_node({ expand = kind }, value, wanted).doc
    elseif type(kind) == "string" and wanted and type(value) == "string" and not hidden then
      local child = self:node_by_id(kind ~= "source" and kind or nil, value, wanted)
      if child then value = json.decode(template.render(child, PLAIN)) end
    end
    if not hidden or wanted then out:set(key, value) end
  end
  if resource.name == "disputes" then
    -- whole balance transactions, as they are by now
    local list = setmetatable({}, json.Array)
    for k, t in ipairs(doc.map.balance_transactions) do
      local child = self:node_by_id("balance_transactions", t.map.id)
      list[k] = child and json.decode(template.render(child, PLAIN)) or t
    end
    out:set("balance_transactions", list)
  end
  if ex and ex.refunds and resource.name == "charges" then
    out:set("refunds", json.decode(template.render(self:refunds_of(doc.map.id, ex.refunds), PLAIN)))
  end
  return { doc = out }
end

--- Object `i` of a resource as a node.
---@param name string resource
---@param i number
---@param ex table? what to expand: { customer = {}, … }
function Dataset:node(name, i, ex)
  local resource = dataset.resources[name]
  local patched = self.overlay.patched[name]
  local doc = patched and patched[i]
  local gone = resource.deletable and self.overlay.deleted[name]
  if gone and gone[resource.id(self, i)] then
    return self:deleted_stub(resource, resource.id(self, i))
  end
  if doc then return self:doc_node(resource, doc, ex) end
  return resource.values(self, i, ex)
end

--- The object with an id as a node, or nil.
---@param name string? its resource, when known
---@param id string
---@param ex table?
function Dataset:node_by_id(name, id, ex)
  local extra = self.overlay.inserted[id]
  if extra and (not name or extra.resource == name) then
    return self:doc_node(dataset.resources[extra.resource], extra.doc, ex)
  end
  local found, i = self:find(id)
  if i and (not name or found == name) then return self:node(found, i, ex) end
end

--- What is left of a deleted customer, product or price.
function Dataset.deleted_stub(_, resource, id)
  return { tpl = DELETED, id = json.quote(id), object = json.quote(resource.object) }
end

--- A reference: the quoted id, or the object itself when `ex[key]` asks for it.
function Dataset:ref(ex, key, name, i)
  if ex and ex[key] then return self:node(name, i, ex[key]) end
  return '"' .. dataset.resources[name].id(self, i) .. '"'
end

--- The newest ten refunds of a charge, as a list node.
function Dataset:refunds_of(charge_id, ex)
  local page = collection.page(self, dataset.resources.refunds,
    { limit = 10, filter = { charge = charge_id } })
  local inner = ex and ex.data
  local nodes = {}
  for k, item in ipairs(page.items) do nodes[k] = collection.node(self, item, inner) end
  return { tpl = REFUNDS, data = { list = nodes }, has_more = page.has_more and "true" or "false",
    url = '"/v1/charges/' .. charge_id .. '/refunds"' }
end

--- The balance by currency, changes included.
function Dataset:totals()
  if not self.base_totals then self.base_totals = self.ledger:balance() end
  local out = {}
  for _, source in ipairs { self.base_totals, self.overlay.moved } do
    for currency, amounts in pairs(source) do
      local o = out[currency] or { available = 0, pending = 0, sum_net = 0, count = 0 }
      out[currency] = o
      for name in pairs(o) do o[name] = o[name] + (amounts[name] or 0) end
    end
  end
  return out
end

return dataset
