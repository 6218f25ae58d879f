-- Reports and verification over the API, of what was read from the emulator; the sums are compared
-- with Stripe's own objects, in whole minor units.

local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local worker = require "commerce.serve.worker"

-- Ten years that end now, and so all charges of the emulator.
local PERIODS = "?reportDate=%s&periodUnit=Year&periodLength=10&numberOfPeriods=1"

describe("reports of what was read", function()
  local e, api
  master_key.use(master_key.ONE)

  before_each(function()
    e = emulator.start { charges = 60, compact = true }
    api = client.new()
    -- at the emulator instead of Stripe
    local connect, find = api.app.connect, api.app.connection
    api.app.connect = function(app, options)
      options.base_url = e.base
      return connect(app, options)
    end
    api.app.connection = function(app, id)
      return find(app, id, { base_url = e.base })
    end
  end)

  after_each(function()
    api:close()
    e:stop()
  end)

  local function call(method, path, body)
    local status, answer = api:call(method, path, body)
    assert.equal(200, status, path .. " " .. json.encode(answer))
    return answer
  end

  it("agree with Stripe's objects, and verification says whether the store does", function()
    local path = ("/companies/%s/connections"):format(client.COMPANY)
    local id = call("POST", path, { platformKey = "yzth" }).id
    path = path .. "/" .. id
    call("PUT", path .. "/authorization", { secretKey = "sk_test_emulator" })
    local it_works = worker.new(api.app, { connection = { base_url = e.base } })
    while it_works:step() do end

    local sums, customers = {}, {}
    for _, charge in ipairs(rows.fetch(e, "charges")) do
      if charge.status == "succeeded" and charge.captured then
        local currency = charge.currency:upper()
        sums[currency] = (sums[currency] or 0) + charge.amount_captured
        if type(charge.customer) == "string" then
          customers[charge.customer] = true
        end
      end
    end
    local count, today = 0, os.date "!%d-%m-%Y"
    for _ in pairs(customers) do
      count = count + 1
    end
    assert.is_true(count > 0)

    local report = call("GET", "/commerce/v1" .. path .. "/reports/revenue"
      .. PERIODS:format(today))
    local found = {}
    for _, row in ipairs(report.rows) do
      found[row.currency] = rows.minor(json.number(row.figures.revenue), row.currency)
    end
    assert.same(sums, found)
    local retention = call("GET", "/data" .. path .. "/assess/commerceMetrics/customerRetention"
      .. PERIODS:format(today))
    assert.equal(count, retention.reportData[1].components[3].measures[1].value)

    local wanted = { types = json.array { "payments", "tax_components" } }
    assert.is_true(call("POST", "/commerce/v1" .. path .. "/verify", wanted).agrees)
    assert(api.store:write_page(id, { deleted = { tax_components = {
      rows.fetch(e, "tax_rates")[1].id } } }, client.CREATED))
    local verified, checks = call("POST", "/commerce/v1" .. path .. "/verify", wanted), {}
    for _, check in ipairs(verified.checks) do
      checks[check.type] = check
    end
    assert.is_false(verified.agrees)
    assert.is_true(checks.payments.agrees)
    assert.equal(1, checks.tax_components.differing)
    assert.equal("missing", checks.tax_components.differences[1].kind)
  end)
end)
