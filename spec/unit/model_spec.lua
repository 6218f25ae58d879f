-- The data model against Codat's published schema, and the JSON of records.

local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local model = require "commerce.model"
local schema_check = require "spec.support.schema_check"

local KEYS = {
  company_info = "commerce-companyInfo", customers = "commerce-customers",
  payments = "commerce-payments", disputes = "commerce-disputes", products = "commerce-products",
  transactions = "commerce-transactions", payment_methods = "commerce-paymentMethods",
  tax_components = "commerce-taxComponents",
}

local TITLES = {
  company_info = "CompanyInfo", customers = "Customer", payments = "Payment",
  disputes = "Dispute", products = "Product", transactions = "Transaction",
  payment_methods = "PaymentMethod", tax_components = "TaxComponent",
}

-- the schema's kind -> the model's
local SAME_KIND = {
  string = "string", number = "decimal", boolean = "boolean", currency = "currency",
  date = "datetime", map = "map", supplemental = "map", enum = "enum", object = "object",
  list = "list",
}

local function keys(set)
  local result = {}
  for key in pairs(set) do
    result[#result + 1] = key
  end
  table.sort(result)
  return result
end

local function compare(schema, shape, path)
  for _, name in ipairs(schema.required) do
    local field = shape.by_name[name]
    assert.is_truthy(field and field.required, path .. "." .. name .. " is not required")
  end
  for name, property in pairs(schema.properties) do
    local field, place = shape.by_name[name], path .. "." .. name
    assert.is_truthy(field, place .. " is not in the model")
    assert.equal(SAME_KIND[property.kind], field.kind, place)
    if property.kind == "enum" then
      assert.same(keys(property.words), keys(field.values), place)
    end
    local inner = property.kind == "object" and property
      or property.kind == "list" and property.items
    if inner then
      compare(inner, field.shape, place)
    end
  end
end

local function encode(name, record)
  return model.encode(model.find(name), record)
end

describe("the model", function()
  for name, schema in pairs(schema_check.types) do
    it("has every published field of " .. name, function()
      compare(schema, model.find(name).shape, name)
    end)

    it("has nothing but the published and the named additional fields of " .. name, function()
      local more = schema_check.additions[name] or {}
      for _, field in ipairs(model.find(name).shape.fields) do
        assert.is_truthy(schema.properties[field.name] or more[field.name]
          or field.name == "metadata", name .. "." .. field.name)
      end
    end)

    it("finds " .. name .. " by its name and by Codat's key", function()
      local data_type = model.find(name)
      assert.equal(name, data_type.name)
      assert.equal(TITLES[name], data_type.title)
      assert.equal(KEYS[name], data_type.key)
      assert.equal(data_type, model.find(KEYS[name]))
      assert.equal(data_type, model.find((KEYS[name]:gsub("^commerce%-", ""))))
    end)
  end

  it("lists its types, each once", function()
    local seen = {}
    for _, data_type in ipairs(model.types()) do
      seen[data_type.name] = (seen[data_type.name] or 0) + 1
    end
    for name in pairs(KEYS) do
      assert.equal(1, seen[name], name)
    end
  end)

  it("names the types there are for one there is not", function()
    local data_type, message = model.find("paymets")
    assert.is_nil(data_type)
    assert.is_truthy(message:find("paymets", 1, true))
    assert.is_truthy(message:find("payments", 1, true))
    assert.is_nil((model.find("")))
  end)

  it("has a column for every scalar field, snake case, nested ones too", function()
    local columns = {}
    for _, column in ipairs(model.find("transactions").columns) do
      columns[column.name] = column.field
    end
    assert.same({
      id = "id", total_amount = "totalAmount", currency = "currency", type = "type",
      sub_type = "subType", transaction_source_ref_id = "transactionSourceRef.id",
      transaction_source_ref_type = "transactionSourceRef.type",
      metadata_is_deleted = "metadata.isDeleted", created_date = "createdDate",
      source_created_date = "sourceCreatedDate", source_modified_date = "sourceModifiedDate",
      modified_date = "modifiedDate",
    }, columns)
  end)
end)

describe("model.encode", function()
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
    local record = {
      id = "x", totalAmount = -0.5, currency = "KWD", type = "PaymentFee", subType = "tax",
      transactionSourceRef = { id = "ch_1", type = "Payment" },
      metadata = { isDeleted = true }, createdDate = "2026-01-01T00:00:00Z",
    }
    assert.same(record, json.decode(encode("transactions", record) .. "}"))
  end)

  it("reads back with its lists, maps, falsehoods and zeros", function()
    for name, record in pairs {
      products = { id = "p", isGiftCard = false, status = "Unpublished", variants = {
        { id = "a", shippingRequired = true }, { id = "b", vatPercentage = 0,
          prices = { { currency = "EUR" }, { currency = "USD", unitPrice = 0.5 }, {
            unitPrice = 3 } } }, { id = "c" },
      }, supplementalData = { content = { stripe = { active = false, images = { "x", "y" } } } } },
      company_info = { companyName = 'Q "&" A', sourceUrls = { dashboard = "https://x/y" },
        addresses = { { type = "Unknown", country = "GB" } },
        accountBalances = { { available = 0, pending = -1, reserved = 0.01, currency = "GBP" } } },
    } do
      assert.same(record, json.decode(encode(name, record) .. "}"))
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

describe("model.stamp and model.same", function()
  local DATES = { "2026-01-01T00:00:00Z", "2031-12-31T23:59:59Z" }

  local function body(record)
    return assert(encode("customers", record))
  end

  it("complete a body to the record with its date", function()
    local data = model.stamp(body { id = "c", note = "n" }, DATES[1])
    assert.same({ id = "c", note = "n", modifiedDate = DATES[1] }, json.decode(data))
    assert.same({ modifiedDate = DATES[1] },
      json.decode(model.stamp(assert(encode("company_info", {})), DATES[1])))
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
          assert.equal(i == j, model.same(model.stamp(body(stored), date), body(new)))
        end
      end
    end
  end)
end)
