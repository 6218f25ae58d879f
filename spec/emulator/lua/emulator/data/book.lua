--- The money of one block of charges: what each charge, refund, dispute and payout moves, and the
--- balance transactions that record it. A book depends on a seed, a kind of block and a variant;
--- blocks share a few books, so totals over a million charges are sums over a few. Facts hold
--- numbers, never ids: those need the block's place (see ledger.lua).
local random = require "emulator.random"
local book_events = require "emulator.data.book_events"
local currencies = require "emulator.data.currencies"
local scenarios = require "emulator.data.scenarios"

local book = {}

local CARDS = { card = true, card_present = true, interac_present = true }
local OPEN = { "needs_response", "under_review", "lost" }
local REASONS = { "fraudulent", "product_not_received", "subscription_canceled", "unrecognized",
  "product_unacceptable", "duplicate", "credit_not_processed", "general" }
local UNMOVED = { warning_needs_response = true, warning_under_review = true, warning_closed = true,
  prevented = true }

local function whole(amount, step)
  return math.floor(amount / step) * step
end

-- amount in presentment currency -> amount in settlement currency
local function settled(fact, amount)
  if not fact.rate then return amount end
  return math.floor(amount * tonumber(fact.rate) + 0.5)
end

local function fee_lines(fact, kind)
  local c = currencies[fact.settle]
  local fee = whole(fact.amount_settled * c.percent / 100 + c.fixed, c.step)
  local line = { amount = fee, currency = fact.settle, type = "stripe_fee",
    description = "Stripe processing fees" }
  if kind == "none" then return {} end
  if kind == "unnamed" then
    line.description = nil
  elseif kind == "two" then
    local half = math.floor(fee / 2)
    line.amount = fee - half
    return { line, { amount = half, currency = fact.settle, type = "stripe_fee",
      description = line.description } }
  elseif kind == "tax" then
    return { line, { amount = whole(fee * 0.19, c.step), currency = fact.settle, type = "tax",
      description = "VAT" } }
  elseif kind == "application" then
    fact.application_fee = whole(fact.amount_settled / 20, c.step)
    return { line, { amount = fact.application_fee, currency = fact.settle,
      type = "application_fee", description = "Example Platform application fee",
      application = true } }
  end
  return { line }
end

local function total(lines)
  local sum = 0
  for _, line in ipairs(lines) do sum = sum + line.amount end
  return sum
end

local Builder = {}
Builder.__index = Builder

