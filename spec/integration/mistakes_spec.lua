-- What beginners get wrong in a script, and what they are told: where in their own file it is, what
-- is wrong, and what to write instead. Each case runs as `commerce run shop.lua`; `line` is that of
-- the script, which begins with these two.

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
]], line = 3, says = { "a list's expansions begin with 'data.'", "'data.customer'" } },

  { "adds a name that is there already", [[
shop:extend("payments", { supplementalData = { metadata = "metadata.channel" } })
]], line = 3, says = { "supplementalData has 'metadata' already", "another name" } },

  { "extends what it did not define", [[
shop:extend("subscriptions", { supplementalData = { plan = "plan.id" } })
]], line = 3, says = { "unknown data type 'subscriptions'", "shop:define(…)" } },

  { "extends a type of their own", [[
shop:define("sent_back", { from = { resource = "refunds" }, id = "id" })
shop:extend("sent_back", { amount = commerce.values.money("amount", "currency") })
]], line = 4, says = { "the type has no field 'amount'", "add it where the type is defined" } },

  { "defines what there is already", [[
shop:define("payments", { from = { resource = "charges" }, id = "id" })
]], line = 3, says = { "such a data type already", 'extend("payments", …)' } },

  { "defines what has become built in", [[
shop:define("payouts", { from = { resource = "payouts" }, id = "id" })
]], line = 3, says = { "such a data type already", 'extend("payouts", …)' } },

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
]], line = 3, says = { "define 'order'", "a word of SQL", "such as 'shop_order'" } },

  { "reads an element of an array", [[
shop:define("subscriptions", {
  from = { resource = "subscriptions" }, id = "id", price = "items.data[1].price.id",
})
]], line = 3, says = { "field 'price'", "got 'items.data[1].price.id'", "each(path, fields)" } },

  { "writes a number for a value", [[
shop:define("subscriptions", { from = { resource = "subscriptions" }, id = "id", version = 2 })
]], line = 3, says = { "field 'version'", "got number", "constant(…)" } },

  { "forgets an argument of a value function", [[
local money = commerce.values.money

shop:define("invoices", { from = { resource = "invoices" }, id = "id",
  total = money("total") })
]], line = 6, says = { "money: argument 2: a path", "got nil" } },

  { "gives a currency for the path of one", [[
shop:extend("payments", { supplementalData = {
  refunded = commerce.values.money("amount_refunded", "usd") } })
]], line = 3, says = { "the path 'usd' names nothing", 'A fixed text is constant("usd")' } },

  { "misspells a value function", [[
shop:extend("payments", { supplementalData = { refunded = commerce.values.mony("amount") } })
]], line = 3, says = { "no value function 'mony'", "did you mean 'money'?" } },

  { "gives supplementalData no names", [[
shop:extend("payments", { supplementalData = "metadata.channel" })
]], line = 3, says = { "a table of fields expected",
    'supplementalData = { name = "metadata.channel" }' } },

  { "forgets the data type", [[
shop:extend { supplementalData = { channel = "metadata.channel" } }
]], line = 3, says = { "the name of a data type expected first", '"payments"', "got table" } },

  { "adds for all what one connection has already", [[
shop:extend("payments", { supplementalData = { channel = "metadata.channel" } })
app:extend("payments", { supplementalData = { channel = "metadata.source" } })
]], line = 4, says = { "supplementalData has 'channel' already", "shop.lua:3", "another name" } },

  { "syncs a type that was not defined", [[
assert(shop:sync { types = { "subscriptions" } })
]], line = 3, says = { "unknown data type 'subscriptions'", "known: company_info",
    "defines them first: shop:define(…)" } },

  { "remaps what was not kept", [[
shop:extend("customers", { supplementalData = { tier = "metadata.tier" } })
assert(shop:sync { types = { "customers" } })
assert(shop:remap { types = { "customers" } })
]], says = { "no source objects are kept", "shop:sync { keep_source = true }" } },

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

