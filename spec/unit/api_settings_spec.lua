-- Sync settings over the API: of everybody and of one company.

local client = require "spec.support.api_client"
local settings = require "commerce.account.settings"

local COMPANY = "/companies/" .. client.COMPANY .. "/syncSettings"

describe("sync settings over the API", function()
  local api

  before_each(function()
    api = client.new()
  end)

  after_each(function()
    api:close()
  end)

  local function setting(path, key)
    local status, body = api:get(path)
    assert.equal(200, status, body.error)
    for _, entry in ipairs(body.settings) do
      if entry.dataType == key then
        return entry, body
      end
    end
  end

  local function entry(key, fields)
    local result = { dataType = key, fetchOnFirstLink = true, syncSchedule = 24, syncOrder = 0 }
    for name, value in pairs(fields or {}) do
      result[name] = value
    end
    return result
  end

  it("are the defaults to begin with, with an id of the client that stays", function()
    local payments, body = setting("/profile/syncSettings", "commerce-payments")
    assert.same(entry("commerce-payments", { isLocked = false }), payments)
    assert.equal(11, #body.settings)
    assert.is_false(body.overridesDefaults)
    local _, again = setting("/profile/syncSettings", "commerce-payments")
    assert.equal(body.clientId, again.clientId)
  end)

  it("are set for all, and over that for a company, and taken back", function()
    assert.equal(204, (api:call("POST", "/profile/syncSettings", { clientId = client.COMPANY,
      overridesDefaults = true, settings = { entry("commerce-payments", { syncSchedule = 1 }),
        entry("invoices") } })))
    assert.equal(1, setting(COMPANY, "commerce-payments").syncSchedule)
    assert.equal(204, (api:call("POST", COMPANY, { companyId = client.COMPANY,
      overridesDefaults = true, settings = { entry("commerce-payments", { syncSchedule = 168,
        syncFromUtc = "2022-10-23T00:00:00.000Z", fetchOnFirstLink = false }) } })))
    local payments, body = setting(COMPANY, "commerce-payments")
    assert.equal(168, payments.syncSchedule)
    assert.equal("2022-10-23T00:00:00Z", payments.syncFromUtc)
    assert.is_true(body.overridesDefaults)
    assert.equal(1, setting("/profile/syncSettings", "commerce-payments").syncSchedule)
    assert.equal(204, (api:call("POST", COMPANY, { companyId = client.COMPANY,
      overridesDefaults = false, settings = {} })))
    assert.equal(1, setting(COMPANY, "commerce-payments").syncSchedule)
  end)

  it("are kept for Codat's types that Stripe does not give, without effect", function()
    local orders = setting(COMPANY, "commerce-orders")
    assert.same(entry("commerce-orders", { isLocked = false }), orders)
    for _, key in ipairs { "commerce-locations", "commerce-productCategories" } do
      assert.is_table(setting(COMPANY, key))
    end
    local given = entry("commerce-orders", { syncSchedule = 5, isLocked = false })
    assert.equal(204, (api:call("POST", "/profile/syncSettings", { settings = { given } })))
    assert.same(given, (setting(COMPANY, "commerce-orders")))
    given.syncSchedule = 7
    assert.equal(204, (api:call("POST", COMPANY, { overridesDefaults = true,
      settings = { given } })))
    assert.equal(7, setting(COMPANY, "commerce-orders").syncSchedule)
    assert.equal(5, setting("/profile/syncSettings", "commerce-orders").syncSchedule)
    given.syncSchedule = -1
    assert.equal(400, (api:call("POST", COMPANY, { settings = { given } })))
    assert.equal(204, (api:call("POST", "/companies/" .. client.COMPANY .. "/data/all")))
    for _, pull in ipairs(api.store:pulls({ client.CONNECTION }, {})) do
      assert.is_nil(pull.data_type:find "orders")
    end
    assert.equal(204, (api:call("POST", COMPANY, { overridesDefaults = false, settings = {} })))
    local back, body = setting(COMPANY, "commerce-orders")
    assert.same({ 5, false }, { back.syncSchedule, body.overridesDefaults })
  end)

  it("decide what is read with all", function()
    local list = {}
    for _, key in ipairs { "companyInfo", "customers", "disputes", "products", "transactions",
      "paymentMethods", "taxComponents" } do
      list[#list + 1] = entry("commerce-" .. key, { fetchOnFirstLink = false })
    end
    list[#list + 1] = entry("custom-payouts", { fetchOnFirstLink = false })
    assert.equal(204, (api:call("POST", COMPANY, { overridesDefaults = true, settings = list })))
    assert.equal(204, (api:call("POST", "/companies/" .. client.COMPANY .. "/data/all")))
    local pulls = assert(api.store:pulls({ client.CONNECTION }, {}))
    assert.equal(1, #pulls)
    assert.equal("payments", pulls[1].data_type)
  end)

  for name, body in pairs {
    ["no list"] = {}, ["a wrong number"] = { settings = { entry("commerce-payments"),
      entry("commerce-disputes", { syncSchedule = -1 }) } },
    ["a wrong date"] = { settings = { entry("commerce-payments", { syncFromUtc = "soon" }) } },
    ["no number"] = { settings = { entry("commerce-payments", { syncSchedule = "daily" }) } },
  } do
    it("with " .. name .. " change nothing", function()
      local status, answer = api:call("POST", COMPANY, body)
      assert.equal(400, status)
      assert.is_string(answer.error)
      assert.is_false(select(2, setting(COMPANY, "commerce-payments")).overridesDefaults)
    end)
  end

  it("may have both dates, as Codat's examples do: both are kept, the window counts", function()
    local given = entry("commerce-payments", { syncFromUtc = "2022-10-23T00:00:00.000Z",
      syncFromWindow = 24, monthsToSync = 24, isLocked = true })
    for _, path in ipairs { "/profile/syncSettings", COMPANY } do
      assert.equal(204, (api:call("POST", path, { overridesDefaults = true,
        settings = { given } })))
      local payments = setting(path, "commerce-payments")
      assert.same({ "2022-10-23T00:00:00Z", 24 },
        { payments.syncFromUtc, payments.syncFromWindow })
    end
    local row = { company_id = client.COMPANY, integration = "stripe-test",
      created = client.CREATED }
    local groups = settings.groups(api.store, row)
    for _, group in ipairs(groups) do
      assert.equal(group.types[1] == "payments" and "2024-01-01" or nil, group.since)
    end
    assert.equal(2, #groups)
    -- the default of a client in a typed language, where there is no window
    given.syncFromWindow = 0
    assert.equal(204, (api:call("POST", COMPANY, { overridesDefaults = true,
      settings = { given } })))
    assert.equal("2022-10-23T00:00:00Z", setting(COMPANY, "commerce-payments").syncFromUtc)
    local since = {}
    for _, group in ipairs(settings.groups(api.store, row)) do
      since[group.types[1]] = group.since
    end
    assert.equal("2022-10-23T00:00:00Z", since.payments)
  end)

  it("are of a company that is there", function()
    local path = "/companies/cccccccc-0000-4000-8000-000000000009/syncSettings"
    assert.equal(404, (api:get(path)))
    assert.equal(404, (api:call("POST", path, { settings = {} })))
  end)
end)
