-- The event feed: what is listed, in which order, for how long, in agreement with the objects.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"
local cjson = require "cjson"

local DAY = 86400
local NOW = 1790000000

describe("the emulator's events", function()
  local e
  setup(function() e = emulator.start { charges = 20000, compact = true } end)
  teardown(function() e:stop() end)

  local function refused(query)
    local status, body = e:get("/v1/events?" .. query)
    assert.equal(400, status, query)
    return cjson.decode(body).error
  end

  local function types_in(query)
    local seen = {}
    for _, event in ipairs(e:read_all("/v1/events?" .. query)) do
      seen[event.type] = (seen[event.type] or 0) + 1
    end
    return seen
  end

  it("are listed newest first, once each, for thirty days", function()
    local all, seen, last = e:read_all "/v1/events", {}, nil
    assert.is_true(#all > 1000)
    for _, event in ipairs(all) do
      assert.is_nil(seen[event.id])
      seen[event.id] = true
      assert.is_true(not last or event.created <= last)
      last = event.created
      assert.equal("2026-11-18.endive", event.api_version)
      assert.is_false(event.livemode)
      assert.is_nil(event.account)
    end
    assert.is_true(last >= NOW - 30 * DAY)
    assert.is_true(last < NOW - 29 * DAY)
    -- the same, from the other end
    local back, before = {}, all[#all].id
    repeat
      local page = e:json("/v1/events?limit=100&ending_before=" .. before)
      for k = #page.data, 1, -1 do back[#back + 1] = page.data[k].id end
      before = page.data[1] and page.data[1].id
    until not page.has_more
    assert.equal(#all - 1, #back)
    for k, id in ipairs(back) do assert.equal(all[#all - k].id, id) end
  end)

  it("take limit and created, and know whether there is more", function()
    local ten = e:json "/v1/events"
    assert.same({ 10, true, "/v1/events" }, { #ten.data, ten.has_more, ten.url })
    local day = ("created[gte]=%d&created[lt]=%d"):format(NOW - 2 * DAY, NOW - DAY)
    local list = e:read_all("/v1/events?" .. day)
    for _, event in ipairs(list) do
      assert.is_true(event.created >= NOW - 2 * DAY and event.created < NOW - DAY)
    end
    local exact = e:json(("/v1/events?%s&limit=5&starting_after=%s"):format(day,
      list[#list - 5].id))
    assert.same({ 5, false }, { #exact.data, exact.has_more })
    assert.equal("resource_missing", refused("starting_after=evt_none").code)
    assert.equal("limit", refused("limit=0").param)
    assert.equal("ending_before",
      refused(("starting_after=%s&ending_before=%s"):format(list[1].id, list[2].id)).param)
    assert.equal("parameter_unknown", refused("customer=cus_1").code)
    refused "expand[]=data.data"
  end)

  it("take a type, a wildcard, or up to twenty types", function()
    local refunds = types_in "type=refund.created"
    assert.is_true(refunds["refund.created"] > 0)
    local charge = types_in "type=charge.*"
    for _, name in ipairs { "charge.succeeded", "charge.failed", "charge.pending",
      "charge.captured", "charge.refunded", "charge.refund.updated", "charge.dispute.created",
      "charge.dispute.closed", "charge.dispute.funds_withdrawn" } do
      assert.is_true(charge[name] > 0, name)
    end
    assert.is_nil(charge["refund.created"])
    local both = types_in "types[]=payout.*&types[]=refund.created"
    assert.equal(refunds["refund.created"], both["refund.created"])
    assert.is_true(both["payout.paid"] > 0 and both["payout.created"] > 0)
    assert.is_true(both["payout.reconciliation_completed"] > 0)
    -- the transactions are told before the money arrives
    local payout = e:json("/v1/events?type=payout.reconciliation_completed&limit=1").data[1]
      .data.object
    assert.same({ "in_transit", "completed", "pending" }, { payout.status,
      payout.reconciliation_status, payout.trace_id.status })
    assert.same({}, types_in "type=invoice.paid")
    assert.same({}, types_in "type=balance_transaction.*")
    refused "type=charge.*&types[]=refund.created"
    local many = {}
    for k = 1, 20 do many[k] = "types[]=charge.t" .. k end
    assert.equal(200, (e:get("/v1/events?" .. table.concat(many, "&"))))
    assert.equal("types", refused(table.concat(many, "&") .. "&types[]=a").param)
  end)

  it("hold the object as it was then, with what changed", function()
    local event = e:json("/v1/events?type=charge.refunded&limit=1").data[1]
    local charge = event.data.object
    assert.equal("charge", charge.object)
    assert.is_true(charge.amount_refunded > 0)
    assert.same(event, e:json("/v1/events/" .. event.id))
    for _, one in ipairs(e:json("/v1/events?type=charge.succeeded&limit=100").data) do
      if one.data.object.captured and one.data.object.amount_captured
        == one.data.object.amount then
        assert.equal(0, one.data.object.amount_refunded)
      end
    end
    local paid = e:json("/v1/events?type=payout.paid&limit=1").data[1]
    assert.same({ "paid", paid.data.object.arrival_date },
      { paid.data.object.status, paid.created })
    assert.same({ id = cjson.null, idempotency_key = cjson.null }, paid.request)
    local sent = e:json("/v1/events?type=payout.updated&limit=1").data[1]
    assert.same({ "in_transit", "pending" },
      { sent.data.object.status, sent.data.previous_attributes.status })
    local made = e:json("/v1/events?type=customer.created&limit=1").data[1]
    assert.same(made.data.object, e:json("/v1/customers/" .. made.data.object.id))
    assert.matches("^req_", made.request.id)
  end)

  it("exist for every object of the last days, and only for those", function()
    local from = NOW - 3 * DAY
    local made = { charges = "charge%.[sfp]%l+ed", refunds = "refund%.created",
      disputes = "charge%.dispute%.created", payouts = "payout%.created",
      customers = "customer%.created" }
    local seen = {}
    for _, event in ipairs(e:read_all("/v1/events?created[gte]=" .. from)) do
      for name, pattern in pairs(made) do
        local first = event.type:find("^" .. pattern .. "$") or event.type == "charge.pending"
          and name == "charges"
        if first and event.created == event.data.object.created then
          seen[name .. event.data.object.id] = true
        end
      end
    end
    for name in pairs(made) do
      local list = e:read_all(("/v1/%s?created[gte]=%d"):format(name, from))
      for _, object in ipairs(list) do
        assert.is_true(seen[name .. object.id], object.id)
        seen[name .. object.id] = nil
      end
    end
    assert.same({}, seen)
  end)

  it("belong to an account and a mode, and to a permission", function()
    local id = e:json("/v1/events?limit=1").data[1].id
    assert.equal(404, (e:get("/v1/events/" .. id, "sk_live_emulator")))
    assert.is_true(e:json("/v1/events?limit=1", "sk_live_emulator").data[1].livemode)
    assert.equal(403, (e:get("/v1/events", "rk_test_emulator_charges")))
    assert.equal(200, (e:get("/v1/events", "rk_test_emulator_readonly")))
  end)

  it("expire, and follow the clock", function()
    e:reset { charges = 20000 }
    local oldest = e:read_all("/v1/events?created[lt]=" .. NOW - 29 * DAY - 43200)
    local id = oldest[#oldest].id
    assert.equal(200, (e:get("/v1/events/" .. id)))
    local newest = e:json("/v1/events?limit=1").data[1]
    assert.equal(NOW + DAY, e:control("clock", { advance = DAY }).now)
    assert.equal(404, (e:get("/v1/events/" .. id)))
    assert.equal("starting_after", refused("starting_after=" .. id).param)
    local since = e:json("/v1/events?limit=100&ending_before=" .. newest.id).data
    assert.is_true(#since > 0)
    for _, event in ipairs(since) do
      assert.is_true(event.created > NOW and event.created <= NOW + DAY, event.type)
      local object = event.data.object
      if event.type == "charge.succeeded" then
        assert.equal("succeeded", e:json("/v1/charges/" .. object.id).status)
      elseif event.type == "payout.paid" then
        assert.equal("paid", e:json("/v1/payouts/" .. object.id).status)
      end
    end
    e:control("clock", { now = NOW + 45 * DAY })
    assert.same({}, e:json("/v1/events").data)
    assert.has_error(function() e:control("clock", { now = NOW }) end)
  end)

  it("can come in an old version's shape", function()
    e:reset { charges = 500, events_api_version = "2020-08-27" }
    local charge = e:json("/v1/events?type=charge.succeeded&limit=1").data[1]
    assert.equal("2020-08-27", charge.api_version)
    assert.equal("list", charge.data.object.refunds.object)
    assert.equal(cjson.null, charge.data.object.invoice)
    assert.is_nil(charge.data.object.amount_captured)
    local product = e:control("mutate", { op = "insert", type = "product" }).events[1]
    assert.is_nil(e:json("/v1/events/" .. product).data.object.default_price)
    for _, version in ipairs { "2026-11-18.endive", "2026-07-29.dahlia" } do
      local new = e:control("mutate",
        { op = "insert", type = "product", api_version = version }).events[1]
      assert.is_not_nil(e:json("/v1/events/" .. new).data.object.default_price)
    end
  end)
end)
