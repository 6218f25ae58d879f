-- The bytes of a stored record: writing, stamping, comparing, marking, reading one member.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local model = require "commerce.model"
local record = require "commerce.model.record"

local OLD, NEW = "2026-01-01T00:00:00Z", "2031-12-31T23:59:59Z"
local LONG = "12345678901234567890.01"

local function encode(name, values)
  return record.encode(model.find(name), values)
end

describe("record.encode", function()
  it("takes the fields of a table that has them from another one", function()
    assert.equal('{"id":"1","amount":5',
      (encode("payments", setmetatable({}, { __index = { id = "1", amount = 5 } }))))
  end)

  it("fails for a table that is inside itself, and for what JSON cannot carry", function()
    local circle = {}
    circle.content = circle
    local _, message = encode("payments", { id = "1", supplementalData = circle })
    assert.matches("nested too deep", message, 1, true)
    _, message = encode("payments", { id = "1", supplementalData = { a = print } })
    assert.equal("JSON has no function", message)
    _, message = encode("payments", { id = "1", supplementalData = { a = { 0 / 0 } } })
    assert.equal("JSON has no infinity and no NaN", message)
  end)

  it("lets Ctrl-C through that falls into a table's metamethod", function()
    local ok, raised = pcall(encode, "payments", setmetatable({}, { __index = function()
      error("interrupted!", 0)
    end }))
    assert.is_false(ok)
    assert.equal("interrupted!", raised)
  end)

  it("is canonical: not a matter of the order in which fields were set", function()
    local one, other = {}, {}
    local fields = { { "id", "re_1" }, { "amount", -7.5 }, { "currency", "EUR" },
      { "status", "Paid" }, { "supplementalData", { content = { stripe = { b = 1, a = 2 } } } } }
    for i = 1, #fields do
      one[fields[i][1]] = fields[i][2]
      local reverse = fields[#fields - i + 1]
      other[reverse[1]] = reverse[2]
    end
    assert.equal(encode("payments", one), encode("payments", other))
  end)

  it("reads back as the record", function()
    local values = {
      id = "x", totalAmount = -0.5, currency = "KWD", type = "PaymentFee", subType = "tax",
      transactionSourceRef = { id = "ch_1", type = "Payment" },
      metadata = { isDeleted = true }, createdDate = "2026-01-01T00:00:00Z",
    }
    assert.same(values, json.decode(encode("transactions", values) .. "}"))
  end)

  it("reads back with its lists, maps, falsehoods and zeros", function()
    for name, values in pairs {
      products = { id = "p", isGiftCard = false, status = "Unpublished", variants = {
        { id = "a", shippingRequired = true }, { id = "b", vatPercentage = 0,
          prices = { { currency = "EUR" }, { currency = "USD", unitPrice = 0.5 }, {
            unitPrice = 3 } } }, { id = "c" },
      }, supplementalData = { content = { stripe = { active = false, images = { "x", "y" } } } } },
      company_info = { companyName = 'Q "&" A', sourceUrls = { dashboard = "https://x/y" },
        addresses = { { type = "Unknown", country = "GB" } },
        accountBalances = { { available = 0, pending = -1, reserved = 0.01, currency = "GBP" } } },
    } do
      assert.same(values, json.decode(encode(name, values) .. "}"))
    end
  end)

  it("writes an empty list as a list and decimals with all their digits", function()
    local body = encode("products", { id = "p", variants = {
      { id = "v", prices = {
        { currency = "USD", unitPrice = decimal.value("1.2345678901234567") },
      } },
    } })
    assert.is_truthy(body:find('"unitPrice":1.2345678901234567}', 1, true))
    assert.is_truthy(encode("products", { id = "p", variants = {} })
      :find('"variants":[]', 1, true))
  end)

  it("leaves modifiedDate to the store", function()
    assert.equal(encode("payments", { id = "x" }),
      encode("payments", { id = "x", modifiedDate = "2026-01-01T00:00:00Z" }))
  end)

  -- a type, a record that is wrong, the field that the message must name
  for _, case in ipairs {
    { "payments", { amount = 1 }, "id" },
    { "payments", { id = 17 }, "id" },
    { "payments", { id = "x", amount = "19.99" }, "amount" },
    { "payments", { id = "x", amount = 0 / 0 }, "amount" },
    { "payments", { id = "x", amount = math.huge }, "amount" },
    { "payments", { id = "x", amount = json.null }, "amount" },
    { "payments", { id = "x", status = "Secret-Status" }, "status" },
    { "payments", { id = "x", status = true }, "status" },
    { "payments", { id = "x", paymentMethodRef = { name = "Card" } }, "paymentMethodRef.id" },
    { "payments", { id = "x", paymentMethodRef = "card" }, "paymentMethodRef" },
    { "payments", { id = "x", supplementalData = "text" }, "supplementalData" },
    { "payments", { id = "x", createdDate = 1700000000 }, "createdDate" },
    { "disputes", { id = "x" }, "currency" },
    { "disputes", { id = "x", currency = "EUR", disputedTransactions = { { id = "a" } } },
      "disputedTransactions[1].type" },
    { "disputes", { id = "x", currency = "EUR", disputedTransactions = { "txn" } },
      "disputedTransactions" },
    { "products", { id = "x", isGiftCard = "no" }, "isGiftCard" },
    { "products", { id = "x", variants = { { id = "v" }, { id = "w", prices = { {}, {
      unitPrice = "Secret" } } } } }, "variants[2].prices[2].unitPrice" },
    { "customers", { id = "x", addresses = { { type = "Secret" } } }, "addresses[1].type" },
    { "company_info", { phoneNumbers = { { number = "1" } } }, "phoneNumbers[1].type" },
  } do
    it(("refuses %s and names %s"):format(case[1], case[3]), function()
      local body, message = encode(case[1], case[2])
      assert.is_nil(body)
      assert.is_truthy(message:find(case[3], 1, true), message)
      assert.is_nil(message:find("Secret", 1, true), message) -- values are personal data
    end)
  end
end)

describe("record.stamp and record.same", function()
  local DATES = { "2026-01-01T00:00:00Z", "2031-12-31T23:59:59Z" }

  local function body(values)
    return assert(encode("customers", values))
  end

  it("complete a body to the record with its date", function()
    local data = record.stamp(body { id = "c", note = "n" }, DATES[1])
    assert.same({ id = "c", note = "n", modifiedDate = DATES[1] }, json.decode(data))
    assert.same({ modifiedDate = DATES[1] },
      json.decode(record.stamp(assert(encode("company_info", {})), DATES[1])))
  end)

  it("tell the same body with another date from another body", function()
    local records = {
      { id = "c" }, { id = "c", note = "n" }, { id = "c", note = "m" }, { id = "d", note = "n" },
      { id = "c", note = '","modifiedDate":"2026-01-01T00:00:00Z"}' },
      { id = "c", customerName = "n" }, { id = "c", metadata = { isDeleted = true } },
    }
    for i, stored in ipairs(records) do
      for j, new in ipairs(records) do
        for _, date in ipairs(DATES) do
          assert.equal(i == j, record.same(record.stamp(body(stored), date), body(new)))
        end
      end
    end
  end)
end)

describe("record.decode", function()
  it("reads a body", function()
    assert.same({ id = "c", note = "n" }, record.decode(encode("customers", { id = "c",
      note = "n" })))
    assert.same({}, record.decode(encode("company_info", {})))
    assert.is_nil((record.decode "["))
  end)
end)

describe("record.keep_newest", function()
  local function body(date)
    return assert(encode("customers", { id = "c", sourceModifiedDate = date }))
  end

  it("takes the later of two source dates", function()
    assert.equal(body(NEW), record.keep_newest(body(OLD), record.stamp(body(NEW), OLD)))
    assert.equal(body(NEW), record.keep_newest(body(NEW), record.stamp(body(OLD), OLD)))
    assert.equal(body(NEW), record.keep_newest(body(NEW), record.stamp(body(NEW), OLD)))
  end)

  it("leaves a body alone if one of them has no source date", function()
    assert.equal(body(OLD), record.keep_newest(body(OLD), record.stamp(body(nil), NEW)))
    assert.equal(body(nil), record.keep_newest(body(nil), record.stamp(body(NEW), NEW)))
  end)
end)

describe("record.member", function()
  it("gives the JSON of a member of the outermost object, digit by digit", function()
    local text = ('{"id":"a","in":{"amount":1,"list":[{"amount":2}]},"amount":%s,'
      .. '"end":true}'):format(LONG)
    assert.equal(LONG, record.member(text, "amount"))
    assert.equal('"a"', record.member(text, "id"))
    assert.equal('{"amount":1,"list":[{"amount":2}]}', record.member(text, "in"))
    assert.equal("true", record.member(text, "end"))
    assert.is_nil(record.member(text, "list"))
  end)

  it("is not misled by texts", function()
    for _, id in ipairs { 'a","amount":7', "a\\", '\\"', "}", "{[", "line\nbreak" } do
      local body = assert(encode("payments", { id = id, amount = 3,
        paymentProvider = '"amount":8,' }))
      assert.equal("3", record.member(body, "amount"), id)
      assert.equal(id, json.decode(record.member(body, "id")))
    end
  end)

  it("reads a body, and JSON that was written elsewhere", function()
    assert.equal("0.1", record.member('{ "currency" : "EUR",\n "totalAmount" : 0.1 , "id": "t" }',
      "totalAmount"))
    assert.equal('"n"', record.member(encode("customers", { id = "c", note = "n" }), "note"))
    for _, text in ipairs { "", "no JSON", "{", "[1]", '{"a', '{"a"', '{"a":', '{"b":{"a":1',
      '{"b":"' } do
      assert.is_nil(record.member(text, "a"), text)
    end
  end)
end)

describe("record.mark_deleted", function()
  local MARK = '"metadata":{"isDeleted":true},"modifiedDate":"' .. NEW .. '"}'

  it("keeps everything else, digit by digit", function()
    local data = ('{"id":"a","totalAmount":%s,"modifiedDate":"%s"}'):format(LONG, OLD)
    local marked = record.mark_deleted(data, NEW)
    assert.equal(('{"id":"a","totalAmount":%s,%s'):format(LONG, MARK), marked)
    assert.is_true(record.is_deleted(marked))
    assert.is_false(record.is_deleted(data))
    assert.equal(marked, record.mark_deleted(marked, NEW))
  end)

  it("replaces metadata wherever it stands", function()
    for given, expected in pairs {
      ['{"id":"a","metadata":{},"createdDate":"x"'] = '{"id":"a","createdDate":"x",',
      ['{"id":"a","metadata":{"isDeleted":false}'] = '{"id":"a",',
      ['{"metadata":{},"note":"n"'] = '{"note":"n",',
      ['{"metadata":{}'] = "{", ["{"] = "{",
      ['{"note":"\\"metadata\\":{}"'] = '{"note":"\\"metadata\\":{}",',
      ['{"in":{"metadata":{}}'] = '{"in":{"metadata":{}},',
    } do
      assert.equal(expected .. MARK, record.mark_deleted(record.stamp(given, OLD), NEW))
    end
  end)

  it("takes data whose stamp is not a full date, or missing", function()
    assert.equal('{"id":"a",' .. MARK, record.mark_deleted('{"id":"a","modifiedDate":"2026"}', NEW))
    assert.equal('{"id":"a",' .. MARK, record.mark_deleted('{"id":"a"}', NEW))
  end)

  it("is told from texts and from other members", function()
    for _, text in ipairs { '{"note":"\\"metadata\\":{\\"isDeleted\\":true}"}',
      '{"in":{"metadata":{"isDeleted":true}}}', '{"isDeleted":true}',
      '{"metadata":{"isDeleted":false}}', '{"metadata":{"in":{"isDeleted":true}}}' } do
      assert.is_false(record.is_deleted(text), text)
    end
    assert.is_true(record.is_deleted '{"metadata": {"isDeleted": true}, "id": "a"}')
  end)
end)

describe("record.renewed", function()
  local function body(fields)
    local values = { id = "c" }
    for name, value in pairs(fields or {}) do
      values[name] = value
    end
    return assert(encode("customers", values))
  end

  local stored = record.stamp(body { note = "n", sourceModifiedDate = NEW }, OLD)

  it("is the stamped body of a new record, and of a changed one", function()
    assert.same({ record.stamp(body(), NEW), false }, { record.renewed(nil, body(), NEW) })
    assert.same({ record.stamp(body { note = "m" }, NEW), false },
      { record.renewed(record.stamp(body { note = "n" }, OLD), body { note = "m" }, NEW) })
  end)

  it("is nothing if the content is the same, but for an older source date", function()
    for _, date in ipairs { OLD, NEW } do
      assert.is_nil((record.renewed(stored, body { note = "n", sourceModifiedDate = date }, NEW)))
    end
    assert.equal(record.stamp(body { note = "m", sourceModifiedDate = NEW }, NEW),
      (record.renewed(stored, body { note = "m", sourceModifiedDate = OLD }, NEW)))
  end)

  it("brings a deleted record back, unless it was made anew", function()
    local deleted = record.mark_deleted(stored, OLD)
    local fresh = body { note = "n", sourceModifiedDate = OLD }
    assert.equal(record.stamp(fresh, NEW), (record.renewed(deleted, fresh, NEW)))
    assert.same({ nil, true }, { record.renewed(deleted, fresh, NEW, true) })
    local data, marked = record.renewed(deleted, body { note = "m" }, NEW, true)
    assert.is_true(marked)
    assert.equal(record.mark_deleted(record.stamp(body { note = "m" }, OLD), NEW), data)
    assert.same({ nil, false }, { record.renewed(stored, fresh, NEW, true) })
  end)
end)
