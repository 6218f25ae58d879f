-- Products: GET /v1/products, joined with GET /v1/prices.

local ascii = require "commerce.base.ascii"
local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function mapped(overrides)
  return (schema_check.mapped("products", "products", builders.product(overrides)))
end

-- The only variant of a product with one price.
local function variant(price, product)
  local overrides = { prices = { builders.price(price) } }
  for path, value in pairs(product or {}) do
    overrides[path] = value
  end
  local variants = mapped(overrides).variants
  assert.equal(1, #variants)
  return variants[1]
end

-- The prices of a variant as they stand in the record's JSON.
local function prices_text(price)
  local record = mapped { prices = { builders.price(price) } }
  return schema_check.json("products", record):match('"prices":(%b[])')
end

describe("products", function()
  it("joins its prices, with their currency options", function()
    local join = schema_check.source("products", "products").join
    assert.same({ key = "prices", resource = "prices", on = "product",
      expand = { "data.currency_options" } }, join)
  end)

  it("maps a complete product", function()
    assert.same({
      id = "prod_TqLamp0000001",
      name = "Storm lantern",
      description = "Brass storm lantern",
      isGiftCard = false,
      status = "Published",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = "2026-03-15T09:26:53Z",
      variants = { {
        id = "price_1TqLampPrice01", name = "Wholesale", isTaxEnabled = true,
        unitOfMeasure = "piece", prices = { { currency = "EUR", unitPrice = 24.5 } },
        shippingRequired = true, status = "Published", createdDate = builders.CREATED_TEXT,
      } },
      supplementalData = { content = { stripe = {
        active = true, default_price = "price_1TqLampPrice01",
        url = "https://harbourlights.example/lantern",
        images = { "https://img.example/lantern.png" }, tax_code = "txcd_99999999",
        metadata = { shelf = "B4" },
        prices = { price_1TqLampPrice01 = { type = "one_time", billing_scheme = "per_unit" } },
      } } },
    }, mapped())
  end)

  it("leaves out what the product does not give", function()
    local record = mapped {
      description = null, default_price = null, url = null, images = {}, tax_code = null,
      metadata = {}, shippable = null, unit_label = null, updated = null, created = 0,
      prices = { builders.price { type = ABSENT, billing_scheme = null } },
    }
    local one = record.variants[1]
    assert.is_nil(record.description)
    assert.is_nil(record.createdDate)
    assert.is_nil(record.sourceModifiedDate)
    assert.is_nil(one.unitOfMeasure)
    assert.is_nil(one.shippingRequired)
    assert.same({ content = { stripe = { active = true } } }, record.supplementalData)
  end)

  it("has an empty list of variants without prices", function()
    local record = mapped { prices = {} }
    assert.same({}, record.variants)
    assert.is_truthy(schema_check.json("products", record):find('"variants":[]', 1, true))
  end)

  it("has the variants in the order of its prices, inactive ones too", function()
    local variants = mapped({ prices = {
      builders.price { id = "price_new", active = false }, builders.price { id = "price_old" },
    } }).variants
    assert.equal("price_new", variants[1].id)
    assert.equal("price_old", variants[2].id)
    assert.equal(2, #variants)
  end)

  describe("status", function()
    it("is Unpublished when the product is not active", function()
      local record = mapped { active = false }
      assert.equal("Unpublished", record.status)
      assert.is_false(record.supplementalData.content.stripe.active)
    end)

    for _, case in ipairs {
      { true, true, "Published" }, { true, false, "Unpublished" },
      { false, true, "Unpublished" }, { false, false, "Unpublished" },
    } do
      it(("of a variant with price %s and product %s is %s")
        :format(tostring(case[1]), tostring(case[2]), case[3]), function()
        assert.equal(case[3], variant({ active = case[1] }, { active = case[2] }).status)
      end)
    end
  end)

  describe("a variant's name", function()
    it("is the price's nickname", function()
      assert.equal("Trade", variant({ nickname = "Trade" }).name)
    end)

    it("is the product's standard price without one", function()
      assert.equal("Storm lantern - Standard Price", variant({ nickname = null }).name)
    end)
  end)

  describe("isTaxEnabled", function()
    it("is true for inclusive and exclusive", function()
      assert.is_true(variant({ tax_behavior = "inclusive" }).isTaxEnabled)
      assert.is_true(variant({ tax_behavior = "exclusive" }).isTaxEnabled)
    end)

    it("is left out where the price says neither", function()
      assert.is_nil(variant({ tax_behavior = "unspecified" }).isTaxEnabled)
      assert.is_nil(variant({ tax_behavior = null }).isTaxEnabled)
      assert.is_nil(variant({ tax_behavior = ABSENT }).isTaxEnabled)
    end)
  end)

  it("needs no shipping when the product says so", function()
    assert.is_false(variant({}, { shippable = false }).shippingRequired)
  end)

  it("leaves out a price's date of 0", function()
    assert.is_nil(variant({ created = 0 }).createdDate)
  end)

  describe("what tells variants apart", function()
    local function facts(...)
      local prices = {}
      for i, price in ipairs { ... } do
        prices[i] = builders.price(price)
      end
      return mapped({ prices = prices }).supplementalData.content.stripe.prices
    end

    it("is kept by the price's id", function()
      assert.same({
        price_m = { type = "recurring", billing_scheme = "per_unit",
          recurring = { interval = "month", interval_count = 1, usage_type = "licensed" } },
        price_o = { type = "one_time", billing_scheme = "per_unit", lookup_key = "once" },
        price_pkg = { type = "one_time", billing_scheme = "per_unit",
          transform_quantity = { divide_by = 100, round = "up" } },
        price_t = { type = "recurring", billing_scheme = "tiered",
          recurring = { interval = "year", interval_count = 2, usage_type = "metered" } },
      }, facts({ id = "price_m", type = "recurring", recurring = { interval = "month",
          interval_count = 1, usage_type = "licensed", meter = null, trial_period_days = null } },
        { id = "price_o", lookup_key = "once" },
        { id = "price_pkg", transform_quantity = { divide_by = 100, round = "up" } },
        { id = "price_t", type = "recurring", billing_scheme = "tiered", recurring = {
          interval = "year", interval_count = 2, usage_type = "metered", meter = "mtr_1" } }))
    end)

    it("is left out where no price tells anything", function()
      assert.is_nil(facts { type = ABSENT, billing_scheme = null, recurring = "odd" })
      assert.is_nil(mapped({ prices = {} }).supplementalData.content.stripe.prices)
    end)
  end)

  describe("a variant's prices", function()
    for _, case in ipairs {
      { "usd", "1999", "19.99" }, { "jpy", "1500", "1500" }, { "kwd", "1500", "1.5" },
      { "isk", "150000", "1500" }, { "ugx", "500", "5" }, { "mga", "500", "500" },
      { "usd", "0", "0" }, { "usd", "0.5", "0.005" }, { "usd", "1999.5", "19.995" },
      -- 12 decimals, more than a double holds
      { "usd", "1999.123456789012", "19.99123456789012" },
      { "usd", "0.000000000001", "0.00000000000001" },
      { "jpy", "1234567.123456789012", "1234567.123456789012" },
      { "kwd", "98765.432109876543", "98.765432109876543" },
      { "eur", "999999999999.999999999999", "9999999999.99999999999999" },
      { "usd", "1999.500000000000", "19.995" },
    } do
      it(("are exact: %s of %s is %s"):format(case[2], case[1], case[3]), function()
        assert.equal(('[{"currency":"%s","unitPrice":%s}]'):format(ascii.upper(case[1]), case[3]),
          prices_text { currency = case[1], currency_options = ABSENT,
            unit_amount = null, unit_amount_decimal = case[2] })
      end)
    end

    it("are the price's own currency, then its options, each currency once", function()
      local function option(amount)
        return { custom_unit_amount = null, tax_behavior = "exclusive", unit_amount = amount,
          unit_amount_decimal = tostring(amount) }
      end
      local prices = variant({ currency = "eur", currency_options = {
        usd = option(2600), eur = option(2450), jpy = option(3900), kwd = option(8500),
      } }).prices
      assert.same({ currency = "EUR", unitPrice = 24.5 }, prices[1])
      local others = {}
      for i = 2, #prices do
        others[prices[i].currency] = prices[i].unitPrice
      end
      assert.equal(4, #prices)
      assert.same({ USD = 26, JPY = 3900, KWD = 8.5 }, others)
    end)

    it("are in the same order whatever the order of the options", function()
      local first = json.decode '{"usd":{"unit_amount":1},"gbp":{"unit_amount":2},"chf":{}}'
      local second = json.decode '{"chf":{},"gbp":{"unit_amount":2},"usd":{"unit_amount":1}}'
      assert.equal(prices_text { currency_options = first },
        prices_text { currency_options = second })
    end)

    it("keep an option's decimals", function()
      assert.equal('[{"currency":"EUR","unitPrice":24.5},'
        .. '{"currency":"USD","unitPrice":19.99123456789012}]',
        prices_text { currency_options = { usd = {
          unit_amount = null, unit_amount_decimal = "1999.123456789012",
        } } })
    end)

    it("are the whole amount where no decimal one is given", function()
      assert.equal('[{"currency":"EUR","unitPrice":24.5},{"currency":"USD","unitPrice":26.01}]',
        prices_text { unit_amount_decimal = ABSENT,
          currency_options = { usd = { unit_amount = 2601 } } })
    end)

    it("have no unit price where the amount is tiered", function()
      assert.same({ { currency = "EUR" } }, variant({
        billing_scheme = "tiered", tiers_mode = "graduated", unit_amount = null,
        unit_amount_decimal = null, currency_options = ABSENT,
      }).prices)
    end)

    it("have no unit price where the customer chooses", function()
      assert.same({ { currency = "EUR" } }, variant({
        custom_unit_amount = { maximum = 10000, minimum = 100, preset = 500 },
        unit_amount = null, unit_amount_decimal = null, currency_options = ABSENT,
      }).prices)
    end)

    it("have no unit price in an option without an amount", function()
      assert.same({ { currency = "EUR", unitPrice = 24.5 }, { currency = "USD" } }, variant({
        currency_options = { usd = { unit_amount = null, unit_amount_decimal = null } },
      }).prices)
    end)

    it("keep a price of zero", function()
      assert.same({ { currency = "EUR", unitPrice = 0 } }, variant({
        unit_amount = 0, unit_amount_decimal = "0", currency_options = ABSENT,
      }).prices)
    end)

    for _, case in ipairs {
      { "usd", "1000", 100, "0.1" }, { "usd", "999", 8, "1.24875" }, { "jpy", "1", 4, "0.25" },
      { "kwd", "1500", 1, "1.5" }, { "usd", "0", 7, "0" }, { "usd", "0.5", 10, "0.0005" },
      { "usd", "1999.123456789012", 4, "4.99780864197253" },
    } do
      it(("are those of one unit: %s of %s for %d is %s each"):format(case[2], case[1], case[3],
        case[4]), function()
        assert.equal(('[{"currency":"%s","unitPrice":%s}]'):format(ascii.upper(case[1]), case[4]),
          prices_text { currency = case[1], currency_options = ABSENT,
            unit_amount_decimal = case[2],
            transform_quantity = { divide_by = case[3], round = "up" } })
      end)
    end

    it("are those of one unit in every currency, also of whole amounts", function()
      assert.equal('[{"currency":"EUR","unitPrice":2.45},{"currency":"USD","unitPrice":2.601}]',
        prices_text { unit_amount_decimal = ABSENT,
          currency_options = { usd = { unit_amount = 2601 } },
          transform_quantity = { divide_by = 10, round = "down" } })
    end)

    it("have no unit price where that of one unit is no decimal number", function()
      assert.same({ { currency = "EUR" }, { currency = "USD", unitPrice = 3 } }, variant({
        unit_amount_decimal = "1000", currency_options = { usd = { unit_amount = 900 } },
        transform_quantity = { divide_by = 3, round = "up" },
      }).prices)
      for _, odd in ipairs { 0, -5, 2.5, "10", true } do
        assert.same({ { currency = "EUR" } }, variant({ currency_options = ABSENT,
          transform_quantity = { divide_by = odd } }).prices)
      end
    end)

    it("are whole where nothing is transformed", function()
      for _, none in ipairs { ABSENT, null, {}, { divide_by = null } } do
        assert.same({ { currency = "EUR", unitPrice = 24.5 } },
          variant({ transform_quantity = none }).prices)
      end
    end)

    it("ignore options of null", function()
      assert.same({ { currency = "EUR", unitPrice = 24.5 } },
        variant({ currency_options = null }).prices)
    end)
  end)
end)
