-- Per currency: the sum of the stored transactions against the money that the account holds by
-- Stripe's own balance. A transaction moves one of several balances (its `balance_type`): that of
-- payments, which is Stripe's `available` and `pending`, or one beside it.

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

local PAYMENTS = compare.PAYMENTS
local BREATH = 500 -- rows added up before the other jobs get their turn

local function sum_in(sums, currency)
  sums[currency] = sums[currency] or decimal.sum()
  return sums[currency]
end

-- A balance whose parts are not amounts is not a balance: nothing can be compared with it.
local function add_parts(sums, parts)
  for _, part in ipairs(type(parts) == "table" and parts or {}) do
    if not compare.is_money(part) then
      errors.throw("decode", "GET /v1/balance: the answer is not a balance: an amount is not a "
        .. "number, or has no currency")
    end
    local code = ascii.upper(part.currency)
    local amount = decimal.from_minor(part.amount, v.exponent(code))
    sum_in(sums, code):add(decimal.tostring(amount))
  end
end

-- What the account holds by Stripe's balance, by `balance_type` of the transactions that move it,
-- as far as Stripe tells. Money that is reserved for connected accounts left the available part by
-- a transaction of its own, so it is in no sum.
local function held(text)
  local object = json.decode(text)
  if type(object) ~= "table" or type(object.available) ~= "table" then
    errors.throw("decode", "GET /v1/balance: the answer is not a balance")
  end
  local money = { [PAYMENTS] = {} }
  add_parts(money[PAYMENTS], object.available)
  add_parts(money[PAYMENTS], object.pending)
  for _, name in ipairs { "issuing", "refund_and_dispute_prefunding", "risk_reserved" } do
    local part = type(object[name]) == "table" and object[name]
    if part then
      money[name] = {}
      add_parts(money[name], part.available)
      add_parts(money[name], part.pending)
    end
  end
  return money
end

local function ask(run, resource)
  local response = errors.must(jobs.await(run.transport,
    run.session:request { path = resource.path }))
  return held(response.body)
end

-- Row by row, from the text: SQL's REAL and a double would both round.
local function stored_sums(run)
  local sums, count = { [PAYMENTS] = {} }, 0
  for _, data in run.store:records(model.find "transactions",
    { connection_id = run.connection.id }) do
    local amount, currency = compare.money(data)
    local kind = compare.balance_type(data) or PAYMENTS
    sums[kind] = sums[kind] or {}
    sum_in(sums[kind], currency):add(amount)
    count = count + 1
    if count % BREATH == 0 then
      jobs.pause()
    end
  end
  return sums
end

-- The check of one balance in one currency; nil if there is no money in a balance beside the main
-- one.
local function check_of(kind, currency, expected, found)
  local check = { check = "balance", type = "transactions", currency = currency,
    expected = expected or "0", found = found or "0", differences = {}, differing = 0 }
  check.balance_type = kind ~= PAYMENTS and kind or nil
  check.agrees = check.expected == check.found
  if kind ~= PAYMENTS and check.agrees and check.expected == "0" then
    return nil
  end
  return check
end

-- A balance of which Stripe's answer does not tell is not checked.
local function unchecked(kind, currency, found)
  return { check = "balance", type = "transactions", currency = currency, balance_type = kind,
    found = found, differences = {}, differing = 0, agrees = true,
    note = ("not checked: GET /v1/balance does not tell of the balance '%s'"):format(kind) }
end

local function add_checks(checks, kind, money, stored)
  local currencies = {}
  for _, part in ipairs { money or {}, stored } do
    for currency in pairs(part) do
      currencies[currency] = true
    end
  end
  for currency in pairs(currencies) do
    local found = stored[currency] and tostring(stored[currency])
    checks[#checks + 1] = not money and unchecked(kind, currency, found)
      or money and check_of(kind, currency, money[currency] and tostring(money[currency]), found)
      or nil
  end
end

local function compared(stored, money)
  local checks, kinds = {}, {}
  for _, part in ipairs { money, stored } do
    for kind in pairs(part) do
      kinds[kind] = true
    end
  end
  for kind in pairs(kinds) do
    add_checks(checks, kind, money[kind], stored[kind] or {})
  end
  table.sort(checks, function(a, b)
    if a.balance_type ~= b.balance_type then
      return ascii.before(a.balance_type or "", b.balance_type or "")
    end
    return ascii.before(a.currency, b.currency)
  end)
  return checks
end

--- Compare, in a job. Money may move while the lists are read: called again at the end, it keeps
--- the currencies that agreed before.
---@param run commerce.VerifyRun
---@return commerce.Check[] checks
function balance.compare(run)
  local resource = run.connection.mappings.resources.balance
  local money, failure = records.try(ask, run, resource)
  if not money then
    local check = findings.new { check = "balance", type = "transactions" }
    check:fail(records.reason(run, resource, failure))
    return { check:close() }
  end
  return compared(stored_sums(run), money)
end

--- Whether all of them agree.
---@param checks commerce.Check[]
---@return boolean
function balance.agrees(checks)
  for _, check in ipairs(checks) do
    if not check.agrees then
      return false
    end
  end
  return true
end

local function name_of(check)
  return ("%s %s"):format(check.balance_type or PAYMENTS, check.currency)
end

--- Take over from an earlier comparison what agreed then.
---@param checks commerce.Check[]
---@param earlier commerce.Check[]
function balance.merge(checks, earlier)
  local before = {}
  for _, check in ipairs(earlier) do
    if check.agrees then
      before[name_of(check)] = check
    end
  end
  for i, check in ipairs(checks) do
    if not check.agrees and check.currency and before[name_of(check)] then
      checks[i] = before[name_of(check)]
    end
  end
end

--- Name the transactions that may explain a difference: those of that currency that differ.
---@param checks commerce.Check[]
---@param transactions commerce.verify.Findings of the transactions' own check
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
