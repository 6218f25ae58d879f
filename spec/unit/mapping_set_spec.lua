-- What a user lays over the built-in mappings, and types of a user's own: what becomes of an
-- object, what stays untouched, what is read. What is refused: integration/mistakes_spec.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local model = require "commerce.model"
local columns_of = require("commerce.store.sql.columns").of
local errors = require "commerce.base.errors"
local sets = require "commerce.mapping.registry"
local stripe = require "commerce.stripe"
local v = require "commerce.mapping.values"

local null = json.null

local function has(list, item)
  for _, each in ipairs(list) do
    if each == item then
      return true
    end
  end
  return false
end

local function refuses(words, declare, ...)
  local ok, message = pcall(declare, ...)
  assert.is_false(ok)
  for _, word in ipairs(words) do
    assert.is_truthy(tostring(message):find(word, 1, true), tostring(message))
  end
end

describe("an extended mapping", function()
  local mine

  before_each(function()
    mine = sets.new(stripe.mappings)
  end)

  local function map(name, object, at)
    return assert(mine:find(name).sources[at or 1].map(object))
  end

  local function stripe_data(record)
    return record.supplementalData.content.stripe
  end

  it("has the new supplemental data beside what was there", function()
    mine:extend("payments", { supplementalData = { channel = "metadata.channel",
      mail = v.first("receipt_email", "billing_details.email") } })
    local data = stripe_data(map("payments", builders.charge())[1])
    assert.equal("web", data.channel)
    assert.equal("ada@verhoeven.example", data.mail)
    assert.equal("0259", data.last4)
    assert.equal(builders.CREATED_TEXT, map("payments", builders.charge())[1].createdDate)
  end)

  it("leaves the platform's mapping as it was", function()
    local before = stripe.mappings().payments.sources[1].map(builders.charge())
    mine:extend("payments", { paymentProvider = v.constant "Acme",
      supplementalData = { channel = "metadata.channel" } })
    assert.same(before, stripe.mappings().payments.sources[1].map(builders.charge()))
    local fresh = sets.new(stripe.mappings)
    assert.same(before, fresh:find("payments").sources[1].map(builders.charge()))
    assert.is_nil(stripe.mappings().payments.by_user)
    assert.is_true(mine:find("payments").by_user)
    assert.equal(stripe.mappings().disputes, mine:find "disputes")
  end)

  it("has a replaced field from all sources, or from one", function()
    mine:extend("payments", { paymentProvider = "description" }, { resource = "charges" })
    assert.equal("Order 1047", map("payments", builders.charge())[1].paymentProvider)
    assert.equal("Stripe", map("payments", builders.refund(), 2)[1].paymentProvider)
    mine:extend("payments", { currency = v.constant "EUR" })
    assert.equal("EUR", map("payments", builders.charge { currency = "usd" })[1].currency)
    assert.equal("EUR", map("payments", builders.refund { currency = "usd" }, 2)[1].currency)
  end)

  it("reads what its paths name, and not what a replaced field read", function()
    mine:extend("customers", { note = "metadata.note", phone = "metadata.phone" })
    local paths = mine:find("customers").sources[1].paths
    assert.is_true(has(paths, "metadata.note"))
    assert.is_false(has(paths, "description"))
    assert.is_false(has(paths, "shipping.phone"))
  end)

  it("keeps rows that are split off as they are, but for what they share", function()
    mine:extend("transactions", { subType = "balance_type", currency = v.constant "XTS",
      supplementalData = { kind = "balance_type" } })
    local rows = map("transactions", builders.balance_transaction())
    assert.equal("payments", rows[1].subType)
    assert.equal("stripe_fee", rows[2].subType)
    for _, row in ipairs(rows) do
      assert.equal("XTS", row.currency)
      assert.equal("payments", stripe_data(row).kind)
      assert.equal("charge", stripe_data(row).reporting_category)
    end
  end)

  describe("with a Lua function of the object", function()
    it("gives it all of the object, without nulls", function()
      local seen
      mine:extend("payments", { supplementalData = { channel = function(charge)
        seen = charge
        return charge.metadata.channel .. (charge.description or "")
      end } }, { resource = "charges" })
      local charge = builders.charge { description = null, failure_code = null }
      assert.equal("web", stripe_data(map("payments", charge)[1]).channel)
      assert.equal("cus_Tq8LampBuyer01", seen.customer)
      assert.is_nil(seen.failure_code)
      assert.is_nil(seen.payment_method_details.card.mandate)
      assert.is_true(has(mine:find("payments").sources[1].paths, "*"))
    end)

    it("leaves the field out for nil, and fails the object alone where it raises", function()
      mine:extend("payments", { dueDate = function(charge)
        if charge.amount > 100 then
          return charge.nothing.at_all
        end
      end }, { resource = "charges" })
      local source = mine:find("payments").sources[1]
      assert.is_nil(assert(source.map(builders.charge { amount = 5 }))[1].dueDate)
      local records, message = source.map(builders.charge())
      assert.is_nil(records)
      assert.truthy(message:find("mapping_set_spec.lua:", 1, true), message)
    end)

    it("is given the element inside each", function()
      mine:define("carts", { from = { resource = "checkout_sessions" }, id = "id",
        lines = v.each("line_items.data", { text = function(line)
          return line.description and line.description:upper() or "?"
        end }) })
      local records = assert(mine:find("carts").sources[1].map { id = "cs_1",
        line_items = { data = { { description = "a" }, { description = null } } } })
      assert.same({ { text = "A" }, { text = "?" } }, records[1].lines)
      assert.is_true(has(mine:find("carts").sources[1].paths, "line_items.data"))
    end)
  end)

  describe("with an expansion", function()
    local object = builders.charge { customer = { id = "cus_9", object = "customer",
      email = "x@example.com", name = "X" } }

    before_each(function()
      mine:extend("payments", { supplementalData = { email = "customer.email",
        whole = function(charge)
          return charge.customer.name
        end } }, { resource = "charges", expand = { "data.customer" } })
    end)

    it("asks for it, for that source alone", function()
      local sources = mine:find("payments").sources
      assert.same({ "data.customer" }, sources[1].expand)
      assert.is_false(has(sources[2].expand, "data.customer"))
    end)

    it("shows it to the new fields, and the id to those that were there", function()
      local data = stripe_data(map("payments", object)[1])
      assert.equal("x@example.com", data.email)
      assert.equal("X", data.whole)
      assert.equal("cus_9", data.customer)
    end)

    it("copes with what was not inlined", function()
      mine = sets.new(stripe.mappings)
      mine:extend("payments", { supplementalData = { email = "customer.email" } },
        { resource = "charges", expand = { "data.customer" } })
      assert.is_nil(stripe_data(map("payments", builders.charge { customer = null })[1]).email)
      local data = stripe_data(map("payments", builders.charge())[1])
      assert.is_nil(data.email)
      assert.equal("cus_Tq8LampBuyer01", data.customer)
    end)
  end)

  it("has the records of one more source", function()
    mine:extend("payments", {}, { from = { resource = "payouts", fields = {
      amount = v.negated(v.money("amount", "currency")), status = v.constant "Paid" } } })
    local sources = mine:find("payments").sources
    assert.equal(3, #sources)
    assert.same({ id = "po_1", amount = -5, currency = "USD", status = "Paid",
      paymentProvider = "Stripe", createdDate = "1970-01-01T00:00:09Z",
      sourceModifiedDate = "1970-01-01T00:00:09Z" },
      sources[3].map({ id = "po_1", amount = 500, currency = "usd", created = 9 })[1])
  end)

  it("gives the new fields of one more source, too, but where that has its own", function()
    mine:extend("payments", { paymentProvider = "description",
      supplementalData = { to = "destination" } }, { from = { resource = "payouts", fields = {
        amount = v.money("amount", "currency"), status = v.constant "Paid",
        paymentProvider = "statement_descriptor", supplementalData = { method = "method" } } } })
    local payout = mine:find("payments").sources[3].map({ id = "po_1", amount = 500,
      currency = "usd", created = 9, destination = "ba_1", description = "a",
      statement_descriptor = "b", method = "instant" })[1]
    assert.same({ to = "ba_1", method = "instant" }, stripe_data(payout))
    assert.equal("b", payout.paymentProvider)
    assert.equal("a", map("payments", builders.charge { description = "a" })[1].paymentProvider)
  end)

  it("lies over what is declared for all connections", function()
    local app = sets.new(stripe.mappings)
    local one, other = sets.new(stripe.mappings, app), sets.new(stripe.mappings, app)
    one:extend("customers", { note = "metadata.one" })
    app:extend("customers", { note = "metadata.all", phone = "metadata.phone" })
    local customer = builders.customer { metadata = { one = "1", all = "a", phone = "p" } }
    local own = one:find("customers").sources[1].map(customer)[1]
    assert.equal("1", own.note)
    assert.equal("p", own.phone)
    assert.equal("a", other:find("customers").sources[1].map(customer)[1].note)
  end)

  it("clashes at once with what another one adds, whichever came first", function()
    local app = sets.new(stripe.mappings)
    local one = sets.new(stripe.mappings, app)
    local added = { supplementalData = { channel = "metadata.channel" } }
    one:extend("payments", added)
    refuses({ "mapping_set_spec.lua:", "supplementalData has 'channel' already, from ",
      "mapping_set_spec.lua:" }, app.extend, app, "payments", added)
    app:extend("customers", added)
    refuses({ "supplementalData has 'channel' already, from " }, one.extend, one, "customers",
      added)
    one:close()
    app:extend("payments", added) -- a connection that was closed is in nobody's way
  end)

  it("is narrowed like any other", function()
    mine:extend("payments", { supplementalData = { email = "customer.email" } },
      { resource = "charges", expand = { "data.customer" } })
    local mapping = require "commerce.mapping"
    local source = mapping.narrow(mine:find "payments", { "id" }).sources[1]
    assert.same({ { id = "ch_3TqLampSale0001" } }, source.map(builders.charge()))
    assert.same({}, source.expand)
  end)

  it("has a sign that changes with its declaration, not with what it stands in", function()
    local function sign(declare)
      local set = sets.new(stripe.mappings)
      declare(set)
      return set:find("payments").sources[1].sign
    end
    local plain = sign(function() end)
    local channel = sign(function(set)
      set:extend("payments", { supplementalData = { channel = "metadata.channel" } })
    end)
    assert.are_not.equal(plain, channel)
    assert.equal(channel, sign(function(set)
      set:extend("payments", { supplementalData = { channel = "metadata.channel" } })
    end))
    assert.are_not.equal(channel, sign(function(set)
      set:extend("payments", { supplementalData = { channel = "metadata.medium" } })
    end))
    assert.are_not.equal(channel, sign(function(set)
      set:extend("payments", { supplementalData = { medium = "metadata.channel" } })
    end))
    assert.are_not.equal(plain, sign(function(set)
      set:extend("payments", { paymentProvider = v.constant "Acme" })
    end))
    assert.are_not.equal(plain, sign(function(set)
      set:extend("payments", { status = v.enum("status", { succeeded = "Paid" }, "Failed") },
        { resource = "charges" })
    end))
  end)
end)

describe("a data type of one's own", function()
  local mine

  before_each(function()
    mine = sets.new(stripe.mappings)
  end)

  local function columns(name)
    local list = {}
    for _, column in ipairs(columns_of(mine:find(name).type)) do
      list[#list + 1] = column.name .. " " .. column.kind
    end
    return table.concat(list, ", ")
  end

  it("is found by its name and its key, after the model's", function()
    mine:define("subscriptions", { from = { resource = "subscriptions" }, id = "id" })
    assert.equal("subscriptions", mine:find_type("subscriptions").name)
    assert.equal("subscriptions", mine:find_type("custom/subscriptions").name)
    local all = mine:all()
    assert.equal(#model.types() + 1, #all)
    assert.equal("subscriptions", all[#all].type.name)
    assert.is_nil((model.find "subscriptions"))
    assert.is_nil(sets.new(stripe.mappings):find "subscriptions")
  end)

  it("has columns of the kinds that its values give", function()
    mine:define("subscriptions", {
      from = { resource = "subscriptions" },
      id = "id", status = "status",
      currency = v.currency "currency", trialEnd = v.timestamp "trial_end",
      fee = v.decimal "application_fee_percent", paused = v.with("pause_collection", tostring),
      text = v.string "description", days = v.integer "days_until_due",
      ends = v.boolean "cancel_at_period_end",
      state = v.enum("status", { active = "On" }, "Off"), kind = v.constant "x",
      zero = v.constant(0),
      customerRef = v.ref { id = "customer" }, ["end"] = v.timestamp "ended_at",
      items = v.each("items.data", { id = "id" }), all = v.list("id"),
      supplementalData = { plan = "metadata.plan" },
    })
    assert.equal("id string, currency currency, customer_ref_id any, days integer, end_ datetime, "
      .. "ends boolean, fee decimal, kind string, paused any, state enum, status any, text string, "
      .. "trial_end datetime, zero decimal, metadata_is_deleted boolean, created_date datetime, "
      .. "source_modified_date datetime, modified_date datetime", columns "subscriptions")
  end)

  it("gives records with the dates that all records have", function()
    mine:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
      status = "status" })
    local found = mine:find "subscriptions"
    local record = found.sources[1].map({ id = "sub_1", status = "active", created = 5 })[1]
    assert.same({ id = "sub_1", status = "active", createdDate = "1970-01-01T00:00:05Z",
      sourceModifiedDate = "1970-01-01T00:00:05Z" }, record)
    assert.equal('{"id":"sub_1","status":"active","createdDate":"1970-01-01T00:00:05Z",'
      .. '"sourceModifiedDate":"1970-01-01T00:00:05Z"', (model.encode(found.type, record)))
  end)

  it("may date itself otherwise", function()
    mine:define("plans", { from = { resource = "plans" }, id = "id",
      createdDate = v.timestamp "metadata.at" })
    assert.same({ id = "p", createdDate = "1970-01-01T00:00:07Z",
      sourceModifiedDate = "1970-01-01T00:00:05Z" },
      mine:find("plans").sources[1].map({ id = "p", created = 5, metadata = { at = 7 } })[1])
    mine:define("goods", { from = { resource = "products" }, id = "id" })
    assert.equal("1970-01-01T00:00:09Z", mine:find("goods").sources[1]
      .map({ id = "p", created = 5, updated = 9 })[1].sourceModifiedDate)
  end)

  it("has several sources, whose fields fit one column", function()
    mine:define("money", {
      from = {
        { resource = "payouts", fields = { amount = v.integer "amount", at = v.timestamp "created",
          what = v.string "status" } },
        { resource = "topups", fields = { amount = v.money("amount", "currency"), at = "created",
          what = v.currency "currency" } },
      },
      id = "id", target = v.ref { id = "destination" },
    })
    assert.truthy(columns("money"):find("amount decimal, at any, target_id any, what string", 1,
      true), columns "money")
    assert.same({ "payouts", "topups" }, stripe.resources_of(mine:find "money"))
  end)

  it("comes from a resource that is known only by its path", function()
    mine:define("quotes", { from = { resource = { path = "/v1/quotes", list = true,
      created = false } }, id = "id", total = v.money("amount_total", "currency") })
    assert.equal("quotes", mine:find("quotes").sources[1].resource)
    assert.same({ path = "/v1/quotes", list = true, created = false, own = true },
      mine.resources.quotes)
    assert.is_nil(stripe.resources.quotes)
    mine:define("links", { from = { resource = { path = "/v1/payment_links", list = true } },
      id = "id" })
    assert.equal("/v1/payment_links", mine.resources.payment_links.path)
    mine:define("sessions", { from = { resource = { path = "/v1/checkout/sessions", list = true } },
      id = "id" })
    assert.equal("checkout_sessions", mine:find("sessions").sources[1].resource)
  end)

  it("has the model's shape where the model has one of its name", function()
    mine:define("orders", { from = { resource = "invoices" }, id = "id",
      totalAmount = v.money("total", "currency") })
    assert.equal("Order", mine:find("orders").type.title)
    assert.equal("orders", mine:find_type("commerce-orders").name)
    refuses({ "orders", "amount" }, mine.define, sets.new(stripe.mappings), "orders",
      { from = { resource = "invoices" }, id = "id", amount = "total" })
  end)

  it("can be extended like the others", function()
    mine:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
      supplementalData = { plan = "metadata.plan" } })
    mine:extend("subscriptions", { supplementalData = { team = "metadata.team" } })
    assert.same({ plan = "p", team = "t" }, mine:find("subscriptions").sources[1].map({ id = "s",
      metadata = { plan = "p", team = "t" } })[1].supplementalData.content.stripe)
  end)

  it("may be defined alike for several connections, not otherwise", function()
    local app = sets.new(stripe.mappings)
    local one, other = sets.new(stripe.mappings, app), sets.new(stripe.mappings, app)
    one:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
      status = "status" })
    other:define("subscriptions", { from = { resource = "subscriptions" }, id = "id",
      status = "collection_method" })
    refuses({ "subscriptions", "app:define" }, app.define, app, "subscriptions",
      { from = { resource = "subscriptions" }, id = "id" })
  end)

  it("is told to a store, once it is asked for", function()
    mine:define("subscriptions", { from = { resource = "subscriptions" }, id = "id" })
    local told = {}
    local store = { define_type = function(_, data_type)
      told[#told + 1] = data_type.name
      return true
    end }
    assert.is_true(mine:tell(store, "payments"))
    assert.same({}, told)
    assert.is_true(mine:tell(store, "subscriptions"))
    assert.is_true(mine:tell(store))
    assert.same({ "subscriptions", "subscriptions" }, told)
    local ok, message = errors.catch(mine.tell, mine, {})
    assert.is_nil(ok)
    assert.truthy(message:find("subscriptions", 1, true))
  end)
end)

describe("the built-in mappings", function()
  it("read only what Stripe's objects are known to have", function()
    local declared = require "commerce.mapping.declaration"
    for name, whole in pairs(stripe.mappings()) do
      for i, source in ipairs(whole.sources) do
        declared.paths(name, { whole.entries[i] }, source.paths)
        declared.expansions(stripe.resources, name, whole.entries[i], source.expand)
      end
    end
  end)
end)
