-- The mapping language: what a declaration may say, what it refuses, and what its sources give. The
-- value functions: mapping_values_spec.

local json = require "commerce.base.json"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

local null = json.null

local function refuses(words, declare)
  local ok, message = pcall(declare)
  assert.is_false(ok)
  for _, word in ipairs(words) do
    assert.is_truthy(tostring(message):find(word, 1, true), tostring(message))
  end
end

describe("a declaration", function()
  local FROM = { resource = "things" }

  local function from(options)
    local copy = {}
    for _, each in ipairs { FROM, options or {} } do
      for name, value in pairs(each) do
        copy[name] = value
      end
    end
    return mapping.from(copy)
  end

  it("compiles to its data type and its sources, in their order", function()
    local declared = mapping "payments" {
      id = "id",
      mapping.from { resource = "charges", expand = { "data.a" } },
      mapping.from { resource = "refunds", distinct = true, with = { balance = "balance" } },
    }
    assert.equal("payments", declared.type.name)
    assert.equal(2, #declared.sources)
    assert.equal("charges", declared.sources[1].resource)
    assert.same({ "data.a" }, declared.sources[1].expand)
    assert.is_falsy(declared.sources[1].distinct)
    assert.same({}, declared.sources[1].with)
    assert.equal("refunds", declared.sources[2].resource)
    assert.is_true(declared.sources[2].distinct)
    assert.same({ balance = "balance" }, declared.sources[2].with)
    assert.same({}, declared.sources[2].expand)
  end)

  it("takes Codat's key for a type's name", function()
    local declared = mapping "commerce-paymentMethods" { from(), id = "id" }
    assert.equal("payment_methods", declared.type.name)
  end)

  it("keeps its join", function()
    local join = { key = "prices", resource = "prices", on = "product", expand = { "data.x" } }
    assert.same(join, mapping "products" { from { join = join }, id = "id" }.sources[1].join)
  end)

  it("knows every source path it reads", function()
    local declared = mapping "transactions" {
      currency = v.currency "currency",
      from {
        where = v.with("status", "kind.name", function()
          return true
        end),
        fields = {
          id = "id", totalAmount = v.money("amount", "currency"),
          supplementalData = v.supplemental { "note", charge = v.id "charge" },
        },
        split = {
          each = "fees", suffix = v.first("label", "kind"), where = "due",
          fields = { totalAmount = v.negated(v.money("sum", "^rate.currency")) },
        },
      },
    }
    local read = {}
    for _, path in ipairs(declared.sources[1].paths) do
      read[path] = true
    end
    for _, path in ipairs { "id", "amount", "currency", "note", "charge.id", "status", "kind.name",
      "fees.sum", "rate.currency", "fees.label", "fees.kind", "fees.due" } do
      assert.is_true(read[path], path .. " is not among the paths")
    end
  end)

  for _, case in ipairs {
    { "of an unknown type", { "paymets" }, function()
      return mapping "paymets" { from(), id = "id" }
    end },
    { "of an unknown field", { "payments", "amonut" }, function()
      return mapping "payments" { from(), id = "id", amonut = v.money("a", "b") }
    end },
    { "of an unknown field of one source", { "amonut" }, function()
      return mapping "payments" { from { fields = { amonut = "a" } }, id = "id" }
    end },
    { "of an unknown field of a split", { "subTyp" }, function()
      return mapping "transactions" { id = "id", from {
        split = { each = "fees", suffix = "type", fields = { subTyp = "type" } },
      } }
    end },
    { "of an unknown field inside an object", { "nmae" }, function()
      return mapping "payments" { from(), id = "id",
        paymentMethodRef = v.ref { id = "a", nmae = "b" } }
    end },
    { "of an unknown field inside a list's elements", { "unitprice" }, function()
      return mapping "products" { from(), id = "id",
        variants = v.each("prices", { id = "id", unitprice = "amount" }) }
    end },
    { "with an unknown option", { "resuorce" }, function()
      return mapping "payments" { mapping.from { resuorce = "charges" }, id = "id" }
    end },
    { "with an unknown option of a split", { "sufix" }, function()
      return from { split = { each = "a", sufix = "b", fields = {} } }
    end },
    { "with an unknown option of a join", { "parent" }, function()
      return from { join = { key = "a", resource = "b", on = "c", parent = "d" } }
    end },
    { "with an option of the wrong type", { "expand", "table", "string" }, function()
      return from { expand = "data.charge" }
    end },
    { "without a resource", { "resource" }, function()
      return mapping.from { expand = {} }
    end },
    { "with a split that has no each", { "each" }, function()
      return from { split = { suffix = "a", fields = {} } }
    end },
    { "with a split that has no suffix", { "suffix" }, function()
      return from { split = { each = "a", fields = {} } }
    end },
    { "with a join that has no on", { "on" }, function()
      return from { join = { key = "a", resource = "b" } }
    end },
    { "without any source", { "payments", "from" }, function()
      return mapping "payments" { id = "id" }
    end },
    { "without an id", { "payments", "id" }, function()
      return mapping "payments" { from(), status = v.constant "Paid" }
    end },
    { "with a date for an amount", { "amount", "decimal", "datetime" }, function()
      return mapping "payments" { from(), id = "id", amount = v.timestamp "created" }
    end },
    { "with money for a text", { "paymentProvider" }, function()
      return mapping "payments" { from(), id = "id", paymentProvider = v.money("a", "b") }
    end },
    { "with an object for a list", { "addresses" }, function()
      return mapping "customers" { from(), id = "id", addresses = v.address("a", "Billing") }
    end },
    { "with a word that the model does not have", { "status", "Payed" }, function()
      return mapping "payments" { from(), id = "id",
        status = v.enum("status", { succeeded = "Payed" }, "Unknown") }
    end },
    { "with a default that the model does not have", { "status", "Unknwon" }, function()
      return mapping "payments" { from(), id = "id",
        status = v.enum("status", { succeeded = "Paid" }, "Unknwon") }
    end },
    { "with a number for a path", { "number" }, function()
      return mapping "payments" { from(), id = "id", amount = 5 }
    end },
    { "with a table for a value", { "table", "object" }, function()
      return mapping "payments" { from(), id = "id", paymentMethodRef = { id = "a" } }
    end },
    { "with true for a value", { "boolean", "constant" }, function()
      return mapping "products" { from(), id = "id", isGiftCard = true }
    end },
    { "with a constant of the wrong kind", { "amount", "decimal", "string" }, function()
      return mapping "payments" { from(), id = "id", amount = v.constant "12" }
    end },
    { "with a constant that is none of the words", { "status", "Payd", "Paid" }, function()
      return mapping "payments" { from(), id = "id", status = v.constant "Payd" }
    end },
    { "with a path that is none", { "path" }, function()
      return mapping "payments" { from(), id = "id", amount = "" }
    end },
    { "with a positional value that is no source", {}, function()
      return mapping "payments" { from(), "amount", id = "id" }
    end },
    { "with `with` and no function", { "with" }, function()
      return v.with("a", "b")
    end },
  } do
    it(case[1] .. " is refused", function()
      refuses(case[2], case[3])
    end)
  end

  it("of the company info needs no id", function()
    local declared = mapping "company_info" { from(), companyName = "name" }
    assert.same({ { companyName = "N" } }, declared.sources[1].map({ name = "N" }))
  end)

  it("accepts a value that is a text, a number or a map as well", function()
    local declared = mapping "customers" { from(), id = "id", note = v.timestamp "t",
      phone = v.currency "c", customerName = v.enum("s", { a = "A" }, "B"),
      supplementalData = v.object { x = "y" } }
    assert.same({ { id = "1", note = "1970-01-01T00:00:05Z", phone = "EUR", customerName = "A",
      supplementalData = { x = 1 } } },
      declared.sources[1].map({ id = "1", t = 5, c = "eur", s = "a", y = 1 }))
  end)

  it("accepts a value whose kind is known only from the data", function()
    local declared = mapping "payments" { from(), id = "id", status = v.constant "Paid" }
    assert.same({ { id = "x", status = "Paid" } }, declared.sources[1].map({ id = "x" }))
  end)

  it("lets a source's own fields go before the shared ones", function()
    local declared = mapping "payments" {
      id = "id", paymentProvider = v.constant "shared",
      mapping.from { resource = "a", fields = { paymentProvider = v.constant "own" } },
      mapping.from { resource = "b" },
    }
    assert.equal("own", declared.sources[1].map({ id = "1" })[1].paymentProvider)
    assert.equal("shared", declared.sources[2].map({ id = "1" })[1].paymentProvider)
  end)
end)

describe("a source", function()
  it("gives no record where `where` says so", function()
    local source = mapping "payments" {
      id = "id", mapping.from { resource = "things", where = "kept" },
    }.sources[1]
    assert.same({}, source.map({ id = "1", kept = false }))
    assert.same({}, source.map({ id = "1", kept = null }))
    assert.same({}, source.map({ id = "1" }))
    assert.same({ { id = "1" } }, source.map({ id = "1", kept = true }))
  end)

  it("gives nil and a message for an object that a value fails on", function()
    local source = mapping "payments" {
      id = "id", mapping.from { resource = "things" },
      amount = v.money("amount", "currency"),
      status = v.with("s", function(s)
        return s.deeper.still
      end),
    }.sources[1]
    local records, message = source.map({ id = "1", s = "text", amount = 5 })
    assert.is_nil(records)
    assert.is_string(message)
    records, message = source.map({ id = "1", s = { deeper = {} }, amount = "12,50" })
    assert.is_nil(records)
    assert.is_truthy(message:find("amount", 1, true), message)
    -- and the next object is not touched by it
    assert.same({ { id = "2", amount = 0.05 } },
      source.map({ id = "2", s = { deeper = {} }, amount = 5, currency = "usd" }))
  end)

  it("splits an object, the split rows with ids of their own", function()
    local source = mapping "transactions" {
      currency = v.currency "currency", createdDate = v.timestamp "created",
      mapping.from {
        resource = "things",
        fields = { id = "id", totalAmount = v.money("amount", "currency") },
        split = {
          each = "fees", suffix = "name", where = v.with("amount", function(amount)
            return amount ~= 0
          end),
          fields = { totalAmount = v.money("amount", "^currency"), subType = "name" },
        },
      },
    }.sources[1]
    assert.same({
      { id = "t", totalAmount = 5, currency = "JPY", createdDate = "1970-01-01T00:00:09Z" },
      { id = "t:a", totalAmount = 1, currency = "JPY", createdDate = "1970-01-01T00:00:09Z",
        subType = "a" },
      { id = "t:a (2)", totalAmount = 2, currency = "JPY", createdDate = "1970-01-01T00:00:09Z",
        subType = "a" },
    }, source.map({ id = "t", amount = 5, currency = "jpy", created = 9, fees = {
      { name = "a", amount = 1 }, { name = "a", amount = 2 }, { name = "b", amount = 0 },
    } }))
  end)

  it("splits nothing off an array that is empty, null or absent", function()
    local source = mapping "transactions" {
      id = "id", mapping.from { resource = "things",
        split = { each = "fees", suffix = "name", fields = { subType = "name" } } },
    }.sources[1]
    for _, fees in ipairs { {}, null } do
      assert.same({ { id = "t" } }, source.map({ id = "t", fees = fees }))
    end
    assert.same({ { id = "t" } }, source.map({ id = "t" }))
  end)
end)

describe("mapping.narrow", function()
  local whole = mapping "transactions" {
    currency = v.currency "currency",
    subType = v.with("source.kind", tostring),
    mapping.from { resource = "things", expand = { "data.source", "data.fees.owner" },
      with = { balance = "balance" }, where = "real",
      fields = { id = "id", totalAmount = v.with("amount", "balance.least", function(amount)
        return amount
      end) },
      split = { each = "fees", suffix = "name", fields = { totalAmount = "amount" } } },
  }
  local object = { id = "t", real = true, amount = 5, currency = "jpy", source = { kind = "k" },
    fees = { { name = "a", amount = 1 } } }

  it("gives the same records with fewer fields", function()
    local source = mapping.narrow(whole, { "id", "currency" }).sources[1]
    assert.same({ { id = "t", currency = "JPY" }, { id = "t:a", currency = "JPY" } },
      source.map(object))
    assert.same({}, source.map({ id = "t" }))
    assert.same(3, #mapping.narrow(whole, { "id", "totalAmount" }).sources[1].map({ id = "u",
      real = 1, amount = 2, fees = { { name = "a" }, { name = "a" } } }))
  end)

  it("reads, expands and fetches no more than they need", function()
    local source = mapping.narrow(whole, { "id" }).sources[1]
    table.sort(source.paths)
    assert.same({ "fees.name", "id", "real" }, source.paths)
    assert.same({}, source.expand)
    assert.same({}, source.with)
    local other = mapping.narrow(whole, { "id", "subType", "totalAmount" }).sources[1]
    assert.same({ "data.source" }, other.expand)
    assert.same({ balance = "balance" }, other.with)
  end)

  it("leaves the whole mapping as it was", function()
    mapping.narrow(whole, { "id" })
    assert.equal(3, #(function()
      local names = {}
      for name in pairs(whole.sources[1].map(object)[2]) do
        names[#names + 1] = name ~= "id" and name or nil
      end
      return names
    end)())
    assert.same({ "data.source", "data.fees.owner" }, whole.sources[1].expand)
  end)
end)
