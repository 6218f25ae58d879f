-- The ready definition of subscriptions: what one period costs.

local mappings = require "commerce.mapping.registry"
local null = require("commerce.base.json").null
local stripe = require "commerce.stripe"

local function item(quantity, unit_amount, more)
  local price = { id = "price_1", currency = "usd", unit_amount = unit_amount,
    unit_amount_decimal = unit_amount ~= null and ("%d"):format(unit_amount) or null,
    transform_quantity = null,
    recurring = { interval = "month", interval_count = 1, usage_type = "licensed" } }
  for name, value in pairs(more or {}) do
    price[name] = value
  end
  return { id = "si_1", quantity = quantity, price = price, current_period_start = 1773480413,
    current_period_end = 1776158813 }
end

describe("what a period of a subscription costs", function()
  local source

  setup(function()
    local set = mappings.new(stripe.mappings)
    set:define("subscriptions", require "commerce.stripe.subscriptions")
    source = set:find("subscriptions").sources[1]
  end)

  local function amount(...)
    return source.map({ id = "sub_1", currency = "usd", items = { data = { ... } } })[1].amount
  end

  it("is the sum of its items", function()
    assert.equal(20, amount(item(2, 1000)))
    assert.equal(35.5, amount(item(2, 1000), item(1, 1550)))
    assert.equal(0, amount(item(3, 0)))
  end)

  local YEARLY = { recurring = { interval = "year", interval_count = 1, usage_type = "licensed" } }
  for name, items in pairs {
    ["with a price in tiers"] = { item(1, 1000), item(1, null) },
    ["that is metered"] = { item(1, 1000, { recurring = { interval = "month",
      interval_count = 1, usage_type = "metered" } }) },
    ["with packages of units"] = { item(10, 1000, { transform_quantity = { divide_by = 5,
      round = "up" } }) },
    ["with items of different periods"] = { item(1, 1000), item(1, 9000, YEARLY) },
    ["without a quantity"] = { item(null, 1000) },
    ["without items"] = {},
  } do
    it("is not told of one " .. name, function()
      assert.is_nil(amount((table.unpack or unpack)(items))) -- luacheck: ignore
    end)
  end
end)
