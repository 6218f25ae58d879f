-- Consumers are told that a key's daily limit was reached, and that it is over, once each.

local client = require "spec.support.api_client"
local codat_webhooks = require "spec.support.codat_webhooks"
local auth = require "commerce.http.auth"
local payload = require "commerce.webhooks.payload"
local quota = require "commerce.webhooks.quota"
local time = require "commerce.base.time"

describe("the daily limit", function()
  local api

  before_each(function()
    api = client.new { daily_limit = 2 }
    assert(api.store:add_webhook_consumer({ id = "w", url = "https://example.com/",
      disabled = false, event_types = { "client.rateLimit.reached", "client.rateLimit.reset" },
      company_tags = {}, created = client.CREATED }, 50))
  end)

  after_each(function()
    api:close()
  end)

  local function events()
    local list = {}
    while true do
      local delivery = api.store:take_delivery("spec", 9e9, 60)
      if not delivery then
        return list
      end
      list[#list + 1] = codat_webhooks.check(require("commerce.base.json").decode(
        payload.body(delivery, "https://data.example.com")))
      api.store:settle_delivery("spec", delivery, { status = "delivered", now = 9e9,
        at = client.CREATED, patience = 1 })
    end
  end

  it("is told when it is reached, once, whatever the number of keys and requests", function()
    local other = "Basic " .. client.base64(auth.create(api.store).key)
    for _ = 1, 5 do
      api:get "/companies"
      api:get("/companies", { authorization = other })
    end
    local told = events()
    assert.equal(1, #told)
    assert.equal("client.rateLimit.reached", told[1].eventType)
    local midnight = time.format((math.floor(os.time() / 86400) + 1) * 86400)
    assert.same({ dailyQuota = 2, quotaRemaining = 0, expiryDate = midnight }, told[1].payload)
    quota.reset(api.store, os.time())
    assert.same({}, events()) -- the day is not over
    for _ = 1, 2 do
      quota.reset(api.store, time.parse(midnight) + 5)
    end
    told = events()
    assert.equal(1, #told)
    assert.equal("client.rateLimit.reset", told[1].eventType)
    assert.same({ dailyQuota = 2, quotaRemaining = 2,
      expiryDate = time.format(time.parse(midnight) + 86400) }, told[1].payload)
  end)

  it("is not told where it is not reached", function()
    for _ = 1, 2 do
      assert.equal(200, (api:get "/companies"))
    end
    quota.reset(api.store, os.time() + 999999)
    assert.same({}, events())
  end)
end)
