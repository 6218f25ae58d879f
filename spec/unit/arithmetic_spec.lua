-- Products and quotients of decimal texts, compared with numbers that a double holds exactly.

local arithmetic = require "commerce.base.arithmetic"
local decimal = require "commerce.base.decimal"

local product, quotient = arithmetic.product, arithmetic.quotient

describe("decimal arithmetic", function()
  it("multiplies exactly, also beyond what a double holds", function()
    assert.equal("0", product("0", "-12.5"))
    assert.equal("-2.5", product("-0.5", "5"))
    assert.equal("0.000001", product("0.001", "0.001"))
    assert.equal("1219326311370217952237463801111263526900",
      product("12345678901234567890", "98765432109876543210"))
    assert.equal("99999999.999999999999", product("1", "99999999.999999999999"))
  end)

  it("divides with a half rounded away from zero", function()
    assert.equal("0.33", quotient("1", "3", 2))
    assert.equal("0.67", quotient("2", "3", 2))
    assert.equal("0.13", quotient("1", "8", 2))
    assert.equal("-0.13", quotient("-1", "8", 2))
    assert.equal("1", quotient("0.5", "1", 0))
    assert.equal("0", quotient("0.49", "1", 0))
    assert.equal("0", quotient("-0.004", "1", 2))
    assert.equal("10", quotient("9.999", "1", 2))
    assert.equal("0.01", quotient("10.05", "1000", 2))
    assert.equal("333333333333333333.33", quotient("1000000000000000000", "3", 2))
    assert.is_nil(quotient("1", "0.00", 2))
  end)

  it("agrees with whole numbers", function()
    math.randomseed(7)
    for _ = 1, 300 do
      local a, b = math.random(-30000, 30000), math.random(1, 3000)
      assert.equal(decimal.tostring(a * b), product(decimal.tostring(a), decimal.tostring(b)))
      local expected = math.floor(math.abs(a) / b + 0.5) * (a < 0 and -1 or 1)
      assert.equal(decimal.tostring(expected == 0 and 0 or expected),
        quotient(decimal.tostring(a), decimal.tostring(b), 0))
    end
  end)

  it("subtracts", function()
    assert.equal("-0.3", arithmetic.difference("0.1", "0.4"))
    assert.equal("0.3", arithmetic.difference("0.1", "-0.2"))
  end)

  it("refuses what is not a decimal number", function()
    assert.has_error(function()
      product("1e3", "2")
    end, "a decimal number expected, got '1e3'")
  end)
end)