---@type Mistake[]
local HOOKS = {
  { "names a hook after a data type in the singular", [[
shop:on("payment", function() end)
]], line = 3, says = { "hook 'payment': there is no data type 'payment'",
    "did you mean 'payments'?" } },

  { "misspells an event", [[
shop:on("payments:changed", function() end)
]], line = 3, says = { "there is no event 'changed'", "did you mean 'change'?" } },

  { "declares a hook with a dot", [[
shop.on("payments", function() end)
]], line = 3, says = { "called with a colon", "shop:on(…), not shop.on(…)" } },

  { "calls the function instead of giving it", [[
local function drop() return false end
shop:on("payments", drop())
]], line = 4, says = { "hook 'payments': a function expected, got boolean" } },

  { "misspells an option of a hook", [[
shop:on("payments", function() end, { on_eror = "stop" })
]], line = 3, says = { "hook 'payments': unknown option 'on_eror'", "did you mean 'on_error'?" } },

  { "misspells a field in a hook", [[
shop:on("disputes", function(dispute) dispute.resaon = "x" end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 4, says = { "hook 'disputes' (", "shop.lua:3): there is no field 'resaon'",
    "did you mean 'reason'?", "goes into supplementalData" } },

  { "gives a number as a text in a hook", [[
shop:on("disputes", function(dispute) dispute.totalAmount = "12.50" end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 4, says = { "shop.lua:3)", "field totalAmount: decimal expected, got string",
    "tonumber(…)" } },

  { "gives in a hook a status the model does not know", [[
shop:on("disputes", function(dispute) dispute.status = "Open" end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 4, says = { "shop.lua:3)", "field status: one of Accepted, ", "EvidenceRequired" } },

  { "gives true where a record is to be kept", [[
shop:on("disputes", function(dispute) return dispute.amount == nil end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 4, says = { "shop.lua:3)", "it gave a boolean", "nothing (the record stays as it is)",
    "false (it is left out)" } },

  { "writes a dot for the context's colon", [[
shop:on("disputes", function(dispute, source, context)
  return context.get("/v1/charges/" .. source.charge.id) and nil
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:4: get: it is called with a colon: context:get(…)" } },

  { "fetches what is no path", [[
shop:on("disputes", function(dispute, source, context)
  dispute.reason = context:get(source.charge.id).id
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:4: get: a path such as '/v1/customers/cus_123' expected" } },

  { "fetches several and gives one", [[
shop:on("disputes:before_page", function(disputes, context)
  context:get_all("/v1/charges/" .. disputes[1].id)
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:4: get_all: a list of paths expected, got string" } },

  { "fetches several with a function as parameter", [[
shop:on("disputes:before_page", function(disputes, context)
  context:get_all({ "/v1/charges/ch_1", "/v1/charges/ch_2" }, { limit = print })
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:4: get: " } },

  { "routes to a store's name", [[
shop:on("disputes", function(dispute, source, context)
  context:route "sqlite:other.db"
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:4: another application expected, from commerce.open" } },

  { "reads in a hook what is not there", [[
shop:on("disputes", function(dispute, source)
  dispute.reason = source.charge.shipping.name
end)
assert(shop:sync { types = { "disputes" }, strict = true })
]], line = 6, says = { "shop.lua:3)", "shop.lua:4: attempt to index" } },
}

---@type Mistake[]
local STEPS = {
  { "misspells an option of sync", [[
shop:sync { type = { "payments" } }
]], line = 3, says = { "unknown option 'type'", "did you mean 'types'?" } },

  { "gives a type for a list of types", [[
shop:sync { types = "payments" }
]], line = 3, says = { "bad option 'types': table expected, got string: write types = {" } },

  { "gives a type where options are", [[
shop:sync { "payments" }
]], line = 3, says = { "option 1 has no name", "{ name = value }", "types" } },

  { "writes until, which is a word of Lua's", [[
shop:sync { until = "2026-01-01" }
]], line = 3, says = { "unexpected symbol near 'until'", "write before" } },

  { "takes the steps instead of giving them", [[
commerce.together { shop:sync { types = { "disputes" } } }
]], says = { "shop.lua:3: together: step 1: a function expected, got table",
    "write function() return shop:sync() end" } },

  { "gives a consumer's name without its table", [[
for change in shop:changes("queue") do print(change.id) end
]], line = 3, says = { "options: table expected, got string", "{ name = value }", "consumer" } },

  { "gives a query without its table", [[
for payment in shop:records("payments", "amount>5") do print(payment.id) end
]], line = 3, says = { "options: table expected, got string", "{ name = value }", "query" } },

  { "asks for a field that there is not", [[

for payment in shop:records("payments", { query = "amont>5" }) do print(payment.id) end
]], line = 4, says = { "Could not resolve property amont", "did you mean 'amount'?" } },

  { "gives the key without its table", [[
assert(app:connect(os.getenv "STRIPE_SECRET_KEY"))
]], line = 3, says = { "options: table expected, got string", "secret_key" } },

  { "misspells the variable with the key", [[
assert(app:connect { secret_key = os.getenv "STRIPE_KEY" })
]], line = 3, says = { "no secret key given", "STRIPE_SECRET_KEY" } },

  { "has set the variable to nothing", [[
assert(app:connect { secret_key = "" })
]], line = 3, says = { "no secret key given", "STRIPE_SECRET_KEY" } },

  { "gives a base that is no address", [[
assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", base_url = "api.stripe.com" })
]], line = 3, says = { "bad option 'base_url'", "https://" } },

  { "gives one step where there are several", [[
commerce.together(function() return shop:sync() end)
]], line = 3, says = { "a list of functions expected, got function", "{ step, step }" } },

  { "syncs one connection twice at once", [[
commerce.together {
  function() return shop:sync { types = { "disputes" } } end,
  function() return shop:sync { types = { "customers" } } end,
}
]], says = { "commerce: ", "a sync of this connection is under way already",
    "one sync reads several types" } },

  { "gives types as names", [[
assert(shop:sync { types = { payments = true } })
]], line = 3, says = { "types: none given", '{ "payments" }' } },

  { "writes a date of its own country", [[
assert(shop:sync { since = "01.02.2026" })
]], line = 3, says = { "since: expected YYYY-MM-DD", "got '01.02.2026'" } },

  { "swaps since and before", [[
assert(shop:sync { since = "2026-02-01", before = "2026-01-01" })
]], line = 3, says = { "since must be an earlier time than before" } },

  { "writes a dot for the application's colon", [[
app.connect { secret_key = "sk_test_emulator" }
]], line = 3, says = { "called with a colon: app:connect(…), not app.connect(…)" } },

  { "forgets to close a file", [[
local out = assert(commerce.csv(os.getenv "COMMERCE_STORE":match "/.*" .. ".csv", { "id" }))
assert(shop:sync { types = { "disputes" } })
for dispute in shop:records("disputes") do out:write(dispute) end
]], line = 3, says = { "shop.db.csv was not closed", ".part", "close()" } },

  { "writes to a file with a dot", [[
local out = assert(commerce.csv(os.getenv "COMMERCE_STORE":match "/.*" .. ".csv", { "id" }))
out.write { id = "x" }
]], line = 4, says = { "called with a colon: file:write(…)" } },

  { "asks with a query that is none", [[
for payment in shop:records("payments", { query = "amount" }) do print(payment.id) end
]], line = 3, says = { "Malformed query", "is not 'field operator value'" } },

  { "writes a CSV file without columns", [[
commerce.csv("payments.csv")
]], line = 3, says = { "a list of columns expected, such as { \"id\", \"amount\" }" } },
}

describe("a beginner", function()
  local e, box

  setup(function()
    e = emulator.start { charges = 20, customers = 25, compact = true }
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" },
      { in_process = true })
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

  local function is_told(mistake)
    local script, all, errors = told(mistake)
    if mistake.line then
      local line = errors:match "([^\n]*)\n$" -- the last; progress may stand before it
      local expected = ("commerce: %s:%d: "):format(script, mistake.line)
      assert.equal(expected, line:sub(1, #expected))
      assert.is_nil(errors:find("stack traceback", 1, true), errors)
    end
    local at = 1
    for _, part in ipairs(mistake.says) do
      local _, last = all:find(part, at, true)
      assert.is_truthy(last, ("'%s' is not told, or in another order: %s"):format(part, all))
      at = last + 1
    end
  end

  for _, mistakes in ipairs { MAPPINGS, HOOKS, STEPS } do
    for _, mistake in ipairs(mistakes) do
      it(mistake[1], function()
        is_told(mistake)
      end)
    end
  end
end)
