--- A seeded mixture of what happens at a shop between two syncs.
local clock = require "emulator.clock"
local dataset = require "emulator.dataset"
local json = require "emulator.json"
local mutate = require "emulator.mutate"
local random = require "emulator.random"
local record = require "emulator.record"
local template = require "emulator.template"

local churn = {}

local PLAIN = template.style(false, false)

--- How often each kind of change happens, unless told otherwise.
churn.MIX = { charge = 20, charge_failed = 4, bank_debit = 4, bank_debit_ends = 4, authorize = 4,
  capture = 3, charge_update = 4, refund = 10, refund_pending = 3, refund_ends = 4, dispute = 3,
  dispute_moves = 4, payout = 2, payout_moves = 3, customer_create = 6, customer_update = 10,
  customer_delete = 3, product_create = 2, product_update = 4, product_delete = 1,
  price_create = 3, price_update = 4, price_delete = 1, tax_rate_create = 1, tax_rate_update = 1,
  account_update = 1 }

local Churn = {}
Churn.__index = Churn

-- The next number below n.
function Churn:below(n)
  self.drawn = self.drawn + 1
  return random.hash(self.seed, self.drawn, 95) % n
end

function Churn:run(op, fields)
  for name, value in pairs(self.with) do
    if op[name] == nil then op[name] = value end
  end
  return mutate.run(self.ds, op, fields and json.from_lua(fields) or json.object(), self.record)
end

local function deleted(ds, name, id)
  local list = ds.overlay.deleted[name]
  return list and list[id]
end

-- The id of object number k: the generated ones, then the inserted ones.
local function id_at(ds, resource, k)
  local count = resource.count(ds)
  if k < count then return resource.id(ds, k) end
  return ds.overlay.extras[resource.name][k - count + 1].id
end

-- A document's members as plain values, made when looked at.
local VIEW = { __index = function(view, key) return json.to_lua(rawget(view, 1).map[key]) end }

-- Of what has lost its charge nothing changes any more: that would change the charge, too.
local function is_orphan(ds, object)
  return type(object.charge) == "string" and deleted(ds, "charges", object.charge)
end

local RENDERED = 12

-- An object that fits: anywhere, or among the newest. Few generated ones are tried, because each
-- has to be made.
function Churn:pick(name, fits, newest)
  local ds, resource = self.ds, dataset.resources[name]
  local total = resource.count(ds) + #(ds.overlay.extras[name] or {})
  local low = newest and math.max(0, total - newest) or 0
  local rendered = 0
  if total == low then return nil end
  for _ = 1, newest and 2 * newest or 50 do
    local id = id_at(ds, resource, low + self:below(total - low))
    if not deleted(ds, name, id) then
      if not fits then return id end
      local extra = ds.overlay.inserted[id]
      local doc = extra and extra.doc
      if not doc and rendered < RENDERED then
        rendered = rendered + 1
        doc = json.decode(template.render(ds:node_by_id(name, id), PLAIN))
      end
      local object = doc and setmetatable({ doc }, VIEW)
      if object and fits(object) and not is_orphan(ds, object) then return id, object end
    end
  end
end

local function paid(o)
  return o.status == "succeeded" and o.captured and o.amount_refunded < o.amount and not o.disputed
end
local function whole(o) return paid(o) and o.amount_refunded == 0 end
local function pending(o) return o.status == "pending" end
local function held(o)
  return o.status == "succeeded" and not o.captured and o.amount_refunded == 0
end
local function open(o) return o.status == "needs_response" or o.status == "under_review" end
local function moving(o) return o.status == "pending" or o.status == "in_transit" end

local kinds = {}

local function charge_of(kind)
  return function(self)
    local currency = self:below(4) == 0 and "eur" or "usd"
    self:run { op = "charge", kind = kind, amount = 500 + self:below(20000), currency = currency,
      customer = self:below(3) > 0 and self:pick "customers" or nil }
  end
end
kinds.charge, kinds.charge_failed = charge_of "card", charge_of "failed"
kinds.bank_debit, kinds.authorize = charge_of "bank_debit", charge_of "authorized"

-- What happens to one that fits; one is made when there is none.
local function happens(name, fits, newest, run, otherwise)
  return function(self)
    local id, object = self:pick(name, fits, newest)
    if not id then return kinds[otherwise](self) end
    run(self, id, object)
  end
