-- What beginners get wrong in a script, and what they are told: where in their own file it is, what
-- is wrong, and what to write instead. Each case runs as `commerce run shop.lua`, in a process of
-- its own; `line` is that of the script, which begins with these two.

local emulator = require "spec.support.emulator"
local sandbox = require "spec.support.sandbox"

local HEAD = [[
local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
]]

---@class Mistake
---@field [1] string what somebody does
---@field [2] string the script after HEAD
---@field line integer? at which line of the file the error is; none: an error of the run
---@field says string[] parts of the message, in this order

---@type Mistake[]
local MAPPINGS = {
  { "misspells a data type", [[
shop:extend("paymnets", { supplementalData = { channel = "metadata.channel" } })
]], line = 3, says = { "extend: unknown data type 'paymnets'", "did you mean 'payments'?" } },

  { "misspells a field of the model", [[
shop:extend("payments", {
  amonut = "amount",
})
]], line = 3, says = { "no field 'amonut'", "did you mean 'amount'?" } },

  { "adds a field that the model does not have", [[
shop:extend("payments", { channel = "metadata.channel" })
]], line = 3, says = { "no field 'channel'", "fields of your own go under supplementalData" } },

  { "misspells a field of Stripe's", [[

shop:extend("payments", { supplementalData = { channel = "metdata.channel" } })
]], line = 4, says = { "the path 'metdata.channel' names nothing", "did you mean 'metadata'?" } },

  { "gives a field what is of another type", [[
shop:extend("payments", { amount = commerce.values.timestamp "created" })
]], line = 3, says = { "field 'amount' takes a decimal, this value gives a datetime" } },

  { "gives a status the model does not know", [[
shop:extend("payments", { status = commerce.values.enum("status", {
  succeeded = "Payed" }, "Unknown") })
]], line = 3, says = { "field 'status' has no value 'Payed'", "Paid" } },

  { "writes a dot for the colon", [[
shop.extend("payments", { supplementalData = { channel = "metadata.channel" } })
]], line = 3, says = { "called with a colon", "shop:extend(…), not shop.extend(…)" } },

  { "misspells an option", [[
shop:extend("payments", { supplementalData = { name = "customer.name" } },
  { resource = "charges", expnd = { "data.customer" } })
]], line = 3, says = { "unknown option 'expnd'", "did you mean 'expand'?" } },

  { "expands an object as if it were read alone", [[
shop:extend("payments", { supplementalData = { name = "customer.name" } },
  { resource = "charges", expand = { "customer" } })
]], line = 3, says = { "what a list inlines begins with 'data.'", "'data.customer'" } },

  { "adds a name that is there already", [[
shop:extend("payments", { supplementalData = { metadata = "metadata.channel" } })
]], line = 3, says = { "supplementalData has 'metadata' already", "another name" } },

  { "extends what it did not define", [[
shop:extend("subscriptions", { supplementalData = { plan = "plan.id" } })
]], line = 3, says = { "unknown data type 'subscriptions'" } },

  { "defines what there is already", [[
shop:define("payments", { from = { resource = "charges" }, id = "id" })
]], line = 3, says = { "such a data type already", 'extend("payments", …)' } },

  { "does not say where a type comes from", [[
shop:define("subscriptions", { id = "id", status = "status" })
]], line = 3, says = { "'from' is missing", "from = { resource = … }" } },

  { "does not say what a record is known by", [[
shop:define("subscriptions", { from = { resource = "subscriptions" }, status = "status" })
]], line = 3, says = { "has no id", 'id = "id"' } },

  { "names a resource that Stripe does not have", [[
shop:define("subs", { from = { resource = "subscription" }, id = "id" })
]], line = 3, says = { "unknown resource 'subscription'", "did you mean 'subscriptions'?",
    '{ path = "/v1/…", list = true }' } },

  { "gives a type a name with capitals", [[
shop:define("MySubscriptions", { from = { resource = "subscriptions" }, id = "id" })
]], line = 3, says = { "small letters, digits and _ expected", "such as 'subscriptions'" } },

  { "gives a type a name of SQL's", [[
shop:define("order", { from = { resource = "invoices" }, id = "id" })
]], line = 3, says = { "define 'order'", "a word of SQL" } },

  { "reads an element of an array", [[
shop:define("subscriptions", {
  from = { resource = "subscriptions" }, id = "id", price = "items.data[1].price.id",
})
]], line = 3, says = { "got 'items.data[1].price.id'", "each(path, fields)" } },

  { "writes a number for a value", [[
shop:define("subscriptions", { from = { resource = "subscriptions" }, id = "id", version = 2 })
]], line = 3, says = { "field 'version'", "got number", "constant(…)" } },

  { "forgets an argument of a value function", [[
local money = commerce.values.money

shop:define("invoices", { from = { resource = "invoices" }, id = "id",
  total = money("total") })
]], line = 6, says = { "money", "got nil" } },

  { "syncs a type that was not defined", [[
assert(shop:sync { types = { "subscriptions" } })
]], line = 3, says = { "unknown data type 'subscriptions'", "known: company_info" } },

  { "remaps what was not kept", [[
shop:extend("customers", { supplementalData = { tier = "metadata.tier" } })
assert(shop:sync { types = { "customers" } })
assert(shop:remap { types = { "customers" } })
]], says = { "keep_source" } },

  { "writes a function that fails for some object", [[
shop:extend("customers", { supplementalData = {
  city = function(customer)
    return customer.adress.city
  end } })
local report = assert(shop:sync { types = { "customers" } })
print(report)
assert(report.complete)
]], says = { "shop.lua:5: ", "adress" } },
}

describe("a beginner", function()
  local e, box

  setup(function()
    e = emulator.start { charges = 20, customers = 25, compact = true }
    box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" }
  end)

  teardown(function()
    box:close()
    e:stop()
  end)

  local function told(mistake)
    local script = box:write("shop.lua", HEAD .. mistake[2])
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "shop.db"
    local status, output, errors = box:commerce("run " .. script)
    os.remove(box:path "shop.db")
    assert.equal(1, status, output .. errors)
    return script, output .. errors, errors
  end

  for _, mistake in ipairs(MAPPINGS) do
    it(mistake[1], function()
      local script, all, errors = told(mistake)
      if mistake.line then
        local expected = ("commerce: %s:%d: "):format(script, mistake.line)
        assert.equal(expected, errors:sub(1, #expected))
        assert.equal(1, select(2, errors:gsub("\n", "")), errors) -- no traceback
      end
      local at = 1
      for _, part in ipairs(mistake.says) do
        local _, last = all:find(part, at, true)
        assert.is_truthy(last, ("'%s' is not told, or in another order: %s"):format(part, all))
        at = last + 1
      end
    end)
  end
end)
