--- Balance transactions.
local json = require "emulator.json"
local template = require "emulator.template"
local scenarios = require "emulator.data.scenarios"

local transactions = {
  object = "balance_transaction", kind = "balance_transaction", url = "/v1/balance_transactions",
  expand = { source = "source" },
  filters = { type = "string", source = "string", currency = "string", payout = "string" },
}

local SIZE = scenarios.SIZE

transactions.template = template.new [[{
  "id":$id,"object":"balance_transaction","amount":$amount,"available_on":$available_on,
  "balance_type":$balance_type,"created":$created,"currency":$currency,"description":$description,
  "exchange_rate":$exchange_rate,"fee":$fee,"fee_details":@fee_details,"net":$net,
  "reporting_category":$category,"source":@source,"status":$status,"type":$type}]]

local LINE = template.new [[{"amount":$amount,"application":$application,"currency":$currency,
  "description":$description,"type":$type}]]

function transactions.count(ds) return ds.ledger.counts.entries end

function transactions.created(ds, j)
  local fact, block = ds.ledger:find("entries", j)
  return ds.ledger:created(block, fact.slot)
end

function transactions.first_from(ds, t) return ds.ledger:first_from("entries", t) end
function transactions.id(ds, j) return ds.codec:encode("balance_transaction", j) end

-- kind of source -> resource and its number, or nothing for objects the emulator does not serve
local function source(ds, fact, block)
  local of = fact.of
  if not of then return nil end
  if of.kind == "charge" then return "charges", block * SIZE + of.slot end
  if of.kind == "refund" then return "refunds", ds.ledger:number("refunds", block, of.fact) end
  if of.kind == "dispute" then return "disputes", ds.ledger:number("disputes", block, of.fact) end
  if of.kind == "payout" then return "payouts", ds.ledger:number("payouts", block, of.fact) end
  return of.kind, of.entry
end

--- The id of what a balance transaction is about, or nil.
function transactions.source_id(ds, fact, block)
  local resource, n = source(ds, fact, block)
  if not resource then return nil end
  local r = ds.resources[resource]
  return r and r.id(ds, n) or ds.codec:encode(resource, n)
end

-- JSON text of a description, made once per text: most repeat.
local function description(ds, fact, block)
  local text = fact.text
  if not text and fact.of and fact.of.kind == "charge" then
    local i = block * SIZE + fact.of.slot
    return i % 4 == 0 and "null" or '"Payment for order ' .. i .. '"'
  end
  if text and fact.of and (fact.of.kind == "refund" or fact.of.kind == "dispute") then
    text = text .. " " .. ds.resources.charges.id(ds, block * SIZE + fact.of.fact.charge.slot)
  end
  return json.text(text)
end

local function midnight(t)
  return t - t % 86400
end

--- Whether a balance transaction is pending now, and when it becomes available. What was pending
--- where the generated data ends (`base_now`) becomes available as the clock moves on; only the
--- money of a charge that stays pending does not.
function transactions.pending(ds, fact, block, created)
  local available_on = midnight(created + 2 * 86400)
  if not ds.ledger:is_pending(fact, block) then
    return false, math.min(available_on, midnight(ds.base_now))
  end
  available_on = math.max(available_on, midnight(ds.base_now + 86400))
  return fact.pending or available_on > ds.now, available_on
end

--- The list of fee lines of a fact, as a node.
function transactions.lines(ds, lines)
  if #lines == 0 then return "[]" end
  local list = {}
  for k, line in ipairs(lines) do
    list[k] = { tpl = LINE, amount = line.amount,
      application = line.application and ds.application or "null",
      currency = '"' .. line.currency .. '"', description = json.text(line.description),
      type = '"' .. line.type .. '"' }
  end
  return { list = list }
end

function transactions.values(ds, j, ex)
  local fact, block = ds.ledger:find("entries", j)
  local created = ds.ledger:created(block, fact.slot)
  local pending, available_on = transactions.pending(ds, fact, block, created)
  local resource, n = source(ds, fact, block)
  local about = "null"
  if resource then
    if ex and ex.source and ds.resources[resource] then
      about = ds:node(resource, n, ex.source)
    else
      about = '"' .. transactions.source_id(ds, fact, block) .. '"'
    end
  end
  return {
    tpl = transactions.template,
    id = '"' .. transactions.id(ds, j) .. '"',
    amount = fact.amount,
    available_on = available_on,
    balance_type = '"' .. fact.balance_type .. '"',
    created = created,
    currency = '"' .. fact.currency .. '"',
    description = description(ds, fact, block),
    exchange_rate = fact.rate or "null",
    fee = fact.fee,
    fee_details = transactions.lines(ds, fact.lines),
    net = fact.net,
    category = '"' .. fact.category .. '"',
    source = about,
    status = pending and '"pending"' or '"available"',
    type = '"' .. fact.type .. '"',
  }
end

function transactions.matches(ds, j, filter)
  local fact, block = ds.ledger:find("entries", j)
  if filter.type and fact.type ~= filter.type then return false end
  if filter.currency and fact.currency ~= filter.currency then return false end
  if filter.source and transactions.source_id(ds, fact, block) ~= filter.source then
    return false
  end
  if filter.payout then
    local p = fact.payout
    if not p or not ds.ledger:happened(block, p.slot) then return false end
    if ds.resources.payouts.id(ds, ds.ledger:number("payouts", block, p)) ~= filter.payout then
      return false
    end
  end
  return true
end

--- Where the matches of a filter can be, so that `source` and `payout` need no scan: first and last
--- number.
function transactions.range(ds, filter)
  local id = filter.source or filter.payout
  if not id then return nil end
  local resource, n = ds:find(id)
  -- a transfer or the like: look everywhere
  if not resource then return 0, transactions.count(ds) - 1 end
  if not n then return 0, -1 end
  local block
  if resource == "charges" then
    block = math.floor(n / SIZE)
  elseif resource == "refunds" or resource == "disputes" or resource == "payouts" then
    block = select(2, ds.ledger:find(resource, n))
  else
    return 0, -1
  end
  local first = ds.ledger:start("entries", block)
  return first, math.min(ds.ledger:start("entries", block + 1), transactions.count(ds)) - 1
end

return transactions
