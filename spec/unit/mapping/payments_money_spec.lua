-- The money of payments: Stripe's exponents, exactness, signs, unknown and missing currencies.

local ascii = require "commerce.base.ascii"
local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function charge(minor, currency)
  return (schema_check.mapped("payments", "charges",
    builders.charge { amount = minor, amount_captured = minor, currency = currency }))
end

local function refund(minor, currency)
  return (schema_check.mapped("payments", "refunds",
    builders.refund { amount = minor, currency = currency }))
end

-- The amount as it stands in the record's JSON: what counts is the text that readers get.
local function amount_text(record)
  return schema_check.json("payments", record):match('"amount":([^,}]+)')
end

local EXPONENTS = {}
for code in ("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"):gmatch("%a+") do
  EXPONENTS[code] = 0
end
for code in ("bhd jod kwd omr tnd"):gmatch("%a+") do
  EXPONENTS[code] = 3
end
-- two decimals whatever ISO 4217 says: ISK and UGX come in hundredths; IQD and LYD are in no list
for code in ("isk ugx huf twd usd eur gbp chf brl inr iqd lyd mru zzz"):gmatch("%a+") do
  EXPONENTS[code] = 2
end

local EXPECTED = { [0] = "123450", [2] = "1234.5", [3] = "123.45" }

describe("the amount of a payment", function()
  for code, exponent in pairs(EXPONENTS) do
    it(("in %s has %d decimals"):format(code, exponent), function()
      local record = charge(123450, code)
      assert.equal(ascii.upper(code), record.currency)
      assert.equal(EXPECTED[exponent], amount_text(record))
      assert.equal("-" .. EXPECTED[exponent], amount_text(refund(123450, code)))
    end)
  end

  it("covers all zero- and three-decimal currencies", function()
    local counts = { [0] = 0, [2] = 0, [3] = 0 }
    for _, exponent in pairs(EXPONENTS) do
      counts[exponent] = counts[exponent] + 1
    end
    assert.equal(15, counts[0])
    assert.equal(5, counts[3])
  end)

  for _, case in ipairs {
    { 1, "usd", "0.01" }, { 10, "usd", "0.1" }, { 99, "usd", "0.99" }, { 100, "usd", "1" },
    { 1099, "usd", "10.99" }, { 0, "usd", "0" }, { 1, "kwd", "0.001" }, { 5000, "kwd", "5" },
    { 1, "jpy", "1" }, { 500, "jpy", "500" }, { 500, "ugx", "5" }, { 100, "isk", "1" },
    { 45, "huf", "0.45" }, { 999999999999, "usd", "9999999999.99" },
    { 999999999999, "jpy", "999999999999" }, { 999999999999, "kwd", "999999999.999" },
    { 100000000001, "usd", "1000000000.01" }, { 29, "usd", "0.29" }, { 113, "usd", "1.13" },
  } do
    it(("of %d in %s is exactly %s"):format(case[1], case[2], case[3]), function()
      assert.equal(case[3], amount_text(charge(case[1], case[2])))
      assert.equal(case[3] == "0" and "0" or "-" .. case[3],
        amount_text(refund(case[1], case[2])))
    end)
  end

  it("is read the same from a code in upper case", function()
    local record = charge(123450, "JPY")
    assert.equal("JPY", record.currency)
    assert.equal("123450", amount_text(record))
  end)

  it("has the currency XXX and two decimals where the source names none", function()
    for _, none in ipairs { null, ABSENT } do
      local record = charge(123450, none)
      assert.equal("XXX", record.currency)
      assert.equal("1234.5", amount_text(record))
    end
  end)

  it("of any whole minor units is exact", function()
    for _ = 1, 500 do
      local minor = math.random(1, 10 ^ math.random(1, 9)) * 1000 + math.random(0, 999)
      local text = ("%.0f"):format(minor)
      text = ("0"):rep(3 - #text) .. text
      local expected = (text:sub(1, -3) .. "." .. text:sub(-2)):gsub("%.?0+$", "")
      assert.equal(expected, amount_text(charge(minor, "eur")))
    end
  end)
end)
