-- Shared cases of the store contract: settings, integrations and sealed secrets.

local assert = require "luassert"
local busted = require "busted"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

local NOW = "2026-03-01T08:00:00Z"

local function secret(owner, envelope, key_id)
  return { owner = owner, envelope = envelope or "sealed " .. owner, key_id = key_id or "k1",
    modified = NOW }
end

--- Declare the cases about settings.
---@param db fun(): commerce.Store the store of the running case
return function(db)
  describe("settings", function()
    it("are kept by name, the last one counts", function()
      assert.is_nil((db():setting "mode"))
      assert.is_true(db():save_setting("mode", "live"))
      assert.is_true(db():save_setting("other", "it's \"odd\""))
      assert.is_true(db():save_setting("mode", "test"))
      assert.equal("test", db():setting "mode")
      assert.equal("it's \"odd\"", db():setting "other")
    end)

    it("are replaced only if they are what the caller has seen, if it says so", function()
      assert.is_true(db():save_setting("list", "1", false))
      assert.is_false((db():save_setting("list", "2", false)))
      assert.is_false((db():save_setting("list", "2", "0")))
      assert.equal("1", db():setting "list")
      assert.is_true(db():save_setting("list", "2", "1"))
      assert.equal("2", db():setting "list")
      assert.is_false((db():save_setting("none", "2", "1")))
      assert.is_nil((db():setting "none"))
    end)
  end)

  describe("secrets", function()
    it("are kept one for each owner, the last one counts", function()
      assert.is_nil((db():secret "a"))
      assert.is_true(db():save_secret(secret "a"))
      assert.is_true(db():save_secret(secret "b"))
      assert.is_true(db():save_secret(secret("a", "newer", "k2")))
      assert.same(secret("a", "newer", "k2"), db():secret "a")
      assert.same(secret "b", db():secret "b")
    end)

    it("are found by how their owners begin", function()
      for _, owner in ipairs { "hook:b", "hook:a", "hook", "hook%", "other:hook:" } do
        db():save_secret(secret(owner))
      end
      assert.same({ secret "hook:a", secret "hook:b" }, db():secrets_of "hook:")
      assert.same({ secret "hook%" }, db():secrets_of "hook%")
      assert.same({}, db():secrets_of "none")
    end)

    it("are dropped by their owner", function()
      db():save_secret(secret "a")
      db():save_secret(secret "b")
      assert.is_true(db():drop_secret "a")
      assert.is_false(db():drop_secret "a")
      assert.is_nil((db():secret "a"))
      assert.same(secret "b", db():secret "b")
    end)

    it("are exchanged one by one, or left alone", function()
      for _, owner in ipairs { "a", "b", "c" } do
        db():save_secret(secret(owner))
      end
      local seen = {}
      assert.equal(2, db():reseal(function(row)
        seen[#seen + 1] = row.owner
        return row.owner ~= "b" and { envelope = row.envelope .. "!", key_id = "k2" }
      end))
      assert.same({ "a", "b", "c" }, seen)
      assert.same(secret("a", "sealed a!", "k2"), db():secret "a")
      assert.same(secret "b", db():secret "b")
      assert.same(secret("c", "sealed c!", "k2"), db():secret "c")
    end)

    it("are all as they were if one exchange fails or raises", function()
      for _, owner in ipairs { "a", "b" } do
        db():save_secret(secret(owner))
      end
      local why = setmetatable({ kind = "auth", message = "b does not open", code = "x" }, {})
      local function fails(how)
        return function(row)
          if row.owner == "b" then
            return how()
          end
          return { envelope = "new", key_id = "k2" }
        end
      end
      local changed, message, details = db():reseal(fails(function()
        return nil, why.message, why
      end))
      assert.same({ "b does not open", "x" }, { message, details.code })
      assert.is_nil(changed)
      assert.has_error(function()
        db():reseal(fails(function() error "a mistake" end))
      end)
      assert.same(secret "a", db():secret "a")
      assert.is_true(db():save_secret(secret "c")) -- and the store works on
    end)
  end)

  describe("integrations", function()
    local function row(name, fields)
      return tables.merged({ name = name, client_id = "ca_1", scope = "read_only",
        sync_on_link = "once", enabled = false, restricted_keys = false,
        has_secret_key = false }, fields)
    end

    it("are kept by name, and changed in place", function()
      assert.same({}, db():integrations())
      assert.is_true(db():save_integration(row "stripe"))
      assert.is_true(db():save_integration(row "stripe-test"))
      local changed = row("stripe", { enabled = true, scope = "read_write",
        sync_on_link = "continuous", client_id = "ca_2", restricted_keys = true })
      assert.is_true(db():save_integration(changed))
      assert.same({ stripe = changed, ["stripe-test"] = row "stripe-test" }, db():integrations())
    end)

    it("know whether they have a secret key, which is kept with them", function()
      assert.is_true(db():save_integration(row "stripe", secret "integration:stripe"))
      assert.is_true(db():save_integration(row "stripe-test", secret "connection:stripe-test"))
      assert.is_true(db():integrations().stripe.has_secret_key)
      assert.is_false(db():integrations()["stripe-test"].has_secret_key)
      assert.same(secret "integration:stripe", db():secret "integration:stripe")
      assert.is_true(db():save_integration(row("stripe", { client_id = "ca_2" })))
      assert.is_true(db():integrations().stripe.has_secret_key)
    end)

    it("are not kept if their secret key is not", function()
      local broken = secret "integration:stripe"
      broken.envelope = nil
      local ok, message = db():save_integration(row "stripe", broken)
      assert.is_nil(ok)
      assert.is_string(message)
      assert.same({}, db():integrations())
    end)
  end)
end