end

kinds.bank_debit_ends = happens("charges", pending, 100, function(self, id)
  self:run { op = self:below(3) == 0 and "charge_fail" or "charge_succeed", id = id }
end, "bank_debit")

kinds.capture = happens("charges", held, 100, function(self, id, o)
  local part = self:below(2) == 0 and math.floor(o.amount * 0.6) or nil
  self:run { op = "capture", id = id, amount = part }
end, "authorize")

kinds.charge_update = happens("charges", nil, nil, function(self, id)
  self:run({ op = "update", id = id }, { metadata = { note = "changed " .. self.drawn } })
end)

local function refund(status)
  return happens("charges", paid, nil, function(self, id, o)
    local left = o.amount - o.amount_refunded
    local amount = self:below(2) == 0 and left or math.max(1, math.floor(left * 0.4))
    self:run { op = "refund", charge = id, amount = amount, status = status,
      reason = "requested_by_customer" }
  end, "charge")
end
kinds.refund, kinds.refund_pending = refund "succeeded", refund "pending"

kinds.refund_ends = happens("refunds", pending, 100, function(self, id)
  self:run { op = self:below(3) == 0 and "refund_fail" or "refund_succeed", id = id }
end, "refund_pending")

kinds.dispute = happens("charges", whole, nil, function(self, id)
  self:run { op = "dispute", charge = id, reason = "product_not_received" }
end, "charge")

local MOVES = { [0] = "dispute_update", "dispute_won", "dispute_lost" }
kinds.dispute_moves = happens("disputes", open, 50, function(self, id)
  self:run { op = MOVES[self:below(3)], id = id }
end, "dispute")

function kinds.payout(self) self:run { op = "payout", amount = 1000 + self:below(5000) } end

kinds.payout_moves = happens("payouts", moving, 30, function(self, id)
  self:run { op = self:below(4) == 0 and "payout_failed" or "payout_paid", id = id }
end, "payout")

for _, name in ipairs { "customer", "product", "price", "tax_rate" } do
  kinds[name .. "_create"] = function(self) self:run { op = "insert", type = name } end
  kinds[name .. "_delete"] = happens(name .. "s", nil, nil, function(self, id)
    self:run { op = "delete", id = id }
  end, name .. "_create")
end

local function updates(name, fields)
  kinds[name .. "_update"] = happens(name .. "s", nil, nil, function(self, id)
    self:run({ op = "update", id = id }, fields(self.drawn))
  end, name .. "_create")
end
updates("customer", function(n)
  return { name = "Customer " .. n, email = ("changed%d@example.com"):format(n) }
end)
updates("product", function(n)
  return { name = "Product " .. n, active = n % 3 > 0, default_price = json.null }
end)
updates("price", function(n) return { nickname = "Price " .. n, active = n % 4 > 0 } end)
updates("tax_rate", function(n) return { description = "Rate " .. n, active = n % 2 > 0 } end)

function kinds.account_update(self)
  self:run({ op = "account_update" }, { email = ("owner%d@example.com"):format(self.drawn) })
end

--- Change a data set many times.
---@param ds table
---@param o table seed (1), changes (100), mix (MIX), spacing: more seconds before each change (0),
---and lag, api_version, events for the ops
---@return table what was done: ops, created, updated, deleted, events, now
function churn.run(ds, o)
  local self = setmetatable({ ds = ds, seed = o.seed or 1, drawn = 0, record = record.new(),
    with = { lag = o.lag, api_version = o.api_version, events = o.events } }, Churn)
  local names, total, done = {}, 0, {}
  for name, weight in pairs(o.mix or churn.MIX) do
    if not kinds[name] then error("unknown kind of change: " .. name, 0) end
    names[#names + 1] = name
    total = total + weight
  end
  table.sort(names)
  local mix = o.mix or churn.MIX
  for _ = 1, o.changes or 100 do
    clock.advance(o.spacing or 0)
    local at, n = self:below(total), 1
    while at >= mix[names[n]] do at, n = at - mix[names[n]], n + 1 end
    kinds[names[n]](self)
    done[names[n]] = (done[names[n]] or 0) + 1
  end
  local out = record.summary(self.record)
  out.ops, out.events, out.now = done, self.record.events, ds.now
  return out
end

return churn
