-- Tax components: GET /v1/tax_rates.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function mapped(overrides)
  return (schema_check.mapped("tax_components", "tax_rates", builders.tax_rate(overrides)))
end

local function rate_text(overrides)
  return schema_check.json("tax_components", mapped(overrides)):match('"rate":([^,}]+)')
end

describe("tax_components", function()
  it("maps a complete tax rate", function()
    assert.same({
      id = "txr_1TqLampTax0001", name = "Sales Tax", rate = 0.08875, isCompound = false,
      sourceModifiedDate = builders.CREATED_TEXT,
    }, mapped())
  end)

  for _, case in ipairs {
    { 8.875, "0.08875" }, { 19, "0.19" }, { 20, "0.2" }, { 0, "0" }, { 100, "1" },
    { 7.7, "0.077" }, { 5.5, "0.055" }, { 0.07, "0.0007" }, { 14.975, "0.14975" },
    { 9.9975, "0.099975" }, { 29, "0.29" }, { 0.0001, "0.000001" },
  } do
    it(("%s percent is the fraction %s"):format(case[1], case[2]), function()
      assert.equal(case[2], rate_text { percentage = case[1] })
    end)
  end

  it("prefers the effective percentage", function()
    assert.equal("0.0725", rate_text { percentage = 8.875, effective_percentage = 7.25 })
  end)

  it("takes an effective percentage of zero", function()
    assert.equal("0", rate_text { percentage = 8.875, effective_percentage = 0 })
  end)

  it("has no rate for a flat amount", function()
    assert.is_nil(mapped({
      rate_type = "flat_amount", percentage = 0, flat_amount = { amount = 27, currency = "usd" },
    }).rate)
  end)

  it("has the rate when the rate's type is null or absent", function()
    assert.equal("0.08875", rate_text { rate_type = null })
    assert.equal("0.08875", rate_text { rate_type = ABSENT })
  end)

  it("has no rate when the source gives no percentage", function()
    assert.is_nil(mapped({ percentage = null }).rate)
  end)

  it("is kept when it is no longer active", function()
    assert.equal("txr_1TqLampTax0001", mapped({ active = false }).id)
  end)
end)
