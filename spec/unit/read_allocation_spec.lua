-- Stripe's read allocation: what counts against whose, and when a user is warned.

local allocation = require "commerce.account.read_allocation"
local commerce = require "commerce"
local errors = require "commerce.base.errors"
local metrics = require "commerce.serve.metrics"
local model = require "commerce.model"

local NOW = 1790000000 -- 2026-09-21
local TODAY = "2026-09-21"

describe("the read allocation", function()
  local app, store

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    store = app.store
  end)

  after_each(function()
    app:close()
  end)

  local function connection(id, account, auth, integration)
    store:add_connection({ id = id, company_id = "m" .. id, account = account, auth = auth,
      integration = integration or "stripe", status = "Linked", created = "2026-01-01T00:00:00Z" },
      { company = { id = "m" .. id, name = id, created = "2026-01-01T00:00:00Z" } })
    return { id = id, account = account, auth = auth, store = store,
      integration = { name = integration or "stripe" } }
  end

  local function add(id, reads, transactions, day)
    store:add_stripe_reads({ connection_id = id, day = day or TODAY, reads = reads,
      transactions = transactions }, "2026-01-01")
  end

  it("of an account is 500 for each transaction of 30 days, and 10,000 at least", function()
    connection("c1", "acct_1", "key")
    assert.same({ reads = 0, used = 0, allocation = 10000, platform = false },
      allocation.uses(store, NOW).c1)
    add("c1", 70, nil, "2026-08-22") -- the day before the first that counts
    add("c1", 100, 20, "2026-08-23")
    add("c1", 11, 21)
    assert.same({ reads = 111, transactions = 21, used = 111, allocation = 10500,
      platform = false }, allocation.uses(store, NOW).c1)
  end)

  it("is one for the connections of an account, and one for all connected accounts", function()
    connection("a", "acct_1", "key")
    connection("b", "acct_1", "key") -- of another company
    connection("c", "acct_2", "connect")
    connection("d", "acct_3", "connect")
    connection("e", "acct_2", "connect", "stripe-test")
    add("a", 100, 30)
    add("b", 50, 40)
    add("c", 1000, 25)
    add("d", 2000, 5)
    add("e", 5, 1)
    local uses = allocation.uses(store, NOW)
    local function of(id)
      return { uses[id].reads, uses[id].used, uses[id].allocation, uses[id].platform }
    end
    assert.same({ { 100, 150, 20000, false }, { 50, 150, 20000, false },
      { 1000, 3000, 15000, true }, { 2000, 3000, 15000, true }, { 5, 5, 10000, true } },
      { of "a", of "b", of "c", of "d", of "e" })
    assert.same({ "a", "b" }, (function()
      local ids = {}
      for id in pairs(allocation.uses(store, NOW, { account = "acct_1" })) do
        ids[#ids + 1] = id
      end
      table.sort(ids)
      return ids
    end)())
  end)

  it("warns above 80 %", function()
    assert.is_nil(allocation.warning { used = 8000, allocation = 10000 })
    local warning = allocation.warning { used = 8001, allocation = 10000, platform = false }
    assert.is_truthy(warning:find("8001 reads in 30 days are 80 % of the 10000", 1, true), warning)
    assert.is_truthy(allocation.warning { used = 30000, allocation = 20000, platform = true }
      :find("150 % of the 20000 that Stripe allocates to all connected accounts", 1, true))
  end)

  it("counts what was sent since the last time, with the payments of 30 days", function()
    local shop, sent = connection("c1", "acct_1", "key"), 3
    function shop.requests_sent()
      return sent
    end
    local today = os.date "!%Y-%m-%d"
    local data_type, number = model.find "transactions", 0
    local function write(kind, days)
      number = number + 1
      store:write_page("c1", { records = { transactions = { { id = "t" .. number,
        body = assert(model.encode(data_type, { id = "t" .. number, type = kind,
        createdDate = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() - days * 86400) })) } } } },
        "2026-01-01T00:00:00Z")
    end
    local function counted(created)
      sent = sent + 1
      allocation.count(shop, created and { types = { { type = "customers", created = 7,
        deleted = 0 }, { type = "transactions", created = created, deleted = 0 } } })
      return store:stripe_reads(today).c1
    end
    assert.same({ reads = 4 }, counted(0)) -- transactions were never synced
    store:save_pull { id = "p", connection_id = "c1", data_type = "transactions",
      status = "Complete", requested = "2026-01-01T00:00:00Z" }
    for _, case in ipairs { { "Payment", 1 }, { "Payment", 29 }, { "Payment", 31 },
      { "PaymentFee", 1 }, { "Payout", 2 } } do
      write(case[1], case[2])
    end
    assert.same({ reads = 5 }, counted()) -- no sync
    assert.same({ reads = 6, transactions = 2, counted = today }, counted(0))
    write("Payment", 2)
    assert.same({ reads = 7, transactions = 2, counted = today }, counted(0)) -- known today
    assert.same({ reads = 8, transactions = 3, counted = today }, counted(1))
    allocation.count(shop) -- nothing was sent
    assert.equal(8, store:stripe_reads(today).c1.reads)
    add("c1", 0, 10000, today)
    write("Payment", 2)
    assert.equal(10000, counted(1).transactions) -- too many to count them again today
  end)

  it("does not end a sync if it cannot be counted, and needs no store that can", function()
    local shop = connection("c1", "acct_1", "key")
    function shop.requests_sent()
      return 5
    end
    shop.store = setmetatable({ stripe_reads = function()
      errors.throw("store", "the disk is full")
    end }, { __index = store })
    allocation.count(shop)
    assert.is_nil(allocation.warning_after(shop))
    shop.store = { lacking = { stripe_reads = true } }
    allocation.count(shop)
    assert.same({}, allocation.uses(shop.store, NOW))
  end)

  it("is among the metrics", function()
    connection("c1", "acct_1", "key")
    connection("c2", "acct_2", "connect")
    add("c1", 9000, 10)
    local text = assert(metrics.text(store, {}, NOW))
    for _, line in ipairs { 'commerce_stripe_reads_30_days{connection="c1"} 9000',
      'commerce_stripe_transactions_30_days{connection="c1"} 10',
      'commerce_stripe_read_allocation_ratio{connection="c1"} 0.9',
      'commerce_stripe_read_allocation_ratio{connection="c2"} 0' } do
      assert.is_truthy(text:find(line .. "\n", 1, true), text)
    end
  end)
end)
