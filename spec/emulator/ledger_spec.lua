-- What the emulator's data must be: complete, ordered, linked both ways, in balance to the cent.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"
local cjson = require "cjson"

local RESOURCES = { "charges", "refunds", "disputes", "payouts", "balance_transactions",
  "customers", "products", "prices", "tax_rates" }

local function read_all(e, path, key)
  local list, after = {}, nil
  repeat
    local sep = path:find("?", 1, true) and "&" or "?"
    local page = e:json(path .. sep .. "limit=100" .. (after and "&starting_after=" .. after or ""),
      key)
    for _, object in ipairs(page.data) do list[#list + 1] = object end
    after = list[#list] and list[#list].id
  until not page.has_more
  return list
end

local function by_id(list)
  local map = {}
  for _, object in ipairs(list) do
    assert(not map[object.id], "twice: " .. object.id)
    map[object.id] = object
  end
  return map
end

local function read_everything(e, key)
  local all, ids = {}, {}
  for _, name in ipairs(RESOURCES) do
    all[name] = read_all(e, "/v1/" .. name, key)
    ids[name] = by_id(all[name])
  end
  return all, ids
end

local function check_balance(e, transactions, key)
  local sums = {}
  for _, t in ipairs(transactions) do
    assert.equal(t.amount - t.fee, t.net)
    local fees = 0
    for _, line in ipairs(t.fee_details) do fees = fees + line.amount end
    assert.equal(t.fee, fees)
    local s = sums[t.currency] or { available = 0, pending = 0 }
    sums[t.currency] = s
    s[t.status] = s[t.status] + t.net
  end
  local balance = e:json("/v1/balance", key)
  for _, status in ipairs { "available", "pending" } do
    for _, a in ipairs(balance[status]) do
      local s = sums[a.currency] or { available = 0, pending = 0 }
      assert.equal(s[status], a.amount, a.currency .. " " .. status)
    end
  end
  for currency in pairs(sums) do
    local found = false
    for _, a in ipairs(balance.available) do found = found or a.currency == currency end
    assert.is_true(found, currency)
  end
end

describe("the emulator's data", function()
  local e, all, ids

  setup(function()
    e = emulator.start { charges = 1000, compact = true }
    all, ids = read_everything(e)
  end)
  teardown(function() e:stop() end)

  it("has the counts it announces, newest first, with ties of three and more", function()
    local counts = e:control "counts"
    for _, name in ipairs(RESOURCES) do
      assert.equal(counts[name], #all[name], name)
      local last
      for _, object in ipairs(all[name]) do
        assert.is_true(not last or object.created <= last, name)
        last = object.created
      end
    end
    local run, longest = 1, 1
    for k = 2, #all.charges do
      run = all.charges[k].created == all.charges[k - 1].created and run + 1 or 1
      longest = math.max(longest, run)
    end
    assert.is_true(longest >= 3)
  end)

  it("adds up: the nets of a currency are its balance, and payouts what they pay out", function()
    check_balance(e, all.balance_transactions)
    for _, payout in ipairs(all.payouts) do
      if payout.automatic then
        local sum = 0
        local list = read_all(e, "/v1/balance_transactions?payout=" .. payout.id)
        for _, t in ipairs(list) do sum = sum + (t.type == "payout" and 0 or t.net) end
        assert.equal(payout.amount, sum)
        assert.is_true(#list > 1)
      end
    end
  end)

  it("links everything to its balance transactions and back", function()
    local null = cjson.null
    local refunded, released = {}, {}
    for _, r in ipairs(all.refunds) do
      assert.is_table(ids.charges[r.charge])
      if r.status == "succeeded" or r.status == "pending" then
        refunded[r.charge] = (refunded[r.charge] or 0) + r.amount
      end
      if r.balance_transaction ~= null then
        local t = ids.balance_transactions[r.balance_transaction]
        assert.equal(r.id, t.source)
        if t.reporting_category == "partial_capture_reversal" then released[r.charge] = r.amount end
      end
      if r.status == "failed" then
        local t = ids.balance_transactions[r.failure_balance_transaction]
        assert.same({ "refund_failure", r.id }, { t.type, t.source })
      end
    end
    for _, c in ipairs(all.charges) do
      assert.equal(refunded[c.id] or 0, c.amount_refunded, c.id)
      assert.equal(c.amount_refunded == c.amount and c.amount > 0, c.refunded)
      if c.balance_transaction ~= null then
        local t = ids.balance_transactions[c.balance_transaction]
        assert.equal(c.id, t.source)
        if t.currency == c.currency then assert.equal(c.amount, t.amount) end
        if t.exchange_rate ~= null then
          assert.equal(math.floor(c.amount * t.exchange_rate + 0.5), t.amount)
        end
      else
        assert.is_true(c.status == "failed" or not c.captured)
      end
      if c.captured then assert.equal(c.amount - (released[c.id] or 0), c.amount_captured) end
      if c.customer ~= null then assert.is_table(ids.customers[c.customer]) end
    end
    for _, d in ipairs(all.disputes) do
      assert.is_true(ids.charges[d.charge].disputed)
      for _, t in ipairs(d.balance_transactions) do
        assert.same(ids.balance_transactions[t.id], t)
        assert.equal(d.id, t.source)
      end
    end
    for _, p in ipairs(all.payouts) do
      assert.equal(p.id, ids.balance_transactions[p.balance_transaction].source)
    end
    for _, p in ipairs(all.prices) do assert.is_table(ids.products[p.product]) end
    for _, p in ipairs(all.products) do
      if p.default_price ~= null then assert.equal(p.id, ids.prices[p.default_price].product) end
    end
    local sources = { ch = "charges", py = "charges", re = "refunds", pyr = "refunds",
      du = "disputes", po = "payouts" }
    for _, t in ipairs(all.balance_transactions) do
      local name = t.source ~= null and sources[t.source:match "^%l+"]
      if name then assert.is_table(ids[name][t.source], t.source) end
    end
  end)

  it("covers the statuses, methods and entry types there are", function()
    local function values(list, key)
      local seen, n = {}, 0
      for _, object in ipairs(list) do
        local value = type(key) == "function" and key(object) or object[key]
        if not seen[value] then seen[value], n = true, n + 1 end
      end
      return seen, n
    end
    local types, type_count = values(all.balance_transactions, "type")
    assert.equal(53, type_count)
    assert.is_true(types.brand_new_type and types.payout_cancel and types.payment_reversal)
    local categories = values(all.balance_transactions, "reporting_category")
    for _, c in ipairs { "partial_capture_reversal", "dispute", "dispute_reversal",
      "network_cost" } do
      assert.is_true(categories[c], c)
    end
    assert.equal(10, (select(2, values(all.disputes, "status"))))
    assert.equal(5, (select(2, values(all.refunds, "status"))))
    assert.equal(3, (select(2, values(all.charges, "status"))))
    local _, methods = values(all.charges, function(c) return c.payment_method_details.type end)
    assert.is_true(methods > 20)
    assert.is_true(values(all.payouts, "status").failed)
    assert.is_true(values(all.balance_transactions, "status").pending)
  end)

  it("answers every id with the object the list shows", function()
    for _, name in ipairs(RESOURCES) do
      for _, k in ipairs { 1, math.ceil(#all[name] / 2), #all[name] } do
        assert.same(all[name][k], e:json("/v1/" .. name .. "/" .. all[name][k].id))
      end
    end
  end)

  it("is another world in live mode, and the same again from the same seed", function()
    local live = e:json("/v1/charges?limit=3", "sk_live_emulator")
    assert.is_true(live.data[1].livemode)
    assert.is_nil(ids.charges[live.data[1].id])
    assert.equal(404, (e:get("/v1/charges/" .. live.data[1].id)))
    e:reset { charges = 1000, compact = true }
    assert.same(all.charges[1], e:json("/v1/charges?limit=1").data[1])
    e:reset { charges = 1000, seed = 2 }
    assert.is_nil(ids.charges[e:json("/v1/charges?limit=1").data[1].id])
  end)
end)

describe("a data set of any size", function()
  local e
  setup(function() e = emulator.start { compact = true } end)
  teardown(function() e:stop() end)

  for _, n in ipairs { 0, 1, 12, 99, 100, 101, 163 } do
    it("is whole with " .. n .. " charges", function()
      e:reset { charges = n, compact = true }
      local all, ids = read_everything(e, "sk_live_emulator")
      assert.equal(n, #all.charges)
      check_balance(e, all.balance_transactions, "sk_live_emulator")
      for _, t in ipairs(all.balance_transactions) do
        if tostring(t.source):find "^ch_" then assert.is_table(ids.charges[t.source]) end
      end
      for _, c in ipairs(all.charges) do
        if c.balance_transaction ~= cjson.null then
          assert.is_table(ids.balance_transactions[c.balance_transaction])
        end
      end
    end)
  end

  it("is quick to reach the depths of a million charges", function()
    e:reset { charges = 1000000, compact = true }
    local page = e:json "/v1/charges?created[lte]=1750000000&limit=100"
    assert.equal(100, #page.data)
    assert.is_true(page.data[1].created <= 1750000000)
    local older = e:json("/v1/charges?limit=100&starting_after=" .. page.data[100].id)
    assert.is_true(older.data[1].created <= page.data[100].created)
    local ledger = e:control "ledger"
    assert.equal(ledger.usd.available + ledger.usd.pending, ledger.usd.sum_net)
    assert.is_true(ledger.usd.pending > 0)
  end)

  it("has as many ties as asked for", function()
    e:reset { charges = 600, tie_size = 120 }
    local list = read_all(e, "/v1/charges")
    local seconds, most = {}, 0
    for _, c in ipairs(list) do
      seconds[c.created] = (seconds[c.created] or 0) + 1
      most = math.max(most, seconds[c.created])
    end
    assert.is_true(most >= 120)
    by_id(list)
  end)
end)
