--- Finds charges, refunds, disputes, payouts and balance transactions by number, and adds up the
--- balance. Every block has the same shape, so the n-th refund is in a block and at a place that
--- simple arithmetic gives.
local random = require "emulator.random"
local book = require "emulator.data.book"
local scenarios = require "emulator.data.scenarios"

local ledger = {}

local SIZE, VARIANTS = scenarios.SIZE, 32
local LISTS = { "refunds", "disputes", "payouts", "entries", "events", "debits",
  "application_fees" }

local Ledger = {}
Ledger.__index = Ledger

--- The ledger of `count` charges created as `series` says.
---@param seed number
---@param series table from curve:series
---@param now number
---@param pending_days number how long money stays pending
function ledger.new(seed, series, now, pending_days)
  local self = setmetatable({ seed = seed, series = series, count = series.count, books = {} },
    Ledger)
  self.pending_after = now - pending_days * 86400
  self.first, self.other = self:book(0), self:book(1)
  self.blocks = math.ceil(self.count / SIZE)
  self.counts = {}
  for _, list in ipairs(LISTS) do
    self.counts[list] = self:start(list, math.floor(self.count / SIZE))
  end
  local rest = self.count % SIZE
  if rest > 0 then
    local last = self:book(self.blocks - 1)
    for _, list in ipairs(LISTS) do
      self.counts[list] = self.counts[list] + last[list].before[rest]
    end
  end
  return self
end

function Ledger:variant(block)
  if block == 0 then return 0 end
  return random.hash(self.seed, block, 31) % VARIANTS + 1
end

--- The book of a block.
function Ledger:book(block)
  local variant = self:variant(block)
  local b = self.books[variant]
  if not b then
    b = book.build(self.seed, variant == 0 and "showcase" or "ordinary", variant)
    self.books[variant] = b
  end
  return b
end

--- The number of the first object of `list` in a block.
function Ledger:start(list, block)
  if block == 0 then return 0 end
  return self.first[list].count + (block - 1) * self.other[list].count
end

--- The fact of charge `i`, and its block.
function Ledger:charge(i)
  local block = math.floor(i / SIZE)
  return self:book(block).charges[i % SIZE], block
end

--- The fact of object `j` of a list, and its block.
function Ledger:find(list, j)
  local block = 0
  if j >= self.first[list].count then
    block = 1 + math.floor((j - self.first[list].count) / self.other[list].count)
  end
  return self:book(block)[list].list[j - self:start(list, block)], block
end

--- Whether something at `slot` of a block has happened: the last block may be incomplete.
function Ledger:happened(block, slot)
  return block * SIZE + slot < self.count
end

--- The number of a fact within its list.
function Ledger:number(list, block, fact)
  return self:start(list, block) + fact.n
end

--- When a fact of a block happened.
function Ledger:created(block, slot)
  return self.series:created(block * SIZE + slot)
end

--- The number of the first object of `list` created at `t` or later.
function Ledger:first_from(list, t)
  local i = self.series:first_from(t)
  if i >= self.count then return self.counts[list] end
  local block = math.floor(i / SIZE)
  return self:start(list, block) + self:book(block)[list].before[i % SIZE]
end

--- Whether a balance transaction's money is still pending.
function Ledger:is_pending(fact, block)
  if fact.pending then return true end
  if fact.settled then return false end
  if fact.payout and self:happened(block, fact.payout.slot) then return false end
  return self:created(block, fact.slot) > self.pending_after
end

--- The balance by currency: { usd = { available =, pending =, sum_net =, count = } }.
function Ledger:balance()
  local out = {}
  local function add(currency, name, net, count)
    local c = out[currency] or { available = 0, pending = 0, sum_net = 0, count = 0 }
    out[currency] = c
    c[name], c.sum_net, c.count = c[name] + net, c.sum_net + net, c.count + count
  end
  local settled = math.floor(self.series:first_from(self.pending_after + 1) / SIZE)
  local times = {}
  for block = 0, settled - 1 do
    local variant = self:variant(block)
    times[variant] = (times[variant] or 0) + 1
  end
  for variant, n in pairs(times) do
    local b = self.books[variant] or self:book_of(variant)
    for currency, net in pairs(b.sums) do add(currency, "available", net * n, 0) end
    for currency, net in pairs(b.pending) do add(currency, "pending", net * n, 0) end
    for currency, count in pairs(self:entry_counts(b)) do
      out[currency].count = out[currency].count + count * n
    end
  end
  for j = self:start("entries", settled), self.counts.entries - 1 do
    local fact, block = self:find("entries", j)
    add(fact.currency, self:is_pending(fact, block) and "pending" or "available", fact.net, 1)
  end
  return out
end

function Ledger:book_of(variant)
  self.books[variant] = book.build(self.seed, variant == 0 and "showcase" or "ordinary", variant)
  return self.books[variant]
end

function Ledger.entry_counts(_, b)
  if not b.entry_counts then
    b.entry_counts = {}
    for n = 0, b.entries.count - 1 do
      local currency = b.entries.list[n].currency
      b.entry_counts[currency] = (b.entry_counts[currency] or 0) + 1
    end
  end
  return b.entry_counts
end

return ledger
