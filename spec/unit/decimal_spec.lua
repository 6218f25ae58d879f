-- Exact decimals: shifting, values, minor units, text.

local decimal = require "commerce.base.decimal"

local function digits_of(length)
  local out = {}
  for i = 1, length do
    out[i] = tostring(math.random(0, 9))
  end
  return table.concat(out)
end

-- The decimal of some digits with a point `scale` places from the right, in its shortest form;
-- written here the long way, on text alone.
local function place(sign, digits, scale)
  digits = ("0"):rep(scale + 1) .. digits
  local whole, fraction = digits:sub(1, #digits - scale), digits:sub(#digits - scale + 1)
  while #whole > 1 and whole:sub(1, 1) == "0" do
    whole = whole:sub(2)
  end
  while fraction:sub(-1) == "0" do
    fraction = fraction:sub(1, -2)
  end
  local text = fraction == "" and whole or whole .. "." .. fraction
  return text == "0" and "0" or sign .. text
end

local function random_sign()
  return math.random(2) == 1 and "-" or ""
end

describe("decimal.shift", function()
  for _, case in ipairs {
    { "1999", 2, "19.99" }, { "1", 2, "0.01" }, { "0", 2, "0" }, { "-5", 1, "-0.5" },
    { "100", 2, "1" }, { "1500", 0, "1500" }, { "1999.123456789012", 2, "19.99123456789012" },
    { "007", 0, "7" }, { "-0", 2, "0" }, { "-0.00", 0, "0" }, { "0.10", 0, "0.1" },
    { "999999999999999999999", 3, "999999999999999999.999" },
  } do
    it(("%s by %d is %s"):format(case[1], case[2], case[3]), function()
      assert.equal(case[3], decimal.shift(case[1], case[2]))
    end)
  end

  for _, text in ipairs { "", " ", "1e5", "0x10", "1.2.3", "5.", ".5", "--1", "1,5", "+5", "nan",
    "inf", "12a", "- 1", "1 " } do
    it(("refuses '%s'"):format(text), function()
      assert.is_nil(decimal.shift(text, 2))
    end)
  end

  it("moves the point and nothing else", function()
    for _ = 1, 1000 do
      local sign, digits = random_sign(), digits_of(math.random(1, 30))
      local scale, places = math.random(0, #digits - 1), math.random(0, 12)
      local text = sign .. digits:sub(1, #digits - scale)
        .. (scale > 0 and "." .. digits:sub(#digits - scale + 1) or "")
      assert.equal(place(sign, digits, scale + places), decimal.shift(text, places))
    end
  end)

  it("in two steps is the same as in one, and back by as many zeros", function()
    for _ = 1, 500 do
      local text = random_sign() .. digits_of(math.random(1, 25))
      local a, b = math.random(0, 9), math.random(0, 9)
      assert.equal(decimal.shift(text, a + b), decimal.shift(decimal.shift(text, a), b))
      assert.equal(decimal.shift(text, 0), decimal.shift(text .. ("0"):rep(a), a))
    end
  end)
end)

describe("decimal.divide", function()
  for _, case in ipairs {
    { "1000", 100, "10" }, { "1000", 10, "100" }, { "1", 8, "0.125" }, { "0", 3, "0" },
    { "9", 3, "3" }, { "-5", 2, "-2.5" }, { "1999.123456789012", 4, "499.780864197253" },
    { "999999999999.999999999999", 3, "333333333333.333333333333" }, { "5", 1, "5" },
    { "007", 7, "1" }, { "1", 2 ^ 40, "0.0000000000009094947017729282379150390625" },
  } do
    it(("%s by %.0f is %s"):format(case[1], case[2], case[3]), function()
      assert.equal(case[3], decimal.divide(case[1], case[2]))
    end)
  end

  for _, case in ipairs {
    { "10", 3 }, { "1", 7 }, { "0.1", 6 }, -- without an end
    { "10", 0 }, { "10", -2 }, { "10", 2.5 }, { "10", 0 / 0 }, { "10", math.huge }, { "10", 1e15 },
    { "1e5", 2 }, { "", 2 },
  } do
    it(("gives nothing for '%s' by %s"):format(case[1], tostring(case[2])), function()
      assert.is_nil(decimal.divide(case[1], case[2]))
    end)
  end

  it("undoes a multiplication", function()
    for _ = 1, 500 do
      local divisor, quotient = math.random(1, 99999), math.random(0, 2 ^ 30)
      assert.equal(("%.0f"):format(quotient),
        decimal.divide(("%.0f"):format(quotient * divisor), divisor))
    end
  end)
end)

describe("decimal.value", function()
  it("is a number where a double is exact", function()
    assert.equal(19.99, decimal.value("19.99"))
    assert.equal(-0.5, decimal.value("-0.5"))
    assert.equal(999999999999.999, decimal.value("999999999999.999"))
  end)

  it("keeps the text of what a double would round", function()
    local value = decimal.value("12345678901234.567")
    assert.is_true(decimal.is_decimal(value))
    assert.equal("12345678901234.567", tostring(value))
  end)

  it("gives every decimal back in its text", function()
    for _ = 1, 1000 do
      local digits = digits_of(math.random(1, 30))
      local text = place(random_sign(), digits, math.random(0, #digits + 3))
      assert.equal(text, decimal.tostring(decimal.value(text)))
    end
  end)
end)

describe("decimal.from_minor", function()
  it("divides exactly", function()
    for _, exponent in ipairs { 0, 2, 3 } do
      for _ = 1, 500 do
        local sign, digits = random_sign(), digits_of(math.random(1, 12))
        local minor = tonumber(sign .. digits)
        assert.equal(place(sign, digits, exponent),
          decimal.tostring(decimal.from_minor(minor, exponent)))
      end
    end
  end)

  it("keeps the digits of amounts that no double holds in major units", function()
    assert.equal("90071992547409.91", decimal.tostring(decimal.from_minor(9007199254740991, 2)))
    assert.equal("-9007199254740.991", decimal.tostring(decimal.from_minor(-9007199254740991, 3)))
    assert.equal("10000000000000", decimal.tostring(decimal.from_minor(1e15, 2)))
  end)

  it("is the same for an integer and a float of the same value", function()
    assert.equal(decimal.from_minor(1050, 2), decimal.from_minor(1050.0, 2))
  end)
end)

describe("decimal.negate", function()
  it("changes the sign of numbers and of decimals, twice back", function()
    for _ = 1, 500 do
      local digits = digits_of(math.random(1, 25))
      local text = place(random_sign(), digits, math.random(0, #digits))
      local value = decimal.value(text)
      local negated = decimal.tostring(decimal.negate(value))
      if text == "0" then
        assert.equal("0", negated)
      else
        assert.equal(text:sub(1, 1) == "-" and text:sub(2) or "-" .. text, negated)
      end
      assert.equal(text, decimal.tostring(decimal.negate(decimal.negate(value))))
    end
  end)

  it("of zero is zero without a sign", function()
    assert.equal("0", decimal.tostring(decimal.negate(0)))
    assert.equal("0", decimal.tostring(decimal.negate(-0.0)))
  end)
end)

describe("decimal.tostring", function()
  for _, case in ipairs {
    { 0, "0" }, { -0.0, "0" }, { 1, "1" }, { 1.0, "1" }, { -42, "-42" }, { 0.1, "0.1" },
    { 1e15, "1000000000000000" }, { 1e21, "1000000000000000000000" }, { -1e-7, "-0.0000001" },
    { 1.5e-7, "0.00000015" }, { 123456.789, "123456.789" }, { 1 / 3, "0.3333333333333333" },
    { 0.1 + 0.2, "0.30000000000000004" }, { 2 ^ 53, "9007199254740992" },
  } do
    it("writes " .. case[2], function()
      assert.equal(case[2], decimal.tostring(case[1]))
    end)
  end

  it("has nothing for infinities and NaN", function()
    assert.is_nil(decimal.tostring(math.huge))
    assert.is_nil(decimal.tostring(-math.huge))
    assert.is_nil(decimal.tostring(0 / 0))
  end)

  it("reads back as the same number and has no exponent", function()
    for _ = 1, 1000 do
      local value = (math.random() - 0.5) * 10 ^ math.random(-20, 25)
      local text = decimal.tostring(value)
      -- Lua 5.4 would read a text without a point as an integer
      assert.equal(value, tonumber(text:find(".", 1, true) and text or text .. ".0"))
      assert.is_truthy(text:find("^%-?%d+%.?%d*$"), text)
    end
  end)

  it("reads back as the same number where an integer has more digits than a double", function()
    for _, value in ipairs { 9007199254740993, 123456789012345678, -9223372036854775807 } do
      assert.equal(value, tonumber(decimal.tostring(value)))
    end
  end)
end)

describe("decimal.is_decimal", function()
  it("tells decimals from all else", function()
    assert.is_true(decimal.is_decimal(decimal.value("1234567890.1234567")))
    for _, value in ipairs { 1, "1", true, {} } do
      assert.is_false(decimal.is_decimal(value))
    end
    assert.is_false(decimal.is_decimal(nil))
    assert.is_false(decimal.is_decimal(require("commerce.base.json").null))
  end)
end)

describe("decimal.sum", function()
  local function sum(...)
    local total = decimal.sum()
    for _, text in ipairs { ... } do
      assert.is_true(total:add(text))
    end
    return tostring(total)
  end

  it("adds texts exactly", function()
    assert.equal("0", sum())
    assert.equal("0.3", sum("0.1", "0.2"))
    assert.equal("-0.001", sum("12.5", "-12.501"))
    assert.equal("0", sum("-12.5", "12.5"))
    assert.equal("99999999999999999999.999999999999", sum("99999999999999999999.999999999998",
      "0.000000000001"))
    assert.equal("-1000000000", sum("-999999999", "-1"))
    assert.equal("-100000000000000000000.5", sum("-99999999999999999999.25", "-1.25"))
  end)

  it("stays exact where a double does not", function()
    local total = decimal.sum()
    for _ = 1, 20000 do
      total:add "-999999999999.99"
    end
    assert.equal("-19999999999999800", tostring(total))
    total:add "0.01"
    assert.equal("-19999999999999799.99", tostring(total))
  end)

  it("is that of any amounts in minor units", function()
    math.randomseed(5)
    local total, minor = decimal.sum(), 0
    for _ = 1, 2000 do
      local amount = math.random(-99999999, 99999999)
      minor = minor + amount
      total:add(decimal.tostring(decimal.from_minor(amount, 3)))
    end
    assert.equal(decimal.tostring(decimal.from_minor(minor, 3)), tostring(total))
  end)

  it("takes nothing but decimals of twelve places at most", function()
    local total = decimal.sum()
    for _, text in ipairs { "", "1e5", "1.", "nan", "0.0000000000001" } do
      assert.is_false(total:add(text))
    end
    assert.equal("0", tostring(total))
  end)
end)

describe("any value as a text", function()
  for _, case in ipairs { { 5, "5" }, { 10 / 2, "5" }, { 0.5, "0.5" }, { -0.0, "0" },
    { 1760000000.0, "1760000000" }, { "5.0", "5.0" }, { true, "true" }, { nil, "nil", n = 2 } } do
    it(("is '%s' under every Lua version"):format(case[2]), function()
      assert.equal(case[2], decimal.text(case[1]))
    end)
  end
end)
