-- Asking for pulls, their status and history, over the API.

local client = require "spec.support.api_client"

local COMPANY = "/companies/" .. client.COMPANY

describe("refreshing", function()
  local api

  before_each(function()
    api = client.new()
  end)

  after_each(function()
    api:close()
  end)

  it("queues every type of every linked connection, and answers nothing", function()
    for _, path in ipairs { "/data/all", "/data/queue/all" } do
      local status, body = api:call("POST", COMPANY .. path)
      assert.equal(204, status)
      assert.equal("", body)
    end
    local pulls = assert(api.store:pulls({ client.CONNECTION }, {}))
    assert.equal(9, #pulls)
    for _, pull in ipairs(pulls) do
      assert.equal("Queued", pull.status)
    end
    assert.equal(0, api.store:count_pulls { client.OTHER_CONNECTION })
  end)

  it("queues one type and gives its pull; asked again, the same", function()
    local status, pull = api:call("POST", COMPANY .. "/data/queue/commerce-payments")
    assert.equal(200, status)
    assert.is_string(pull.id)
    assert.is_string(pull.requested)
    pull.requested = nil
    assert.same({ id = pull.id, companyId = client.COMPANY, connectionId = client.CONNECTION,
      dataType = "commerce-payments", status = "Queued", progress = 0, isCompleted = false,
      isErrored = false }, pull)
    local _, again = api:call("POST", COMPANY .. "/data/queue/commerce-payments?connectionId="
      .. client.CONNECTION)
    assert.equal(pull.id, again.id)
  end)

  for _, case in ipairs {
    { "commerce-nothing", 404, "not supported" }, { "orders", 404, "not supported" },
    { "custom", 404, "not supported" },
    { "commerce-payments?connectionId=" .. client.OTHER_CONNECTION, 404, "not found" },
    { "commerce-payments?connectionId=x", 404, "not found" },
  } do
    it("does not queue " .. case[1], function()
      local status, body = api:call("POST", COMPANY .. "/data/queue/" .. case[1])
      assert.equal(case[2], status)
      assert.is_truthy(body.error:find(case[3], 1, true), body.error)
      assert.equal(0, api.store:count_pulls { client.CONNECTION, client.OTHER_CONNECTION })
    end)
  end

  it("makes a data set of what the integration does not give, which is NotSupported", function()
    for asked, key in pairs { ["commerce-orders"] = "commerce-orders",
      ["Commerce-Locations"] = "commerce-locations", invoices = "invoices" } do
      local status, pull = api:call("POST", COMPANY .. "/data/queue/" .. asked)
      assert.equal(200, status, pull.error)
      assert.same({ key, "NotSupported", true, false, 100 }, { pull.dataType, pull.status,
        pull.isCompleted, pull.isErrored, pull.progress })
      assert.same(pull, select(2, api:get(COMPANY .. "/data/history/" .. pull.id)))
      local _, found = api:get(COMPANY .. "/data/history?query=dataType%3D" .. key)
      assert.equal(1, found.totalResults)
      if key:find "^commerce" then
        assert.same({ dataType = key, currentStatus = "NotSupported", latestSyncId = pull.id },
          select(2, api:get(COMPANY .. "/dataStatus"))[key])
      end
    end
    assert.is_nil(api.store:take_pulls("w", 0, 60)) -- nothing is left to do
    local _, message = assert(api.app:connection(client.CONNECTION)):remap()
    assert.is_truthy(message:find "^nothing is stored", message) -- and no script made it
  end)

  it("has a status for each of Codat's commerce types, and no other", function()
    local _, body = api:get(COMPANY .. "/dataStatus")
    local keys = 0
    for key, status in pairs(body) do
      keys = keys + 1
      assert.equal(key, status.dataType)
      assert.equal((key == "commerce-orders" or key == "commerce-locations"
        or key == "commerce-productCategories") and "NotSupported" or "Initial",
        status.currentStatus)
    end
    assert.equal(11, keys)
  end)

  it("does not queue for a connection that is not linked", function()
    assert(api.store:change_connection(client.CONNECTION, { status = "Unlinked",
      at = client.CREATED }))
    local status, body = api:call("POST", COMPANY .. "/data/queue/commerce-payments")
    assert.equal(404, status) -- Codat's clients do not know 409 there
    assert.is_truthy(body.error:find("is Unlinked", 1, true), body.error)
    assert.equal(204, (api:call("POST", COMPANY .. "/data/all")))
    assert.equal(0, api.store:count_pulls { client.CONNECTION })
  end)

  it("shows in the data status, whatever was never asked for included", function()
    local first = api:pulled("payments", "Complete")
    local last = api:pulled("payments", "FetchError")
    local status, body = api:get(COMPANY .. "/dataStatus")
    assert.equal(200, status)
    assert.same({ dataType = "commerce-payments", currentStatus = "FetchError",
      latestSyncId = last, latestSuccessfulSyncId = first,
      lastSuccessfulSync = "2026-02-01T01:00:00Z" }, body["commerce-payments"])
    assert.same({ dataType = "commerce-companyInfo", currentStatus = "Initial" },
      body["commerce-companyInfo"])
  end)

  it("shows in the history, which can be queried", function()
    local ids = { api:pulled("payments", "Complete"), api:pulled("disputes", "AuthError"),
      api:pulled("payments", "Fetching") }
    api:pulled("payments", "Complete", client.OTHER_CONNECTION)
    local _, all = api:get(COMPANY .. "/data/history?pageSize=2")
    assert.equal(3, all.totalResults)
    assert.equal(ids[3], all.results[1].id)
    assert.equal(COMPANY .. "/data/history?page=2&pageSize=2", all._links.next.href)
    local _, failed = api:get(COMPANY
      .. "/data/history?query=dataType%3Dcommerce-disputes%26%26status!%3DComplete")
    assert.equal(1, failed.totalResults)
    assert.equal(ids[2], failed.results[1].id)
    assert.is_true(failed.results[1].isErrored)
    local _, ordered = api:get(COMPANY .. "/data/history?orderBy=requested")
    assert.equal(ids[1], ordered.results[1].id)
    assert.equal(100, ordered.results[1].progress)
    assert.is_true(ordered.results[1].isCompleted)
    assert.equal(400, (api:get(COMPANY .. "/data/history?query=isCompleted%3Dtrue")))
  end)

  it("ends with an error where the access ended, so that a client that waits goes on", function()
    local _, pull = api:call("POST", COMPANY .. "/data/queue/commerce-payments")
    assert(api.store:change_connection(client.CONNECTION, { status = "Deauthorized",
      at = client.CREATED }))
    local _, ended = api:get(COMPANY .. "/data/history/" .. pull.id)
    assert.same({ "AuthError", true, false }, { ended.status, ended.isErrored, ended.isCompleted })
    assert.equal("AuthError", select(2, api:get(COMPANY .. "/dataStatus"))["commerce-payments"]
      .currentStatus)
    for status, outcome in pairs { Complete = { true, false }, NotSupported = { true, false },
      Cancelled = { false, true }, FetchError = { false, true }, PermissionsError = { false, true },
      Fetching = { false, false }, Queued = { false, false } } do
      local _, one = api:get(COMPANY .. "/data/history/" .. api:pulled("payments", status))
      assert.same(outcome, { one.isCompleted, one.isErrored }, status)
    end
  end)

  it("has one pull by its id, of its own company only", function()
    local id = api:pulled("payments", "Complete")
    local theirs = api:pulled("payments", "Complete", client.OTHER_CONNECTION)
    local status, body = api:get(COMPANY .. "/data/history/" .. id)
    assert.equal(200, status)
    assert.equal(id, body.id)
    for _, wrong in ipairs { theirs, "x", "dddddddd-0000-4000-8000-999999999999" } do
      assert.equal(404, (api:get(COMPANY .. "/data/history/" .. wrong)))
      assert.equal(404, (api:get(COMPANY .. "/sync/" .. wrong .. "/validation")))
    end
  end)

  it("tells what the model refused", function()
    local id = api:pulled("payments", "Complete")
    local _, fine = api:get(COMPANY .. "/sync/" .. id .. "/validation")
    assert.same({ errors = {}, warnings = {} }, fine)
    local pull = api.store:pull(api:pulled("payments", "MapError"))
    pull.error_message = "field status: enum expected"
    assert(api.store:save_pull(pull))
    local _, bad = api:get(COMPANY .. "/sync/" .. pull.id .. "/validation")
    assert.equal("field status: enum expected", bad.errors[1].message)
  end)
end)
