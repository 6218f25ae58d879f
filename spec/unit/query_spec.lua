-- Codat's query language: what it accepts, what it means, what it refuses and where it says so.

local condition = require "commerce.store.sql.condition"
local columns = require "commerce.store.sql.columns"
local dialect = require "commerce.store.sqlite.dialect"
local files = require "spec.support.sqlite_files"
local json = require "commerce.base.json"
local model = require "commerce.model"
local path = require "commerce.base.path"
local query = require "commerce.query"
local store = require "commerce.store"

local PAYMENTS = model.find "payments"

local ROWS = {
  { id = "a", amount = 10, currency = "EUR", status = "Paid", createdDate = "2026-01-01T00:00:00Z",
    paymentMethodRef = { id = "card", name = "Card" } },
  { id = "b", amount = 100.5, currency = "USD", status = "Pending", paymentProvider = "Stripe",
    createdDate = "2026-01-02T10:30:00Z", paymentMethodRef = { id = "klarna", name = "Klarna" } },
  { id = "c", amount = -7, currency = "eur", status = "Failed", paymentProvider = "AT&T a|b",
    createdDate = "2026-02-01T23:59:59Z" },
  { id = "d", currency = "GBP", paymentProvider = "O'Hara \" -- ; DROP TABLE payments",
    metadata = { isDeleted = true } },
  { id = "txn_1:Stripe processing fees", amount = 0, paymentProvider = "100% _under_",
    metadata = { isDeleted = false } },
}

