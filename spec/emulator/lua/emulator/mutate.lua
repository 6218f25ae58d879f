--- Changes tests make to generated data: kept in the data set's overlay, the ledger kept in
--- balance.
local json = require "emulator.json"
local template = require "emulator.template"
local charges = require "emulator.data.charges"
local currencies = require "emulator.data.currencies"
local dataset = require "emulator.dataset"
local transactions = require "emulator.data.balance_transactions"

local mutate = {}

local PLAIN = template.style(false, false)
local INLINE = { currency_options = {}, tiers = {}, tax_ids = {} }

local function number(value)
  return setmetatable({ text = ("%.15g"):format(value) }, json.Number)
end
local function value_of(doc, key) return json.to_lua(doc.map[key]) end

local function resource_of(name)
  for _, resource in pairs(dataset.resources) do
    if resource.name == name or resource.object == name then return resource end
  end
  error("unknown type: " .. tostring(name), 0)
end

local function decoded(node) return assert(json.decode(template.render(node, PLAIN))) end

-- Add (sign 1) or take away (-1) a balance transaction's effect on the balance.
local function move(ds, doc, sign)
  local currency = doc.map.currency
  local m = ds.overlay.moved[currency] or { available = 0, pending = 0, sum_net = 0, count = 0 }
  ds.overlay.moved[currency] = m
  local net, status = value_of(doc, "net"), doc.map.status == "pending" and "pending" or "available"
  m[status], m.sum_net, m.count = m[status] + sign * net, m.sum_net + sign * net, m.count + sign
end

-- Put a document into its list, in the order of creation.
local function insert(ds, resource, doc)
  local o = ds.overlay
  local created = value_of(doc, "created")
  local extra = { id = doc.map.id, doc = doc, created = created, resource = resource.name,
    pos = resource.first_from(ds, created + 1) }
  local list = o.extras[resource.name] or {}
  o.extras[resource.name] = list
  local at = #list + 1
  while at > 1 and list[at - 1].created > created do at = at - 1 end
  table.insert(list, at, extra)
  o.inserted[extra.id] = extra
  if resource.name == "balance_transactions" then move(ds, doc, 1) end
  return extra.id
end

local function next_number(ds)
  ds.overlay.next = ds.overlay.next + 1
  return ds.overlay.next
end

-- Post a balance transaction for something inserted.
local function post(ds, t)
  local pending = t.status == "pending" or not t.status and t.created > ds.ledger.pending_after
  local id = ds.codec:encode("balance_transaction", next_number(ds))
  local lines = {}
  if t.fee ~= 0 then
    lines[1] = { amount = t.fee, currency = t.currency, type = "stripe_fee",
      description = "Stripe processing fees" }
  end
  insert(ds, transactions, decoded {
    tpl = transactions.template, id = json.quote(id), amount = t.amount,
    available_on = t.created + 2 * 86400, balance_type = '"payments"', created = t.created,
    currency = json.quote(t.currency), description = json.text(t.description),
    exchange_rate = "null", fee = t.fee, fee_details = transactions.lines(ds, lines),
    net = t.amount - t.fee, category = json.quote(t.category), source = json.text(t.source),
    status = pending and '"pending"' or '"available"', type = json.quote(t.type),
  })
  return id
end

-- The document of an object, made from the generated one at its first change. `fresh` tells it was.
local function document(ds, id)
  local extra = ds.overlay.inserted[id]
  if extra then return extra.doc, dataset.resources[extra.resource] end
  local name, i = ds:find(id)
  if not i then error("no such object: " .. tostring(id), 0) end
  local patched = ds.overlay.patched[name] or {}
  ds.overlay.patched[name] = patched
  local resource = dataset.resources[name]
  patched[i] = patched[i] or decoded(resource.values(ds, i, INLINE))
  return patched[i], resource
end

local makers = {}

function makers.charges(ds, n, created, fields, op)
  local plain = ds.ledger:book_of(1).charges[0]
  local amount = tonumber(fields.amount) or plain.amount
  local currency = fields.currency or plain.currency
  local fact = setmetatable({ amount = amount, amount_captured = amount, currency = currency,
    settle = currency, refunds = {} },
      { __index = function(_, key) return key ~= "bt" and plain[key] or nil end })
  local id = ds.codec:encode("charge", n)
  local doc = decoded(charges.fill(ds, fact, 0, n, created, nil, id))
  local moved = fields.status ~= "failed" and fields.captured ~= false
    and op.balance_transaction ~= false
  if moved then
    local c = currencies[currency] or currencies.usd
    local bt = post(ds, { amount = amount, fee = math.floor(amount * c.percent / 100 + c.fixed),
      currency = currency, created = created, type = "charge", category = "charge", source = id,
      status = op.transaction_status })
    doc:set("balance_transaction", bt)
  end
  return doc
end

function makers.refunds(ds, n, created, fields, op)
  local charge = document(ds, op.charge or fields.charge)
  local left = value_of(charge, "amount") - value_of(charge, "amount_refunded")
  local amount = tonumber(fields.amount) or left
  local currency, charge_id = charge.map.currency, charge.map.id
  local id = ds.codec:encode("refund", n)
  local doc = json.from_lua { id = id, object = "refund", amount = amount, charge = charge_id,
    created = created, currency = currency, metadata = json.object(), status = "succeeded" }
  for _, key in ipairs { "balance_transaction", "customer", "customer_account",
    "destination_details", "payment_intent", "payment_method", "reason", "receipt_number",
    "source_transfer_reversal", "transfer_reversal" } do
    doc:set(key, json.null)
  end
  doc:set("payment_intent", charge.map.payment_intent)
  doc:set("balance_transaction", post(ds,
    { amount = -amount, fee = 0, currency = currency, created = created, type = "refund",
      category = "refund", source = id, status = op.transaction_status }))
  charge:set("amount_refunded", number(value_of(charge, "amount_refunded") + amount))
  charge:set("refunded", value_of(charge, "amount_refunded") == value_of(charge, "amount"))
  return doc
