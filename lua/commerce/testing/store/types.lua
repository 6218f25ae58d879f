-- Shared cases of the store contract: data types that users define.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"
local model = require "commerce.model"
local query = require "commerce.query"

local describe, it = busted.describe, busted.it

local NOW = "2026-03-01T08:00:00Z"

local FIELDS = { { "status", "any" }, { "amount", "decimal" }, { "end", "datetime" } }

--- Declare the cases about types of a user's own.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
return function(db)
  local function write(data_type, ...)
    local records = {}
    for i, record in ipairs { ... } do
      records[i] = { id = record.id, body = assert(model.encode(data_type, record)) }
    end
    return assert(db():write_page("c1", { records = { [data_type.name] = records } }, NOW))
  end

  local function ids(data_type, text, order_by)
    local found = {}
    local options = { query = text and assert(query.parse(data_type, text)),
      order_by = order_by and assert(query.order(data_type, order_by)) }
    for id in assert(db():records(data_type, options)) do
      found[#found + 1] = id
    end
    if not order_by then
      table.sort(found)
    end
    return table.concat(found, " ")
  end

  local function names()
    local list = {}
    for i, data_type in ipairs(assert(db():types())) do
      list[i] = data_type.name
    end
    return table.concat(list, " ")
  end

  describe("a data type of one's own", function()
    it("is known once it was defined, after those of the model", function()
      local before = names()
      assert.is_nil((db():find_type "subscriptions"))
      local _, message = db():find_type "subscriptions"
      assert.truthy(message:find("payments", 1, true))
      assert.is_true(db():define_type(model.new("subscriptions", FIELDS)))
      assert.equal(before .. " subscriptions", names())
      local found = assert(db():find_type "subscriptions")
      assert.same(model.describe(model.new("subscriptions", FIELDS)), model.describe(found))
      assert.equal(found, assert(db():find_type "custom/subscriptions"))
      assert.equal("payments", assert(db():find_type "payments").name)
    end)

    it("is asked for by a field of any kind as it would be by its values", function()
      local data_type = model.new("things", { { "x", "any" } })
      assert(db():define_type(data_type))
      write(data_type, { id = "text", x = "Active" }, { id = "number", x = 12 },
        { id = "digits", x = "12" }, { id = "true", x = true }, { id = "false", x = false },
        { id = "object", x = { a = 1 } }, { id = "fraction", x = 9.5 }, { id = "none" })
      for _, case in ipairs {
        { "x=active", "text" }, { "x=12", "digits number" }, { "x=true", "true" },
        { "x=1", "true" },
        { "x=false", "false" }, { "x~ctiv", "text" }, { "x~1", "digits number object true" },
        { "x!=active", "digits false fraction none number object true" },
        { "x>11", "digits number object text" }, { "x>=12", "digits number object text" },
        { "x<12", "false fraction true" }, { "x>b", "object" },
        { "x<b", "digits false fraction number text true" }, { "x>9&&x<13", "fraction number" },
      } do
        assert.equal(case[2], ids(data_type, case[1]), case[1])
      end
    end)

    it("is written, changed, marked and read like any other", function()
      local data_type = model.new("subscriptions", FIELDS)
      assert(db():define_type(data_type))
      local first = write(data_type, { id = "a", amount = 5 }, { id = "b" }).subscriptions
      assert.equal(2, first.created)
      local counts = write(data_type, { id = "a", amount = 6 }, { id = "b" }).subscriptions
      assert.equal(1, counts.changed)
      assert.equal(1, counts.unchanged)
      assert(db():write_page("c1", { deleted = { subscriptions = { "b" } } }, NOW))
      assert.equal("a", ids(data_type))
      assert.equal(1, db():count(data_type, "c1"))
      local kinds = {}
      for i, change in ipairs(db():changes("c1", 0, 10)) do
        kinds[i] = change.type .. " " .. change.kind .. " " .. change.id
        assert.equal(change.id, json.decode(change.data).id)
      end
      assert.same({ "subscriptions created a", "subscriptions created b",
        "subscriptions changed a", "subscriptions deleted b" }, kinds)
    end)

    it("can be asked about fields of no one kind", function()
      local data_type = model.new("subscriptions", FIELDS)
      assert(db():define_type(data_type))
      write(data_type, { id = "text", status = "Active" }, { id = "number", status = 12 },
        { id = "digits", status = "12" }, { id = "yes", status = true },
        { id = "no", status = false }, { id = "none" }, { id = "object", status = { a = 1 } })
      for _, case in ipairs { { "status=active", "text" }, { "status=12", "digits number" },
        { "status=true", "yes" }, { "status~ctiv", "text" },
        { "status!=active", "digits no none number object yes" },
        { "status!=12", "no none object text yes" } } do
        assert.equal(case[2], ids(data_type, case[1]), case[1])
      end
      assert.truthy(ids(data_type, "status>11"):find("number", 1, true))
      assert.is_nil(ids(data_type, "status>13 && status<20"):find("number", 1, true))
    end)

    it("has columns for words of SQL, too", function()
      local data_type = model.new("subscriptions", FIELDS)
      assert(db():define_type(data_type))
      write(data_type, { id = "a", ["end"] = "2026-01-01T00:00:00Z" },
        { id = "b", ["end"] = "2026-02-01T00:00:00Z" })
      assert.equal("b", ids(data_type, "end>2026-01-15"))
      assert.equal("a b", ids(data_type, nil, "end"))
      assert.equal("b a", ids(data_type, nil, "-end"))
    end)

    it("may gain, lose and change fields: its records stay", function()
      local data_type = model.new("subscriptions", FIELDS)
      assert(db():define_type(data_type))
      write(data_type, { id = "a", status = "x", amount = 5 })
      local other = model.new("subscriptions", { { "amount", "string" }, { "plan", "string" } })
      assert(db():define_type(other))
      assert(db():define_type(other))
      write(other, { id = "b", amount = "7", plan = "gold" })
      assert.equal("b", ids(other, "plan=gold"))
      assert.equal("a b", ids(other))
      assert.same(model.describe(other), model.describe(assert(db():find_type "subscriptions")))
      assert(db():define_type(data_type))
      assert.equal("a", ids(data_type, "status=x"))
    end)

    it("keeps the shape of the model where the model has one", function()
      local orders = model.optional "orders"
      assert(db():define_type(orders))
      local found = assert(db():find_type "commerce-orders")
      assert.equal("Order", found.title)
      write(found, { id = "o", totalAmount = 10, customerRef = { id = "cus_1", name = "N" },
        orderLineItems = { { id = "l", quantity = 1 } } })
      assert.equal("o", ids(found, "customerRef.id=cus_1"))
    end)

    it("cannot be called like a table of the store", function()
      local function problem(name, ...)
        return db():type_problem(model.new(name, { ... }))
      end
      assert.is_string(problem "connections")
      assert.is_string(problem "pulls")
      assert.is_nil(problem "subscriptions")
      local ok, message = db():define_type(model.new("pulls", FIELDS))
      assert.is_nil(ok)
      assert.truthy(message:find("pulls", 1, true))
      assert.same({}, db():latest_pulls "c1")
    end)
  end)
end