-- Record a balance transaction; `of` is the object it is about: { kind, n or slot }.
function Builder:post(slot, type, category, amount, currency, of, extra)
  local t = extra or {}
  t.slot, t.type, t.category = slot, type, category
  t.amount, t.currency, t.of = amount, currency, of
  t.lines = t.lines or {}
  t.fee = total(t.lines)
  t.net = amount - t.fee
  t.balance_type = t.balance_type or "payments"
  t.seq = #self.entries
  self.entries[#self.entries + 1] = t
  return t
end

function Builder:charge(slot, s)
  local h = random.hash(self.seed, self.variant * 1000 + slot, 21)
  local cur = s.cur or "usd"
  local c = currencies[cur]
  local share = (h % 1000) / 1000
  local range = (c.high - c.low) * (h % 17 == 0 and 3 or 1)
  local amount = s.amount or whole(c.low + range * share * share, c.step)
  local fact = { slot = slot, scenario = s, pm = s.pm or "card", currency = cur,
    settle = s.settle or cur, amount = amount, outcome = s.outcome or "paid", failure = s.failure,
    fee_kind = s.fee, hash = h, refunds = {}, wallet = s.wallet, retry = s.retry,
    transferred = s.transferred, presentment = s.presentment }
  fact.py = not CARDS[fact.pm]
  fact.rate = fact.settle ~= cur and c.rate[fact.settle] or nil
  fact.amount_settled = settled(fact, amount)
  self.charges[slot] = fact

  local o = fact.outcome
  fact.captured = o ~= "failed" and o ~= "uncaptured" and o ~= "voided" and o ~= "expired"
  fact.amount_captured = 0
  if fact.captured then
    fact.amount_captured = o == "partial_capture" and whole(amount * 0.6, c.step) or amount
    if o == "ach_failed" then fact.amount_captured = 0 end
    fact.bt = self:post(slot, fact.py and "payment" or "charge", "charge", fact.amount_settled,
      fact.settle, { kind = "charge", slot = slot },
      { lines = fee_lines(fact, s.fee), rate = fact.rate, pending = o == "pending" })
  end
  if o == "ach_failed" then
    fact.fails = slot + s.after
    fact.failure_bt = self:post(fact.fails, "payment_failure_refund", "charge_failure",
      -fact.amount_settled, fact.settle, { kind = "charge", slot = slot },
      { text = "REFUND FOR FAILED PAYMENT" })
  elseif o == "partial_capture" then
    self:refund(fact, { after = 0, amount = amount - fact.amount_captured, capture = true })
  end
  local left, left_settled = amount, fact.amount_settled
  for _, r in ipairs(s.refunds or {}) do
    local part = r.part and whole(amount * r.part, c.step) or amount
    part = math.min(part, left)
    local last = part == left
    local part_settled = last and left_settled or settled(fact, part)
    left, left_settled = left - part, left_settled - part_settled
    self:refund(fact, { after = r.after, amount = part, settled = part_settled, status = r.status,
      reason = r.reason, fails_after = r.fails_after, fee = r.fee })
  end
  if s.dispute then self:dispute(fact, s.dispute) end
end

function Builder:refund(fact, r)
  local slot = fact.slot + r.after
  local refund = { slot = slot, seq = #self.refunds, charge = fact, amount = r.amount,
    currency = fact.currency, status = r.status or "succeeded", reason = r.reason,
    capture = r.capture }
  self.refunds[#self.refunds + 1] = refund
  fact.refunds[#fact.refunds + 1] = refund
  local moved = fact.captured and (refund.status == "succeeded" or refund.status == "pending")
  if not moved then return end
  local amount = r.settled or settled(fact, r.amount)
  local lines = {}
  if r.fee then
    local fee = r.fee == "returned" and -30 or 15
    lines[1] = { amount = fee, currency = fact.settle, type = "stripe_fee",
      description = "Stripe processing fees" }
  end
  refund.bt = self:post(slot, fact.py and "payment_refund" or "refund",
    r.capture and "partial_capture_reversal" or "refund", -amount, fact.settle,
    { kind = "refund", fact = refund },
    { lines = lines, rate = fact.rate, text = "REFUND FOR CHARGE" })
  if r.fails_after then
    refund.fails = slot + r.fails_after
    refund.failure_bt = self:post(refund.fails, "refund_failure", "refund_failure", amount,
      fact.settle, { kind = "refund", fact = refund },
      { rate = fact.rate, text = "REFUND FAILURE" })
  end
end

function Builder:dispute(fact, d)
  local slot, h = fact.slot + d.after, fact.hash
  local amount = d.part and whole(fact.amount * d.part, currencies[fact.currency].step)
    or fact.amount
  local dispute = { slot = slot, seq = #self.disputes, charge = fact, amount = amount,
    currency = fact.currency, status = d.status == "open" and random.pick(OPEN, h) or d.status,
    reason = d.reason or random.pick(REASONS, h) }
  self.disputes[#self.disputes + 1] = dispute
  fact.dispute = dispute
  if UNMOVED[dispute.status] then return end
  local moved = amount == fact.amount and fact.amount_settled or settled(fact, amount)
  local fee = { amount = 1500, currency = fact.settle, type = "stripe_fee",
    description = "Dispute fee" }
  local of = { kind = "dispute", fact = dispute }
  dispute.bt = self:post(slot, "adjustment", "dispute", -moved, fact.settle, of,
    { lines = { fee }, rate = fact.rate, text = "Chargeback withdrawal for" })
  if d.won_after then
    dispute.won = slot + d.won_after
    local returned = self.kind == "showcase"
      and { amount = -1500, currency = fact.settle, type = "stripe_fee",
        description = "Dispute fee" } or nil
    dispute.won_bt = self:post(dispute.won, "adjustment", "dispute_reversal", moved, fact.settle,
      of, { lines = { returned }, rate = fact.rate, text = "Chargeback reversal for" })
  end
end

function Builder:payout(p)
  local payout = { slot = p.slot, seq = #self.payouts, currency = p.currency,
    status = p.status or "paid", automatic = p.from ~= nil, method = p.method or "standard",
    failure = p.failure, ends = p.ends, amount = p.amount }
  self.payouts[#self.payouts + 1] = payout
  if p.from then
    payout.amount = 0
    for _, t in ipairs(self.entries) do
      local due = t.currency == p.currency and t.slot >= p.from and t.slot <= p.to and not t.pending
      if due and t.balance_type == "payments" and not t.type:find "^payout" then
        payout.amount = payout.amount + t.net
        t.payout = payout
      end
    end
  end
  local of = { kind = "payout", fact = payout }
  local fee = p.fee and { amount = p.fee, currency = p.currency, type = "stripe_fee",
    description = "Instant payout fee" }
  payout.bt = self:post(p.slot, "payout", "payout", -payout.amount, p.currency, of,
    { lines = { fee }, text = "STRIPE PAYOUT", settled = true, payout = p.from and payout or nil })
  if p.ends then
    payout.ends_bt = self:post(p.ends, p.status == "failed" and "payout_failure" or "payout_cancel",
      "payout_reversal", payout.amount, p.currency, of,
      { text = "STRIPE PAYOUT REVERSAL", settled = true })
  end
end

-- Sort by slot, number from 0, and count how many come before each slot.
local function index(list)
  table.sort(list, function(a, b)
    if a.slot ~= b.slot then return a.slot < b.slot end
    return a.seq < b.seq
  end)
  local out, before = {}, {}
  for n, fact in ipairs(list) do
    fact.n = n - 1
    out[n - 1] = fact
  end
  local n = 0
  for slot = 0, scenarios.SIZE do
    while out[n] and out[n].slot < slot do n = n + 1 end
    before[slot] = n
  end
  return { list = out, before = before, count = #list }
end

--- The book of one kind of block.
---@param seed number
---@param kind string "showcase" or "ordinary"
---@param variant number changes the amounts, never the shape
function book.build(seed, kind, variant)
  local plan = scenarios[kind]
  local b = setmetatable({ seed = seed, kind = kind, variant = variant, entries = {}, charges = {},
    refunds = {}, disputes = {}, payouts = {} }, Builder)
  local plain = {}
  for slot = 0, scenarios.SIZE - 1 do b:charge(slot, plan.charges[slot] or plain) end
  for _, e in ipairs(plan.entries) do
    local of = e.source and { kind = e.source, slot = e.charge, entry = e.slot }
    b:post(e.slot, e.type, e.category, e.amount, "usd", of,
      { text = e.text, balance_type = e.balance_type })
  end
  for _, p in ipairs(plan.payouts) do b:payout(p) end
  local events, debits = book_events(b)
  local fees = {}
  for slot = 0, scenarios.SIZE - 1 do
    local fact = b.charges[slot]
    if fact.application_fee then
      fact.fee = { slot = slot, seq = #fees, charge = fact }
      fees[#fees + 1] = fact.fee
    end
  end

  local sums, pending = {}, {}
  for _, t in ipairs(b.entries) do
    local into = t.pending and pending or sums
    into[t.currency] = (into[t.currency] or 0) + t.net
  end
  return { kind = kind, charges = b.charges, refunds = index(b.refunds),
    disputes = index(b.disputes), payouts = index(b.payouts), entries = index(b.entries),
    events = index(events), application_fees = index(fees),
    debits = index(debits), sums = sums, pending = pending }
end

return book
