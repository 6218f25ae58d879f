-- A list is read in ranges though nobody says where its oldest object lies: it is found by going
-- back in growing steps. Whatever the shape of a list, that costs few requests beside its pages.

local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local NOW = 1790000000
local DAY, WEEK, YEAR = 86400, 7 * 86400, 365 * 86400
local PAGE, MANY = 10, 400
-- Requests beside the pages of a list: last pages of ranges, and empty ones. How many ranges there
-- are depends on when answers arrive; spec/unit/balance_spec.lua has them arrive in time.
local EXTRA = 16

-- Dates of objects: evenly from one time to another.
local function spread(count, from, to)
  local dates = {}
  for i = 1, count do
    dates[i] = math.floor(from + (to - from) * i / count)
  end
  return dates
end

local function join(...)
  local all = {}
  for _, part in ipairs { ... } do
    for _, date in ipairs(part) do
      all[#all + 1] = date
    end
  end
  return all
end

local LONG_AGO = NOW - 10 * YEAR

local SHAPES = {
  { "no object", {} },
  { "one object", { NOW - YEAR } },
  { "one page", spread(PAGE, NOW - YEAR, NOW) },
  { "two pages", spread(2 * PAGE - 3, NOW - YEAR, NOW) },
  { "ten years, evenly", spread(MANY, LONG_AGO, NOW), ranges = 4 },
  { "one week ten years ago", spread(MANY, LONG_AGO, LONG_AGO + WEEK), ranges = 4 },
  { "one week ten years ago, and one object of today",
    join(spread(MANY, LONG_AGO, LONG_AGO + WEEK), { NOW }), ranges = 4 },
  { "two weeks ten years apart", join(spread(MANY / 2, LONG_AGO, LONG_AGO + WEEK),
    spread(MANY / 2, NOW - WEEK, NOW)), ranges = 3 },
  { "one week of ten years, which other objects fill", join(spread(20, LONG_AGO, NOW - YEAR),
    spread(MANY, NOW - YEAR, NOW - YEAR + WEEK), spread(20, NOW - YEAR + WEEK, NOW)), ranges = 4 },
  { "one second", spread(MANY, NOW - YEAR, NOW - YEAR) },
  { "objects from before Stripe existed", join({ 1, 2, 86400 },
    spread(MANY, 5 * YEAR, NOW)), ranges = 4 },
  { "objects of a test clock", join(spread(MANY, NOW - YEAR, NOW),
    spread(30, NOW + YEAR, NOW + 2 * YEAR)), ranges = 4 },
}

describe("the oldest object of a list", function()
  local e, box, shops

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, "sk_test_emulator")
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function customers(dates)
    e:control("accounts", { id = "acct_1Connected", charges = 0, customers = 0, products = 0,
      tax_rates = 0 })
    local ops = {}
    for i, date in ipairs(dates) do
      ops[i] = { op = "insert", type = "customer", created = date, test_clock = true,
        events = false }
    end
    if #ops > 0 then
      e:control("mutate", { ops = ops, account = "acct_1Connected", livemode = false })
    end
  end

  local function read(shape, since)
    e:reset { charges = 0, compact = true, now = NOW }
    customers(shape[2])
    e:control("latency", { ms = 40 })
    local shop, path = shops.open { account = "acct_1Connected" }
    e:control("stats", { clear = true })
    local report = shops.sync(shop, { types = { "customers" }, page_size = PAGE, since = since })
    local stats = e:control "stats"
    assert.equal(#shape[2], rows.number(path, "SELECT count(*) FROM customers"))
    assert.equal(#shape[2], shops.entry_of(report, "customers").read)
    local asked = stats.endpoints["GET /v1/customers"]
    local pages = math.max(1, math.ceil(#shape[2] / PAGE))
    assert.is_true(asked <= pages + (pages > 2 and EXTRA or 1),
      ("%d requests for %d pages"):format(asked, pages))
    assert.is_true(stats.max_in_flight >= (shape.ranges or 1),
      ("%d in flight"):format(stats.max_in_flight))
    shop:close()
  end

  for _, shape in ipairs(SHAPES) do
    it("is found: " .. shape[1], function()
      read(shape)
    end)
  end

  it("is found far above the day from which on objects are wanted", function()
    for _, number in ipairs { 3, 5, 6, 9 } do
      read(SHAPES[number], NOW - 30 * YEAR)
    end
  end)

  it("is not where the account's `created` is, which is the day of connecting", function()
    e:reset { charges = 0, now = NOW }
    customers { NOW - DAY }
    local connected = e:json("/v1/account", "sk_test_emulator",
      { ["Stripe-Account"] = "acct_1Connected" })
    assert.equal(NOW, connected.created)
  end)
end)
