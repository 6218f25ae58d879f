-- The value functions of the mapping language: what they make of a source object.

local amounts = require "commerce.mapping.amounts"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local null = json.null

-- What a value gives for a source object, within a declared mapping.
local function value_of(value, source)
  local declared = mapping "payments" {
    mapping.from { resource = "things" }, id = v.constant "x",
    supplementalData = v.with(value, function(given)
      return given
    end),
  }
  return assert(declared.sources[1].map(source))[1].supplementalData
end

local function sorted(list)
  local copy = {}
  for i, item in ipairs(list) do
    copy[i] = item
  end
  table.sort(copy)
  return copy
end

describe("a path", function()
  for _, case in ipairs {
    { "a", { a = 1 }, 1 }, { "a", { a = null }, nil }, { "a", {}, nil },
    { "a", { a = false }, false },
    { "a.b", { a = { b = "x" } }, "x" }, { "a.b", { a = { b = null } }, nil },
    { "a.b", { a = null }, nil }, { "a.b", { a = "text" }, nil }, { "a.b", { a = 5 }, nil },
    { "a.b.c", { a = { b = { c = 2 } } }, 2 }, { "a.b.c", { a = { b = null } }, nil },
    { "a.b.c", { a = { b = "text" } }, nil }, { "a.b.c", {}, nil },
    { "a.b.c.d", { a = { b = { c = { d = null } } } }, nil },
  } do
    it(("%s in %s"):format(case[1], json.encode(case[2])), function()
      assert.equal(case[3], value_of(v.field(case[1]), case[2]))
    end)
  end
end)

