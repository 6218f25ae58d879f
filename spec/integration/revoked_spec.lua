-- A merchant ends the access at Stripe while a client of the API waits for a pull: the pull ends
-- with an error of its own, and webhook consumers are told of the read once.

local client = require "spec.support.api_client"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local keys = require "commerce.account.keys"
local master_key = require "spec.support.master_key"
local worker = require "commerce.serve.worker"

describe("access that was revoked", function()
  local e, api, id
  master_key.use(master_key.ONE)

  before_each(function()
    e = emulator.start { charges = 10, compact = true }
    api = client.new()
    local key = assert(core.secret "sk_test_emulator")
    local shop = assert(api.app:connect { secret_key = key, base_url = e.base,
      company = client.COMPANY })
    assert(keys.keep(api.app, shop.row, key))
    id = shop.id
    shop:close()
    assert(api.store:add_webhook_consumer({ id = "w", url = "https://example.com/",
      disabled = false, event_types = {}, company_tags = {}, created = client.CREATED }, 50))
  end)

  after_each(function()
    api:close()
    e:stop()
  end)

  it("ends the pulls that wait as AuthError, and tells consumers of the read", function()
    e:control("keys", { key = "sk_test_emulator", revoked = true })
    local path = "/companies/" .. client.COMPANY
    local _, pull = api:call("POST", path .. "/data/queue/commerce-payments?connectionId=" .. id)
    local it = worker.new(api.app, { connection = { base_url = e.base } })
    while it:step() do end
    local _, ended = api:get(path .. "/data/history/" .. pull.id)
    assert.same({ "AuthError", true, false }, { ended.status, ended.isErrored, ended.isCompleted })
    assert.is_truthy(ended.errorMessage:find("Expired API Key", 1, true), ended.errorMessage)
    assert.equal("Deauthorized", select(2, api:get(path .. "/connections/" .. id)).status)
    local events = {}
    for _, message in ipairs(api.store:webhook_messages "w") do
      events[message.type] = (events[message.type] or 0) + 1
    end
    assert.same({ 1, 1 }, { events["connection.disconnected"], events["read.completed"] })
    local delivery
    repeat
      delivery = api.store:take_delivery("spec", 9e9, 60)
      api.store:settle_delivery("spec", delivery, { status = "delivered", now = 9e9,
        at = client.CREATED, patience = 1 })
    until delivery.type == "read.completed"
    local statuses = {}
    for _, read in ipairs(delivery.facts.reads) do
      statuses[read.data_type], statuses[read.status] = read.status, true
    end
    assert.equal("AuthError", statuses.payments)
    assert.is_nil(statuses.Cancelled)
  end)
end)
