-- The mapper as Lua sees it: programs, functions that are called, what it declines. What it makes
-- of objects: mapping/golden_spec; hostile programs and objects: spec/fuzz/mapper_fuzz.c.

local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local mapping = require "commerce.mapping"
local program = require "commerce.mapping.program"
local v = require "commerce.mapping.values"

local CHARGE = '{"id":"ch_1","object":"charge","livemode":false,"created":1760000000,'
  .. '"amount":1250,"currency":"eur","status":"failed"}'

-- The program of payments with an amount of this value.
local function payments(amount)
  local declared = mapping "payments" { mapping.from { resource = "charges" },
    id = "id", amount = amount, currency = v.currency "currency" }
  local consumer = { data_type = declared.type, source = declared.sources[1] }
  return program.make({ consumer }), consumer.source
end

local function body_of(amount, text)
  local made, source = payments(amount)
  local list = {}
  assert(made.mapper:read_text(text or CHARGE, false))
  local count, why = made.mapper:make(made.recipes[source], list)
  return count and list[1].body, why
end

describe("a mapper", function()
  it("makes a record of an object's bytes", function()
    assert.equal('{"id":"ch_1","amount":12.5,"currency":"EUR"',
      (body_of(v.money("amount", "currency"))))
  end)

  it("calls a function with the values that it names alone", function()
    local got
    local body = body_of(v.with("amount", "nothing.there", "status", function(...)
      got = { n = select("#", ...), ... }
      return 0.5
    end))
    assert.equal('{"id":"ch_1","amount":0.5,"currency":"EUR"', body)
    assert.same({ n = 3, 1250, nil, "failed" }, got)
  end)

  it("gives a function decoded tables, and takes tables from it", function()
    local body = body_of(v.money(v.with("metadata", function(metadata)
      return metadata.list[2]
    end), "currency"), '{"id":"ch_1","metadata":{"list":[1,12.5e2]},"currency":"eur"}')
    assert.equal('{"id":"ch_1","amount":12.5,"currency":"EUR"', body)
  end)

  it("declines what a function raises, and what does not fit its field", function()
    assert.is_nil((body_of(v.with("amount", function()
      error "no"
    end))))
    assert.is_nil((body_of(v.with("amount", function()
      return "text"
    end))))
    assert.is_nil((body_of(v.with("amount", function()
      return 0 / 0
    end))))
    assert.is_nil((body_of(v.with("amount", function()
      return print
    end))))
  end)

  it("lets Ctrl-C through that falls into a function", function()
    local ok, raised = pcall(body_of, v.with("amount", function()
      error("interrupted!", 0)
    end))
    assert.is_false(ok)
    assert.equal("interrupted!", raised)
  end)

  it("does not read an object of the other mode, or without an id", function()
    local made = payments "amount"
    assert.equal("ch_1", made.mapper:read_text(CHARGE, false))
    assert.is_nil(made.mapper:read_text(CHARGE, true))
    assert.is_nil(made.mapper:read_text('{"object":"charge"}', false))
    assert.is_nil(made.mapper:read_text("[]", false))
  end)

  it("gives no more records of the ids that it has seen", function()
    local made, source = payments "amount"
    local list, seen = {}, {}
    for _ = 1, 2 do
      made.mapper:read_text(CHARGE, false)
      made.mapper:make(made.recipes[source], list, nil, seen)
    end
    assert.equal(1, #list)
    assert.same({ ch_1 = true }, seen)
  end)

  it("gives functions of the whole object the same object, without nulls", function()
    local got = {}
    local body = body_of(v.first(function(charge)
      got[1] = charge
    end, function(charge)
      got[2] = charge
      return charge.customer == nil and charge.list[1] == json.null and charge.amount or nil
    end), '{"id":"ch_1","amount":5,"currency":"eur","customer":null,"list":[null,1]}')
    assert.equal('{"id":"ch_1","amount":5,"currency":"EUR"', body)
    assert.equal(got[1], got[2])
  end)

  it("gives what a function raised, and tells what else does not fit", function()
    local raised = { "an object" }
    local made, source = payments(v.with("amount", function()
      error(raised)
    end))
    assert(made.mapper:read_text(CHARGE, false))
    local count, why, found = made.mapper:make(made.recipes[source], {})
    assert.is_nil(count)
    assert.equal("a function failed", why)
    assert.equal(raised, found)
    made, source = payments(v.money("status", "currency"))
    assert(made.mapper:read_text(CHARGE, false))
    count, why, found = made.mapper:make(made.recipes[source], {})
    assert.is_nil(count)
    assert.equal("an amount is not a decimal number", why)
    assert.is_nil(found)
  end)

  it("gives a function computed numbers of more digits than a double has as decimals", function()
    local got
    local text = CHARGE:gsub("1250", '"12345678901234567890"')
    local amount = v.money("amount", "currency")
    body_of(v.with(amount, v.object { a = amount, b = v.constant "decimal: 1\"2" },
      function(...)
        got = { ... }
      end), text)
    assert.is_true(decimal.is_decimal(got[1]))
    assert.equal("123456789012345678.9", decimal.tostring(got[1]))
    assert.equal("123456789012345678.9", decimal.tostring(got[2].a))
    assert.equal("decimal: 1\"2", got[2].b)
  end)

  it("refuses parts that do not fit", function()
    local mapper = core.mapper()
    for _, build in ipairs {
      function() mapper:scope(9) end,
      function() mapper:key(9, "x") end,
      function() mapper:expr(0, "path", { 0, 99 }) end,
      function() mapper:expr(0, "no such operation", {}) end,
      function() mapper:expr(0, "first", { "x" }) end,
      function() mapper:fields(0, { "a" }, {}) end,
      function() mapper:words({ 5 }) end,
      function() mapper:shape { 5 } end,
      function() mapper:recipe({ shape = 0 }, {}) end,
      function() mapper:read_text("{}", false) end,
      function() mapper:make(0, {}) end,
    } do
      assert.is_false((pcall(build)))
    end
    mapper:finish({}, json.decode, json.encode)
    assert.is_false((pcall(mapper.text, mapper, "x")))
    assert.is_false((pcall(mapper.make, mapper, 0, {})))
  end)

  it("is given back with its functions while others are made", function()
    local kept = setmetatable({}, { __mode = "v" })
    do
      local made = payments(v.with("amount", function(amount)
        return amount
      end))
      kept[1] = made.mapper
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(kept[1])
  end)
end)

describe("a number", function()
  it("has one text under all runtimes", function()
    assert.equal("0.1", core.decimal(0.1))
    assert.equal("771482873676409.2", core.decimal(771482873676409.25)) -- LuaJIT's %.16g: .3
    assert.is_nil((core.decimal(1 / 0)))
    assert.is_nil((core.decimal(0 / 0)))
  end)
end)
