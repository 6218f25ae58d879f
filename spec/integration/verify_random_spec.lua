-- Random accounts: ledgers over currencies of every exponent, in every balance, with fees. What a
-- sync stored agrees with Stripe, and a change of the last digit of any number that `verify` says
-- it compares is found, and nothing else is.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
-- The emulator knows the fees of the first ones.
local CHARGED = { "usd", "eur", "jpy", "clp", "krw", "kwd", "bhd", "isk", "ugx", "huf", "twd",
  "mga", "idr" }
local CURRENCIES = { "usd", "eur", "jpy", "kwd", "tnd", "omr", "jod", "xaf", "vnd", "bif", "isk",
  "chf", "sgd" }
local BALANCES = { "payments", "payments", "issuing", "refund_and_dispute_prefunding",
  "risk_reserved" }

describe("verify, of random accounts", function()
  local e, box, shops, state

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  -- The same numbers in every run, whatever else draws some.
  local function random(from, to)
    state = (state * 16807) % 2147483647
    return from + state % (to - from + 1)
  end

  local function pick(list)
    return list[random(1, #list)]
  end

  local function amount()
    return random(1, 10 ^ random(1, 9))
  end

  local function mutate(op)
    op.key = KEY
    return e:mutate(op)
  end

  local function random_ledger()
    local charges = {}
    for i = 1, 12 do
      charges[i] = mutate { op = "charge", amount = amount(), currency = pick(CHARGED),
        kind = pick { "card", "card", "card", "authorized", "bank_debit", "failed" } }.id
    end
    for i = 1, 4 do
      local charge = e:json("/v1/charges/" .. charges[i], KEY)
      if charge.captured and charge.status == "succeeded" then
        mutate(i % 2 == 0 and { op = "dispute", charge = charges[i] }
          or { op = "refund", charge = charges[i], amount = random(1, charge.amount) })
      end
    end
    for _ = 1, 12 do
      mutate { op = "insert", type = "balance_transaction", fields = {
        amount = amount() * pick { 1, -1 }, fee = pick { 0, 0, amount(), -amount() },
        currency = pick(CURRENCIES), balance_type = pick(BALANCES) } }
    end
    e:advance(random(1, 5 * 86400))
  end

  -- Every number of a record that is part of an amount, a count or a rate: where its last digit is.
  local function digits_of(data)
    local places = {}
    for stop in data:gmatch '":%-?%d[%d%.]*()' do
      places[#places + 1] = stop - 1
    end
    return places
  end

  local function with_other_digit(data, place)
    local digit = tonumber(data:sub(place, place))
    return ("%s%d%s"):format(data:sub(1, place - 1), (digit + 1) % 10, data:sub(place + 1))
  end

  local function store(path, name, id, data)
    local text, key = data:gsub("'", "''"), id:gsub("'", "''")
    rows.sql(path, ("UPDATE %s SET data = '%s' WHERE id = '%s'"):format(name, text, key))
  end

  local function differing(report, kind, name)
    for _, check in ipairs(report.checks) do
      if check.check == kind and check.type == name then
        local ids = {}
        for _, difference in ipairs(check.differences) do
          ids[#ids + 1] = ("%s %s"):format(difference.kind, difference.id)
        end
        return ids
      end
    end
  end

  -- Changes the last digit of one number in one record of each type; gives what they were.
  local function tamper(path, types)
    local changed = {}
    for _, name in ipairs(types) do
      local ids, records = {}, select(2, rows.records(path, name))
      for id, data in pairs(records) do
        ids[#ids + 1] = #digits_of(data) > 0 and id or nil
      end
      table.sort(ids)
      if #ids > 0 then
        local id = pick(ids)
        local data = records[id]
        changed[name] = { id = id, data = data }
        store(path, name, id, with_other_digit(data, pick(digits_of(data))))
      end
    end
    return changed
  end

  for seed = 1, 3 do
    it(("agrees, and finds a changed digit anywhere, with seed %d"):format(seed), function()
      state = seed * 7919
      e:reset { charges = random(20, 90), seed = random(1, 1e6), compact = true }
      random_ledger()
      local shop, path = shops.open()
      shops.sync(shop)
      for _, deep in ipairs { false, true } do
        local report = assert(shop:verify { deep = deep })
        assert.is_true(report.agrees, tostring(report))
      end
      for _ = 1, 4 do
        local changed = tamper(path, rows.TYPES)
        local report = assert(shop:verify { deep = true })
        assert.is_false(report.agrees)
        for _, name in ipairs(rows.TYPES) do
          local what = changed[name]
          assert.same(what and { "different " .. what.id } or {},
            differing(report, "records", name), name .. "\n" .. tostring(report))
          if what then
            store(path, name, what.id, what.data)
          end
        end
      end
      assert.is_true(assert(shop:verify { deep = true }).agrees)
      shop:close()
    end)

    it(("finds a cent without looking at every field, with seed %d"):format(seed), function()
      state = seed * 104729
      e:reset { charges = random(20, 90), seed = random(1, 1e6), compact = true }
      random_ledger()
      local shop, path = shops.open()
      shops.sync(shop)
      local ids, records = {}, select(2, rows.records(path, "transactions"))
      for id in pairs(records) do
        ids[#ids + 1] = id
      end
      table.sort(ids)
      for _ = 1, 6 do
        local id = pick(ids)
        local data = records[id]
        local place = select(2, data:find '"totalAmount":%-?%d[%d%.]*')
        local currency = data:match '"currency":"(%u+)"'
        store(path, "transactions", id, with_other_digit(data, place))
        local report = assert(shop:verify { types = { "transactions" } })
        assert.is_false(report.agrees)
        assert.same({ "different " .. id }, differing(report, "count", "transactions"))
        local balances = 0
        for _, check in ipairs(report.checks) do
          local other = check.check == "balance" and not check.agrees
          balances = balances + (other and 1 or 0)
          assert.is_true(not other or check.currency == currency, tostring(report))
        end
        assert.equal(1, balances, tostring(report))
        store(path, "transactions", id, data)
      end
      assert.is_true(assert(shop:verify { types = { "transactions" } }).agrees)
      shop:close()
    end)
  end
end)
