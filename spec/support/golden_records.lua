-- The records that the mappings make of many source objects, as bytes: what spec/fixtures/records
-- holds of them. Run as a program it writes the fixtures anew, after a change that is meant to
-- change records (under either runtime, with the paths that spec/bench/run sets):
--   lua5.4 spec/support/golden_records.lua

local EXPONENTS = require "commerce.catalog.currencies"
local ascii = require "commerce.base.ascii"
local configured = require "commerce.mapping.configured"
local conversion = require "commerce.sync.conversion"
local core = require "commerce.core"
local json = require "commerce.base.json"
local plan = require "commerce.sync.plan"
local program = require "commerce.mapping.program"
local sets = require "commerce.mapping.registry"
local source_texts = require "spec.support.source_texts"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"
local v = require "commerce.mapping.values"

local golden = {}

local FOLDER = "spec/fixtures/records/"

-- ---------------------------------------------------------------- mappings

local function built_in()
  local mappings = sets.new(stripe.mappings)
  for _, name in ipairs { "invoices", "orders", "subscriptions" } do
    mappings:define(name, require("commerce.stripe." .. name))
  end
  return mappings
end

-- Every construct of the language, and what is configured over Codat's API.
local function extended()
  local mappings = sets.new(stripe.mappings)
  mappings:extend("payments", {
    paymentProvider = v.constant "Acme",
    supplementalData = {
      order = 'metadata["order.id"]', one = 'metadata["1"]', first_of = "metadata.a",
      pair = v.with("amount", "currency", function(amount, currency)
        return tonumber(amount) and currency and { amount = amount, code = { currency } } or nil
      end),
      fixed = v.constant { a = { 1, 2.5 }, b = "x", c = {} },
      list = v.list("description", "currency", v.id "customer", "metadata"),
      object = v.object { when = v.timestamp "created", sum = v.money("amount", "currency"),
        inner = v.object { none = "transfer_group" } },
      kind = v.enum("payment_method_details.type", { card = "Card", pix = "Pix" }, "Other"),
      bare = v.enum("payment_method_details.type", { card = "Card" }),
      odd = v.unlisted("payment_method_details.type", { card = true }),
      negative = v.negated "amount", address = v.address("billing_details.address", "Billing"),
      mail = v.first("receipt_email", "billing_details.email", v.constant "nobody"),
      charge = v.currency "currency", digits = v.decimal "amount",
      refunds = v.each("refunds.data", { id = "id", of = "^id",
        sum = v.money("amount", "^currency") }),
    },
  }, { resource = "charges" })
  mappings:extend("customers", { note = v.with("description", "name", function(note, name)
    return note or name
  end) })
  mappings:define("kept_charges", {
    from = { resource = "charges", where = v.with("amount", function(amount)
      return type(amount) == "number" and amount > 0
    end) },
    id = "id", flag = v.boolean "captured", count = v.integer "amount", text = v.string "currency",
    any = "description", map = v.object { a = "metadata.a", last4 = v.string
      "payment_method_details.card.last4" }, labels = v.list("status", "currency"),
    cards = v.each("metadata.d", { a = "a", outer = "^id" }),
  })
  configured.extend(mappings, "customers", {
    shop = { dataSource = "customers", pullData = { mail = "$.email",
      first = "preferred_locales[0]", all = "$.preferred_locales[*]",
      missing = "$.nothing", city = "$.address.city",
      key = "$.metadata['x']", values = "$.metadata.*" } },
  })
  configured.define(mappings, { identifier = "all-customers", name = "custom_all_customers",
    given = { dataSource = "/v1/customers?limit=10", keyBy = { "$[*].id", "$[*].created" },
      sourceModifiedDate = { "$[*].created" }, requiredData = { mail = "$[*].email",
        balance = "$[*].balance", locales = "$[*].preferred_locales[*]", street = "address.line1",
        meta = "metadata" } } })
  return mappings
end