end

function makers.disputes(ds, n, created, fields, op)
  local charge = document(ds, op.charge or fields.charge)
  local amount = tonumber(fields.amount) or value_of(charge, "amount")
  local id = ds.codec:encode("dispute", n)
  local bt = post(ds, { amount = -amount, fee = 1500, currency = charge.map.currency,
    created = created, type = "adjustment", category = "dispute", source = id,
    status = op.transaction_status })
  charge:set("disputed", true)
  return decoded {
    tpl = dataset.resources.disputes.template, id = json.quote(id), amount = amount,
    created = created, balance_transactions = { list = { ds:node_by_id("balance_transactions",
      bt) } },
    charge = json.quote(charge.map.id), currency = json.quote(charge.map.currency),
    due_by = created + 14 * 86400, has_evidence = "false", past_due = "false", submissions = 0,
    refundable = "false", livemode = ds.livemode, network_code = '"10.4"',
    payment_intent = json.encode(charge.map.payment_intent), brand = '"visa"',
    case_type = '"chargeback"', reason = '"fraudulent"', status = '"needs_response"',
  }
end

function makers.payouts(ds, n, created, fields, op)
  local amount, currency = tonumber(fields.amount) or 1000, fields.currency or "usd"
  local id = ds.codec:encode("payout", n)
  local bt = post(ds, { amount = -amount, fee = 0, currency = currency, created = created,
    type = "payout", category = "payout", source = id,
    status = op.transaction_status or "available" })
  return decoded {
    tpl = dataset.resources.payouts.template, id = json.quote(id), amount = amount,
    created = created, arrival_date = created + 2 * 86400, automatic = "false",
    balance_transaction = json.quote(bt), currency = json.quote(currency),
    destination = json.quote(ds.codec:encode("bank_account", 1)),
    failure_balance_transaction = "null", failure_code = "null", failure_message = "null",
    livemode = ds.livemode, method = '"standard"', reconciliation = '"not_applicable"',
    status = '"pending"', trace = "null",
  }
end

function makers.balance_transactions(ds, _, created, fields, op)
  local id = post(ds, { amount = tonumber(fields.amount) or 100, fee = tonumber(fields.fee) or 0,
    currency = fields.currency or "usd", created = created, type = fields.type or "adjustment",
    category = fields.reporting_category or "other_adjustment", source = fields.source,
    status = fields.status or op.transaction_status })
  return nil, id
end

-- Customers, products, prices and tax rates: as the generator would make one more.
local function another(ds, resource, n, created)
  local doc = decoded(resource.values(ds, n, INLINE))
  doc:set("id", ds.codec:encode(resource.kind, n))
  doc:set("created", number(created))
  if doc.map.updated then doc:set("updated", number(created)) end
  return doc
end

local ops = {}

--- { op = "insert", type, count = 1, created = newest, fields = {…}, charge?, transaction_status? }
--- -> ids
function ops.insert(ds, op, fields)
  local resource = resource_of(op.type)
  local out = { is_array = true }
  local plain = json.to_lua(fields)
  for k = 1, op.count or 1 do
    local created = op.created
    if not created then
      ds.overlay.newest = (ds.overlay.newest or ds.now - 1) + 1
      created = ds.overlay.newest
    end
    local n, make = next_number(ds), makers[resource.name]
    local doc, id
    if make then
      doc, id = make(ds, n, created, plain, op)
    else
      doc = another(ds, resource, n, created)
    end
    if doc then
      json.merge(doc, fields)
      id = insert(ds, resource, doc)
    end
    out[k] = id
  end
  return { ids = out }
end

--- { op = "update", id, fields = {…} }: a merge patch; a balance transaction's move shows in the
--- balance.
function ops.update(ds, op, fields)
  local doc, resource = document(ds, op.id)
  local ledger = resource.name == "balance_transactions"
  if ledger then move(ds, doc, -1) end
  json.merge(doc, fields)
  if ledger then move(ds, doc, 1) end
  return { id = op.id }
end

--- { op = "delete", id }: gone from lists and as a cursor; customers, products and prices leave a
--- stub.
function ops.delete(ds, op)
  local doc, resource = document(ds, op.id)
  local deleted = ds.overlay.deleted[resource.name] or {}
  ds.overlay.deleted[resource.name] = deleted
  if deleted[op.id] then error("already deleted: " .. op.id, 0) end
  deleted[op.id] = true
  if resource.name == "balance_transactions" then move(ds, doc, -1) end
  return { id = op.id, deleted = true }
end

--- { op = "settle", id? }: pending balance transactions become available; without an id all
--- inserted ones do.
function ops.settle(ds, op)
  local patch = json.object("status", "available")
  if op.id then return ops.update(ds, op, patch) end
  local count = 0
  for _, extra in ipairs(ds.overlay.extras.balance_transactions or {}) do
    if extra.doc.map.status == "pending" then
      ops.update(ds, { id = extra.id }, patch)
      count = count + 1
    end
  end
  return { settled = count }
end

--- Carry out one change. Raises a message when it cannot.
---@param ds table
---@param request table decoded by emulator.json
function mutate.apply(ds, request)
  local op = json.to_lua(request)
  local run = ops[op.op]
  if not run then error("unknown op: " .. tostring(op.op), 0) end
  return run(ds, op, request.map.fields or json.object())
end

return mutate
