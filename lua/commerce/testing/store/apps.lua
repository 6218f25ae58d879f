-- Shared cases of the store contract: Stripe Apps and what accounts have granted to them.

local assert = require "luassert"
local busted = require "busted"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

local NOW = 1800000000

local function secret(owner, envelope)
  return { owner = owner, envelope = envelope or "sealed " .. owner, key_id = "k1",
    modified = "2026-03-01T08:00:00Z" }
end

local function grant(account, fields)
  return tables.merged({ integration = "stripe-test", account = account, number = 1,
    expires = NOW + 3600 }, fields)
end

--- Declare the cases about apps.
---@param db fun(): commerce.Store the store of the running case
return function(db)
  describe("apps", function()
    local function row(integration, fields)
      return tables.merged({ integration = integration, client_id = "ca_1", enabled = false,
        has_secret_key = false }, fields)
    end

    it("are kept by integration, and changed in place", function()
      assert.same({}, db():apps())
      assert.is_true(db():save_app(row "stripe"))
      local changed = row("stripe", { enabled = true, app_id = "app_1",
        install_link = "https://marketplace.stripe.com/oauth/v2/authorize",
        redirect_uri = "https://me.example.com/" })
      assert.is_true(db():save_app(changed))
      assert.is_true(db():save_app(row "stripe-test"))
      assert.same({ stripe = changed, ["stripe-test"] = row "stripe-test" }, db():apps())
    end)

    it("know whether they have a secret key, which is kept with them or not at all", function()
      assert.is_true(db():save_app(row "stripe", secret "app:stripe"))
      assert.is_true(db():save_app(row "stripe-test", secret "integration:stripe-test"))
      assert.is_true(db():apps().stripe.has_secret_key)
      assert.is_false(db():apps()["stripe-test"].has_secret_key)
      local broken = secret "app:stripe-test"
      broken.envelope = nil
      assert.is_nil((db():save_app(row("stripe-test", { client_id = "ca_2" }), broken)))
      assert.equal("ca_1", db():apps()["stripe-test"].client_id)
    end)
  end)

  describe("what an account has granted to an app", function()
    local function save(row, access, refresh)
      return db():save_app_grant(row, secret("a:" .. row.account, access),
        secret("r:" .. row.account, refresh))
    end

    it("is kept with its tokens, or not at all", function()
      assert.is_nil(db():app_grant("stripe-test", "acct_1"))
      assert.is_true(save(grant "acct_1", "a1", "r1"))
      assert.is_true(save(grant("acct_1", { integration = "stripe", number = 7 }), "a1", "r1"))
      assert.is_true(save(grant("acct_1", { number = 2, expires = NOW + 7200 }), "a2", "r2"))
      assert.same(grant("acct_1", { number = 2, expires = NOW + 7200 }),
        db():app_grant("stripe-test", "acct_1"))
      assert.equal(7, db():app_grant("stripe", "acct_1").number)
      assert.same({ "a2", "r2" }, { db():secret("a:acct_1").envelope,
        db():secret("r:acct_1").envelope })
      local broken = secret "r:acct_1"
      broken.key_id = nil
      assert.is_nil((db():save_app_grant(grant("acct_1", { number = 3 }), secret("a:acct_1", "a3"),
        broken)))
      assert.equal(2, db():app_grant("stripe-test", "acct_1").number)
      assert.equal("a2", db():secret("a:acct_1").envelope)
    end)

    it("is renewed by one holder at a time, until it is kept, released or too late", function()
      local function lease(holder, now)
        return db():lease_app_grant("stripe-test", "acct_1", holder, now or NOW, 60)
      end
      assert.is_false(lease "w1")
      assert.is_true(save(grant "acct_1"))
      assert.is_true(lease "w1")
      assert.is_true(lease("w1", NOW + 10))
      assert.is_false(lease("w2", NOW + 69))
      assert.is_false(db():release_app_grant("stripe-test", "acct_1", "w2"))
      assert.is_true(lease("w2", NOW + 70))
      assert.is_true(db():release_app_grant("stripe-test", "acct_1", "w2"))
      assert.is_true(lease("w1", NOW + 71))
      assert.is_true(save(grant("acct_1", { number = 2 })))
      assert.is_true(lease("w2", NOW + 72))
      assert.is_true(lease("w1", NOW - 3600)) -- a clock was ahead
      assert.is_false(lease("w2", NOW - 3600))
    end)

    it("is unused if no linked connection reads by it, and goes unless it was renewed", function()
      local function connection(id, account, auth, status)
        assert.is_true((db():add_connection({ id = id, company_id = "co-unused",
          integration = "stripe-test", account = account, auth = auth, status = status,
          created = "2026-01-01T00:00:00Z" }, { company = { id = "co-unused", name = "U",
          created = "2026-01-01T00:00:00Z" } })))
      end
      for _, account in ipairs { "acct_none", "acct_read", "acct_ended", "acct_key" } do
        assert.is_true(save(grant(account)))
      end
      assert.is_true(save(grant("acct_new", { expires = NOW + 7200 })))
      connection("un-1", "acct_read", "app", "Linked")
      connection("un-2", "acct_ended", "app", "Unlinked")
      connection("un-3", "acct_key", "key", "Linked")
      local function unused()
        local found = {}
        for i, row in ipairs(db():unused_app_grants(NOW + 7000)) do
          found[i] = row.account .. " " .. row.integration .. " " .. row.number
        end
        return found
      end
      assert.same({ "acct_ended stripe-test 1", "acct_key stripe-test 1",
        "acct_none stripe-test 1" }, unused())
      local OWNERS = { "a:acct_none", "r:acct_none" }
      assert.is_true(save(grant("acct_none", { number = 2 })))
      assert.is_false(db():drop_app_grant("stripe-test", "acct_none", OWNERS, 1))
      assert.is_not_nil(db():secret "r:acct_none")
      assert.is_true(db():drop_app_grant("stripe-test", "acct_none", OWNERS, 2))
      assert.is_nil(db():secret "r:acct_none")
      assert.same({ "acct_ended stripe-test 1", "acct_key stripe-test 1" }, unused())
    end)

    it("goes with its secrets", function()
      assert.is_true(save(grant "acct_1"))
      assert.is_true(save(grant "acct_2"))
      assert.is_true(db():drop_app_grant("stripe-test", "acct_1", { "a:acct_1", "r:acct_1" }))
      assert.is_false(db():drop_app_grant("stripe-test", "acct_1", { "a:acct_1", "r:acct_1" }))
      assert.is_nil(db():app_grant("stripe-test", "acct_1"))
      assert.is_nil(db():secret "a:acct_1")
      assert.is_nil(db():secret "r:acct_1")
      assert.is_not_nil(db():secret "r:acct_2")
    end)
  end)
end
