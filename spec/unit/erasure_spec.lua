-- Erasing a customer, in a store: a killed erasure is completed by the next one.

local erasure = require "commerce.sync.erasure"
local files = require "spec.support.sqlite_files"
local handle = require "commerce.store.handle"
local model = require "commerce.model"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"

local function supplemental(members, who)
  return { content = { stripe = members, shop = { note = "of " .. (who or "Ada") } } }
end

local RECORDS = {
  customers = { { id = "cus_1", customerName = "Ada" }, { id = "cus_2", customerName = "Bob" } },
  payments = {
    { id = "ch_1", amount = 5, supplementalData = supplemental { customer = "cus_1",
      description = "for Ada", brand = "visa", last4 = "4242" } },
    { id = "ch_2", amount = 6, supplementalData = supplemental({ customer = "cus_2" }, "Bob") },
    { id = "re_1", amount = -5, supplementalData = supplemental { charge = "ch_1",
      metadata = { why = "Ada asked" } } },
  },
  transactions = {
    { id = "txn_1", totalAmount = 5, transactionSourceRef = { id = "ch_1", type = "Payment" },
      supplementalData = supplemental { description = "for Ada", net = 480 } },
    { id = "txn_2", totalAmount = -5, transactionSourceRef = { id = "re_1", type = "Payment" },
      supplementalData = supplemental { description = "REFUND FOR Ada", net = -500 } },
  },
}

for _, url in ipairs { "sqlite::memory:", "memory:" } do
  describe("an erasure in " .. url, function()
    local db

    before_each(function()
      db = handle(files.connected(assert(store.open(url))))
      local page = { records = {}, resource = "charges", sources = {
        { id = "ch_1", data = '{"id":"ch_1","customer":"cus_1"}' },
        { id = "ch_2", data = '{"id":"ch_2","customer":"cus_2"}' } } }
      for name, list in pairs(RECORDS) do
        page.records[name] = {}
        for i, values in ipairs(list) do
          page.records[name][i] = { id = values.id,
            body = assert(model.encode(model.find(name), values)) }
        end
      end
      assert(db:write_page("c1", page, NOW))
    end)

    after_each(function()
      db:close()
    end)

    local function text()
      local all = {}
      for name in pairs(RECORDS) do
        for _, data in db:records(model.find(name), { connection_id = "c1", deleted = true }) do
          all[#all + 1] = data
        end
      end
      for _, source in ipairs(db:kept_sources("c1", "charges", "", 10)) do
        all[#all + 1] = source.data
      end
      return table.concat(all, "\n")
    end

    local function assert_erased()
      local all = text()
      for _, word in ipairs { "Ada", "cus_1", "4242" } do
        assert.is_nil(all:find(word, 1, true), word .. " in " .. all)
      end
      assert.truthy(all:find('"brand":"visa"', 1, true))
      assert.truthy(all:find('"net":480', 1, true))
      assert.truthy(all:find('"charge":"ch_1"', 1, true))
      assert.truthy(all:find("Bob", 1, true))
      assert.truthy(all:find('"id":"ch_2","customer":"cus_2"', 1, true))
    end

    it("is complete at once", function()
      local done = erasure.person(db, "c1", "cus_1")
      assert.same({ removed = 1, reduced = 4, objects = 1, events = 0, changes = 1 }, done)
      assert_erased()
      assert.same({}, db:state("c1", "erasure"))
    end)

    it("is completed after it was killed at any batch", function()
      for at = 1, 9 do
        for name, list in pairs(RECORDS) do -- as they were
          for _, values in ipairs(list) do
            assert(db:write_page("c1", { records = { [name] = { { id = values.id,
              body = assert(model.encode(model.find(name), values)) } } } }, NOW))
          end
        end
        local left = at
        local real = db.rewrite_records
        db.rewrite_records = function(...)
          left = left - 1
          if left == 0 then
            error "killed"
          end
          return real(...)
        end
        pcall(erasure.person, db, "c1", "cus_1")
        db.rewrite_records = real
        erasure.person(db, "c1", "cus_1")
        assert_erased()
        local last = {} -- what consumers are told of each record in the end
        for _, change in ipairs(assert(db:changes("c1", 0, 1000))) do
          last[change.id] = change.kind
        end
        assert.same({ "deleted", "changed", "changed" }, { last.cus_1, last.re_1, last.txn_2 })
      end
    end)
  end)
end