describe("a query", function()
  local db

  setup(function()
    db = assert(store.open "sqlite::memory:")
    files.connected(db)
    local records = {}
    for i, row in ipairs(ROWS) do
      records[i] = { id = row.id, body = assert(model.encode(PAYMENTS, row)) }
    end
    assert(db:write_page("c1", { records = { payments = records } }, "2026-03-01T00:00:00Z"))
  end)

  teardown(function()
    db:close()
  end)

  -- The ids of the rows a query finds, the first letter of each, sorted; in SQL and in Lua.
  local function found(text)
    local tree, message = query.parse(PAYMENTS, text)
    assert.is_truthy(tree, message)
    local ids, matching = {}, {}
    for id in assert(db:records(PAYMENTS, { query = tree, deleted = true })) do
      ids[#ids + 1] = id:sub(1, 1)
    end
    for _, data in assert(db:records(PAYMENTS, { deleted = true })) do
      local record = json.decode(data)
      if query.matches(tree, function(field)
        return path.at(record, field)
      end) then
        matching[#matching + 1] = record.id:sub(1, 1)
      end
    end
    table.sort(ids)
    table.sort(matching)
    assert.same(ids, matching, "SQL and Lua differ")
    return table.concat(ids)
  end

  for _, case in ipairs {
    -- numbers: every operator
    { "amount=10", "a" }, { "amount=100.5", "b" }, { "amount=100.50", "b" }, { "amount=-7", "c" },
    { "amount!=10", "bcdt" }, { "amount>10", "b" }, { "amount>=10", "ab" }, { "amount<10", "ct" },
    { "amount<=10", "act" }, { "amount>-8", "abct" }, { "amount=0", "t" },
    -- strings: =, != and ~
    { "id=b", "b" }, { "id!=b", "acdt" }, { "paymentProvider=Stripe", "b" },
    { "paymentProvider~strip", "b" }, { "id~processing", "t" },
    { "paymentProvider!=Stripe", "acdt" }, { "currency=EUR", "ac" }, { "currency!=EUR", "bdt" },
    { "currency~U", "abc" },
    { "id=txn_1:Stripe processing fees", "t" },
    -- ~ knows no wildcards
    { "paymentProvider~100%", "t" }, { "paymentProvider~%", "t" }, { "paymentProvider~_u", "t" },
    { "paymentProvider~p_", "" },
    -- enums, whatever the case of word and field
    { "status=Paid", "a" }, { "status=paid", "a" }, { "STATUS=PAID", "a" },
    { "status!=paid", "bcdt" }, { "status~pai", "a" }, { "status=Nothing", "" },
    -- nested
    { "paymentMethodRef.id=card", "a" }, { "paymentMethodRef.name~arna", "b" },
    { "paymentMethodRef.id!=card", "bcdt" },
    -- booleans
    { "metadata.isDeleted=true", "d" }, { "metadata.isDeleted!=true", "abct" },
    { "metadata.isDeleted=false", "abct" },
    { "metadata.isDeleted!=false", "d" }, { "metadata.isDeleted=TRUE", "d" },
    -- dates: midnight UTC where there is no time
    { "createdDate=2026-01-01", "a" }, { "createdDate>2026-01-01", "bc" },
    { "createdDate>=2026-01-01", "abc" }, { "createdDate<2026-01-02", "a" },
    { "createdDate<=2026-01-02T10:30:00Z", "ab" }, { "createdDate=2026-01-02T10:30:00", "b" },
    { "createdDate>2026-01-02T10:29:59Z", "bc" }, { "createdDate!=2026-01-01", "bcdt" },
    { "modifiedDate>=2026-03-01", "abcdt" }, { "modifiedDate>2026-03-01", "" },
    -- other zones, fractions, no seconds
    { "createdDate=2026-01-02T11:30:00+01:00", "b" },
    { "createdDate=2026-01-02T05:00:00-0530", "b" },
    { "createdDate=2026-01-02T11:30:00 01:00", "b" }, { "createdDate=2026-01-02T10:30", "b" },
    { "createdDate=2026-01-02T10:30:00.0000000Z", "b" },
    { "createdDate>1970-01-01T00:00:00Z", "abc" },
    -- spaces around operators
    { "amount > 10", "b" }, { " amount=10 ", "a" }, { "amount >=  100.5", "b" },
    -- && binds tighter than ||, braces bind tightest
    { "amount>10&&status=Pending", "b" }, { "amount=10||amount=-7", "ac" },
    { "id=a||id=b&&status=Failed", "a" }, { "status=Failed&&id=b||id=a", "a" },
    { "{id=a||id=b}&&status=Pending", "b" }, { "status=Pending&&{id=a||id=b}", "b" },
    { "id=a||id=b||id=c", "abc" }, { "id~a&&id=a&&amount=10", "a" },
    { "{amount > 100 || amount < 5} && status != failed", "bt" },
    { "{{id=a}}||{{id=b}&&{amount>100}}", "ab" }, { "{id=a||{id=b&&amount<0}}", "a" },
    -- one & or | belongs to the value
    { "paymentProvider=AT&T a|b", "c" }, { "paymentProvider~T&T", "c" },
    -- values are bound, never part of the SQL
    { "paymentProvider=O'Hara \" -- ; DROP TABLE payments", "d" }, { "paymentProvider~'", "d" },
    { "id=' OR 1=1 --", "" }, { "id=a' OR 'a'='a", "" }, { "id=?", "" },
  } do
    it(("%s finds '%s'"):format(case[1], case[2]), function()
      assert.equal(case[2], found(case[1]))
    end)
  end

  it("compares numbers beyond 32 bits", function()
    for text, count in pairs { ["amount>4294967296"] = 0, ["amount<4294967296"] = 4,
      ["amount>-3000000000"] = 4 } do
      local tree, finds = assert(query.parse(PAYMENTS, text)), 0
      for _ in assert(db:records(PAYMENTS, { query = tree, deleted = true })) do
        finds = finds + 1
      end
      assert.equal(count, finds, text)
    end
  end)

  it("never has a value in its SQL", function()
    for _, text in ipairs { "id=zebra", "id~zebra", "id!=zebra", "{id=zebra||status=zebra}" } do
      local values = {}
      local sql = condition.compile(dialect, assert(query.parse(PAYMENTS, text)), columns.name,
        values)
      assert.is_nil(sql:find("zebra", 1, true))
      assert.equal("zebra", values[1])
      local _, marks = sql:gsub("%?", "")
      assert.equal(marks, #values)
    end
  end)

  it("of random clauses agrees with && before ||", function()
    local truth = { a = true, b = false }
    local present = { a = "id=a", b = "id=a&&amount=11" }
    for _ = 1, 200 do
      local parts, any, all = {}, false, true
      for i = 1, math.random(1, 6) do
        local name = math.random(2) == 1 and "a" or "b"
        local text = "{" .. present[name] .. "}"
        if i > 1 then
          if math.random(2) == 1 then
            text = "&&" .. text
          else
            text = "||" .. text
            any, all = any or all, true
          end
        end
        all = all and truth[name]
        parts[i] = text
      end
      local matches = found("id=a&&{" .. table.concat(parts) .. "}")
      assert.equal((any or all) and "a" or "", matches)
    end
  end)
end)

describe("a malformed query", function()
  -- text, what the message must hold
  for _, case in ipairs {
    { "", "Malformed query" }, { "   ", "Malformed query" }, { "amount", "character 1" },
    { "amount=", "character 1" }, { "=5", "character 1" }, { "amount 5", "character 1" },
    { "amount=5&&", "character 11" }, { "amount=5||", "character 11" },
    { "&&amount=5", "character 1" }, { "||amount=5", "character 1" },
    { "amount=5&&&&id=a", "character 11" }, { "amount=5&&||id=a", "character 11" },
    { "{amount=5", "character 1" }, { "id=a&&{amount=5", "character 7" },
    { "amount=5}", "character 9" }, { "{}", "character 2" }, { "{amount=5}id=a", "character 11" },
    { "id=a{amount=5}", "character 5" }, { "amount=5 && id", "character 12" },
    -- fields
    { "colour=red", "colour" }, { "supplementalData=x", "supplementalData" },
    { "supplementalData.content.stripe.customer=cus_1", "supplementalData" },
    { "paymentMethodRef=card", "paymentMethodRef" }, { "connection_id=x", "connection_id" },
    { "data~x", "data" }, { "payment_method_ref_id=x", "payment_method_ref_id" },
    -- operators
    { "amount~5", "amount" }, { "createdDate~2026", "createdDate" }, { "id>5", "id" },
    { "status<Paid", "status" }, { "currency>=EUR", "currency" },
    { "metadata.isDeleted>true", "metadata.isDeleted" },
    { "metadata.isDeleted~t", "metadata.isDeleted" },
    { "status==Paid", "no operator ==:" }, { "amount=>5", "no operator =>:" },
    { "id<>a", "no operator <>:" }, { "id=a&&currency=~EUR", "character 7" },
    -- values
    { "amount=ten", "ten" }, { "amount=1e3", "1e3" }, { "amount=0x10", "0x10" },
    { "amount=null", "null" }, { "amount=--5", "--5" }, { "amount=1,5", "1,5" },
    { "amount=nan", "nan" }, { "amount=inf", "inf" }, { "metadata.isDeleted=1", "isDeleted" },
    { "metadata.isDeleted=yes", "isDeleted" }, { "createdDate=yesterday", "yesterday" },
    { "createdDate=2026-1-1", "2026-1-1" }, { "createdDate=01.02.2026", "01.02.2026" },
    { "createdDate=2026-01-01T10", "2026-01-01T10" },
    { "createdDate=2026-01-01T10:00:00+25:00", "+25:00" },
    { "createdDate=2026-01-01T10:00:00 GMT", "GMT" },
    -- null cannot be compared with
    { "paymentProvider!=null", "null" }, { "status=NULL", "NULL" },
    -- where
    { "id=a && colour=red", "(at character 9)" }, { "amount=1||id>5", "(at character 11)" },
    { "{amount=1}&&{amount=ten}", "(at character 14)" }, { "createdDate=null", "null" },
    { "createdDate>2026-13-01", "2026-13-01" }, { "createdDate>2026-02-30", "2026-02-30" },
    { "createdDate>2026-01-01T25:00:00Z", "2026-01-01T25:00:00Z" },
  } do
    it(("'%s' is refused"):format(case[1]), function()
      local expression, message, details = query.parse(PAYMENTS, case[1])
      assert.is_nil(expression)
      assert.is_truthy(message:find("^Error parsing query %- "), message)
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.equal("usage", details.kind)
    end)
  end

  it("names a property as Codat does", function()
    local _, message = query.parse(PAYMENTS, "colour=red")
    assert.is_truthy(message:find("Could not resolve property colour on Payment", 1, true), message)
  end)

  it("is one with a field inside an array", function()
    assert.is_nil((query.parse(model.find "disputes", "disputedTransactions.id=txn_1")))
    assert.is_nil((query.parse(model.find "products", "variants.name=x")))
  end)

  it("is one of more than 2048 characters", function()
    assert.is_truthy((query.parse(PAYMENTS, "id=" .. ("x"):rep(2045))))
    local expression, message = query.parse(PAYMENTS, "id=" .. ("x"):rep(2046))
    assert.is_nil(expression)
    assert.is_truthy(message:find("2048", 1, true))
  end)

  it("never raises", function()
    local pieces = { "amount", "id", "=", "!=", ">", "~", "&&", "||", "{", "}", "5", " ", "%", "'",
      "&", "|", "\0", "createdDate", "2026-01-01", "ü" }
    for _ = 1, 2000 do
      local text = {}
      for i = 1, math.random(0, 9) do
        text[i] = pieces[math.random(#pieces)]
      end
      local expression, message = query.parse(PAYMENTS, table.concat(text))
      assert.is_truthy(expression or type(message) == "string")
    end
  end)
end)

describe("query.mentions", function()
  it("finds a field anywhere in a query", function()
    local expression = assert(query.parse(PAYMENTS, "{id=a||amount=5}&&status=Paid"))
    assert.is_true(query.mentions(expression, "amount"))
    assert.is_true(query.mentions(expression, "status"))
    assert.is_false(query.mentions(expression, "currency"))
  end)
end)
describe("query.is_about_deleted", function()
  it("tells whether deleted records are asked for", function()
    assert.is_true(query.is_about_deleted(
      assert(query.parse(PAYMENTS, "status=Paid&&{amount>1||metadata.isDeleted=true}"))))
    assert.is_false(query.is_about_deleted(assert(query.parse(PAYMENTS, "status=Paid"))))
    assert.is_false(query.is_about_deleted(nil))
  end)
end)


describe("an order", function()
  it("is ascending by default, descending with a minus", function()
    assert.same({ field = "createdDate", descending = false },
      query.order(PAYMENTS, "createdDate"))
    assert.same({ field = "amount", descending = true }, query.order(PAYMENTS, "-amount"))
    assert.same({ field = "paymentMethodRef.id", descending = false },
      query.order(PAYMENTS, "paymentMethodRef.id"))
  end)

  for _, text in ipairs { "", "-", "colour", "-colour", "amount,id", "amount desc", "--amount",
    "data", "amount; DROP TABLE payments", "supplementalData" } do
    it(("by '%s' is refused"):format(text), function()
      local order, message, details = query.order(PAYMENTS, text)
      assert.is_nil(order)
      assert.is_string(message)
      assert.equal("usage", details.kind)
    end)
  end
end)

describe("query.select", function()
  local LIST = { { a = "x", n = 5, b = true }, { a = "Y'", n = 10 }, { a = "z", b = false } }
  local DATASET = query.dataset("Value", { a = "string", n = "integer", b = "boolean" })

  local function found(text, asked)
    asked = asked or {}
    asked.query = text and assert(query.parse(DATASET, text))
    local page, total = query.select(LIST, asked)
    local letters = {}
    for i, value in ipairs(page) do
      letters[i] = value.a:sub(1, 1)
    end
    return table.concat(letters), total
  end

  it("finds plain values as a store finds rows", function()
    assert.same({ "xYz", 3 }, { found() })
    assert.equal("Y", (found "n>5"))
    assert.equal("Y", (found "a=y'"))
    assert.equal("x", (found "b=true"))
    assert.equal("Yz", (found "b!=true"))
    assert.same({ "Y", 1 }, { found("n>5&&a~Y") })
  end)

  it("gives a page of them, in an order", function()
    assert.same({ "Y", 3 }, { found(nil, { limit = 1, offset = 1 }) })
    assert.equal("zxY", (found(nil, { order_by = query.order(DATASET, "-a") })))
    assert.equal("zxY", (found(nil, { order_by = query.order(DATASET, "n") }))) -- absent first
    assert.equal("Yxz", (found(nil, { order_by = query.order(DATASET, "-n") })))
    assert.equal("Yzx", (found(nil, { order_by = query.order(DATASET, "b") })))
  end)
end)

describe("a field of any kind", function()
  local TYPE = model.new("things", { { "x", "any" } })
  local db

  local VALUES = { t = "Active", n = 12, d = "12", y = true, f = false, o = { a = 1 }, l = 9.5 }

  setup(function()
    db = files.connected(assert(store.open "sqlite::memory:"))
    assert(db:define_type(TYPE))
    local list = { { id = "none", body = assert(model.encode(TYPE, { id = "none" })) } }
    for id, x in pairs(VALUES) do
      list[#list + 1] = { id = id, body = assert(model.encode(TYPE, { id = id, x = x })) }
    end
    assert(db:write_page("c1", { records = { things = list } }, "2026-03-01T00:00:00Z"))
  end)

  teardown(function()
    db:close()
  end)

  for _, text in ipairs { "x=active", "x=12", "x=true", "x=false", "x=1", "x~ctiv", "x~1",
    "x!=active", "x!=12",
    "x!=true", "x>11", "x>=12", "x<12", "x>b", "x<b", "x<=active", "x>9&&x<13" } do
    it("is compared in SQL as over Lua values: " .. text, function()
      local tree, in_sql, in_lua = assert(query.parse(TYPE, text)), {}, {}
      for id in assert(db:records(TYPE, { query = tree })) do
        in_sql[#in_sql + 1] = id
      end
      for id, data in assert(db:records(TYPE, {})) do
        local record = json.decode(data)
        if query.matches(tree, function(field)
          return path.at(record, field)
        end) then
          in_lua[#in_lua + 1] = id
        end
      end
      table.sort(in_sql)
      table.sort(in_lua)
      assert.same(in_sql, in_lua)
    end)
  end
end)

describe("a field of several values", function()
  local DATASET = query.dataset("Company", { name = "string", ["shops.size"] = "integer" },
    { "shops.size" })

  it("matches if one of its values does; != if none is equal", function()
    for _, case in ipairs { { "shops.size>5", { 1, 9 }, true }, { "shops.size>5", { 1, 2 }, false },
      { "shops.size!=1", { 1 }, false }, { "shops.size!=1", { 1, 2 }, false },
      { "shops.size!=1", { 2, 3 }, true }, { "shops.size!=1", {}, true },
      { "shops.size=1", {}, false } } do
      local tree = assert(query.parse(DATASET, case[1]))
      case[2].n = #case[2]
      assert.equal(case[3], query.matches(tree, function()
        return case[2]
      end), case[1])
    end
  end)

  it("is not something to order by", function()
    local order, message = query.order(DATASET, "shops.size")
    assert.is_nil(order)
    assert.truthy(message:find("several values", 1, true), message)
  end)
end)
