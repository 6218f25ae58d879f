-- Supplemental data and custom data types: configured over the API, read by the worker, listed.

local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local keys = require "commerce.account.keys"
local core = require "commerce.core"
local master_key = require "spec.support.master_key"
local worker = require "commerce.serve.worker"

local DATA = client.DATA
local PAYMENTS = "/integrations/yzth/dataTypes/commerce-payments/supplementalDataConfig"
local CUSTOM = "/integrations/yzth/dataTypes/custom/My-Subscriptions"

describe("data that is configured over the API", function()
  local e, api, id
  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 30, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    api = client.new()
    assert.is_string(assert(auth.create(api.store)).key)
    local key = assert(core.secret "sk_test_emulator")
    local shop = assert(api.app:connect { secret_key = key, base_url = e.base,
      company = client.COMPANY })
    assert(keys.keep(api.app, shop.row, key))
    shop:close()
    id = shop.id
  end)

  after_each(function()
    api:close()
  end)

  local function work()
    local it = worker.new(api.app, { connection = { base_url = e.base } })
    while it:step() do end
  end

  local function path(text)
    return (DATA:gsub(client.CONNECTION:gsub("%-", "%%-"), id)) .. text
  end

  it("is added to a data type's records, under its key", function()
    local given = { ["order"] = { dataSource = "/v1/charges", pullData = { number = "id",
      text = "description" } } }
    local status, answer = api:call("PUT", PAYMENTS, { supplementalDataConfig = given })
    assert.equal(200, status, answer.error)
    assert.same({ supplementalDataConfig = given }, select(2, api:get(PAYMENTS)))
    work()
    local _, body = api:get(path "/commerce-payments?query=id~ch_&pageSize=1")
    local record = body.results[1]
    assert.equal(record.id, record.supplementalData.content.stripe.order.number)
  end)

  it("is a data type of its own, with pulls and pages", function()
    local given = { dataSource = "subscriptions", keyBy = { "id" },
      requiredData = { state = "status", payer = "customer" }, sourceModifiedDate = { "created" } }
    local status, answer = api:call("PUT", CUSTOM, given)
    assert.equal(200, status, answer.error)
    assert.same(given, select(2, api:get(CUSTOM)))
    assert.equal(409, (api:get(path "/custom/my-subscriptions")))
    local code, pull = api:call("POST", path "/queue/custom/my-subscriptions")
    assert.equal(200, code, pull.error)
    work()
    local _, done = api:get("/companies/" .. client.COMPANY .. "/data/history/" .. pull.id)
    assert.equal("Complete", done.status, done.errorMessage)
    local listed, body = api:get(path "/custom/my-subscriptions?pageSize=2")
    assert.equal(200, listed, body.error)
    assert.is_true(body.totalResults > 0)
    assert.is_true(#body.results <= 2)
    assert.is_truthy(body.results[1].id:find "^sub_")
    assert.is_string(body.results[1].content.state)
    assert.is_string(body.results[1].modifiedDate.modifiedDate)
    -- it may be configured anew while the process lives
    given.requiredData = { state = "status" }
    assert.equal(200, (api:call("PUT", CUSTOM, given)))
  end)

  for name, case in pairs {
    ["of an unknown integration"] = { PAYMENTS:gsub("yzth", "gbol"), 404 },
    ["of an unknown type"] = { PAYMENTS:gsub("payments", "orders"), 404 },
    ["with no body"] = { PAYMENTS, 400, "{}" },
    ["with a resource that the type is not made of"] = { PAYMENTS, 400,
      { supplementalDataConfig = { x = { dataSource = "disputes", pullData = { a = "id" } } } } },
    ["with a path that there is not"] = { PAYMENTS, 400,
      { supplementalDataConfig = { x = { dataSource = "charges",
        pullData = { a = "no.such" } } } } },
    ["without a source"] = { CUSTOM, 400, { requiredData = { a = "id" } } },
    ["with an odd identifier"] = { "/integrations/yzth/dataTypes/custom/a%20b", 400,
      { dataSource = "charges", requiredData = { a = "amount" } } },
  } do
    it(name .. " is refused", function()
      local status, answer = api:call("PUT", case[1],
        case[3] or { supplementalDataConfig = { x = { pullData = { a = "id" } } } })
      assert.equal(case[2], status)
      assert.is_string(answer.error)
    end)
  end

  it("is not found before it is configured", function()
    assert.same({ supplementalDataConfig = {} }, select(2, api:get(PAYMENTS)))
    assert.equal(404, (api:get(CUSTOM)))
    assert.equal(404, (api:get(path "/custom/my-subscriptions")))
    assert.equal(404, (api:call("POST", path "/queue/custom/my-subscriptions")))
  end)
end)
