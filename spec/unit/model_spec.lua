-- The data model against Codat's published schema.

local columns_of = require("commerce.store.sql.columns").of
local model = require "commerce.model"
local schema_check = require "spec.support.schema_check"

local KEYS = {
  company_info = "commerce-companyInfo", customers = "commerce-customers",
  payments = "commerce-payments", disputes = "commerce-disputes", products = "commerce-products",
  transactions = "commerce-transactions", payment_methods = "commerce-paymentMethods",
  tax_components = "commerce-taxComponents", payouts = "custom/payouts",
}

local TITLES = {
  company_info = "CompanyInfo", customers = "Customer", payments = "Payment",
  disputes = "Dispute", products = "Product", transactions = "Transaction",
  payment_methods = "PaymentMethod", tax_components = "TaxComponent",
  payouts = "Payout",
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
    for _, column in ipairs(columns_of(model.find "transactions")) do
      columns[column.name] = column.field
    end
    assert.same({
      id = "id", total_amount = "totalAmount", currency = "currency", type = "type",
      sub_type = "subType", transaction_source_ref_id = "transactionSourceRef.id",
      transaction_source_ref_type = "transactionSourceRef.type",
      metadata_is_deleted = "metadata.isDeleted", created_date = "createdDate",
      source_created_date = "sourceCreatedDate", source_modified_date = "sourceModifiedDate",
      modified_date = "modifiedDate",
      balance_type = "supplementalData.content.stripe.balance_type", -- a fact
    }, columns)
  end)
end)