-- What sees a whole object, or an object without what others inline.
local function viewed()
  local mappings = sets.new(stripe.mappings)
  mappings:extend("payments", { supplementalData = { buyer = "customer.email",
    whole = function(charge)
      return type(charge.metadata) == "table" and charge.metadata.a or nil
    end } }, { resource = "charges", expand = { "data.customer" } })
  mappings:extend("disputes", { reason = function(dispute)
    return dispute.reason and dispute.reason .. "!" or nil
  end })
  return mappings
end

-- ---------------------------------------------------------------- objects

-- A charge and a refund of every currency that has other decimals than two, and of some that have.
local function of_currencies()
  local codes, charges, refunds = { "AAA", "EUR", "HUF", "IDR", "ISK", "TWD", "UGX", "USD" }, {}, {}
  for code in pairs(EXPONENTS) do
    codes[#codes + 1] = code
  end
  ascii.sort(codes)
  for _, code in ipairs(codes) do
    for i, amount in ipairs { "0", "1", "99", "100", "123456", "-5005", "999999999999" } do
      charges[#charges + 1] = ('{"id":"ch_%s%d","object":"charge","created":1760000000,"amount":%s,'
        .. '"currency":"%s","status":"failed"}'):format(code, i, amount, code:lower())
      refunds[#refunds + 1] = ('{"id":"re_%s%d","object":"refund","created":1760000000,'
        .. '"amount":%s,"currency":"%s","status":"succeeded"}'):format(code, i, amount, code)
    end
  end
  return { charges = charges, refunds = refunds }
end

local function expansions_of(tasks)
  local expansions = {}
  for _, task in ipairs(tasks) do
    expansions[task.name] = task.expand
  end
  return expansions
end

--- The sets of records: a name, the mappings, and the objects that they are made of.
---@return table[] cases { name, mappings, texts = function(tasks) }
function golden.cases()
  local function of_emulator(charges)
    local texts
    return function(tasks)
      texts = texts or source_texts.emulator(charges, expansions_of(tasks))
      return texts
    end
  end
  return {
    { name = "built-in emulator", mappings = built_in(), texts = of_emulator(300) },
    { name = "extended emulator", mappings = extended(), texts = of_emulator(60) },
    { name = "viewed emulator", mappings = viewed(), texts = of_emulator(60) },
    { name = "built-in currencies", mappings = built_in(), texts = of_currencies },
    { name = "built-in odd", mappings = built_in(), texts = source_texts.odd },
    { name = "extended odd", mappings = extended(), texts = source_texts.odd },
    { name = "viewed odd", mappings = viewed(), texts = source_texts.odd },
  }
end

--- The tasks of a case.
---@param case table
---@return commerce.Task[]
function golden.tasks(case)
  return (plan.make(case.mappings.resources, case.mappings:all(), {}))
end

-- ---------------------------------------------------------------- records by decoded objects

-- The parents of a joined type with their children.
local function joined(texts, consumer)
  local join, children, objects = consumer.source.join, {}, {}
  for _, text in ipairs(texts[join.resource] or {}) do
    local child = assert(json.decode(text))
    local parent = type(child[join.on]) == "table" and child[join.on].id or child[join.on]
    if type(parent) == "string" then
      children[parent] = children[parent] or {}
      table.insert(children[parent], text)
    end
  end
  for i, text in ipairs(texts[consumer.source.resource] or {}) do
    objects[i] = conversion.joined(text, children[json.decode(text).id] or {}, join.key)
  end
  return objects
end

local function decoded(texts, task)
  local objects = {}
  for i, text in ipairs(texts[task.name] or {}) do
    objects[i] = assert(json.decode(text, true))
    for _, consumer in ipairs(task.consumers) do
      for key, name in pairs(consumer.source.with) do
        objects[i][key] = json.decode((texts[name] or { "{}" })[1])
      end
    end
  end
  return objects
end

-- The bodies of an object's records; "!" alone if one of them fails.
local function bodies_of(consumer, object, dated)
  local drafts, bodies = {}, {}
  if not conversion.map(consumer, object, drafts, dated) then
    return { "!" }
  end
  for i, draft in ipairs(drafts) do
    if not conversion.encode(consumer.data_type, draft) then
      return { "!" }
    end
    bodies[i] = draft.id .. " " .. draft.body
  end
  return bodies
end

-- Every seventh object has changed, by an event.
local function date_of(i)
  return i % 7 == 0 and 1790000000 + i or nil
end

golden.date_of = date_of

--- The records of a case.
---@param case table
---@return string[] lines "TYPE RESOURCE NUMBER ID BODY", sorted within each type
function golden.records(case)
  local tasks, lines = golden.tasks(case), {}
  local texts = case.texts(tasks)
  local function add(task, consumer, objects)
    for i, object in ipairs(objects) do
      for _, body in ipairs(bodies_of(consumer, object, date_of(i))) do
        lines[#lines + 1] = ("%s %s %d %s"):format(consumer.type, task.name, i, body)
      end
    end
  end
  for _, task in ipairs(tasks) do
    for _, consumer in ipairs(task.consumers) do
      add(task, consumer, decoded(texts, task))
    end
    for _, consumer in ipairs(task.joined) do
      add(task, consumer, joined(texts, consumer))
    end
  end
  ascii.sort(lines)
  return lines
end

-- ---------------------------------------------------------------- records by the core

-- The bodies that the core makes of an object, as `bodies_of` gives them; nil if it declines.
local function core_bodies(made, consumer, text, dated)
  local list, bodies = {}, {}
  if not made.mapper:read_text(text, false)
    or not made.mapper:make(made.recipes[consumer.source], list, dated and time.format(dated)) then
    return nil
  end
  for i, draft in ipairs(list) do
    bodies[i] = draft.id .. " " .. draft.body
  end
  return bodies
end

--- Compare the records that the core makes with those that are made of decoded objects.
---@param case table
---@param compare fun(expected: string[], found: string[]?, text: string) is told of each object;
---  `found` is nil if the core declined to make it of its bytes
---@return integer count of objects
function golden.compare(case, compare)
  local tasks, count = golden.tasks(case), 0
  local texts = case.texts(tasks)
  for _, task in ipairs(tasks) do
    local made = program.make(task.consumers)
    local objects = decoded(texts, task)
    for _, consumer in ipairs(task.consumers) do
      if #consumer.unasked == 0 and next(consumer.source.with) == nil then
        for i, object in ipairs(objects) do
          local dated = type(object.updated) ~= "number" and date_of(i) or nil
          consumer.seen, count = {}, count + 1
          compare(bodies_of(consumer, object, dated),
            core_bodies(made, consumer, texts[task.name][i], dated), texts[task.name][i])
        end
      end
    end
  end
  return count
end

-- ---------------------------------------------------------------- fixtures

local function file_of(case)
  return FOLDER .. case.name:gsub(" ", "_") .. ".txt"
end

-- Of the odd objects all records are kept as they are; of the others a checksum of each type's.
local function kept(case, lines)
  if case.name:find "odd" then
    return lines
  end
  local by_type, names, sums = {}, {}, {}
  for _, line in ipairs(lines) do
    local name = line:match "^%S+"
    if not by_type[name] then
      by_type[name], names[#names + 1] = {}, name
    end
    table.insert(by_type[name], line)
  end
  for i, name in ipairs(names) do
    sums[i] = ("%s %d %s"):format(name, #by_type[name],
      core.sha256(table.concat(by_type[name], "\n")))
  end
  return sums
end

golden.kept = kept

--- What the fixture of a case holds.
---@param case table
---@return string[] lines
function golden.fixture(case)
  local lines = {}
  for line in io.lines(file_of(case)) do
    lines[#lines + 1] = line
  end
  return lines
end

if arg and arg[0] and arg[0]:find "golden_records%.lua$" then
  for _, case in ipairs(golden.cases()) do
    local file = assert(io.open(file_of(case), "w"))
    assert(file:write(table.concat(kept(case, golden.records(case)), "\n"), "\n"))
    assert(file:close())
  end
end

return golden
