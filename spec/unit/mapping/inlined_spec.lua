-- What other mappings have inlined, a mapping sees as the id that Stripe gives without.

local inlined = require "commerce.mapping.inlined"
local json = require "commerce.base.json"

local function view(object, asked, own)
  return inlined.without(object, inlined.by_others(asked, own or {}))
end

local function charge()
  return { id = "ch_1", customer = { id = "cus_1", tax_ids = { data = { { id = "txi_1" } } } },
    discounts = { { id = "di_1" }, { id = "di_2" }, "di_3" },
    payment_method_details = { type = "card", card = { last4 = "4242",
      mandate = { id = "mandate_1", status = "active" } } },
    items = { data = { { id = "si_1",
      price = { id = "price_1", product = { id = "prod_1" } } } } } }
end

local MANDATE = "data.payment_method_details.card.mandate"

describe("inlined objects of other mappings", function()
  it("are ids", function()
    assert.equal("cus_1", view(charge(), { "data.customer" }).customer)
    assert.equal("cus_1", view(charge(), { "data.customer.tax_ids" }).customer)
  end)

  it("are ids deep inside an object that is none itself", function()
    local seen = view(charge(), { MANDATE })
    assert.same({ type = "card", card = { last4 = "4242", mandate = "mandate_1" } },
      seen.payment_method_details)
    assert.same({ data = { { id = "si_1", price = { id = "price_1", product = "prod_1" } } } },
      view(charge(), { "data.items.data.price.product" }).items)
  end)

  it("are ids in a list of them", function()
    assert.same({ "di_1", "di_2", "di_3" }, view(charge(), { "data.discounts" }).discounts)
  end)

  it("stay where the mapping asks for them, too", function()
    local object = charge()
    assert.equal(object, view(object, { "data.customer", MANDATE }, { "data.customer", MANDATE }))
    assert.equal(object.customer, view(object, { "data.customer", "data.customer.tax_ids" },
      { "data.customer.tax_ids" }).customer)
    local seen = view(object, { MANDATE, "data.payment_method_details.link.mandate" },
      { "data.payment_method_details.link.mandate" })
    assert.equal("mandate_1", seen.payment_method_details.card.mandate)
  end)

  it("leave the object itself as it is", function()
    local object = charge()
    view(object, { "data.customer", MANDATE, "data.discounts", "data.items.data.price.product" })
    assert.same(charge(), object)
  end)

  it("are nothing where Stripe gave the id, null or nothing", function()
    for _, details in ipairs { { card = { mandate = "mandate_1" } }, { card = "odd" }, {}, "odd",
      json.null } do
      local object = { id = "ch_1", customer = "cus_1", payment_method_details = details }
      assert.equal(object, view(object, { "data.customer", MANDATE, "data.discounts" }))
    end
  end)
end)
