-- What a shop does between two syncs: each change with its events, its money, and its silence.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"
local cjson = require "cjson"

local DAY = 86400

describe("the emulator's changes", function()
  local e
  setup(function() e = emulator.start { charges = 400, compact = true } end)
  teardown(function() e:stop() end)
  before_each(function() e:reset { charges = 400, compact = true } end)

  local function written(result)
    local types, list = {}, {}
    for k, id in ipairs(result.events) do
      list[k] = e:json("/v1/events/" .. id)
      types[k] = list[k].type
    end
    return types, list
  end

  local function assert_balanced()
    local sums, balance = {}, e:json "/v1/balance"
    for _, t in ipairs(e:read_all "/v1/balance_transactions") do
      local s = sums[t.currency] or { available = 0, pending = 0 }
      sums[t.currency] = s
      s[t.status] = s[t.status] + t.net
    end
    for _, status in ipairs { "available", "pending" } do
      for _, a in ipairs(balance[status]) do
        assert.equal(sums[a.currency][status], a.amount, a.currency .. " " .. status)
      end
    end
  end

  it("make, change and delete customers, products, prices and tax rates", function()
    for _, kind in ipairs { "customer", "product", "price", "tax_rate" } do
      local made = e:mutate { op = "insert", type = kind }
      local types, list = written(made)
      assert.same({ kind .. ".created" }, types)
      local id = made.ids[1]
      assert.same(e:json(("/v1/%ss/%s"):format(kind, id)), list[1].data.object)
      local old = e:json(("/v1/%ss?limit=2"):format(kind)).data[2]
      types, list = written(e:mutate { op = "update", id = old.id,
        fields = { metadata = { colour = "red" } } })
      assert.same({ kind .. ".updated" }, types)
      assert.equal("red", list[1].data.object.metadata.colour)
      assert.equal(cjson.null, list[1].data.previous_attributes.metadata.colour)
      assert.is_nil(list[1].data.previous_attributes.name)
      assert.same({}, e:mutate({ op = "update", id = old.id,
        fields = { livemode = false }, events = false }).events)
      if kind ~= "tax_rate" then
        assert.same({ kind .. ".deleted" }, (written(e:mutate { op = "delete", id = id })))
        assert.is_true(e:json(("/v1/%ss/%s"):format(kind, id)).deleted)
        assert.has_error(function() e:mutate { op = "update", id = id, fields = {} } end)
      end
    end
    local product = e:json("/v1/products?limit=1").data[1].id
    local _, list = written(e:mutate { op = "update", id = product, fields = { name = "New" } })
    assert.equal(list[1].created, list[1].data.object.updated)
    assert.is_number(list[1].data.previous_attributes.updated)
    assert.same({ "account.updated" },
      (written(e:mutate { op = "account_update", fields = { email = "new@example.com" } })))
    assert.equal("new@example.com", e:json("/v1/account").email)
  end)

  it("take a bank debit to its end", function()
    local good = e:mutate { op = "charge", kind = "bank_debit", amount = 5000 }
    assert.same({ "charge.pending" }, (written(good)))
    assert.same({ "pending", false },
      { e:json("/v1/charges/" .. good.id).status, e:json("/v1/charges/" .. good.id).paid })
    assert.same({ "charge.succeeded" }, (written(e:mutate { op = "charge_succeed", id = good.id })))
    assert.is_true(e:json("/v1/charges/" .. good.id).paid)
    assert.has_error(function() e:mutate { op = "charge_succeed", id = good.id } end)
    local bad = e:mutate { op = "charge", kind = "bank_debit", amount = 700 }
    assert.same({ "charge.failed" }, (written(e:mutate { op = "charge_fail", id = bad.id })))
    local c = e:json("/v1/charges/" .. bad.id .. "?expand[]=failure_balance_transaction")
    assert.same({ "failed", false, 0, -700, "payment_failure_refund" }, { c.status, c.captured,
      c.amount_captured, c.failure_balance_transaction.amount, c.failure_balance_transaction.type })
    assert.same({ "charge.failed" },
      (written(e:mutate { op = "charge", kind = "failed", amount = 100 })))
    assert_balanced()
  end)

  it("capture in full or in part, and let an authorisation expire", function()
    local ids = {}
    for k = 1, 3 do
      ids[k] = e:mutate({ op = "charge", kind = "authorized", amount = 1000 }).id
    end
    local held = e:json("/v1/charges/" .. ids[1])
    assert.same({ false, 0, cjson.null },
      { held.captured, held.amount_captured, held.balance_transaction })
    assert.same({ "charge.captured" }, (written(e:mutate { op = "capture", id = ids[1] })))
    assert.same({ "charge.captured", "charge.refunded", "refund.created" },
      (written(e:mutate { op = "capture", id = ids[2], amount = 600 })))
    local part = e:json("/v1/charges/" .. ids[2])
    assert.same({ 600, 400, false }, { part.amount_captured, part.amount_refunded, part.refunded })
    local list = e:json("/v1/balance_transactions?limit=2").data
    assert.same({ "partial_capture_reversal", "charge" },
      { list[1].reporting_category, list[2].reporting_category })
    assert.same({ "charge.expired" }, (written(e:mutate { op = "charge_expire", id = ids[3] })))
    assert_balanced()
  end)

  it("refund, in the currency it was settled in, and take a refund back", function()
    local charge
    for _, c in ipairs(e:json("/v1/charges?limit=100").data) do
      if c.currency == "gbp" and c.amount_refunded == 0 then charge = c end
    end
    local refund = e:mutate { op = "refund", charge = charge.id, amount = 100, status = "pending" }
    local types, list = written(refund)
    assert.same({ "charge.refunded", "refund.created" }, types)
    assert.equal(100, list[1].data.object.amount_refunded)
    local r = e:json("/v1/refunds/" .. refund.id .. "?expand[]=balance_transaction")
    assert.same({ "pending", "gbp", "usd" },
      { r.status, r.currency, r.balance_transaction.currency })
    types, list = written(e:mutate { op = "refund_succeed", id = refund.id })
    assert.same({ "refund.updated", "charge.refund.updated" }, types)
    assert.same({ status = "pending" }, list[1].data.previous_attributes)
    types = written(e:mutate { op = "refund_fail", id = refund.id })
    assert.same({ "refund.failed", "refund.updated", "charge.refund.updated" }, types)
    assert.equal(0, e:json("/v1/charges/" .. charge.id).amount_refunded)
    assert.has_error(function()
      e:mutate { op = "refund", charge = charge.id, amount = charge.amount + 1 }
    end)
    assert_balanced()
  end)

  it("dispute: the charge changes without an event of its own", function()
    local charge = e:mutate({ op = "charge", amount = 3000 }).id
    local won = e:mutate { op = "dispute", charge = charge }
    assert.same({ "charge.dispute.created", "charge.dispute.funds_withdrawn" }, (written(won)))
    assert.is_true(e:json("/v1/charges/" .. charge).disputed)
    local types, list = written(e:mutate { op = "dispute_update", id = won.id })
    assert.same({ "charge.dispute.updated" }, types)
    assert.equal("needs_response", list[1].data.previous_attributes.status)
    assert.same({ "charge.dispute.closed", "charge.dispute.funds_reinstated" },
      (written(e:mutate { op = "dispute_won", id = won.id })))
    local d = e:json("/v1/disputes/" .. won.id)
    assert.same({ "won", 2, 3000 },
      { d.status, #d.balance_transactions, d.balance_transactions[2].net })
    local lost = e:mutate({ op = "dispute", charge = e:mutate({ op = "charge" }).id }).id
    assert.same({ "charge.dispute.closed" }, (written(e:mutate { op = "dispute_lost", id = lost })))
    assert.has_error(function() e:mutate { op = "dispute_appeal", id = won.id } end)
    types, list = written(e:mutate { op = "dispute_appeal", id = lost })
    assert.same({ "charge.dispute.updated" }, types)
    assert.same({ "lost", "appeal_needs_response" },
      { list[1].data.previous_attributes.status, list[1].data.object.status })
    e:mutate { op = "dispute_update", id = lost }
    assert.equal("appeal_under_review", e:json("/v1/disputes/" .. lost).status)
    e:mutate { op = "dispute_won", id = lost }
    assert.equal("won", e:json("/v1/disputes/" .. lost).status)
    assert.same({}, e:json("/v1/events?types[]=charge.updated").data)
    assert_balanced()
  end)

  it("pay out, and get it back after it was paid", function()
    local id = e:mutate({ op = "payout", amount = 2000 }).id
    assert.same({ "payout.paid" }, (written(e:mutate { op = "payout_paid", id = id })))
    assert.same({ "payout.failed" }, (written(e:mutate { op = "payout_failed", id = id })))
    local p = e:json("/v1/payouts/" .. id .. "?expand[]=failure_balance_transaction")
    assert.same({ "failed", "account_closed", 2000 },
      { p.status, p.failure_code, p.failure_balance_transaction.amount })
    id = e:mutate({ op = "payout", amount = 500 }).id
    assert.same({ "payout.canceled" }, (written(e:mutate { op = "payout_canceled", id = id })))
    assert_balanced()
  end)

  it("settle as the clock passes available_on, without an event", function()
    local id = e:mutate({ op = "charge", amount = 1000 }).id
    local t = e:json("/v1/charges/" .. id .. "?expand[]=balance_transaction").balance_transaction
    local events = #e:json("/v1/events?limit=100&types[]=balance*").data
    assert.equal("pending", t.status)
    local before = e:json "/v1/balance"
    local now = e:advance(4 * DAY)
    assert.equal("available", e:json("/v1/balance_transactions/" .. t.id).status)
    assert.equal(events, #e:json("/v1/events?limit=100&types[]=balance*").data)
    local late = 0
    for _, one in ipairs(e:read_all "/v1/balance_transactions") do
      if one.available_on > now then assert.equal("pending", one.status) end
      if one.available_on <= now and one.status == "pending" then late = late + 1 end
    end
    -- the showcase has one charge that stays pending, and its money with it
    assert.equal(1, late)
    local after = e:json "/v1/balance"
    assert.are_not.same(before.pending, after.pending)
    assert_balanced()
  end)

  it("end the course a generated object would have taken by itself", function()
    local moving = {}
    for _, p in ipairs(e:read_all "/v1/payouts") do
      if p.status == "pending" or p.status == "in_transit" then moving[#moving + 1] = p.id end
    end
    assert.is_true(#moving >= 1)
    local id = moving[1]
    e:mutate { op = "update", id = id, fields = { metadata = { held = "yes" } } }
    local function paid()
      local count = 0
      for _, event in ipairs(e:read_all "/v1/events?type=payout.paid") do
        if event.data.object.id == id then count = count + 1 end
      end
      return count
    end
    e:advance(5 * DAY)
    assert.are_not.equal("paid", e:json("/v1/payouts/" .. id).status)
    assert.equal(0, paid())
    e:mutate { op = "payout_paid", id = id }
    assert.equal(1, paid())
    if moving[2] then assert.equal("paid", e:json("/v1/payouts/" .. moving[2]).status) end
  end)

  it("are listed late when they are to be", function()
    local result = e:mutate { op = "charge", amount = 4242, lag = 30 }
    local id = result.id
    assert.equal(200, (e:get("/v1/charges/" .. id)))
    assert.are_not.equal(id, e:json("/v1/charges?limit=1").data[1].id)
    assert.are_not.equal(result.events[1], e:json("/v1/events?limit=1").data[1].id)
    assert.equal(400, (e:get("/v1/charges?starting_after=" .. id)))
    local next_one = e:mutate({ op = "charge" }).id
    e:advance(29)
    assert.same({ next_one, id },
      { e:json("/v1/charges?limit=2").data[1].id, e:json("/v1/charges?limit=2").data[2].id })
    assert.equal(id, e:json("/v1/balance_transactions?source=" .. id).data[1].source)
    e:control("settings", { visibility_lag = 10 })
    id = e:mutate({ op = "insert", type = "customer" }).ids[1]
    assert.are_not.equal(id, e:json("/v1/customers?limit=1").data[1].id)
    e:advance(10)
    assert.equal(id, e:json("/v1/customers?limit=1").data[1].id)
  end)

  it("come as a mixture, the same for the same seed, all of it in the feed", function()
    local start = e:control("settings").now
    local done = e:control("churn", { seed = 5, changes = 400 })
    assert_balanced()
    local kinds = 0
    for _ in pairs(done.ops) do kinds = kinds + 1 end
    assert.is_true(kinds > 20)
    local feed = e:read_all(("/v1/events?created[gte]=%d"):format(start))
    local named, ids = {}, {}
    for _, event in ipairs(feed) do
      ids[event.id] = true
      named[event.data.object.id] = true
      if event.data.object.charge then named[event.data.object.charge] = true end
    end
    for _, id in ipairs(done.events) do assert.is_true(ids[id]) end
    -- who reads the feed and the refunds' and disputes' charges misses nothing but money
    for _, group in ipairs { "created", "updated", "deleted" } do
      for name, list in pairs(done[group]) do
        for _, id in ipairs(name ~= "balance_transactions" and list or {}) do
          assert.is_true(named[id], group .. " " .. id)
        end
      end
    end
    assert.is_true(#done.deleted.customers > 0)
    local first = cjson.encode(e:read_all "/v1/charges?limit=100")
    e:reset { charges = 400, compact = true }
    local again = e:control("churn", { seed = 5, changes = 400 })
    assert.same(done, again)
    assert.equal(#first, #cjson.encode(e:read_all "/v1/charges?limit=100"))
  end)

  it("come as a mixture that leaves alone what has lost its charge", function()
    local orphans = {}
    for i = 1, 3 do
      local charge = e:mutate({ op = "charge", amount = 900 }).id
      orphans[i] = e:mutate({ op = "dispute", charge = charge }).id
      e:mutate { op = "delete", id = charge, events = false }
    end
    e:control("churn", { seed = 2, changes = 60, mix = { dispute_moves = 1 } })
    for _, id in ipairs(orphans) do
      assert.equal("needs_response", e:json("/v1/disputes/" .. id).status)
    end
  end)

  it("leave nothing changed that the feed does not name, but balance transactions", function()
    local function everything()
      local map = {}
      for _, name in ipairs { "charges", "refunds", "disputes", "payouts", "customers", "products",
        "prices", "tax_rates" } do
        for _, object in ipairs(e:read_all("/v1/" .. name)) do
          -- a dispute's are whole, and settle as silently as in their own list
          object.balance_transactions = nil
          map[object.id] = object
        end
      end
      return map
    end
    local start, before = e:control("settings").now, everything()
    e:control("churn", { seed = 9, changes = 150, spacing = 3000, lag = 20 })
    e:advance(60)
    local named = {}
    for _, event in ipairs(e:read_all(("/v1/events?created[gte]=%d"):format(start))) do
      named[event.data.object.id] = true
      named[event.data.object.charge or 0] = true
    end
    local after, changed = everything(), 0
    for id, object in pairs(after) do
      if not (before[id] and pcall(assert.same, before[id], object)) then
        changed = changed + 1
        assert.is_true(named[id], id)
      end
    end
    for id in pairs(before) do assert.is_true(after[id] ~= nil or named[id], id) end
    assert.is_true(changed > 80)
    assert_balanced()
  end)

  it("deauthorise a connected account", function()
    e:control("accounts", { id = "acct_shop2", charges = 50 })
    local as = { ["Stripe-Account"] = "acct_shop2" }
    e:json("/v1/charges?limit=1", nil, as)
    e:control("deauthorize", { account = "acct_shop2" })
    for _, path in ipairs { "/v1/account", "/v1/charges", "/v1/events" } do
      assert.equal(403, (e:get(path, nil, as)))
    end
    assert.equal(403, (e:get "/v1/accounts/acct_shop2"))
    e:control("authorize", { account = "acct_shop2" })
    local events = e:json("/v1/events?type=account.application.*", nil, as).data
    assert.same({ "account.application.authorized", "account.application.deauthorized" },
      { events[1].type, events[2].type })
    assert.equal("application", events[2].data.object.object)
    assert.matches("^ca_", events[2].data.object.id)
    assert.has_error(function() e:control("deauthorize", { account = "acct_unknown" }) end)
  end)
end)
