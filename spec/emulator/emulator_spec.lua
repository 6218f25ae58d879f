-- The emulator answers as Stripe does: keys, lists, cursors, filters, expansion, errors.
-- Runs under one runtime: the emulator runs in nginx.
local emulator = require "spec.support.emulator"
local cjson = require "cjson"

local function error_of(e, path, key, headers)
  local status, body, answer_headers = e:get(path, key, headers)
  return status, cjson.decode(body).error, answer_headers
end

describe("the Stripe emulator", function()
  local e
  setup(function() e = emulator.start { charges = 230 } end)
  teardown(function() e:stop() end)
  before_each(function() e:reset { charges = 230 } end)

  describe("keys", function()
    it("refuses a missing, malformed, unknown, expired or publishable key with 401", function()
      local status, problem, headers = error_of(e, "/v1/charges", false)
      assert.equal(401, status)
      assert.equal("invalid_request_error", problem.type)
      assert.equal('Basic realm="Stripe"', headers["www-authenticate"])
      assert.equal(401, (error_of(e, "/v1/charges", false, { Authorization = "Digest x" })))
      status, problem = error_of(e, "/v1/charges", "sk_test_51Habcdefgh1234")
      assert.equal(401, status)
      assert.equal("Invalid API Key provided: sk_test_***********1234", problem.message)
      status, problem = error_of(e, "/v1/charges", "sk_test_emulator_expired")
      assert.same({ 401, "api_key_expired" }, { status, problem.code })
      status, problem = error_of(e, "/v1/charges", "pk_test_emulator")
      assert.same({ 401, "secret_key_required" }, { status, problem.code })
    end)

    it("takes Basic as well as Bearer", function()
      -- sk_test_emulator:
      local basic = { Authorization = "Basic c2tfdGVzdF9lbXVsYXRvcjo=" }
      assert.equal(200, (e:get("/v1/balance", false, basic)))
    end)

    it("names the permission a restricted key lacks", function()
      assert.equal(200, (e:get("/v1/charges", "rk_test_emulator_charges")))
      local status, problem = error_of(e, "/v1/disputes", "rk_test_emulator_charges")
      assert.equal(403, status)
      assert.matches("rak_dispute_read", problem.message)
      e:control("keys", { key = "rk_test_mine", permissions = { "disputes" } })
      assert.equal(200, (e:get("/v1/disputes", "rk_test_mine")))
      assert.equal(403, (e:get("/v1/charges", "rk_test_mine")))
      e:control("keys", { key = "rk_test_mine", revoked = true })
      assert.equal(401, (e:get("/v1/disputes", "rk_test_mine")))
    end)

    it("asks an organisation's key for a context and a version", function()
      local KEY, OWN = "sk_org_test_emulator", "acct_1CommerceShop001"
      local status, problem = error_of(e, "/v1/account", KEY,
        { ["Stripe-Version"] = "2026-07-29.dahlia" })
      assert.equal(400, status)
      assert.matches("include the Stripe%-Context header", problem.message)
      status, problem = error_of(e, "/v1/account", KEY, { ["Stripe-Context"] = OWN })
      assert.equal(400, status)
      assert.matches("include the Stripe%-Version header", problem.message)
      local function context(path)
        return { ["Stripe-Version"] = "2026-07-29.dahlia", ["Stripe-Context"] = path }
      end
      assert.equal(OWN, e:json("/v1/account", KEY, context(OWN)).id)
      e:control("accounts", { { id = "acct_1Sister", connected = false },
        { id = "acct_1Below" } })
      e:control("keys", { key = "sk_org_test_two", organisation = { OWN, "acct_1Sister" } })
      assert.equal("acct_1Sister",
        e:json("/v1/account", "sk_org_test_two", context "acct_1Sister").id)
      assert.equal("acct_1Below",
        e:json("/v1/account", "sk_org_test_two", context(OWN .. "/acct_1Below")).id)
      for _, path in ipairs { "acct_1Below", "acct_1Sister/acct_1Below", "acct_1None", "/" } do
        status, problem = error_of(e, "/v1/account", "sk_org_test_two", context(path))
        assert.same({ 403, "account_invalid" }, { status, problem.code })
      end
      assert.equal("acct_1Below", -- a platform's key takes it in place of Stripe-Account
        e:json("/v1/account", nil, context "acct_1Below").id)
    end)

    it("acts on connected accounts only, without telling which exist", function()
      local with = { ["Stripe-Account"] = "acct_1Stranger" }
      local status, problem = error_of(e, "/v1/account", nil, with)
      assert.same({ 403, "account_invalid" }, { status, problem.code })
      e:control("accounts", { id = "acct_1Stranger", name = "Shop B", charges = 20, seed = 9 })
      local _, _, headers = e:get("/v1/account", nil, with)
      assert.equal("acct_1Stranger", headers["stripe-account"])
      assert.equal("acct_1Stranger", e:json("/v1/account", nil, with).id)
      assert.equal("acct_1Stranger", e:json("/v1/accounts/acct_1Stranger").id)
      local own = e:json "/v1/charges?limit=1"
      local theirs = e:json("/v1/charges?limit=100", nil, with)
      assert.equal(20, #theirs.data)
      assert.are_not.equal(own.data[1].id, theirs.data[1].id)
      status, problem = error_of(e, "/v1/charges?starting_after=" .. own.data[1].id, nil, with)
      assert.same({ 400, "resource_missing" }, { status, problem.code })
      e:control("accounts", { id = "acct_1Stranger", remove = true })
      assert.equal(403, (e:get("/v1/account", nil, with)))
    end)
  end)

  it("answers the versions of the newest two majors, and refuses others", function()
    for _, version in ipairs { "2026-03-25.dahlia", "2026-08-26.dahlia", "2026-09-30.endive",
      "2026-10-28.endive", "2026-11-18.endive" } do
      local status, _, headers = e:get("/v1/balance", nil, { ["Stripe-Version"] = version })
      assert.same({ 200, version }, { status, headers["stripe-version"] })
      assert.matches("^req_%w+$", headers["request-id"])
    end
    local _, _, newest = e:get "/v1/balance"
    assert.equal("2026-11-18.endive", newest["stripe-version"])
    for _, version in ipairs { "tomorrow", "2026-09-30", "2026-09-30.dahlia", "2026-09-31.endive",
      "2026-02-25.clover", "2024-06-20" } do
      local status, problem = error_of(e, "/v1/balance", nil, { ["Stripe-Version"] = version })
      assert.same({ 400, "invalid_request_error", "Invalid Stripe API version: " .. version },
        { status, problem.type, problem.message })
    end
  end)

  it("answers what the library asks for", function()
    local _, _, headers = e:get("/v1/balance", nil,
      { ["Stripe-Version"] = require("commerce.core").stripe_version })
    assert.equal("2026-11-18.endive", headers["stripe-version"])
  end)

  it("compresses when asked and prints as Stripe does", function()
    local _, plain, headers = e:get "/v1/charges?limit=5"
    assert.is_nil(headers["content-encoding"])
    assert.matches('^{\n  "object": "list",\n  "data": %[\n    {\n      "id": "', plain)
    local _, packed, packed_headers = e:get("/v1/charges?limit=5", nil,
      { ["Accept-Encoding"] = "gzip" })
    assert.equal("gzip", packed_headers["content-encoding"])
    assert.is_true(#packed < #plain / 3)
  end)

  describe("lists", function()
    it("check limit and unknown parameters", function()
      assert.equal(10, #e:json("/v1/charges").data)
      for _, bad in ipairs { "0", "101", "abc", "-1", "1.5" } do
        local status, problem = error_of(e, "/v1/charges?limit=" .. bad)
        assert.same({ 400, "limit", "parameter_invalid_integer" },
          { status, problem.param, problem.code })
      end
      assert.equal("parameter_invalid_empty", select(2, error_of(e, "/v1/charges?limit=")).code)
      local status, problem = error_of(e, "/v1/charges?foo=1")
      assert.same({ 400, "parameter_unknown", "foo", "Received unknown parameter: foo" },
        { status, problem.code, problem.param, problem.message })
    end)

    it("know exactly whether there is more", function()
      e:reset { charges = 200 }
      local first = e:json "/v1/charges?limit=100"
      local second = e:json("/v1/charges?limit=100&starting_after=" .. first.data[100].id)
      assert.is_true(first.has_more)
      assert.is_false(second.has_more)
      assert.equal(100, #second.data)
      local third = e:json("/v1/charges?limit=100&starting_after=" .. second.data[100].id)
      assert.same({ 0, false }, { #third.data, third.has_more })
      local back = e:json("/v1/charges?limit=30&ending_before=" .. second.data[1].id)
      assert.equal(first.data[100].id, back.data[30].id)
      assert.equal(first.data[71].id, back.data[1].id)
      assert.is_true(back.has_more)
      back = e:json("/v1/charges?limit=30&ending_before=" .. first.data[31].id)
      assert.equal(first.data[1].id, back.data[1].id)
      assert.is_false(back.has_more)
    end)

    it("refuse cursors that are not theirs", function()
      local id = e:json("/v1/charges?limit=1").data[1].id
      local live = e:json("/v1/charges?limit=1", "sk_live_emulator").data[1].id
      local refund = e:json("/v1/refunds?limit=1").data[1].id
      for _, bad in ipairs { live, refund, id:gsub("^ch_3.", "ch_3~"), "nonsense" } do
        local status, problem = error_of(e, "/v1/charges?starting_after=" .. bad)
        assert.same({ 400, "resource_missing", "starting_after" },
          { status, problem.code, problem.param })
        assert.equal("No such charge: '" .. bad .. "'", problem.message)
      end
      assert.equal(400, (e:get("/v1/charges?starting_after=" .. id .. "&ending_before=" .. id)))
    end)

    it("filter by created with exact bounds", function()
      local all = {}
      for _, page in ipairs { "", "&starting_after=" } do
        local data = e:json("/v1/charges?limit=100" .. page
          .. (page ~= "" and all[100].id or "")).data
        for _, c in ipairs(data) do all[#all + 1] = c end
      end
      local at = ("%d"):format(all[60].created)
      local second = all[60].created
      local function expect(query, keep)
        local want = 0
        for _, c in ipairs(all) do want = want + (keep(c.created) and 1 or 0) end
        local got = e:json("/v1/charges?limit=100&" .. query).data
        assert.equal(math.min(want, 100), #got, query)
        for _, c in ipairs(got) do assert.is_true(keep(c.created)) end
      end
      expect("created[gt]=" .. at, function(t) return t > second end)
      expect("created[gte]=" .. at, function(t) return t >= second end)
      expect("created[lt]=" .. at, function(t) return t < second end)
      expect("created[lte]=" .. at, function(t) return t <= second end)
      expect("created=" .. at, function(t) return t == second end)
      expect("created%5Bgt%5D=" .. at .. "&created[lt]=" .. at, function() return false end)
      local status, problem = error_of(e, "/v1/charges?created[gte]=yesterday")
      assert.same({ 400, "created[gte]" }, { status, problem.param })
      assert.equal("parameter_unknown", select(2, error_of(e, "/v1/charges?created[eq]=1")).code)
    end)

    it("filter balance transactions by type, source, currency and payout", function()
      local charge
      for _, c in ipairs(e:json("/v1/charges?limit=50").data) do
        if c.refunded and c.captured then charge = c end
      end
      local found = e:json("/v1/balance_transactions?source=" .. charge.id).data
      assert.same({ 1, charge.balance_transaction }, { #found, found[1].id })
      for _, t in ipairs(e:json("/v1/balance_transactions?type=refund&currency=eur").data) do
        assert.same({ "refund", "eur" }, { t.type, t.currency })
      end
      assert.equal(1, #e:json("/v1/balance_transactions?type=brand_new_type").data)
      local refunds = e:json("/v1/refunds?charge=" .. charge.id).data
      assert.is_true(#refunds > 0)
      for _, r in ipairs(refunds) do assert.equal(charge.id, r.charge) end
      assert.same(refunds, e:json("/v1/charges/" .. charge.id .. "/refunds").data)
    end)

    it("filter products and prices", function()
      local product = e:json("/v1/products?active=false&limit=1").data[1]
      assert.is_false(product.active)
      for _, p in ipairs(e:json("/v1/prices?product=" .. product.id).data) do
        assert.equal(product.id, p.product)
      end
    end)
  end)

  describe("expand", function()
    it("puts objects in the place of ids", function()
      local path = "/v1/refunds?limit=3&expand[]=data.balance_transaction"
        .. "&expand[]=data.charge.balance_transaction"
      for _, r in ipairs(e:json(path).data) do
        assert.equal("charge", r.charge.object)
        if r.charge.captured then assert.equal(r.charge.id, r.charge.balance_transaction.source) end
      end
      path = "/v1/balance_transactions?limit=1&type=refund&expand[0]=data.source.charge"
      local t = e:json(path).data[1]
      assert.equal("charge", t.source.charge.object)
    end)

    it("adds what is absent otherwise", function()
      local path = "/v1/prices?limit=100&expand[]=data.currency_options&expand[]=data.tiers"
      for _, p in ipairs(e:json(path).data) do
        assert.equal(p.unit_amount, p.currency_options[p.currency].unit_amount)
        assert.equal(p.billing_scheme == "tiered", p.tiers ~= nil)
      end
      assert.is_nil(e:json("/v1/prices?limit=1").data[1].currency_options)
      local path_in = "payment_method_details.card.mandate"
      local mandates = 0
      local bare = e:json("/v1/charges?limit=100").data
      for i, charge in ipairs(e:json("/v1/charges?limit=100&expand[]=data." .. path_in).data) do
        local card = charge.payment_method_details.card
        if card and card.mandate ~= cjson.null then
          mandates = mandates + 1
          assert.same({ "mandate", "active" }, { card.mandate.object, card.mandate.status })
          assert.equal(bare[i].payment_method_details.card.mandate, card.mandate.id)
          assert.same(card.mandate, e:json("/v1/mandates/" .. card.mandate.id))
          assert.same(charge, e:json(("/v1/charges/%s?expand[]=%s"):format(charge.id, path_in)))
        end
      end
      assert.is_true(mandates > 2)
      assert.equal(400, (e:get "/v1/charges?expand[]=data.payment_method_details"))

      local charges = e:json("/v1/charges?limit=100&expand[]=data.refunds").data
      local some = 0
      for _, c in ipairs(charges) do
        local sum = 0
        for _, r in ipairs(c.refunds.data) do
          if r.status ~= "failed" then sum = sum + r.amount end
        end
        assert.equal(c.amount_refunded, sum)
        some = some + #c.refunds.data
      end
      assert.is_true(some > 5)
      assert.is_table(e:json("/v1/customers?limit=1&expand[]=data.tax_ids").data[1].tax_ids.data)
    end)

    it("refuses unknown paths and more than four levels", function()
      for _, path in ipairs { "data.colour", "customer", "data", "data.source.x",
        "data.refunds.data.charge.balance_transaction" } do
        local status, problem = error_of(e, "/v1/charges?expand[]=" .. path)
        assert.same({ 400, "expand[0]" }, { status, problem.param })
      end
      assert.equal(400, (e:get "/v1/charges/ch_x?expand[]=data.customer"))
    end)
  end)

  it("knows what it does not have", function()
    local status, problem = error_of(e, "/v1/customers/cus_nobody")
    assert.same({ 404, "resource_missing", "id", "No such customer: 'cus_nobody'" },
      { status, problem.code, problem.param, problem.message })
    status, problem = error_of(e, "/v1/foo")
    assert.equal(404, status)
    assert.matches("^Unrecognized request URL %(GET: /v1/foo%)", problem.message)
  end)

  it("can be from the future", function()
    e:reset { charges = 230, future = true }
    local seen = {}
    for _, c in ipairs(e:json("/v1/charges?limit=100").data) do
      assert.is_table(c.brand_new_field)
      assert.is_table(c.billing_details.brand_new_field)
      seen[c.status] = true
    end
    assert.is_true(seen.brand_new_status and seen.succeeded)
  end)

  it("prints every resource the same, compact or not, with nulls and empty lists", function()
    for _, name in ipairs { "charges", "refunds", "disputes", "payouts", "balance_transactions",
      "customers", "products", "prices", "tax_rates" } do
      local path = "/v1/" .. name .. "?limit=40"
      e:reset { charges = 230 }
      local _, pretty = e:get(path)
      e:reset { charges = 230, compact = true }
      local _, compact = e:get(path)
      assert.same(cjson.decode(pretty), cjson.decode(compact))
      assert.is_true(#compact < #pretty)
      assert.is_nil(compact:find(": ?,"))
    end
    local _, body = e:get "/v1/customers?limit=100"
    assert.is_truthy(body:find('"preferred_locales":[]', 1, true))
    assert.is_truthy(body:find('"shipping":null', 1, true))
  end)
end)
