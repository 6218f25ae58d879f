-- Every operation that Codat's Platform and Commerce documents (3.0.0) have, and each of its
-- commerce metrics, is called; each body of success follows Codat's own schema. The data is an
-- emulated merchant's, read by the worker.

local api_routes = require "commerce.api"
local client = require "spec.support.api_client"
local codat_schemas = require "spec.support.codat_schemas"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local model = require "commerce.model"
local worker = require "commerce.serve.worker"

local KEY = "sk_test_emulator"

-- Operations that never succeed here, with the status that they have instead, and why.
local REFUSED = {
  ["GET /companies/{companyId}/connectionManagement/accessToken"] = 404, -- gone at Codat, too
  ["GET /companies/{companyId}/push/{pushOperationKey}"] = 404, -- nothing is ever written
}
local DATA = "/companies/{companyId}/connections/{connectionId}/data/commerce-"
for _, path in ipairs { "locations", "locations/{locationId}", "productCategories",
  "productCategories/{productId}" } do
  REFUSED["GET " .. DATA .. path] = 404 -- Stripe has no such data
end

local BODIES = {
  ["POST /companies"] = { name = "Toys", description = "toys", tags = { region = "eu" } },
  ["PUT /companies/{companyId}"] = { name = "Toys", tags = { region = "eu" } },
  ["PATCH /companies/{companyId}"] = { description = "more" },
  ["POST /companies/{companyId}/connections"] = { platformKey = "yzth" },
  ["PATCH /companies/{companyId}/connections/{connectionId}"] = { status = "Unlinked" },
  ["PUT /companies/{companyId}/connections/{connectionId}/authorization"] = { secretKey = KEY },
  ["POST /companies/{companyId}/syncSettings"] = { overridesDefaults = true, settings = { {
    dataType = "commerce-payments", fetchOnFirstLink = true, syncSchedule = 24, syncOrder = 0,
    syncFromUtc = "2022-10-23T00:00:00.000Z", syncFromWindow = 24, monthsToSync = 24,
    isLocked = true } } },
  ["POST /profile/syncSettings"] = { overridesDefaults = true, settings = { {
    dataType = "commerce-customers", fetchOnFirstLink = true, syncSchedule = 24,
    syncOrder = 0 } } },
  ["POST /corsSettings"] = { allowedOrigins = { "https://app.lender.example" } },
  ["POST /connectionManagement/corsSettings"] = { allowedOrigins = { "https://b.example" } },
  ["POST /webhooks"] = { url = "https://example.com/hooks", eventTypes = { "read.completed" } },
  ["PUT /profile"] = { name = "Lender", redirectUrl = "https://lender.example/{companyId}" },
  ["POST /apiKeys"] = { name = "another" },
  ["PUT /integrations/{platformKey}/dataTypes/{dataType}/supplementalDataConfig"] =
    { supplementalDataConfig = { mine = { dataSource = "/charges", pullData = {
      Description = "description", Missing = "no.such" } } } },
  ["PUT /integrations/{platformKey}/dataTypes/custom/{customDataIdentifier}"] =
    -- Codat's document, and so its clients, have objects alone as content
    { dataSource = "/v1/refunds", requiredData = { extra = "$.metadata", none = "$.no.such" },
      keyBy = { "$[*].id" }, sourceModifiedDate = { "$.created" } },
}
BODIES["POST /companies/{companyId}/products/{productIdentifier}/refresh"] =
  { dataTypes = { "commerce-disputes" } }

-- Creation first, then changes, reading, and deletion; a company last.
local RANKS = { PUT = 1, POST = 2, PATCH = 3, GET = 3, DELETE = 5 }
local LATE = { ["PATCH /companies/{companyId}/connections/{connectionId}"] = 4,
  ["POST /companies/{companyId}/products/{productIdentifier}/refresh"] = 4,
  ["POST /companies/{companyId}/data/queue/{dataType}"] = 2,
  ["DELETE /companies/{companyId}/connections/{connectionId}"] = 6,
  ["DELETE /companies/{companyId}"] = 7 }

