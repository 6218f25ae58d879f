-- The API's records of any data type: lists, changes, exports, orders, a payment's payout.

local client = require "spec.support.api_client"
local json = require "commerce.base.json"

local OWN = ("/commerce/v1/companies/%s/connections/%s/"):format(client.COMPANY, client.CONNECTION)
local ORDERS = "/commerce/v1/dataTypes/payments/orders"

describe("the API of records", function()
  local api

  before_each(function()
    api = client.new()
    local records = {}
    for i = 1, 3 do
      records[i] = { id = "ch_" .. i, amount = i, currency = "USD", status = "Paid",
        createdDate = ("2026-01-0%dT00:00:00Z"):format(i), supplementalData = { content = {
          stripe = { balance_transaction = "txn_" .. i } } } }
    end
    api:give("payments", records)
    api:give("payouts", { { id = "po_1", amount = 9, currency = "USD", status = "Paid" } })
  end)

  after_each(function()
    api:close()
  end)

  local function get(path, status)
    local found, body = api:get(OWN .. path)
    assert.equal(status or 200, found, type(body) == "table" and body.error or nil)
    return body
  end

  it("lists and gives them, and says when they changed", function()
    local page = get "records/payments?query=amount%3E1&orderBy=amount"
    assert.same({ 2, "ch_2" }, { page.totalResults, page.results[1].id })
    assert.equal(3, get "records/payments/ch_3".amount)
    assert(api.store:write_page(client.CONNECTION, { deleted = { payments = { "ch_3" } } },
      "2026-04-01T00:00:00Z"))
    assert.is_true(get "records/payments/ch_3".metadata.isDeleted)
    local changes = get "records/payments/ch_3/changes".results
    assert.same({ kind = "deleted", date = "2026-04-01T00:00:00Z", number = 5 }, changes[1])
    assert.equal("created", changes[2].kind)
    get("records/payments/none", 404)
    get("records/nothing", 404)
    get("records/customers", 409)
  end)

  local function export(query, status)
    local path = OWN .. "export/payments"
    local response = api.api:handle { method = "GET", path = path, query = query,
      headers = { authorization = api.authorization } }
    assert.equal(status or 200, response.status)
    local parts = {}
    if type(response.body) == "function" then
      for part in response.body do
        parts[#parts + 1] = part
      end
    end
    return table.concat(parts), response.headers
  end

  it("exports them as JSON Lines and CSV", function()
    local text, headers = export "query=amount%3C3"
    local ids = {}
    for line in text:gmatch "[^\n]+" do
      ids[#ids + 1] = assert(json.decode(line)).id
    end
    assert.same({ "ch_2", "ch_1" }, ids)
    assert.equal("application/x-ndjson; charset=utf-8", headers["Content-Type"])
    assert.matches("^id,amount,.-\r\nch_1,1,USD,", (export "format=csv&orderBy=createdDate"))
    export("format=xls", 400)
    export("query=x", 400)
    export("orderBy=amount", 400)
  end)

  it("orders exports by what has an index, which can be made", function()
    local _, before = api:get(ORDERS)
    local status, after = api:call("POST", ORDERS, { field = "amount" })
    assert.equal(200, status)
    local function is_indexed(list)
      for _, order in ipairs(list.results) do
        if order.field == "amount" then
          return order.indexed
        end
      end
    end
    assert.same({ false, true }, { is_indexed(before), is_indexed(after) })
    assert.matches('^{"id":"ch_3"', (export "orderBy=-amount"))
    assert.equal(400, (api:call("POST", ORDERS, { field = "data" })))
    assert.equal(404, (api:get "/commerce/v1/dataTypes/nothing/orders"))
  end)

  it("tells the payout of a payment", function()
    assert(api.store:write_page(client.CONNECTION, { payout_links = { payout = "po_1", anew = true,
      transactions = { "txn_1" }, totals = { transaction_count = 1, gross_amount = "10",
        fees = "1" } } }, "2026-03-09T00:00:00Z"))
    assert.same({ payout = "po_1", transaction = "txn_1" }, get "payments/ch_1/payout")
    assert.is_string(get "payments/ch_2/payout".reason)
    get("payments/ch_9/payout", 404)
  end)

  it("fetches an object only of a resource that Stripe lists", function()
    get("sourceObjects/balance/x?fetch=true", 404)
    get("sourceObjects/charges/ch_1?fetch=false", 404)
  end)
end)
