-- Codat's operations that a server of this kind has little to say to: products, writes, options.

local client = require "spec.support.api_client"

local COMPANY = "/companies/" .. client.COMPANY

describe("a company's product", function()
  local api

  before_each(function()
    api = client.new()
  end)

  after_each(function()
    api:close()
  end)

  local function products()
    return select(2, api:get(COMPANY)).products
  end

  it("is added and removed, and stays when the company is changed", function()
    local path = COMPANY .. "/products/"
    assert.equal(204, (api:call("PUT", path .. "lending")))
    assert.equal(204, (api:call("PUT", path .. "spend-insights")))
    assert.equal(204, (api:call("PUT", path .. "lending")))
    assert.same({ "lending", "spend-insights" }, products())
    assert.equal(200, (api:call("PUT", COMPANY, { name = "Other" })))
    assert.same({ "lending", "spend-insights" }, products())
    assert.same({ "lending", "spend-insights" }, select(2, api:get "/companies?query=name%3DOther")
      .results[1].products)
    assert.equal(204, (api:call("DELETE", path .. "lending")))
    assert.equal(404, (api:call("DELETE", path .. "lending")))
    assert.same({ "spend-insights" }, products())
    assert.equal(404, (api:call("PUT", path .. "a%20b")))
    assert.equal(404, (api:call("PUT", path .. ("x"):rep(101))))
    assert.equal(404, (api:call("PUT", "/companies/x/products/lending")))
    for i = 2, 50 do
      assert.equal(204, (api:call("PUT", path .. "p" .. i)))
    end
    assert.equal(403, (api:call("PUT", path .. "p51")))
  end)

  it("is refreshed: everything, or the data types that are named, and not twice", function()
    local path = COMPANY .. "/products/mine/refresh"
    assert.equal(404, (api:call("POST", path)))
    assert.equal(204, (api:call("PUT", COMPANY .. "/products/mine")))
    local status, answer = api:call("POST", path, { dataTypes = { "invoices" } })
    assert.equal(400, status)
    assert.is_truthy(answer.error:find("valid ones are: commerce-companyInfo, commerce-customers",
      1, true), answer.error)
    assert.is_nil(answer.error:find("commerce-orders", 1, true))
    assert.equal(202, (api:call("POST", path, { dataTypes = { "commerce-payments" } })))
    local pulls = api.store:pulls({ client.CONNECTION }, {})
    assert.same({ 1, "payments", "Queued" }, { #pulls, pulls[1].data_type, pulls[1].status })
    status, answer = api:call("POST", path)
    assert.equal(400, status)
    assert.is_truthy(answer.error:find("in progress", 1, true))
    assert.equal(202, (api:call("POST", path, { dataTypes = { "Commerce-Disputes" } })))
    assert.equal(2, api.store:count_pulls { client.CONNECTION })
    for _, pull in ipairs(api.store:pulls({ client.CONNECTION }, {})) do
      pull.status, pull.completed = "Complete", client.CREATED
      assert(api.store:save_pull(pull))
    end
    assert.equal(202, (api:call("POST", path, "{}")))
    assert.equal(11, api.store:count_pulls { client.CONNECTION })
  end)
end)

describe("writing to the source", function()
  local api

  setup(function()
    api = client.new()
  end)

  teardown(function()
    api:close()
  end)

  it("has never happened", function()
    local status, body = api:get(COMPANY .. "/push?page=1&pageSize=7&query=status%3DPending"
      .. "&orderBy=-requestedOnUtc")
    assert.equal(200, status, body.error)
    assert.same({ {}, 1, 7, 0 }, { body.results, body.pageNumber, body.pageSize,
      body.totalResults })
    assert.equal(400, (api:get(COMPANY .. "/push?query=colour%3Dred")))
    local code, missing = api:get(COMPANY .. "/push/8a210b68-6988-11ed-a1eb-0242ac120002")
    assert.equal(404, code)
    assert.is_truthy(missing.error:find("8a210b68", 1, true))
    assert.equal(404, (api:get "/companies/x/push"))
  end)

  it("has no options", function()
    local path = COMPANY .. "/connections/" .. client.CONNECTION .. "/options/"
    for asked, key in pairs { ["commerce-payments"] = "commerce-payments",
      Invoices = "invoices" } do
      local status, body = api:get(path .. asked)
      assert.equal(200, status, body.error)
      assert.same({ "Object", key, false, {} }, { body.type, body.displayName, body.required,
        body.properties })
    end
    assert.equal(404, (api:get(path .. "nothing")))
  end)
end)
