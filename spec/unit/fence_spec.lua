-- What a run, an erasure or a scrub writes is refused once another run has the connection.

local erasure = require "commerce.sync.erasure"
local errors = require "commerce.base.errors"
local files = require "spec.support.sqlite_files"
local handle = require "commerce.store.handle"
local inboxes = require "commerce.sync.inbox"
local leases = require "commerce.sync.lease"
local mappings = require "commerce.mapping.registry"
local model = require "commerce.model"
local protections = require "commerce.account.protection"
local retention = require "commerce.account.retention"
local scrub = require "commerce.sync.scrub"
local store = require "commerce.store"
local stripe = require "commerce.stripe"

local unpack = require("commerce.base.compat").unpack

local NOW = "2026-03-01T08:00:00Z"

for _, url in ipairs { "sqlite::memory:", "memory:" } do
  describe("a lost lease, in " .. url, function()
    local db, lease, fenced, all

    before_each(function()
      db = handle(files.connected(assert(store.open(url))))
      all = mappings.new(stripe.mappings)
      local body = assert(model.encode(model.find "customers", { id = "cus_1", phone = "1" }))
      assert(db:write_page("c1", { records = { customers = { { id = "cus_1", body = body },
        { id = "cus_2", body = body } } }, resource = "charges",
        sources = { { id = "ch_1", data = '{"id":"ch_1","customer":"cus_1"}' } } }, NOW))
      assert(db:write_page("c1", { deleted = { customers = { "cus_2" } } }, NOW))
      assert(db:keep_events { { connection_id = "c1", id = "evt_1", at = 5, body = "{}" } })
      lease = leases.take(db, "c1")
      fenced = lease:fenced()
    end)

    after_each(function()
      db:close()
    end)

    local function everything()
      local found = { "last " .. db:last_change "c1", "events " .. #db:waiting_events("c1", 9),
        "sources " .. #db:kept_sources("c1", "charges", "", 9),
        "erased " .. tostring(db:has_erased "c1") }
      for _, data in db:records(model.find "customers", { connection_id = "c1", deleted = true }) do
        found[#found + 1] = data
      end
      for key in pairs(db:states "c1") do
        found[#found + 1] = "state " .. key
      end
      table.sort(found)
      return table.concat(found, "\n")
    end

    local WORK = {
      ["a scrub"] = function()
        scrub.run(fenced, "c1", all, lease)
      end,
      ["an erasure"] = function()
        erasure.person(fenced, "c1", "cus_1", lease)
      end,
      ["the removal of what Stripe deleted"] = function()
        erasure.expire(fenced, "c1", all, lease)
      end,
      ["the end of applied events"] = function()
        local inbox = inboxes.new({ id = "c1", mappings = all }, fenced)
        inbox:collect({}, {}, {})
        inbox:finish(function()
          return true
        end)
      end,
      ["the end of kept objects"] = function()
        fenced:drop_sources("c1", {}, 1)
      end,
    }

    for name, work in pairs(WORK) do
      describe("before " .. name, function()
        before_each(function()
          protections.change(db, all, "c1", { leave_out = { "customers.phone" } })
          retention.set(db, 1)
        end)

        it("lets it write nothing", function()
          db:release("c1", lease.worker)
          assert.is_true(db:lease("c1", "thief", nil, 60))
          local before = everything()
          local done, _, failure = errors.catch(work)
          assert.is_nil(done)
          assert.equal("taken_over", failure and failure.code)
          assert.equal(before, everything())
        end)

        it("is what kept it: with the lease it writes", function()
          local before = everything()
          work()
          assert.are_not.equal(before, everything())
        end)
      end)
    end

    it("in the middle of an erasure ends it before the next batch", function()
      local real = db.rewrite_records
      function db.rewrite_records(...)
        local done = { real(...) }
        db:expire_lease("c1", lease.worker)
        assert.is_true(db:lease("c1", "thief", nil, 60))
        db.rewrite_records = real
        return unpack(done)
      end
      local done, _, failure = errors.catch(erasure.person, fenced, "c1", "cus_1", lease)
      assert.is_nil(done)
      assert.equal("taken_over", failure.code)
      assert.same({ c1 = "thief" }, db:leases())
    end)
  end)
end
