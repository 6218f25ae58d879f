-- Per currency: the sum of the stored transactions against the money that the account holds by
-- Stripe's own balance.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local v = require "commerce.mapping.values"
local model = require "commerce.model"
local compare = require "commerce.verify.compare"
local findings = require "commerce.verify.findings"
local records = require "commerce.verify.records"

local balance = {}

local BREATH = 500 -- rows added up before the other jobs get their turn

local function sum_in(sums, currency)
  sums[currency] = sums[currency] or decimal.sum()
  return sums[currency]
end

local function add_parts(sums, parts)
  for _, part in ipairs(type(parts) == "table" and parts or {}) do
    local code = ascii.upper(part.currency)
    local amount = decimal.from_minor(part.amount, v.exponent(code))
    sum_in(sums, code):add(decimal.tostring(amount))
  end
end

-- The money by Stripe's balance: available and pending, and the separate holdings whose movements
-- are in the same list of transactions. Money that is reserved for connected accounts left the
-- available part by a transaction of its own, so it is in neither sum.
local function held(text)
  local object = json.decode(text)
  if type(object) ~= "table" or type(object.available) ~= "table" then
    errors.throw("decode", "GET /v1/balance: the answer is not a balance")
  end
  local main, beside = {}, {}
  add_parts(main, object.available)
  add_parts(main, object.pending)
  for _, name in ipairs { "issuing", "refund_and_dispute_prefunding" } do
    local part = type(object[name]) == "table" and object[name] or {}
    add_parts(beside, part.available)
    add_parts(beside, part.pending)
  end
  return main, beside
end

local function ask(run, resource)
  local response = errors.must(jobs.await(run.transport,
    run.session:request { path = resource.path }))
  local main, beside = held(response.body)
  return { main = main, beside = beside }
end

-- Row by row, from the text: SQL's REAL and a double would both round.
local function stored_sums(run)
  local sums, count = {}, 0
  for _, data in run.store:records(model.find "transactions",
    { connection_id = run.connection.id }) do
    local amount, currency = compare.money(data)
    sum_in(sums, currency):add(amount)
    count = count + 1
    if count % BREATH == 0 then
      jobs.pause()
    end
  end
  return sums
end

local function both(main, beside)
  local sum = decimal.sum()
  sum:add(tostring(main or "0"))
  sum:add(tostring(beside or "0"))
  return tostring(sum)
end

local function compared(stored, main, beside)
  local checks, seen = {}, {}
  for _, part in ipairs { main, stored } do
    for currency in pairs(part) do
      if not seen[currency] then
        seen[currency] = true
        local check = { check = "balance", type = "transactions", currency = currency,
          expected = tostring(main[currency] or "0"), found = tostring(stored[currency] or "0"),
          differences = {}, differing = 0 }
        check.agrees = check.expected == check.found
        local other = tostring(beside[currency] or "0")
        if not check.agrees and other ~= "0" then
          check.note = ("besides, Stripe holds %s %s for issuing or prefunding"):format(other,
            currency)
          check.agrees = both(main[currency], beside[currency]) == check.found
        end
        checks[#checks + 1] = check
      end
    end
  end
  table.sort(checks, function(a, b)
    return ascii.before(a.currency, b.currency)
  end)
  return checks
end

--- Compare, in a job. Money may move while the lists are read: called again at the end, it keeps
--- the currencies that agreed before.
---@param run commerce.VerifyRun
---@return table[] checks
function balance.compare(run)
  local resource = run.connection.mappings.resources.balance
  local money, failure = records.try(ask, run, resource)
  if not money then
    local check = findings.new { check = "balance", type = "transactions" }
    check:fail(records.reason(resource, failure))
    return { check:close() }
  end
  return compared(stored_sums(run), money.main, money.beside)
end

--- Whether all of them agree.
---@param checks table[]
---@return boolean
function balance.agrees(checks)
  for _, check in ipairs(checks) do
    if not check.agrees then
      return false
    end
  end
  return true
end

--- Take over from an earlier comparison what agreed then.
---@param checks table[]
---@param earlier table[]
function balance.merge(checks, earlier)
  local before = {}
  for _, check in ipairs(earlier) do
    if check.agrees then
      before[check.currency] = check
    end
  end
  for i, check in ipairs(checks) do
    if not check.agrees and check.currency and before[check.currency] then
      checks[i] = before[check.currency]
    end
  end
end

--- Name the transactions that may explain a difference: those of that currency that differ.
---@param checks table[]
---@param transactions table findings of the transactions' own check
function balance.explain(checks, transactions)
  for _, check in ipairs(checks) do
    if not check.agrees and not check.error then
      local list = {}
      for _, suspect in ipairs(transactions:confirmed()) do
        if suspect.currency == check.currency or suspect.stored_currency == check.currency then
          list[#list + 1] = suspect
        end
      end
      findings.tell(check, list, 0)
      check.agrees, check.repair = false, transactions.facts.repair
      if #list == 0 and not check.note and not transactions.facts.error
        and transactions.more == 0 then
        check.note = "every transaction that Stripe lists is stored with its amount, and no other: "
          .. "the balance is Stripe's own, or has just moved"
        check.repair = nil
      end
    end
  end
end

return balance
