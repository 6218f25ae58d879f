-- Customers: GET /v1/customers.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

local function mapped(overrides)
  return (schema_check.mapped("customers", "customers", builders.customer(overrides)))
end

describe("customers", function()
  it("maps a complete customer", function()
    assert.same({
      id = "cus_Tq8LampBuyer01",
      customerName = "Ada Verhoeven",
      emailAddress = "ada@verhoeven.example",
      phone = "+31205550123",
      defaultCurrency = "EUR",
      addresses = {
        { type = "Billing", line1 = "Keizersgracht 9", line2 = "2 hoog", city = "Amsterdam",
          region = "Noord-Holland", postalCode = "1015 CN", country = "NL" },
        { type = "Delivery", line1 = "Havenweg 40", city = "Zaandam", postalCode = "1506 AA",
          country = "NL" },
      },
      note = "Wholesale, net 30",
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = {
        delinquent = false, balance = -1500, tax_exempt = "reverse",
        preferred_locales = { "nl", "en" }, metadata = { tier = "gold" },
      } } },
    }, mapped())
  end)

  it("maps a customer of whom only the id and the date are known", function()
    local record = mapped {
      name = null, email = null, phone = null, description = null, address = null,
      shipping = null, currency = null, balance = 0, delinquent = null, metadata = {},
      preferred_locales = {}, tax_exempt = null,
    }
    assert.same({
      id = "cus_Tq8LampBuyer01", defaultCurrency = "XXX", addresses = {},
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
      supplementalData = { content = { stripe = { balance = 0 } } },
    }, record)
  end)

  describe("customerName", function()
    local NAMES = { business_name = "Verhoeven BV", individual_name = "A. Verhoeven" }
    for _, case in ipairs {
      { "name", {}, "Ada Verhoeven" },
      { "business_name", { name = null }, "Verhoeven BV" },
      { "individual_name", { name = null, business_name = null }, "A. Verhoeven" },
      { "shipping.name", { name = null, business_name = null, individual_name = null },
        "Verhoeven Magazijn" },
    } do
      it("is " .. case[1], function()
        local overrides = {}
        for _, each in ipairs { NAMES, case[2] } do
          for path, value in pairs(each) do
            overrides[path] = value
          end
        end
        assert.equal(case[3], mapped(overrides).customerName)
      end)
    end

    it("skips an empty name", function()
      assert.equal("Verhoeven Magazijn", mapped({ name = "" }).customerName)
    end)
  end)

  it("takes the phone of the delivery when there is no other", function()
    assert.equal("+31205550199", mapped({ phone = null }).phone)
    assert.is_nil(mapped({ phone = null, shipping = null }).phone)
  end)

  it("writes the currency in upper case, XXX where there is none", function()
    assert.equal("JPY", mapped({ currency = "jpy" }).defaultCurrency)
    assert.equal("XXX", mapped({ currency = null }).defaultCurrency)
    assert.equal("XXX", mapped({ currency = ABSENT }).defaultCurrency)
  end)

  describe("addresses", function()
    it("leave out an address of nothing but nulls", function()
      local nulls = { city = null, country = null, line1 = null, line2 = null,
        postal_code = null, state = null }
      local addresses = mapped({ address = nulls }).addresses
      assert.equal(1, #addresses)
      assert.equal("Delivery", addresses[1].type)
    end)

    it("leave out a delivery that Stripe sends as an empty object", function()
      local addresses = mapped({ shipping = {} }).addresses
      assert.equal(1, #addresses)
      assert.equal("Billing", addresses[1].type)
    end)

    it("give the country as the source does", function()
      assert.equal("Nederland", mapped({ ["address.country"] = "Nederland" }).addresses[1].country)
    end)
  end)

  it("leaves dates of 0 and null out", function()
    for _, created in ipairs { 0, null, ABSENT } do
      local record = mapped({ created = created })
      assert.is_nil(record.createdDate)
      assert.is_nil(record.sourceModifiedDate)
    end
  end)

  it("keeps text as it is: quotes, line breaks, other scripts", function()
    local name = 'Müller & "Söhne"\n\tГмбХ \\ 合同会社'
    local record = mapped { name = name }
    assert.equal(name, record.customerName)
    assert.equal(name, json.decode(schema_check.json("customers", record)).customerName)
  end)
end)