describe("Codat's operations", function()
  local e, api, ids
  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 60, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 60, compact = true }
    api = client.new { public_url = "https://data.example.com" }
    local connect = api.app.connect
    api.app.connect = function(app, options) -- at the emulator instead of Stripe
      options.base_url = options.base_url or e.base
      return connect(app, options)
    end
  end)

  after_each(function()
    api:close()
  end)

  local function work()
    local it = worker.new(api.app, { connection = { base_url = e.base } })
    while it:step() do end
  end

  -- Orders are of a script's own; one record of the shape that the model has.
  local function define_orders()
    local orders = assert(model.optional "orders")
    assert(api.store:define_type(orders))
    assert(api.store:write_page(ids.connectionId, { records = { orders = { { id = "in_1",
      body = assert(model.encode(orders, { id = "in_1", totalAmount = 5, currency = "EUR",
        orderLineItems = { { id = "il_1", quantity = 1, unitPrice = 5 } } })) } } } },
      client.CREATED))
    assert(api.store:save_pull { id = "dddddddd-0000-4000-8000-000000009999", status = "Complete",
      connection_id = ids.connectionId, data_type = "orders", requested = client.CREATED,
      completed = client.CREATED, read = 1, created = 1, changed = 0, unchanged = 0 })
  end

  -- A company with a linked connection, everything of which has been read.
  local function prepare()
    ids = { companyId = client.COMPANY, connectionId = client.CONNECTION, platformKey = "yzth",
      dataType = "commerce-payments", customDataIdentifier = "refunds", productIdentifier = "mine",
      pushOperationKey = "dddddddd-0000-4000-8000-000000000001" }
    local _, made = api:call("POST", "/companies/" .. client.COMPANY .. "/connections",
      { platformKey = "yzth" })
    ids.connectionId = made.id
    local path = "/companies/" .. client.COMPANY .. "/connections/" .. made.id
    local status, linked = api:call("PUT", path .. "/authorization", { secretKey = KEY })
    assert.equal(200, status, linked.error)
    for _, operation in ipairs {
      "PUT /integrations/{platformKey}/dataTypes/{dataType}/supplementalDataConfig",
      "PUT /integrations/{platformKey}/dataTypes/custom/{customDataIdentifier}" } do
      assert.equal(200, (api:call("PUT", (operation:gsub("^PUT ", ""):gsub("{(%w+)}", ids)),
        BODIES[operation])))
    end
    local queued, pull = api:call("POST", path .. "/data/queue/custom/refunds")
    assert.equal(200, queued, pull.error)
    ids.datasetId = pull.id
    work()
    define_orders()
    for parameter, list in pairs { customerId = "customers", disputeId = "disputes",
      paymentId = "payments", paymentMethodId = "paymentMethods", productId = "products",
      taxId = "taxComponents", transactionId = "transactions", orderId = "orders" } do
      local answered, body = api:get(path .. "/data/commerce-" .. list)
      assert.equal(200, answered, body.error)
      ids[parameter] = body.results[1].id:gsub("[^%w_]", function(char)
        return ("%%%02X"):format(char:byte())
      end)
    end
    local _, hook = api:call("POST", "/webhooks", { url = "https://example.com/1" })
    local _, key = api:call("POST", "/apiKeys", { name = "second" })
    ids.webhookId, ids.apiKeyId, ids.locationId = hook.id, key.id, "loc"
  end

  local function ordered()
    local list = {}
    for operation in pairs(codat_schemas.operations) do
      list[#list + 1] = operation
    end
    local function rank(operation)
      return LATE[operation] or RANKS[operation:match "^%a+"]
    end
    table.sort(list, function(a, b)
      if rank(a) ~= rank(b) then
        return rank(a) < rank(b)
      end
      return a < b
    end)
    return list
  end

  it("are all served, under Codat's names", function()
    local served = {}
    for _, route in ipairs(api_routes.routes()) do
      served[route.method .. " " .. route.path] = true
    end
    for operation in pairs(codat_schemas.operations) do
      assert.is_true(served[operation] or operation:find "connectionManagement/accessToken" ~= nil,
        operation)
    end
  end)

  it("answer with what Codat's schemas say", function()
    prepare()
    local wrong, succeeded = {}, 0
    for _, operation in ipairs(ordered()) do
      local method, path = operation:match "^(%a+) (.*)$"
      local target = path:gsub("{(%w+)}", ids)
      assert.is_nil(target:find("{", 1, true), target)
      if operation:find "/refresh$" then
        work() -- nothing may be in progress
      end
      if operation:find("commerceMetrics", 1, true) then
        target = target .. "?reportDate=29-09-2026&periodLength=1&numberOfPeriods=3"
          .. "&periodUnit=Month&includeDisplayNames=true"
      end
      local status, body = api:call(method, target, BODIES[operation])
      if REFUSED[operation] then
        assert.equal(REFUSED[operation], status, operation)
        assert.same({}, codat_schemas.refusal_problems(body), operation)
      else
        assert.is_true(status < 300, ("%s: %d %s"):format(operation, status,
          type(body) == "table" and tostring(body.error) or ""))
        succeeded = succeeded + 1
        for _, problem in ipairs(codat_schemas.problems(operation, status, body)) do
          wrong[#wrong + 1] = problem
        end
      end
    end
    assert.same({}, wrong)
    assert.equal(72, succeeded)
  end)

  it("answer so for every record that there is", function()
    prepare()
    local records = 0
    for operation, answers in pairs(codat_schemas.operations) do
      local list = operation:match("^GET (" .. DATA:gsub("%p", "%%%0") .. "%w+)$")
      if list and answers["200"] and not REFUSED[operation] and not operation:find "info$" then
        local status, body = api:get((list:gsub("{(%w+)}", ids)) .. "?pageSize=5000")
        assert.equal(200, status, list)
        assert.same({}, codat_schemas.problems(operation, status, body))
        records = records + #body.results
      end
    end
    assert.is_true(records > 200, records)
    local _, custom = api:get(("/companies/%s/connections/%s/data/custom/refunds?page=1"):format(
      ids.companyId, ids.connectionId))
    assert.same({}, codat_schemas.problems("GET /companies/{companyId}/connections/{connectionId}"
      .. "/data/custom/{customDataIdentifier}", 200, custom))
    assert.is_true(#custom.results > 0)
  end)
end)
