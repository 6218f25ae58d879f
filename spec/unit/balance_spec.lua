-- How lists are read in ranges under Stripe's live limits (25 requests a second of an endpoint, 100
-- in all) at a latency of 100 ms, on a clock that nothing else moves: the share of the limits'
-- ceiling that is reached, and the requests beside the fewest that the pages need.

local simulated = require "spec.support.simulated_lists"

local NOW = 1790000000
local DAY, WEEK, YEAR = 86400, 7 * 86400, 365 * 86400
local LONG_AGO = NOW - 10 * YEAR

-- The same numbers in every run (Park and Miller's generator).
local function random(seed)
  seed = seed * 7919
  return function()
    seed = seed * 48271 % 2147483647
    return seed / 2147483647
  end
end

local function newest_first(dates)
  table.sort(dates, function(a, b)
    return a > b
  end)
  return dates
end

-- Dates from one time to another: evenly, or by chance.
local function spread(count, from, to, chance)
  local dates = {}
  for i = 1, count do
    dates[i] = math.floor(from + (to - from) * (chance and chance() or i / count))
  end
  return newest_first(dates)
end

local function join(...)
  local all = {}
  for _, part in ipairs { ... } do
    for _, date in ipairs(part) do
      all[#all + 1] = date
    end
  end
  return newest_first(all)
end

local function lists(counts, chance)
  local made = {}
  for i, count in ipairs(counts) do
    made["/v1/list" .. i] = spread(count, NOW - 3 * YEAR, NOW, chance)
  end
  return made
end

local function read(given, options)
  options = options or {}
  options.now = NOW
  local found, count = simulated.read(given, options), 0
  for _, dates in pairs(given) do
    count = count + #dates
  end
  assert.equal(count, found.objects)
  return found
end

describe("lists in ranges", function()
  local SEEDS = 4
  local KNOWN = NOW - 3 * YEAR -- where the oldest object lies
  local CASES = {
    { "one", { 20000 } }, { "one whose oldest day is known", { 20000 }, floor = KNOWN },
    { "six", { 10000, 10000, 10000, 10000, 10000, 10000 } },
    { "six whose oldest day is known", { 10000, 10000, 10000, 10000, 10000, 10000 },
      floor = KNOWN },
    { "long and short ones", { 20000, 22000, 5000, 400, 60, 12 } },
  }

  -- An account whose objects lie evenly, and some whose objects lie by chance.
  for _, case in ipairs(CASES) do
    it("use 95 % of the limits: " .. case[1], function()
      local shares, requests, pages = 0, 0, 0
      for seed = 0, SEEDS do
        local found = read(lists(case[2], seed > 0 and random(seed) or nil),
          { floor = case.floor })
        local share = found.ideal / found.seconds
        assert.is_true(share >= 0.9, ("%.1f %%"):format(100 * share))
        shares, requests, pages = shares + share, requests + found.requests, pages + found.pages
      end
      local mean = shares / (SEEDS + 1)
      assert.is_true(mean >= 0.95, ("%.1f %% on average"):format(100 * mean))
      assert.is_true(requests <= 1.045 * pages, requests .. " requests for " .. pages .. " pages")
    end)
  end

  -- The transactions of each payout are a list of one page at the endpoint of all transactions.
  describe("and the payouts' transactions", function()
    local NAMES = { "balance_transactions", "charges", "customers", "prices", "products",
      "tax_rates" }
    local PAYOUTS = 272

    local function account(chance, payouts)
      local given = { ["/v1/payouts"] = spread(payouts, NOW - 3 * YEAR, NOW, chance) }
      for _, name in ipairs(NAMES) do
        given["/v1/" .. name] = spread(10000, NOW - 3 * YEAR, NOW, chance)
      end
      return given
    end

    for _, case in ipairs { { "many", PAYOUTS, 0.97 }, { "few", 40, 0.93 } } do
      it("use the limits, and leave the transactions' own list its share: " .. case[1], function()
        local shares = 0
        for seed = 0, SEEDS do
          local found = read(account(seed > 0 and random(seed) or nil, case[2]),
            { payouts = case[2] })
          assert.equal(case[2], found.links)
          shares = shares + found.ideal / found.seconds
          local others = 0
          for name, seconds in pairs(found.ended) do
            others = math.max(others, name ~= "/v1/balance_transactions" and seconds or 0)
          end
          assert.is_true(found.ended["/v1/balance_transactions"] <= 1.3 * others)
        end
        local mean = shares / (SEEDS + 1)
        assert.is_true(mean >= case[3], ("%.1f %% on average"):format(100 * mean))
      end)
    end
  end)

  it("begin with what the limits allow at once", function()
    local found = read(lists { 10000, 10000, 10000, 10000, 10000, 10000 })
    local sent = 0
    for _, line in ipairs(found.sent) do
      sent = sent + (tonumber(line:match "^%S+") < 0.5 and 1 or 0)
    end
    assert.is_true(sent >= 50, sent .. " requests in the first half second")
  end)
end)

describe("a list of an odd shape", function()
  local MANY = 400
  local SHAPES = {
    { "no object", {}, 0 },
    { "one object", { NOW - YEAR }, 0 },
    { "one page", spread(10, NOW - YEAR, NOW), 0 },
    { "two pages", spread(17, NOW - YEAR, NOW), 0 },
    { "ten years, evenly", spread(MANY, LONG_AGO, NOW) },
    { "one week ten years ago", spread(MANY, LONG_AGO, LONG_AGO + WEEK) },
    { "one week ten years ago, and one object of today",
      join(spread(MANY, LONG_AGO, LONG_AGO + WEEK), { NOW }) },
    { "two weeks ten years apart", join(spread(MANY / 2, LONG_AGO, LONG_AGO + WEEK),
      spread(MANY / 2, NOW - WEEK, NOW)) },
    { "one week of ten years, which other objects fill", join(spread(20, LONG_AGO, NOW - YEAR),
      spread(MANY, NOW - YEAR, NOW - YEAR + WEEK), spread(20, NOW - YEAR + WEEK, NOW)) },
    { "one second", spread(MANY, NOW - YEAR, NOW - YEAR) },
    { "objects from before Stripe existed", join({ 1, 2, 86400 }, spread(MANY, 5 * YEAR, NOW)) },
    { "objects of a test clock", join(spread(MANY, NOW - YEAR, NOW),
      spread(30, NOW + YEAR, NOW + 2 * YEAR)) },
  }
  local FEW = 8 -- requests beside the pages

  for _, shape in ipairs(SHAPES) do
    it("takes few requests beside its pages: " .. shape[1], function()
      local found = read({ ["/v1/customers"] = shape[2] }, { page_size = 10 })
      assert.is_true(found.requests - found.pages <= (shape[3] or FEW),
        ("%d requests for %d pages"):format(found.requests, found.pages))
    end)
  end

  it("is found far below the day on which the account was connected", function()
    local found = read({ ["/v1/customers"] = spread(MANY, LONG_AGO, NOW - DAY) },
      { page_size = 10, floor = NOW - DAY })
    assert.is_true(found.requests - found.pages <= FEW)
  end)
end)
