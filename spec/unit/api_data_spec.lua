-- The commerce data endpoints: pages, links, queries, single records, and who may see what.

local client = require "spec.support.api_client"

local DATA, OTHER = client.DATA, client.OTHER_CONNECTION

describe("commerce data", function()
  local api

  setup(function()
    api = client.new()
    local payments = {}
    for i = 1, 25 do
      payments[i] = { id = ("ch_%02d"):format(i), amount = i + 0.5, currency = "EUR",
        status = i % 5 == 0 and "Failed" or "Paid",
        createdDate = ("2026-01-%02dT00:00:00Z"):format(i) }
    end
    api:give("payments", payments)
    api:give("transactions", { { id = "txn_1:Stripe processing fees", totalAmount = -0.9,
      type = "PaymentFee" }, { id = "a/b?c=ü", totalAmount = 1, type = "Unknown" } })
    api:give("payments", { { id = "theirs", amount = 1 } }, OTHER)
    api:give("disputes", {})
    api:give("company_info", { { companyName = "Shop", baseCurrency = "GBP" } })
    api:pulled("products", "Fetching")
    api:pulled("tax_components", "PermissionsError")
  end)

  teardown(function()
    api:close()
  end)

  local function ids(target)
    local status, body = api:get(DATA .. target)
    assert.equal(200, status, body.error)
    local found = {}
    for i, record in ipairs(body.results) do
      found[i] = record.id
    end
    return table.concat(found, " "), body
  end

  it("comes a page at a time, newest first, with links", function()
    local found, body = ids "/commerce-payments?pageSize=10&page=2"
    assert.equal("ch_15 ch_14 ch_13 ch_12 ch_11 ch_10 ch_09 ch_08 ch_07 ch_06", found)
    local path = DATA .. "/commerce-payments"
    assert.same({ self = { href = path }, current = { href = path .. "?page=2&pageSize=10" },
      next = { href = path .. "?page=3&pageSize=10" },
      previous = { href = path .. "?page=1&pageSize=10" } }, body._links)
    assert.equal(2, body.pageNumber)
    assert.equal(10, body.pageSize)
    assert.equal(25, body.totalResults)
  end)

  it("has no links beyond its ends", function()
    local _, first = ids "/commerce-payments"
    assert.is_nil(first._links.next)
    assert.is_nil(first._links.previous)
    assert.equal(100, first.pageSize)
    local found, beyond = ids "/commerce-payments?page=9&pageSize=10"
    assert.equal("", found)
    assert.equal(DATA .. "/commerce-payments?page=3&pageSize=10", beyond._links.previous.href)
    assert.is_nil(beyond._links.next)
  end)

  it("keeps query and order in the links", function()
    local found, body = ids "/commerce-payments?pageSize=2&query=status%3Dpaid%26%26amount%3C5"
    assert.equal("ch_04 ch_03", found)
    assert.equal(4, body.totalResults)
    assert.equal(DATA .. "/commerce-payments?page=2&pageSize=2&query=status%3Dpaid%26%26amount%3C5",
      body._links.next.href)
    local next_found = ids(body._links.next.href:sub(#DATA + 1))
    assert.equal("ch_02 ch_01", next_found)
  end)

  -- Codat's page on optimizing API calls writes "orderby", that on ordering results "orderBy".
  for _, spelling in ipairs { "orderBy", "orderby", "ORDERBY" } do
    it("is read whole, each record once, along the links of ?" .. spelling, function()
      local target, seen, read = "/commerce-payments?pageSize=7&" .. spelling .. "=-amount", {}, 0
      repeat
        local _, body = ids(target)
        for _, record in ipairs(body.results) do
          assert.is_nil(seen[record.id])
          seen[record.id], read = true, read + 1
          assert.equal(("ch_%02d"):format(26 - read), record.id)
        end
        target = body._links.next and body._links.next.href:sub(#DATA + 1)
      until not target
      assert.equal(25, read)
    end)
  end

  it("is found and asked about in any case, and with a slash at the end", function()
    local path = DATA:gsub("/data$", "/Data") .. "/Commerce-Payments/"
    local status, body = api:get(path .. "?Page=2&PAGESIZE=10&Query=amount%3E5.6")
    assert.equal(200, status, body.error)
    assert.same({ 2, 10, 20 }, { body.pageNumber, body.pageSize, body.totalResults })
    assert.equal(path .. "?page=1&pageSize=10&query=amount%3E5.6", body._links.previous.href)
    assert.equal("ch_01", select(2, api:get(path .. "ch_01")).id)
    assert.equal(404, (api:get(path .. "CH_01"))) -- ids keep their case
    assert.equal(2, select(2, api:get(path .. "?page=2&Page=1")).pageNumber)
  end)

  it("is not deleted unless it says so", function()
    for query, total in pairs { ["metadata.isDeleted=false"] = 25,
      ["metadata.isDeleted!=true"] = 25, ["metadata.isDeleted!=false"] = 0,
      ["metadata.isDeleted=true"] = 0 } do
      local _, body = ids("/commerce-payments?query=" .. query:gsub("=", "%%3D"))
      assert.equal(total, body.totalResults, query)
    end
  end)

  it("is ordered as asked for", function()
    assert.equal("ch_01 ch_02", (ids "/commerce-payments?pageSize=2&orderBy=amount"))
    assert.equal("ch_25 ch_24", (ids "/commerce-payments?pageSize=2&orderBy=-amount"))
    assert.equal("ch_05 ch_10", (ids "/commerce-payments?pageSize=2&orderBy=status"))
    assert.equal("ch_01", (ids "/commerce-payments?pageSize=1&orderby=createdDate"))
  end)

  it("is an empty page where a type has no records", function()
    local found, body = ids "/commerce-disputes"
    assert.equal("", found)
    assert.same({}, body.results)
    assert.equal(0, body.totalResults)
  end)

  it("is written as it is stored", function()
    local response = api.api:handle { method = "GET", path = DATA .. "/commerce-payments/ch_01",
      headers = { authorization = api.authorization } }
    assert.equal('{"id":"ch_01","amount":1.5,"currency":"EUR","status":"Paid",'
      .. '"createdDate":"2026-01-01T00:00:00Z","modifiedDate":"2026-03-01T00:00:00Z"}',
      response.body)
    assert.equal("application/json; charset=utf-8", response.headers["Content-Type"])
  end)

  it("takes ids of any characters, percent-encoded", function()
    for _, id in ipairs { "txn_1%3AStripe%20processing%20fees", "a%2Fb%3Fc%3D%C3%BC" } do
      assert.equal(200, (api:get(DATA .. "/commerce-transactions/" .. id)))
    end
  end)

  it("has one company info, without an envelope", function()
    local status, body = api:get(DATA .. "/commerce-info")
    assert.equal(200, status)
    assert.equal("Shop", body.companyName)
  end)

  -- target, status, what the message holds
  for _, case in ipairs {
    { DATA .. "/commerce-payments/theirs", 404, "No data available for commerce-payments" },
    { DATA .. "/commerce-payments/%ff", 404, "ID ?" },
    { DATA .. "/commerce-productCategories", 404,
      "Datatype [commerce-productCategories] not supported by platform(s)" },
    { DATA .. "/commerce-locations/1", 404, "[Stripe Test]" },
    { DATA .. "/commerce-nothing", 404, "NotFound" },
    { DATA .. "//commerce-payments", 404, "NotFound" },
    { DATA .. "/commerce-payments//", 404, "NotFound" },
    { DATA .. "/commerce-customers", 409, "The data set has not been requested." },
    { DATA .. "/commerce-products", 409, "its last pull is Fetching" },
    { DATA .. "/commerce-taxComponents", 409, "its last pull is PermissionsError" },
    { ("/companies/%s/connections/%s/data/commerce-payments"):format(client.COMPANY, OTHER), 404,
      "Data connection " .. OTHER .. " not found" },
    { ("/companies/%s/connections/%s/data/commerce-payments"):format(client.OTHER_COMPANY,
      client.CONNECTION), 404, "Data connection" },
    { ("/companies/%s/connections/x/data/commerce-payments"):format(client.COMPANY), 404,
      "Data connection x not found" },
    { "/companies/nobody/connections/x/data/commerce-payments", 404,
      "No company was found with ID nobody" },
    { DATA .. "/commerce-payments?query=amount", 400, "Error parsing query - Malformed query" },
    { DATA .. "/commerce-payments?query=colour%3Dred", 400,
      "Could not resolve property colour on Payment" },
    { DATA .. "/commerce-payments?orderBy=colour", 400, "Error parsing orderBy" },
    { DATA .. "/commerce-payments?page=0", 400, "page must be" },
    { DATA .. "/commerce-payments?page=1.5", 400, "page must be" },
    { DATA .. "/commerce-payments?page=99999999999", 400, "page must be" },
    { DATA .. "/commerce-payments?pageSize=5001", 400, "from 1 to 5000" },
    { DATA .. "/commerce-payments?query=%zz", 400, "hexadecimal" },
    { DATA .. "/commerce-payments?query=%ff", 400, "UTF-8" },
  } do
    it(("%s is %d"):format(case[1], case[2]), function()
      local status, body = api:get(case[1])
      assert.equal(case[2], status)
      assert.equal(case[2], body.statusCode)
      assert.is_truthy(body.error:find(case[3], 1, true), body.error)
      assert.is_truthy(body.correlationId:find "^%x+%-%x+%-4")
      assert.equal("Unknown", body.canBeRetried)
      assert.equal(0, body.detailedErrorCode)
    end)
  end

  it("is what a script has defined, too", function()
    local model = require "commerce.model"
    local orders = assert(model.optional "orders")
    assert(api.store:define_type(orders))
    assert.equal(409, (api:get(DATA .. "/commerce-orders")))
    assert(api.store:write_page(client.CONNECTION, { records = { orders = { { id = "in_1",
      body = assert(model.encode(orders, { id = "in_1", totalAmount = 5, currency = "EUR" })) } } }
      }, "2026-03-01T00:00:00Z"))
    assert(api.store:save_pull { id = "dddddddd-0000-4000-8000-000000009999",
      connection_id = client.CONNECTION, data_type = "orders", status = "Complete",
      requested = "2026-02-01T00:00:00Z", read = 0, created = 0, changed = 0, unchanged = 0 })
    local status, body = api:get(DATA .. "/commerce-orders?query=totalAmount%3E1")
    assert.equal(200, status, body.error)
    assert.equal("in_1", body.results[1].id)
    assert.equal(5, select(2, api:get(DATA .. "/commerce-orders/in_1")).totalAmount)
    local _, statuses = api:get("/companies/" .. client.COMPANY .. "/dataStatus")
    assert.equal("Complete", statuses["commerce-orders"].currentStatus)
    for _, queue in ipairs { "/data/queue/commerce-orders",
      "/connections/" .. client.CONNECTION .. "/data/queue/custom/orders" } do
      local code, body_of_it = api:call("POST", "/companies/" .. client.COMPANY .. queue)
      assert.equal(404, code)
      assert.truthy(body_of_it.error:find("by a script", 1, true))
    end
  end)

  it("has payouts as a custom data type, which a client may refresh", function()
    local own = "/companies/" .. client.COMPANY
    local _, statuses = api:get(own .. "/dataStatus")
    assert.is_nil(statuses["custom/payouts"])
    assert.equal(404, (api:get(DATA .. "/custom/payouts"))) -- Codat's clients do not know 409
    local code, pull = api:call("POST", own .. "/connections/" .. client.CONNECTION
      .. "/data/queue/custom/payouts")
    assert.equal(200, code, pull.error)
    assert.equal("custom/payouts", pull.dataType)
    api:give("payouts", { { id = "po_1", amount = 12.5, currency = "EUR", status = "Paid",
      automatic = true, arrivalDate = "2026-03-02T00:00:00Z" } })
    local status, body = api:get(DATA .. "/custom/payouts")
    assert.equal(200, status, body.error)
    assert.same({ id = "po_1", content = { amount = 12.5, currency = "EUR", status = "Paid",
      automatic = true, arrivalDate = "2026-03-02T00:00:00Z" },
      modifiedDate = { modifiedDate = "2026-03-01T00:00:00Z" } }, body.results[1])
    assert.equal(404, (api:get(DATA .. "/custom/payments")))
    assert.equal(404, (api:get(DATA .. "/custom-payouts")))
    _, statuses = api:get(own .. "/dataStatus")
    assert.equal("custom/payouts", statuses["custom/payouts"].dataType)
  end)

  it("has the payout that a transaction was paid out in, and what a payout adds up to", function()
    api:give("transactions", { { id = "txn_7", totalAmount = 10 },
      { id = "txn_7:Stripe processing fees", totalAmount = -0.59 },
      { id = "txn_8", totalAmount = 5 } })
    api:give("payouts", { { id = "po_7", amount = 9.41, currency = "EUR", status = "Paid" } })
    assert(api.store:write_page(client.CONNECTION, { payout_links = { payout = "po_7",
      transactions = { "txn_7" }, anew = true, totals = { transaction_count = 1,
        gross_amount = "10", fees = "0.59" } } }, "2026-03-01T00:00:00Z"))
    local _, body = api:get(DATA .. "/commerce-transactions?orderBy=id")
    local payouts = {}
    for _, record in ipairs(body.results) do
      payouts[record.id] = record.payout
    end
    assert.same({ txn_7 = "po_7", ["txn_7:Stripe processing fees"] = "po_7" }, payouts)
    local _, fee = api:get(DATA .. "/commerce-transactions/txn_7:Stripe%20processing%20fees")
    assert.same({ "po_7", -0.59 }, { fee.payout, fee.totalAmount })
    assert.is_nil(select(2, api:get(DATA .. "/commerce-transactions/txn_8")).payout)
    local _, custom = api:get(DATA .. "/custom/payouts")
    for _, record in ipairs(custom.results) do
      if record.id == "po_7" then
        assert.same({ amount = 9.41, currency = "EUR", status = "Paid", transactionCount = 1,
          grossAmount = 10, fees = 0.59 }, record.content)
      end
    end
  end)

  it("lists Codat's keys alone where its clients know no others", function()
    local _, settings = api:get("/profile/syncSettings")
    local _, integration = api:get "/integrations/yzth"
    assert.same({ 11, 8 }, { #settings.settings, #integration.datatypeFeatures })
    for _, list in ipairs { settings.settings, integration.datatypeFeatures } do
      for _, entry in ipairs(list) do
        assert.truthy(entry.dataType:find "^commerce%-", entry.dataType)
      end
    end
  end)

  it("is read only", function()
    for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "x" } do
      local status, _, headers = api:call(method, DATA .. "/commerce-payments")
      assert.equal(405, status)
      assert.equal("GET", headers.Allow)
    end
  end)

  it("is asked about without a body by HEAD", function()
    local status, body = api:call("HEAD", DATA .. "/commerce-payments")
    assert.equal(200, status)
    assert.equal("", body)
  end)

  it("is found by the ids of company and connection in capitals, too", function()
    assert.equal(200, (api:get(DATA:upper():gsub("COMPANIES", "companies")
      :gsub("CONNECTIONS", "connections"):gsub("DATA$", "data") .. "/commerce-info")))
  end)
end)
