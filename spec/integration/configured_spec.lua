-- Supplemental data and custom data types: configured over the API, read by the worker, listed.

local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local keys = require "commerce.account.keys"
local core = require "commerce.core"
local json = require "commerce.base.json"
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

  local function custom(identifier)
    return "/integrations/yzth/dataTypes/custom/" .. identifier
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
    local content = record.supplementalData.content
    assert.equal(record.id, content.order.number)
    assert.is_nil((content.stripe or {}).order)
  end)

  it("has null where Stripe has no such value, and nothing about other sources is lost", function()
    assert.equal(200, (api:call("PUT", PAYMENTS:gsub("dataTypes", "datatypes"),
      { supplementalDataConfig = { mine = { dataSource = "/charges", pullData = { Id = "$.id",
        First = "$.payment_method_details.card.brand", Missing = "no.such",
        Odd = "$.lines[?(@.a)]", Whole = "$.payment_method_details" } },
        other = { dataSource = "/disputes?a=b", pullData = { Id = "id" } } } })))
    work()
    local _, body = api:get(path "/commerce-payments?query=id~ch_&pageSize=1")
    local record = body.results[1]
    local mine = record.supplementalData.content.mine
    assert.same({ record.id, json.null, json.null, "table" },
      { mine.Id, mine.Missing, mine.Odd, type(mine.Whole) })
    assert.is_true(type(mine.First) == "string" or mine.First == json.null)
    assert.same({ Id = json.null }, record.supplementalData.content.other)
    local _, refunds = api:get(path "/commerce-payments?query=id~re_&pageSize=1")
    assert.is_nil(((refunds.results[1].supplementalData or {}).content or {}).mine)
  end)

  it("takes Codat's JSONPaths, and parameters of the source", function()
    for name, key_by in pairs { plain = { "$.id" }, list = { "$[*].id" }, bare = { "id" } } do
      local given = { dataSource = "/v1/refunds", keyBy = key_by, requiredData = {
        amount = "$.amount", first = "$[*].payment_intent", gone = "$.no.such",
        order = "$.metadata['order.id']" }, sourceModifiedDate = { "$.created" } }
      local status, answer = api:call("PUT", "/integrations/yzth/datatypes/custom/" .. name, given)
      assert.equal(200, status, answer.error)
      assert.same(given, answer)
      local _, pull = api:call("POST", path("/queue/custom/" .. name))
      assert.equal("custom/" .. name, pull.dataType)
    end
    local given = { dataSource = "/subscriptions?status=canceled&limit=1",
      requiredData = { status = "$.status" }, keyBy = { "$.id" } }
    assert.equal(200, (api:call("PUT", custom "ended-ones", given)))
    given.dataSource = "/subscriptions?status=all"
    assert.equal(200, (api:call("PUT", custom "all-ones", given)))
    for _, name in ipairs { "ended-ones", "all-ones" } do
      local _, pull = api:call("POST", path("/queue/custom/" .. name))
      assert.equal("custom/" .. name, pull.dataType)
    end
    work()
    local function listed(name)
      local status, body = api:get(path("/custom/" .. name .. "?page=1&pageSize=5000"))
      assert.equal(200, status, body.error)
      return body.results
    end
    for _, name in ipairs { "plain", "list", "bare" } do
      local record = listed(name)[1]
      assert.is_truthy(record.id:find "^re_", record.id)
      assert.is_number(record.content.amount)
      assert.is_nil(record.content.gone)
      assert.is_nil(record.content.order)
    end
    local every, ended = listed "all-ones", listed "ended-ones"
    assert.is_true(#every > #ended)
    local canceled = 0
    for _, record in ipairs(every) do
      canceled = canceled + (record.content.status == "canceled" and 1 or 0)
    end
    assert.equal(canceled, #ended)
    -- Codat's names in the history and the data status, of this company alone
    local own, other = "/companies/" .. client.COMPANY, "/companies/" .. client.OTHER_COMPANY
    local _, history = api:get(own .. "/data/history?query=dataType%3Dcustom/ended-ones")
    assert.equal(1, history.totalResults)
    assert.equal("custom/ended-ones", history.results[1].dataType)
    local _, statuses = api:get(own .. "/dataStatus")
    assert.equal("Complete", statuses["custom/ended-ones"].currentStatus)
    for key in pairs(select(2, api:get(other .. "/dataStatus"))) do
      assert.is_nil(key:find "^custom", key)
    end
  end)

  it("makes ids of texts and numbers only", function()
    for name, given in pairs { objects = { "$.metadata" }, absent = { "$.id", "$.no.such" },
      numbers = { "$.created", "$.id" } } do
      assert.equal(200, (api:call("PUT", custom(name), { dataSource = "subscriptions",
        requiredData = { state = "status" }, keyBy = given })))
    end
    local shop = assert(api.app:connection(id, { base_url = e.base }))
    local report = assert(shop:sync { types = { "custom_objects", "custom_absent",
      "custom_numbers" } })
    local by_type = {}
    for _, entry in ipairs(report.types) do
      by_type[entry.type] = entry
    end
    for name, words in pairs { custom_objects = "$.metadata is an object or a list",
      custom_absent = "there is no value at $.no.such" } do
      local entry = by_type[name]
      assert.is_true(entry.read > 0)
      assert.equal(entry.read, entry.failed)
      assert.matches(words, entry.error, 1, true)
      assert.is_nil(entry.error:find ".lua:")
      assert.equal(0, api.store:count(assert(api.store:find_type(name)), id))
    end
    for record in shop:records "custom_numbers" do
      assert.matches("^%d+:sub_%w+$", record.id)
    end
    assert.is_true(by_type.custom_numbers.created > 0)
    shop:close()
  end)

  it("is a data type of its own, with pulls and pages", function()
    local given = { dataSource = "subscriptions", keyBy = { "id" },
      requiredData = { state = "status", payer = "customer" }, sourceModifiedDate = { "created" } }
    local status, answer = api:call("PUT", CUSTOM, given)
    assert.equal(200, status, answer.error)
    assert.same(given, select(2, api:get(CUSTOM)))
    assert.equal(404, (api:get(path "/custom/my-subscriptions"))) -- not read yet
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

  local PLAIN = { dataSource = "subscriptions", requiredData = { state = "status" } }

  local function many(count)
    local fields = {}
    for i = 1, count do
      fields["field" .. i] = "metadata.f" .. i
    end
    return { dataSource = "subscriptions", requiredData = fields }
  end

  it("is refused if it has the table of another one", function()
    assert.equal(200, (api:call("PUT", custom "my-subs", PLAIN)))
    local status, answer = api:call("PUT", custom "My_Subs", PLAIN)
    assert.equal(403, status)
    assert.is_truthy(answer.error:find("my-subs has the same table", 1, true), answer.error)
    assert.equal(200, (api:call("PUT", custom "MY-SUBS", PLAIN))) -- the same one again
    assert.equal(204, (api:call("DELETE", custom "my-subs")))
    assert.equal(200, (api:call("PUT", custom "my_subs", PLAIN)))
  end)

  it("may have 500 fields and no more, of a custom type and of supplemental data", function()
    local given = many(500)
    assert.equal(200, (api:call("PUT", custom "wide", given)))
    local code, pull = api:call("POST", path "/queue/custom/wide")
    assert.equal(200, code, pull.error)
    work()
    assert.equal("Complete", api.store:pull(pull.id).status, api.store:pull(pull.id).error_message)
    for _, case in ipairs { { custom "wide", many(501), "requiredData: 501 fields; 500 at most" },
      { custom "wide", many(2500), "requiredData: 2500 fields; 500 at most" },
      { PAYMENTS, { supplementalDataConfig = { x = { dataSource = "charges",
        pullData = many(501).requiredData } } }, "x: pullData: 501 fields; 500 at most" } } do
      local status, answer = api:call("PUT", case[1], case[2])
      assert.equal(400, status)
      assert.equal(case[3], answer.error)
    end
    assert.same(given, select(2, api:get(custom "wide")))
  end)

  it("may be one of 100 and no more", function()
    for i = 1, 100 do
      assert.equal(200, (api:call("PUT", custom("t" .. i), PLAIN)))
    end
    local status, answer = api:call("PUT", custom "t101", PLAIN)
    assert.equal(403, status)
    assert.is_truthy(answer.error:find("There are 100 custom data types already", 1, true))
    assert.equal(200, (api:call("PUT", custom "t1", PLAIN)))
  end)

  it("can be deleted; the records stay", function()
    assert.equal(404, (api:call("DELETE", custom "my-subs")))
    assert.equal(200, (api:call("PUT", custom "my-subs", PLAIN)))
    api:call("POST", path "/queue/custom/my-subs")
    work()
    assert.equal(204, (api:call("DELETE", custom "my-subs")))
    assert.equal(404, (api:get(custom "my-subs")))
    assert.equal(404, (api:call("POST", path "/queue/custom/my-subs")))
    assert.is_true(api.store:count(api.store:find_type "custom_my_subs", id) > 0)
    local given = { order = { dataSource = "charges", pullData = { number = "id" } } }
    assert.equal(200, (api:call("PUT", PAYMENTS, { supplementalDataConfig = given })))
    assert.equal(204, (api:call("DELETE", PAYMENTS)))
    assert.same({ supplementalDataConfig = {} }, select(2, api:get(PAYMENTS)))
  end)

  it("is not lost where another one is put at the same time", function()
    local save, raced = api.store.save_setting, false
    function api.store:save_setting(name, ...)
      if not raced and name:find "^data_types" then
        raced = true
        assert.equal(200, (api:call("PUT", custom "other", PLAIN)))
      end
      return save(self, name, ...)
    end
    assert.equal(200, (api:call("PUT", custom "mine", PLAIN)))
    assert.is_true(raced)
    api.store.save_setting = nil
    assert.equal(200, (api:get(custom "mine")))
    assert.equal(200, (api:get(custom "other")))
  end)

  -- What an older version let in: each fails alone.
  it("fails alone where it cannot be used", function()
    local configured = require "commerce.mapping.configured"
    configured.change(api.store, "stripe-test", function(all)
      all.supplemental.disputes = { x = { dataSource = "charges",
        pullData = many(501).requiredData } }
      all.custom = { ["a-b"] = PLAIN, a_b = PLAIN, wide = many(2500), ["a.b"] = PLAIN,
        slashes = { dataSource = "a//b", requiredData = { a = "id" } },
        twice = { dataSource = "subscriptions", requiredData = { fooBar = "id",
          foo_bar = "id" } } }
    end)
    local asked = {}
    for _, name in ipairs { "a-b", "wide", "slashes", "twice" } do
      local _, pull = api:call("POST", path("/queue/custom/" .. name))
      asked[name] = pull.id
    end
    local status, answer = api:call("POST", path "/queue/custom/a_b")
    assert.equal(404, status)
    assert.is_truthy(answer.error:find("the same table as a-b", 1, true), answer.error)
    work()
    for name, words in pairs { wide = "requiredData: 2500 fields; 500 at most",
      slashes = "a path such as '/v1/quotes' expected", twice = "would both be the column" } do
      local pull = api.store:pull(asked[name])
      assert.equal("MapError", pull.status, name)
      assert.is_truthy(pull.error_message:find(words, 1, true), pull.error_message)
      assert.is_nil(pull.error_message:find ".lua:", pull.error_message)
    end
    assert.equal("Complete", api.store:pull(asked["a-b"]).status)
    for name, pull in pairs(api.store:latest_pulls(id)) do
      if not name:find "^custom_" then
        assert.equal(name == "disputes" and "MapError" or "Complete", pull.status, name)
      end
    end
    assert.is_true(next(api.store:latest_pulls(id)) ~= nil)
    local shop = assert(api.app:connection(id, { base_url = e.base }))
    local report = assert(shop:sync())
    local failed = {}
    for _, entry in ipairs(report.types) do
      failed[#failed + 1] = entry.status ~= "complete" and entry.type or nil
    end
    shop:close()
    table.sort(failed)
    assert.same({ "custom_slashes", "custom_twice", "custom_wide", "disputes" }, failed)
  end)

  it("is verified by its configuration; what cannot be used fails alone", function()
    local configured = require "commerce.mapping.configured"
    configured.change(api.store, "stripe-test", function(all)
      all.supplemental.payments = { x = { dataSource = "charges", pullData = { same = "id" } } }
      all.supplemental.disputes = { x = { dataSource = "charges",
        pullData = many(501).requiredData } }
      all.custom = { good = PLAIN, slashes = { dataSource = "a//b",
        requiredData = { a = "id" } } }
    end)
    local shop = assert(api.app:connection(id, { base_url = e.base }))
    assert(shop:sync())
    shop:close()
    shop = assert(api.app:connection(id, { base_url = e.base }))
    local report = assert(shop:verify { deep = true })
    shop:close()
    local by_type = {}
    for _, check in ipairs(report.checks) do
      local data_type = api.store:find_type(check.type)
      if data_type and check.check == "records" then
        assert.equal(api.store:count(data_type, id), check.found)
      end
      if check.check == "records" then
        by_type[check.type] = check.error or check.agrees
        assert.is_true(check.error ~= nil or check.agrees, check.type)
      end
    end
    assert.is_true(by_type.payments)
    assert.is_true(by_type.custom_good)
    assert.matches("a//b", by_type.custom_slashes, 1, true)
    assert.matches("501 fields", by_type.disputes, 1, true)
    assert.is_nil(by_type.custom_slashes:find "script")
  end)

  it("says in its pull what it cannot be read for: Codat does not check it before", function()
    local asked = {}
    for i, case in ipairs { { "a//b", "id" }, { "//", "id" }, { "../x", "id" }, { "a b", "id" },
      { "a/", "id" }, { "ä", "id" }, { "charges", "$..id" }, { "charges?expand[]=no", "id" },
      { "nothing_such", "id" } } do
      local name = "odd" .. i
      assert.equal(200, (api:call("PUT", custom(name), { dataSource = case[1],
        requiredData = { a = case[2] } })))
      local _, pull = api:call("POST", path("/queue/custom/" .. name))
      asked[#asked + 1] = pull.id
    end
    work()
    for _, each in ipairs(asked) do
      local _, pull = api:get("/companies/" .. client.COMPANY .. "/data/history/" .. each)
      assert.is_true(pull.isErrored, pull.dataType .. " " .. pull.status)
      assert.is_nil(pull.errorMessage:find ".lua:", pull.errorMessage)
    end
    assert.equal(400, (api:call("PUT", custom "odd", { dataSource = "",
      requiredData = { a = "id" } })))
  end)

  for name, case in pairs {
    ["of an unknown integration"] = { PAYMENTS:gsub("yzth", "gbol"), 404 },
    ["of an unknown type"] = { PAYMENTS:gsub("payments", "orders"), 404 },
    ["with no body"] = { PAYMENTS, 400, "{}" },
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