describe("the values", function()
  it("with: gets its arguments in order, nil for null and absent", function()
    local seen
    value_of(v.with("a", "b.c", "d", "e", function(...)
      seen = { n = select("#", ...), ... }
    end), { a = null, b = { c = 2 }, e = false })
    assert.same({ n = 4, [2] = 2, [4] = false }, seen)
  end)

  it("with: takes values as arguments and leaves the field out for nil", function()
    assert.equal("EUR!", value_of(v.with(v.currency "c", function(code)
      return code .. "!"
    end), { c = "eur" }))
    assert.is_nil(value_of(v.with("c", function() end), { c = "eur" }))
  end)

  it("first: skips null, absent and empty, not false and zero", function()
    local first = v.first("a", "b.c", "d")
    assert.equal("x", value_of(first, { a = null, b = { c = "" }, d = "x" }))
    assert.equal(0, value_of(first, { a = 0, d = "x" }))
    assert.is_false(value_of(first, { a = false, d = "x" }))
    assert.is_nil(value_of(first, { a = "" }))
  end)

  it("list: has what the source gives, without holes", function()
    assert.same({ "x", "z" }, value_of(v.list("a", "b", "c"), { a = "x", b = null, c = "z" }))
    assert.same({}, value_of(v.list("a", "b"), {}))
  end)

  it("each: has one entry per element, with ^ for what is around it", function()
    local each = v.each("rows", { id = "id", text = v.with("name", "^name", function(own, outer)
      return own .. " of " .. outer
    end), outer = "^name" })
    assert.same({
      { id = 1, text = "a of O", outer = "O" }, { id = 2, text = "b of O", outer = "O" },
    }, value_of(each, { name = "O", rows = { { id = 1, name = "a" }, { id = 2, name = "b" } } }))
  end)

  it("each: is empty for an array that is empty, null or absent", function()
    local each = v.each("rows", { id = "id" })
    assert.same({}, value_of(each, { rows = {} }))
    assert.same({}, value_of(each, { rows = null }))
    assert.same({}, value_of(each, {}))
  end)

  it("each: reads the elements' paths and the outer ones", function()
    assert.same({ "name", "rows", "rows.id" },
      sorted(v.each("rows", { id = "id", outer = "^name" }).paths))
  end)

  it("object and ref: are left out when the source gives nothing, or no id", function()
    assert.same({ id = "a" }, value_of(v.object { id = "a", name = "b" }, { a = "a" }))
    assert.is_nil(value_of(v.object { id = "a", name = "b" }, {}))
    assert.same({ id = "a" }, value_of(v.ref { id = "a", name = "b" }, { a = "a", b = null }))
    assert.is_nil(value_of(v.ref { id = "a", name = "b" }, { a = null, b = "n" }))
  end)

  it("id: is the id of an object, expanded or not", function()
    assert.equal("ch_1", value_of(v.id "charge", { charge = "ch_1" }))
    assert.equal("ch_1", value_of(v.id "charge", { charge = { id = "ch_1" } }))
    assert.is_nil(value_of(v.id "charge", { charge = null }))
    assert.is_nil(value_of(v.id "charge", { charge = { id = null } }))
  end)

  it("money: is exact and nil for nil", function()
    assert.equal(19.99, value_of(v.money("a", "c"), { a = 1999, c = "usd" }))
    assert.equal("1.2345678901234567",
      decimal.tostring(value_of(v.money("a", "c"), { a = "123.45678901234567", c = "usd" })))
    assert.is_nil(value_of(v.money("a", "c"), { a = null, c = "usd" }))
    assert.is_nil(value_of(v.negated(v.money("a", "c")), { c = "usd" }))
  end)

  it("timestamp: is a date in UTC, nil for 0 and null", function()
    assert.equal("2026-03-14T09:26:53Z", value_of(v.timestamp "t", { t = 1773480413 }))
    assert.equal("1970-01-01T00:00:01Z", value_of(v.timestamp "t", { t = 1 }))
    assert.equal("2040-01-01T00:00:00Z", value_of(v.timestamp "t", { t = 2208988800 }))
    for _, none in ipairs { 0, null } do
      assert.is_nil(value_of(v.timestamp "t", { t = none }))
    end
  end)

  it("enum: has the default for an unknown word and for none", function()
    local enum = v.enum("s", { won = "Won" }, "Unknown")
    for _, case in ipairs { { "won", "Won" }, { "x", "Unknown" }, { null, "Unknown" } } do
      assert.equal(case[2], value_of(enum, { s = case[1] }))
    end
  end)

  it("unlisted: has the words that are not known", function()
    local unlisted = v.unlisted("s", { won = "Won" })
    for _, case in ipairs { { "won", nil }, { "x", "x" }, { null, nil } } do
      assert.equal(case[2], value_of(unlisted, { s = case[1] }))
    end
  end)

  it("switch: is the value of the word's case, or the last one", function()
    local choice = v.switch("s", { a = "x", b = "x", ["true"] = v.constant "yes",
      ["false"] = v.switch("x", { ["nil"] = v.constant "none" }, "x"),
      ["nil"] = v.constant(0) }, v.constant "other")
    for _, case in ipairs { { "a", 1 }, { "b", 1 }, { true, "yes" }, { false, 1 }, { null, 0 },
      { "c", "other" }, { 5, "other" }, { {}, "other" } } do
      assert.equal(case[2], value_of(choice, { s = case[1], x = 1 }))
    end
    assert.equal("none", value_of(choice, { s = false }))
    assert.is_nil(value_of(v.switch("s", { a = "x" }), { s = "b", x = 1 }))
    assert.same({ "s", "x", "x", "y" },
      v.switch("s", { a = "x", b = v.list("x") }, "y").paths)
    local sign = v.switch("s", { a = "x", b = "y" }, "z").sign
    assert.equal(sign, v.switch("s", { b = "y", a = "x" }, "z").sign)
    assert.are_not.equal(sign, v.switch("s", { a = "y", b = "x" }, "z").sign)
    assert.are_not.equal(sign, v.switch("s", { a = "x", b = "y" }, "x").sign)
  end)

  it("switch: takes texts alone as the names of its cases", function()
    local _, message = pcall(v.switch, "s", { [true] = "x" })
    assert.matches("switch: texts expected as the names of the cases", tostring(message), 1, true)
  end)

  it("sign, prefix, complete: ask in the core what amounts and ids are", function()
    for _, case in ipairs { { 5, "+" }, { -0.5, "-" }, { 0, "0" }, { null, "0" } } do
      assert.equal(case[2], value_of(amounts.sign "n", { n = case[1] }))
    end
    for id, prefix in pairs { ch_1 = "ch", py_ = "py", pyr_x_y = "pyr" } do
      assert.equal(prefix, value_of(amounts.prefix "s", { s = id }))
    end
    for _, other in ipairs { "", "ch", "_1", "a1_2", null } do
      assert.is_nil(value_of(amounts.prefix "s", { s = other }))
    end
    local whole = amounts.complete("sum", "list", "n", v.constant { "incomplete" })
    for _, case in ipairs { { 3, { { n = 1 }, { n = 2 } } }, { null, { { n = 1 } } },
      { -1, { { n = -1 }, { n = "5" }, 7 } } } do
      assert.same(case[2], value_of(whole, { sum = case[1], list = case[2] }))
    end
    assert.same({ "incomplete" }, value_of(whole, { sum = 4, list = { { n = 1 } } }))
  end)

  it("enum and unlisted: have another signature when their words change", function()
    for _, name in ipairs { "enum", "unlisted" } do
      local sign = v[name]("s", { won = "Won", lost = "Lost" }).sign
      assert.equal(sign, v[name]("s", { lost = "Lost", won = "Won" }).sign)
      assert.are_not.equal(sign, v[name]("s", { won = "Won" }).sign)
      assert.are_not.equal(sign, v[name]("s", { won = "Won", lost = "Gone" }).sign)
      assert.are_not.equal(sign, v[name]("t", { won = "Won", lost = "Lost" }).sign)
    end
  end)

  it("supplemental: leaves out nulls and what is empty, and itself when all is", function()
    local data = v.supplemental { "a", "b", "c", "d", e = "x.y" }
    assert.same({ content = { stripe = { a = false, d = 0, e = "z" } } },
      value_of(data, { a = false, b = null, c = {}, d = 0, x = { y = "z" } }))
    assert.is_nil(value_of(data, { b = null, c = {} }))
  end)

  it("exponent: knows codes of any case", function()
    assert.equal(0, v.exponent "jpy")
    assert.equal(3, v.exponent "KWD")
    assert.equal(2, v.exponent(nil))
  end)
end)

