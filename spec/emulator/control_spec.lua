-- What tests can do to the emulator: make it fail, limit it, change its data.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"
local cjson = require "cjson"
local socket = require "socket"

describe("the emulator under control", function()
  local e
  setup(function() e = emulator.start { charges = 230 } end)
  teardown(function() e:stop() end)
  before_each(function() e:reset { charges = 230 } end)

  local function fault(match, action)
    return e:control("faults", { { match = match, action = action } })
  end

  local function nets()
    local sums, after = {}, nil
    repeat
      local page = e:json("/v1/balance_transactions?limit=100"
        .. (after and "&starting_after=" .. after or ""))
      for _, t in ipairs(page.data) do sums[t.currency] = (sums[t.currency] or 0) + t.net end
      after = page.data[#page.data].id
    until not page.has_more
    return sums
  end

  local function assert_balanced()
    local sums, balance = nets(), e:json "/v1/balance"
    for k, a in ipairs(balance.available) do
      assert.equal(sums[a.currency], a.amount + balance.pending[k].amount, a.currency)
    end
  end

  it("refuses settings it does not know", function()
    assert.has_error(function() e:reset { chargs = 1 } end)
    assert.has_error(function() fault({}, { type = "earthquake" }) end)
    assert.has_error(function() fault({ pth = "/" }, { type = "reset" }) end)
  end)

  describe("faults", function()
    it("happen at the nth request, after some, a number of times", function()
      fault({ path = "/v1/charges", nth = 2 },
        { status = 503, headers = { ["Stripe-Should-Retry"] = "true" } })
      assert.equal(200, (e:get "/v1/charges?limit=1"))
      local status, body, headers = e:get "/v1/charges?limit=1"
      assert.equal(503, status)
      assert.equal("true", headers["stripe-should-retry"])
      assert.equal("api_error", cjson.decode(body).error.type)
      assert.equal(200, (e:get "/v1/charges?limit=1"))
      e:control("faults", { clear = true })
      fault({ query = "limit=7", after = 1, times = 2 }, { type = "html500", status = 502 })
      local got = {}
      for k = 1, 5 do got[k] = e:get "/v1/charges?limit=7" end
      assert.same({ 200, 502, 502, 200, 200 }, got)
      assert.equal(200, (e:get "/v1/charges?limit=8"))
    end)

    it("answer 429 with and without a reason", function()
      fault({ path = "/v1/charges" }, { type = "rate_limit", reason = "global-rate" })
      fault({ path = "/v1/refunds" }, { type = "lock_timeout" })
      local status, body, headers = e:get "/v1/charges"
      assert.equal(429, status)
      assert.equal("rate_limit", cjson.decode(body).error.code)
      assert.equal("global-rate", headers["stripe-rate-limited-reason"])
      assert.is_nil(headers["retry-after"])
      status, body, headers = e:get "/v1/refunds"
      assert.equal(429, status)
      assert.equal("lock_timeout", cjson.decode(body).error.code)
      assert.is_nil(headers["stripe-rate-limited-reason"])
    end)

    it("cut, break and slow answers", function()
      local function one(action)
        e:control("faults", { clear = true })
        fault({ path = "/v1/charges" }, action)
        local t = socket.gettime()
        local status, body = e:get "/v1/charges?limit=2"
        return status, body, socket.gettime() - t
      end
      local status, body = one { type = "truncate" }
      assert.equal(200, status)
      assert.is_false((pcall(cjson.decode, body)))
      assert.equal("closed", (one { type = "reset" }))
      assert.equal("closed", (one { type = "close" }))
      assert.equal("closed", (one { type = "reset_body" }))
      assert.equal("closed", (one { type = "hang", seconds = 0.1 }))
      for _, kind in ipairs { "slow", "slow_headers", "delay" } do
        local ok, whole, seconds = one { type = kind, bytes = 1000,
          seconds = kind == "delay" and 0.1 or 0.01 }
        assert.equal(200, ok)
        assert.equal(2, #cjson.decode(whole).data)
        assert.is_true(seconds > 0.008, kind)
      end
      status, body = one { type = "close_after" }
      assert.equal(200, status)
      assert.equal(2, #cjson.decode(body).data)
      status, body = one { type = "spoil" }
      assert.equal(200, status)
      assert.is_truthy(body:find(('{"a":'):rep(70), 1, true))
      assert.is_truthy(body:find("spoilt", 1, true) < body:find("balance_transaction", 1, true))
    end)
  end)

  it("limits the rate of an endpoint and of the account", function()
    e:control("limits", { enabled = true, burst = 0.2 })
    local limited = 0
    for _ = 1, 12 do
      local status, _, headers = e:get "/v1/tax_rates?limit=1"
      if status == 429 then
        limited = limited + 1
        assert.matches("%-rate$", headers["stripe-rate-limited-reason"])
      end
    end
    assert.is_true(limited > 0)
    assert.equal(limited, e:control("stats").statuses["429"])
    e:control("limits", { enabled = false })
    assert.equal(200, (e:get "/v1/tax_rates"))
  end)

  it("counts requests and takes its time", function()
    e:control("latency", { ms = 20, per_expand_ms = 30 })
    local t = socket.gettime()
    e:json "/v1/charges?limit=1&expand[]=data.customer"
    assert.is_true(socket.gettime() - t >= 0.045)
    e:get "/v1/charges/ch_none"
    local stats = e:control "stats?lines=1"
    assert.equal(1, stats.endpoints["GET /v1/charges"])
    assert.equal(1, stats.endpoints["GET /v1/charges/{id}"])
    assert.equal(1, stats.statuses["404"])
    assert.equal("GET /v1/charges?limit=1&expand[]=data.customer 200", stats.lines[1])
    assert.equal(0, e:control("stats", { clear = true }).requests)
  end)

  describe("changes", function()
    it("insert newest and backdated objects, and stay in balance", function()
      local first = e:json "/v1/charges?limit=100"
      local ids = e:control("mutate", { op = "insert", type = "charge", count = 3,
        fields = { amount = 777, currency = "eur", metadata = { order = "A" } } }).ids
      local page = e:json "/v1/charges?limit=4"
      assert.same({ ids[3], ids[2], ids[1], first.data[1].id },
        { page.data[1].id, page.data[2].id, page.data[3].id, page.data[4].id })
      assert.same({ 777, "eur", "A" },
        { page.data[1].amount, page.data[1].currency, page.data[1].metadata.order })
      local t = e:json("/v1/balance_transactions/" .. page.data[1].balance_transaction)
      assert.same({ ids[3], "pending", 777 }, { t.source, t.status, t.amount })
      -- a scan that had begun is not disturbed, a backdated one appears in its place
      local after = e:json("/v1/charges?limit=1&starting_after=" .. first.data[1].id)
      assert.equal(first.data[2].id, after.data[1].id)
      local old = e:control("mutate",
        { op = "insert", type = "charge", created = first.data[50].created }).ids[1]
      local around = e:json(("/v1/charges?limit=5&created[lte]=%d"):format(first.data[50].created))
      assert.equal(old, around.data[1].id)
      assert.equal(old, e:json("/v1/charges?limit=1&ending_before="
        .. around.data[2].id).data[1].id)
      local next_page = e:json("/v1/charges?limit=1&starting_after=" .. old)
      assert.equal(around.data[2].id, next_page.data[1].id)
      assert.equal(234, e:control("counts").charges)
      assert_balanced()
    end)

    it("refund, dispute and pay out", function()
      local charge = e:control("mutate",
        { op = "insert", type = "charge", fields = { amount = 5000 } }).ids[1]
      local refund = e:control("mutate", { op = "insert", type = "refund", charge = charge,
        fields = { amount = 2000, reason = "duplicate" } }).ids[1]
      assert.same({ 2000, "duplicate" }, { e:json("/v1/refunds/" .. refund).amount,
        e:json("/v1/refunds/" .. refund).reason })
      local got = e:json("/v1/charges/" .. charge
        .. "?expand[]=refunds&expand[]=balance_transaction")
      assert.same({ 2000, false, 1 }, { got.amount_refunded, got.refunded, #got.refunds.data })
      assert.equal(charge, got.balance_transaction.source)
      local dispute = e:control("mutate",
        { op = "insert", type = "dispute", charge = charge }).ids[1]
      local d = e:json("/v1/disputes/" .. dispute .. "?expand[]=charge")
      assert.same({ charge, true, dispute },
        { d.charge.id, d.charge.disputed, d.balance_transactions[1].source })
      e:control("mutate", { ops = { { op = "insert", type = "payout", fields = { amount = 300 } },
        { op = "insert", type = "balance_transaction",
          fields = { type = "stripe_fee", amount = -5 } } } })
      assert_balanced()
    end)

    it("update rows and settle pending money", function()
      local t = e:json("/v1/balance_transactions?limit=100").data
      local pending
      for _, one in ipairs(t) do if one.status == "pending" then pending = one end end
      local before = e:control("ledger")[pending.currency]
      e:control("mutate", { op = "settle", id = pending.id })
      local after = e:control("ledger")[pending.currency]
      assert.equal(before.available + pending.net, after.available)
      assert.equal(before.sum_net, after.sum_net)
      assert.equal("available", e:json("/v1/balance_transactions/" .. pending.id).status)
      local customer = e:json("/v1/customers?limit=1").data[1].id
      e:control("mutate", { op = "update", id = customer,
        fields = { name = "Neu", address = cjson.null } })
      local changed = e:json("/v1/customers?limit=1").data[1]
      assert.same({ "Neu", cjson.null }, { changed.name, changed.address })
      assert.is_nil(changed.tax_ids)
      assert_balanced()
    end)

    it("delete: a stub for customers, a lost cursor for all", function()
      local list = e:json("/v1/customers?limit=3").data
      e:control("mutate", { op = "delete", id = list[2].id })
      local stub = e:json("/v1/customers/" .. list[2].id)
      assert.same({ id = list[2].id, object = "customer", deleted = true }, stub)
      local now = e:json("/v1/customers?limit=2").data
      assert.same({ list[1].id, list[3].id }, { now[1].id, now[2].id })
      assert.equal(400, (e:get("/v1/customers?starting_after=" .. list[2].id)))
      local charge = e:json("/v1/charges?limit=1").data[1].id
      e:control("mutate", { op = "delete", id = charge })
      assert.equal(404, (e:get("/v1/charges/" .. charge)))
      assert.equal(400, (e:get("/v1/charges?starting_after=" .. charge)))
    end)

    it("insert what has no money", function()
      for _, kind in ipairs { "customer", "product", "price", "tax_rate" } do
        local id = e:control("mutate", { op = "insert", type = kind }).ids[1]
        local list = e:json("/v1/" .. kind .. "s?limit=1").data
        assert.equal(id, list[1].id)
        assert.equal(kind, list[1].object)
      end
    end)
  end)
end)
