-- Companies, their connections and webhook consumers over the API.

local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local errors = require "commerce.base.errors"
local consumers = require "commerce.webhooks.consumers"
local master_key = require "spec.support.master_key"
local profile = require "commerce.account.profile"
local ticket = require "commerce.account.link.ticket"

local COMPANY = "/companies/" .. client.COMPANY
local NOBODY = "cccccccc-0000-4000-8000-000000000009"

describe("over the API", function()
  local api

  before_each(function()
    api = client.new { public_url = "https://data.example.com/codat/" }
  end)

  after_each(function()
    api:close()
  end)

  local function created(body)
    local status, company = api:call("POST", "/companies", body)
    assert.equal(200, status, company.error)
    return company
  end

  describe("a company", function()
    it("is created, read, replaced, updated and deleted", function()
      local made = created { name = "Toys, Inc.", description = "toys", tags = { region = "eu" } }
      assert.equal("Toys, Inc.", made.name)
      assert.equal("https://data.example.com/codat/link/company/" .. made.id, made.redirect)
      assert.same({}, made.dataConnections)
      assert.same({ region = "eu" }, made.tags)
      assert.is_nil(made.lastSync)
      local path = "/companies/" .. made.id
      local status, read = api:get(path)
      assert.equal(200, status)
      assert.same(made, read)
      local _, updated = api:call("PATCH", path, { description = "more toys" })
      assert.equal("Toys, Inc.", updated.name)
      assert.equal("more toys", updated.description)
      assert.same({ region = "eu" }, updated.tags)
      local _, replaced = api:call("PUT", path, { name = "Games" })
      assert.equal("Games", replaced.name)
      assert.is_nil(replaced.description)
      assert.is_nil(replaced.tags)
      assert.equal(204, (api:call("DELETE", path)))
      for _, method in ipairs { "GET", "DELETE" } do
        assert.equal(404, (api:call(method, path)))
      end
    end)

    describe("if Link addresses work once", function()
      local set_master = master_key.use(master_key.ONE)
      local plain = "https://data.example.com/codat/link/company/" .. client.COMPANY

      before_each(function()
        profile.save(api.store, { name = "Lender", redirectUrl = "", oneTimeLinks = true })
      end)

      it("has one that admits its merchant, each time another one", function()
        local _, first = api:get(COMPANY)
        local _, second = api:get(COMPANY)
        local _, all = api:get "/companies?query=name%3DOne"
        assert.not_equal(first.redirect, second.redirect)
        for _, url in ipairs { first.redirect, second.redirect, all.results[1].redirect } do
          local otp = url:match("^" .. plain:gsub("%p", "%%%0") .. "%?link%.otp=([%w%.%-_]+)$")
          assert.is_truthy(ticket.check("otp", client.COMPANY, otp), url)
        end
      end)

      it("has the plain one for a key that may only read, and without a master key", function()
        local key = assert(auth.create(api.store, { name = "reader", read_only = true })).key
        local full = api.authorization
        api.authorization = "Basic " .. client.base64(key)
        assert.equal(plain, select(2, api:get(COMPANY)).redirect)
        api.authorization = full
        set_master(nil)
        assert.equal(plain, select(2, api:get(COMPANY)).redirect)
      end)
    end)

    it("loses the characters that its name may not have", function()
      assert.equal("Acme Ltd & Co", created({ name = " Acme (Ltd)  & Co\\;<> " }).name)
    end)

    for _, body in ipairs { "{}", '{"name":""}', '{"name":"()"}', '{"name":7}', '{"tags":{}}',
      '{"name":"x","tags":{"a":1}}', '{"name":"x","tags":["a"]}', "nonsense",
      '{"name":"x","tags":{"a name that is far longer than twenty-seven":"v"}}' } do
      it("is not made of " .. body, function()
        local status, answer = api:call("POST", "/companies", body)
        assert.equal(400, status)
        assert.is_string(answer.error)
        assert.equal(2, select(2, api:get "/companies").totalResults)
      end)
    end

    local function names(target)
      local status, body = api:get("/companies" .. target)
      assert.equal(200, status, body.error)
      local found = {}
      for i, company in ipairs(body.results) do
        found[i] = company.name
      end
      table.sort(found)
      return table.concat(found, " "), body
    end

    it("is listed by query, order and tags, its connections with it", function()
      created { name = "Three", tags = { region = "eu", tier = "gold" } }
      assert.equal("One Three Two", (names ""))
      assert.equal("One", (names "?query=name%3Done&pageSize=5"))
      assert.equal("One Two", (names "?query=dataConnections.status%3DLinked"))
      assert.equal("", (names "?query=dataConnections.status%3DPendingAuth"))
      assert.equal("Three", (names "?tags=region%3Deu%26%26tier%3Dgold"))
      assert.equal("", (names "?tags=region%3Deu%26%26tier%3Dsilver"))
      assert.equal("One Two", (names "?tags=region!%3Deu"))
      local _, body = names "?orderBy=name&pageSize=1"
      assert.equal("One", body.results[1].name)
      assert.equal(client.CONNECTION, body.results[1].dataConnections[1].id)
      assert.equal(3, body.totalResults)
      assert.equal("/companies?page=2&pageSize=1&orderBy=name", body._links.next.href)
      for _, wrong in ipairs { "?query=colour%3Dred", "?tags=region", "?orderBy=tags" } do
        assert.equal(400, (api:get("/companies" .. wrong)), wrong)
      end
    end)

    it("is found by having no connection, or none of a status", function()
      local path = "/companies/" .. created({ name = "None" }).id
      created { name = "Both" }
      local both = select(2, api:get "/companies?query=name%3DBoth").results[1].id
      for _, key in ipairs { "yzth", "exgd" } do
        local _, row = api:call("POST", "/companies/" .. both .. "/connections",
          { platformKey = key })
        if key == "exgd" then
          assert(api.store:change_connection(row.id, { status = "Linked", at = client.CREATED }))
        end
      end
      -- the query of Codat's page on querying, for companies without connections
      local clauses = {}
      for _, status in ipairs { "PendingAuth", "Linked", "Deauthorized", "Unlinked" } do
        clauses[#clauses + 1] = "dataConnections.status!%3D" .. status
      end
      assert.equal("None", (names("?query=" .. table.concat(clauses, "%26%26"))))
      assert.equal("None", (names "?query=dataConnections.status!%3DLinked"))
      assert.equal("None One Two", (names "?query=dataConnections.status!%3DPendingAuth"))
      assert.equal("Both None", (names("?query=dataConnections.id!%3D" .. client.CONNECTION
        .. "%26%26name!%3DTwo")))
      for _, field in ipairs { "status", "id", "created", "lastSync" } do
        local status, body = api:get("/companies?orderBy=-dataConnections." .. field)
        assert.equal(400, status)
        assert.is_truthy(body.error:find "^Error parsing orderBy")
      end
      assert.equal(204, (api:call("DELETE", path)))
    end)

    it("loses its tags where they are null, as at Codat, and keeps them unmentioned", function()
      local path = "/companies/" .. created({ name = "x", tags = { a = "1" } }).id
      assert.same({ a = "1" }, select(2, api:call("PATCH", path, { name = "y" })).tags)
      assert.is_nil(select(2, api:call("PATCH", path, '{"tags":null}')).tags)
      assert.equal("y", select(2, api:get(path)).name)
      assert.same({ b = "2" }, select(2, api:call("PATCH", path, { tags = { b = "2" } })).tags)
      assert.is_nil(select(2, api:call("PUT", path, '{"name":"z","tags":null}')).tags)
      assert.equal(200, (api:call("POST", "/companies", '{"name":"w","tags":null}')))
      assert.equal(400, (api:call("PATCH", path, '{"tags":{"a":null}}')))
    end)

    it("is found by tags whose names are of any characters", function()
      created { name = "Odd", tags = { ["cust id"] = "1", ["ext:id"] = "2", ["Region-e"] = "x",
        ["it's"] = "3", ["a.b"] = "4", ['q"q'] = "5", ["ü%"] = "6", ["?"] = "7", ["[0]"] = "8" } }
      for _, tag in ipairs { "cust%20id%3D1", "ext:id%3D2", "Region-e%3DX", "it's%3D3", "a.b%3D4",
        "q%22q%3D5", "%C3%BC%25%3D6", "%3F%3D7", "%5B0%5D%3D8", "cust%20id%20=%201%20",
        "ext:id~2%26%26it's!%3D4" } do
        assert.equal("Odd", (names("?tags=" .. tag)), tag)
      end
      assert.equal("", (names "?tags=cust%3D1"))
      assert.equal("One Two", (names "?tags=cust%20id!%3D1"))
      for _, wrong in ipairs { "region", "%3Dx", "a%3D" } do
        assert.equal(400, (api:get("/companies?tags=" .. wrong)), wrong)
      end
    end)

    it("has every member that Codat's has, in every answer", function()
      local made = created { name = "Whole" }
      for _, answer in ipairs { made, select(2, api:get("/companies/" .. made.id)),
        select(2, api:get "/companies?query=name%3DWhole").results[1] } do
        assert.same({}, answer.ownerUserIds)
        assert.same({}, answer.referenceSubsidiaryCompanies)
        assert.same({}, answer.products)
      end
    end)

    it("takes its records with it when it is deleted", function()
      api:give("payments", { { id = "ch_1", amount = 1 } })
      assert.equal(204, (api:call("DELETE", COMPANY)))
      assert.equal(404, (api:get(client.DATA .. "/commerce-payments")))
      assert.equal(0, api.store:count_pulls { client.CONNECTION })
      assert.equal(200, (api:get("/companies/" .. client.OTHER_COMPANY)))
    end)
  end)

  describe("a connection", function()
    it("is created waiting to be authorized, read and deleted", function()
      local status, made = api:call("POST", COMPANY .. "/connections", { platformKey = "yzth" })
      assert.equal(200, status)
      assert.equal("PendingAuth", made.status)
      assert.equal("Stripe Test", made.platformName)
      assert.equal("Commerce", made.sourceType)
      assert.is_truthy(made.linkUrl:find "^https://data.example.com/codat/link/start/%x+%-")
      assert.same({}, made.dataConnectionErrors)
      local path = COMPANY .. "/connections/" .. made.id
      assert.same(made, select(2, api:get(path)))
      local deleted, nothing = api:call("DELETE", path)
      assert.same({ 200, "" }, { deleted, nothing })
      assert.equal(404, (api:get(path)))
    end)

    it("is known by Codat's own ids where Codat publishes them", function()
      local _, made = api:call("POST", COMPANY .. "/connections", { platformKey = "exgd" })
      assert.equal("43b64770-a953-46d6-ab30-46c21094a276", made.integrationId)
      assert.equal("9a96f326-226a-4e0f-923a-6758fdba40cc", made.sourceId)
    end)

    it("is of a known integration", function()
      for _, key in ipairs { "gbol", "stripe", "" } do
        assert.equal(400, (api:call("POST", COMPANY .. "/connections", { platformKey = key })))
      end
      assert.equal(400, (api:call("POST", COMPANY .. "/connections", "{}")))
      assert.equal(404, (api:call("POST", "/companies/" .. NOBODY .. "/connections",
        { platformKey = "yzth" })))
    end)

    it("is listed by query", function()
      api:call("POST", COMPANY .. "/connections", { platformKey = "exgd" })
      local function count(text)
        local status, body = api:get(COMPANY .. "/connections?query=" .. text)
        assert.equal(200, status, body.error)
        return body.totalResults
      end
      assert.equal(2, select(2, api:get(COMPANY .. "/connections")).totalResults)
      assert.equal(1, count "status%3DPendingAuth")
      assert.equal(1, count "integrationKey%3Dexgd")
      assert.equal(2, count "platformName~stripe")
      assert.equal(400, (api:get(COMPANY .. "/connections?query=linkUrl%3Dx")))
    end)

    it("is unlinked, once; what is stored stays readable", function()
      api:give("payments", { { id = "ch_1", amount = 1 } })
      local path = COMPANY .. "/connections/" .. client.CONNECTION
      local status, row = api:call("PATCH", path, { status = "Unlinked" })
      assert.equal(200, status, row.error)
      assert.equal("Unlinked", row.status)
      -- the status that Codat's clients know there
      assert.equal(404, (api:call("PATCH", path, { status = "Unlinked" })))
      assert.equal(400, (api:call("PATCH", path, { status = "Linked" })))
      assert.equal(400, (api:call("PATCH", path, { status = "Paused" })))
      assert.equal(200, (api:get(client.DATA .. "/commerce-payments/ch_1")))
    end)

    it("shows what went wrong with it", function()
      assert(api.store:add_connection_error(client.CONNECTION, { at = client.CREATED,
        status_code = "401", status_text = "Unauthorized", message = "Expired key" }))
      local _, row = api:get(COMPANY .. "/connections/" .. client.CONNECTION)
      assert.same({ { statusCode = "401", statusText = "Unauthorized",
        errorMessage = "Expired key", erroredOnUtc = client.CREATED, status = "Active" } },
        row.dataConnectionErrors)
    end)

    it("is not authorized by what is no key", function()
      local path = COMPANY .. "/connections/" .. client.CONNECTION .. "/authorization"
      for _, body in ipairs { "{}", '{"secretKey":"a b"}', '{"secretKey":5}' } do
        assert.equal(400, (api:call("PUT", path, body)), body)
      end
      -- without a master key, no key is even tried
      local status, answer = api:call("PUT", path, { secretKey = "sk_test_abcdefghijkl" })
      assert.same({ 404, 404 }, { status, answer.statusCode })
      assert.is_truthy(answer.error:find("COMMERCE_MASTER_KEY", 1, true), answer.error)
    end)

    it("cannot be unlinked while Stripe does not answer, which is no fault of ours", function()
      local path = COMPANY .. "/connections/" .. client.CONNECTION
      for _, case in ipairs { { "transport" }, { "tls" }, { "decode" }, { "http", 500 },
        { "http", 429 }, { "http", 400 }, { "auth", 401 } } do
        local found = assert(api.app:connection(client.CONNECTION))
        api.app.connection = function()
          return setmetatable({ unlink = function()
            return errors.fail(case[1], "POST connect.stripe.com: " .. case[1],
              { status = case[2] })
          end }, { __index = found })
        end
        local status, answer, headers = api:call("PATCH", path, { status = "Unlinked" })
        api.app.connection = nil
        assert.equal(502, status, case[1])
        assert.equal("Stripe cannot be reached now, or did not answer as expected. Send the "
          .. "request again later.", answer.error)
        assert.equal("30", headers["Retry-After"])
      end
      assert.equal("Linked", (select(2, api:get(path)).status))
    end)

    it("is of its own company only", function()
      for _, method in ipairs { "GET", "PATCH", "DELETE" } do
        assert.equal(404, (api:call(method, COMPANY .. "/connections/" .. client.OTHER_CONNECTION,
          { status = "Unlinked" })))
      end
      assert.equal(404, (api:call("PUT", COMPANY .. "/connections/" .. client.OTHER_CONNECTION
        .. "/authorization", { secretKey = "sk_test_x" })))
    end)
  end)

  describe("an integration", function()
    it("is listed with what it gives and whether it is set up", function()
      local status, body = api:get "/integrations"
      assert.equal(200, status)
      assert.equal(2, body.totalResults)
      assert.equal("exgd", body.results[1].key)
      assert.is_false(body.results[1].enabled)
      assert.equal(8, #body.results[1].datatypeFeatures)
      for _, feature in ipairs(body.results[1].datatypeFeatures) do
        assert.equal(feature.dataType, feature.datatype)
      end
      local _, found = api:get "/integrations?query=name~test%26%26sourceType%3Dcommerce"
      assert.equal(1, found.totalResults)
      assert.same(found.results[1], select(2, api:get "/integrations/yzth"))
      assert.equal(0, select(2, api:get "/integrations?query=enabled%3Dtrue").totalResults)
    end)

    it("has a branding", function()
      local status, body = api:get "/integrations/yzth/branding"
      assert.equal(200, status)
      assert.equal("Stripe Test", body.logo.full.image.alt)
      assert.is_truthy(body.logo.full.image.src:find "^data:image/svg%+xml,%%3Csvg")
      for _, path in ipairs { "/integrations/gbol", "/integrations/gbol/branding" } do
        assert.equal(404, (api:get(path)))
      end
    end)
  end)

  describe("the profile", function()
    it("is what was put last", function()
      local status, body = api:get "/profile"
      assert.equal(200, status)
      assert.is_string(body.name)
      assert.equal("", body.redirectUrl)
      local put = { name = "Lender", redirectUrl = "https://lender.example/?s={statusCode}",
        confirmCompanyName = true, whiteListUrls = { "https://lender.example" } }
      local code, answer = api:call("PUT", "/profile", put)
      assert.equal(200, code, answer.error)
      assert.same(put, select(2, api:get "/profile"))
      assert.equal(400, (api:call("PUT", "/profile", { name = "x" })))
      assert.equal(400, (api:call("PUT", "/profile", { name = "x", redirectUrl = "javascript:x" })))
    end)
  end)

  describe("a webhook consumer", function()
    local set_key = master_key.use(master_key.ONE)

    it("is created, listed and deleted", function()
      local status, made = api:call("POST", "/webhooks", { url = "https://example.com/hooks?a=1",
        eventTypes = { "read.completed", "connection.connected" }, companyTags = { "region:eu" } })
      assert.equal(201, status, made.error)
      assert.is_false(made.disabled)
      assert.same({ results = { made } }, select(2, api:get "/webhooks"))
      assert.equal(204, (api:call("DELETE", "/webhooks/" .. made.id)))
      assert.equal(404, (api:call("DELETE", "/webhooks/" .. made.id)))
      assert.same({ results = {} }, select(2, api:get "/webhooks"))
    end)

    for _, body in ipairs {
      {}, { url = "" }, { url = "example.com" }, { url = "ftp://example.com" },
      { url = "http://example.com" }, { url = "https://user:pw@example.com/" },
      { url = "https://" }, { url = "https://exa mple.com" }, { url = 5 },
      { url = "https://example.com", eventTypes = { "nothing" } },
      { url = "https://example.com", eventTypes = { "read.completed", "company.renamed" } },
      { url = "https://example.com", eventTypes = "read.completed" },
      { url = "https://example.com", companyTags = { "region" } },
      { url = "https://example.com", companyTags = { "a:1", "a:2", "a:3", "a:4", "a:5", "a:6",
        "a:7", "a:8", "a:9", "a:10", "a:11" } },
    } do
      it("is not made of " .. require("commerce.base.json").encode(body), function()
        local status = api:call("POST", "/webhooks", body)
        assert.equal(400, status)
        assert.same({ results = {} }, select(2, api:get "/webhooks"))
      end)
    end

    it("takes every event type of Codat's catalogue, also those that never happen here", function()
      local types = {}
      for name in ([[company.created company.deleted connection.created connection.connected
        connection.disconnected connection.reconnected connection.failed connection.deleted
        read.completed read.completed.initial invoices.write.successful
        commerce-payments.write.unsuccessful client.rateLimit.reached client.rateLimit.reset
        bankFeeds.sourceAccount.connected bankFeeds.sourceAccount.disconnected
        expenses.sync.successful expenses.sync.unsuccessful
        report.categorizedBankStatement.generate.successful AccountCategoriesUpdated
        reports.spendAnalysis.generate.successful reports.spendAnalysis.generate.unsuccessful
        reports.creditModel.generate.successful financialStatements.categorized]]):gmatch "%S+" do
        types[#types + 1] = name
      end
      local status, made = api:call("POST", "/webhooks", { url = "https://example.com",
        eventTypes = types })
      assert.equal(201, status, made.error)
      assert.same(types, made.eventTypes)
    end)

    it("may be on this machine, without TLS, where the operator allows it", function()
      local urls = { "http://localhost:8080/x", "http://127.0.0.1/", "http://localhost" }
      for _, url in ipairs(urls) do
        assert.equal(400, (api:call("POST", "/webhooks", { url = url })))
      end
      consumers.set_reach(api.store, "network")
      for _, url in ipairs(urls) do
        assert.equal(201, (api:call("POST", "/webhooks", { url = url })))
      end
    end)

    it("has a secret that the API does not show, and needs a master key for it", function()
      local _, made = api:call("POST", "/webhooks", { url = "https://example.com" })
      assert.same({ id = made.id, url = "https://example.com", disabled = false, eventTypes = {},
        companyTags = {} }, made)
      assert.equal(1, #api.store:secrets_of("consumer:" .. made.id))
      assert.equal(204, (api:call("DELETE", "/webhooks/" .. made.id)))
      assert.same({}, api.store:secrets_of "consumer:")
      set_key(nil)
      local status, answer = api:call("POST", "/webhooks", { url = "https://example.com" })
      assert.equal(400, status)
      assert.matches("COMMERCE_MASTER_KEY is not set", answer.error, 1, true)
    end)

    it("is one of fifty", function()
      for _ = 1, 50 do
        assert.equal(201, (api:call("POST", "/webhooks", { url = "https://example.com" })))
      end
      assert.equal(400, (api:call("POST", "/webhooks", { url = "https://example.com" })))
    end)
  end)
end)