describe("a path with a name in brackets", function()
  local OBJECT = { metadata = { ["order.id"] = "o-1", ["feature id"] = "f", [""] = "e",
    ["a.b"] = { c = { ["d.e"] = 5 } }, plain = "p", ["it's"] = "q", list = { {} } }, amount = 1 }

  local function record_of(object, fields)
    object.id = "x"
    return assert(mapping "payments" { mapping.from { resource = "things" }, id = "id",
      supplementalData = v.supplemental(fields) }.sources[1].map(object))[1].supplementalData
  end

  for path, expected in pairs {
    ['metadata["order.id"]'] = "o-1", ["metadata['order.id']"] = "o-1",
    ['metadata["feature id"]'] = "f", ["metadata.feature id"] = "f", ['metadata[""]'] = "e",
    ['metadata["plain"]'] = "p", ['metadata["it\'s"]'] = "q",
    ['metadata["a.b"].c["d.e"]'] = 5,
  } do
    it("reads " .. path, function()
      local read = v.field(path)
      local made = record_of(OBJECT, { here = path, list = v.each("metadata.list",
        { there = "^" .. path }) })
      assert.same({ here = expected, list = { { there = expected } } }, made.content.stripe)
      assert.equal(path, read.sign)
      assert.same({ path:match "^metadata%.[^%[]+$" or "metadata" }, read.paths)
      assert.same({ "^" .. read.paths[1] }, v.field("^" .. path).paths)
    end)
  end

  it("gives nothing where the name is missing", function()
    local fields = { 'metadata["no.no"]', 'amount["no.no"]', 'metadata["order.id"]' }
    assert.is_nil(record_of({ metadata = json.null, amount = 1 }, fields))
  end)

  for _, path in ipairs { "metadata[order.id]", 'metadata["order.id', 'metadata["a"]b', '["id"]',
    'metadata.["a"]', "lines[1]", 'metadata["a"].', 'metadata["a\']' } do
    it("is refused as " .. path, function()
      local ok, message = pcall(v.field, path)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find("a path expected, got '" .. path .. "'", 1, true),
        message)
    end)
  end
end)

describe("a mapping of an object with a value of an odd type", function()
  it("says so without a position of the library's", function()
    local products = require "commerce.stripe.types.products"
    local message
    for _, source in ipairs(products.sources) do
      local mapped, wrong = source.map { id = "prod_1", object = "product", name = "x",
        created = "soon", prices = { { id = "price_1", object = "price", currency = 5,
          currency_options = 5, unit_amount = {}, active = true } } }
      message = message or not mapped and wrong
    end
    assert.match("^a field has a value of a type that Stripe's reference does not give it",
      message)
    assert.is_nil(message:find("%.lua:%d"))
  end)

  it("names the line of a user's function", function()
    local declared = mapping "payments" { mapping.from { resource = "things" }, id = "id",
      supplementalData = v.with("a", function(given) return given.b.c end) }
    local _, message = declared.sources[1].map { id = "x", a = {} }
    assert.match("mapping_values_spec.lua:%d+: attempt to index", message)
  end)
end)
