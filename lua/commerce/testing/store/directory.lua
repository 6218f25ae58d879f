-- Shared cases of the store contract: finding companies by a query, and webhook consumers.

local assert = require "luassert"
local busted = require "busted"
local datasets = require "commerce.store.datasets"
local query = require "commerce.query"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local NOW = "2026-03-01T08:00:00Z"

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case
return function(db)
  describe("find_companies", function()
    before_each(function()
      for i, tags in ipairs { '{"tier":"gold","eu-west":"yes"}', '{"tier":"tin"}' } do
        assert(db():save_company { id = "k" .. i, name = "Find " .. i, tags = tags,
          created = ("2030-01-0%dT00:00:00Z"):format(i) })
      end
    end)

    local function found(options)
      local page = assert(db():find_companies {
        query = assert(query.parse(datasets.companies, options.query or "name~find")),
        tags = options.tags and assert(query.parse(datasets.tags, options.tags)),
        limit = options.limit, integrations = options.integrations,
        order_by = options.order and assert(query.order(datasets.companies, options.order)),
        offset = options.offset })
      local ids = {}
      for i, row in ipairs(page.rows) do
        ids[i] = row.id
      end
      return table.concat(ids, " "), page.total
    end

    it("gives them newest first, a page at a time, with the total", function()
      assert.equal("k2 k1", (found {}))
      assert.same({ "k1", 2 }, { found { limit = 1, offset = 1 } })
      assert.equal("k1 k2", (found { order = "name" }))
    end)

    it("finds them by their tags, in the same transaction of query and page", function()
      assert.same({ "k1", 1 }, { found { tags = "tier=gold" } })
      assert.equal("k1", (found { tags = "eu-west=yes&&tier!=tin" }))
      assert.equal("k2", (found { tags = "tier~i" }))
      assert.equal("", (found { query = "name=x", tags = "tier=gold" }))
    end)

    it("finds those of some integrations, and those without any connection", function()
      for i, name in ipairs { "stripe", "stripe-test" } do
        assert(db():add_connection { id = "kc" .. i, company_id = "k" .. i, integration = name,
          status = "PendingAuth", created = NOW })
      end
      assert(db():save_company { id = "k3", name = "Find 3", created = "2030-01-03T00:00:00Z" })
      assert.same({ "k3 k1", 2 }, { found { integrations = { "stripe" } } })
      assert.same({ "k3 k2", 2 }, { found { integrations = { "stripe-test", "x" } } })
      assert.same({ "k2", 2 }, { found { integrations = { "stripe-test" }, offset = 1 } })
      assert.equal("k3 k2 k1", (found { integrations = { "stripe", "stripe-test" } }))
      assert.equal("", (found { integrations = { "stripe" }, query = "name=x" }))
    end)

    it("gives their products, which stay unless they are named", function()
      local row = { id = "k9", name = "Find 9", created = "2030-01-09T00:00:00Z",
        products = '["lending"]' }
      local function products()
        return db():companies({ id = "k9" })[1].products
      end
      assert(db():save_company(row))
      assert.equal('["lending"]', products())
      row.products = nil
      assert(db():save_company(row))
      assert.equal('["lending"]', products())
      row.products = false
      assert(db():save_company(row))
      assert.is_nil(products())
    end)

    it("finds them by tags with any names", function()
      assert(db():save_company { id = "k3", name = "Find 3", created = "2030-01-03T00:00:00Z",
        tags = [[{"cust id":"1","it's":"2","a\"b":"3","c.d":"4"}]] })
      for _, tags in ipairs { "cust id=1", "it's=2", 'a"b=3', "c.d=4" } do
        assert.same({ "k3", 1 }, { found { tags = tags } })
      end
    end)

    it("finds them by one of their connections", function()
      assert.equal("", (found { query = "dataConnections.status=Linked&&name~find" }))
      assert(db():add_connection { id = "kc", company_id = "k2", integration = "stripe-test",
        status = "PendingAuth", created = NOW })
      assert.equal("k2", (found { query = "name~find&&dataConnections.status=pendingauth" }))
      assert.equal("k2", (found { query = "name~find&&dataConnections.id=kc" }))
      assert.equal("k1", (found { query = "name~find&&dataConnections.status!=PendingAuth" }))
      assert.equal("k2 k1", (found { query = "name~find&&dataConnections.status!=Linked" }))
      assert.equal("k1", (found { query = "name~find&&{dataConnections.status!=PendingAuth&&"
        .. "dataConnections.lastSync!=2030-01-01}" }))
    end)
  end)

  describe("webhook consumers", function()
    local function consumer(id)
      return { id = id, url = "https://example.com/" .. id, disabled = id == "w2",
        event_types = { "read.completed" }, company_tags = {}, created = NOW }
    end

    it("are kept as they are, up to a number, and deleted", function()
      assert.is_true(db():add_webhook_consumer(consumer "w1", 2))
      assert.is_true(db():add_webhook_consumer(consumer "w2", 2))
      assert.is_false(db():add_webhook_consumer(consumer "w3", 2))
      assert.same({ consumer "w1", consumer "w2" }, db():webhook_consumers())
      assert.is_true(db():delete_webhook_consumer "w1")
      assert.is_false(db():delete_webhook_consumer "w1")
      assert.same({ consumer "w2" }, db():webhook_consumers())
    end)
  end)
end
