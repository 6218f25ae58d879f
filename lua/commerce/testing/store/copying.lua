-- Shared cases of the store contract: copies of a whole store.

local assert = require "luassert"
local busted = require "busted"
local copy = require "commerce.store.copy"
local errors = require "commerce.base.errors"
local handle = require "commerce.store.handle"
local model = require "commerce.model"

local describe, it = busted.describe, busted.it
local after_each, before_each = busted.after_each, busted.before_each

local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"
local LARGE = 1099511627776 -- more than 32 bits

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param open fun(): commerce.Store opens another one, empty
---@param with table the contract's helpers: write, payment, pull
return function(db, open, with)
  describe("a copy", function()
    local other

    before_each(function()
      other = assert(open())
    end)

    after_each(function()
      other:close()
    end)

    -- Something in every part that the public methods can fill.
    local function fill()
      local store = db()
      local own = model.new("subscriptions", { { "status", "any" }, { "amount", "decimal" } })
      assert(store:define_type(own))
      with.write({ with.payment "a", with.payment("b", { amount = 12.5 }), with.payment "ü'\"" })
      with.write({ with.payment "a" }, NOW, "c2")
      assert(store:write_page("c1", { resource = "prices", deleted = { payments = { "a" } },
        records = { subscriptions = { { id = "s1",
          body = assert(model.encode(own, { id = "s1", amount = 1.25 })) } } },
        sources = { { id = "p1", parent_id = "x", data = "{}" } },
        states = { charges = { ranges = { { from = 1, to = LARGE } } } } }, LATER))
      assert(store:begin_sweep("c1", "charges", { sweep = { began = 1 } }))
      assert(store:save_pull(with.pull("1", { requested = NOW })))
      assert(store:save_pull(with.pull("2", { requested = NOW, error_message = "it's" })))
      assert(store:keep_events { { connection_id = "c1", id = "evt", at = LARGE, body = "{}" } })
      assert(store:acknowledge("c1", "queue", nil, 2))
      assert(store:add_connection_error("c1", { at = NOW, status_code = "500", status_text = "S",
        message = "m" }))
      assert(store:save_setting("mode", "live"))
      assert(store:save_checkpoint("mine", '{"n":1}'))
      assert(store:add_counts { syncs = 3 })
      assert(store:save_sync_settings("all", { payments = { sync_schedule = 24,
        is_locked = false, fetch_on_first_link = true } }))
      assert(store:add_webhook_consumer({ id = "w", url = "https://example.com", disabled = true,
        event_types = { "read.completed" }, company_tags = {}, created = NOW }, 9))
      assert(store:disable_webhook_consumer("w", false))
      assert(store:end_reads("c1", { { data_type = "payments", status = "Complete",
        modified = true, pull = with.pull "3" } }))
      assert(store:add_api_key({ id = "k", name = "n", hash = "h", created = NOW,
        read_only = true }, 9))
      assert(store:add_stripe_reads({ connection_id = "c1", day = "2026-03-01", reads = 7 },
        "2026-01-01"))
    end

    local function all_rows(store)
      local found = {}
      for _, name in ipairs(assert(store:copied_parts())) do
        found[name] = assert(store:read_part(name, nil, 1000)).rows
      end
      return found
    end

    local function run(tell)
      return errors.catch(copy.run, handle(db()), handle(other), "sqlite:shop.db", tell)
    end

    it("has everything, and goes on as the first one would", function()
      fill()
      local before = all_rows(db())
      local result = assert(run())
      assert.same(before, all_rows(other))
      assert.equal(result.rows, result.copied)
      assert.equal(3 + 1, result.parts["records of payments"])
      assert.equal(1, result.parts["records of subscriptions"])
      assert.is_nil((other:copy_state()))
      assert.same(db():latest_pulls "c1", other:latest_pulls "c1")
      assert.same(db():changes("c1", 0, 100), other:changes("c1", 0, 100))
      assert.equal(2, other:consumer("c1", "queue"))
      assert.equal(0, #assert(other:webhook_messages "nobody"))
      assert.same(db():webhook_messages "w", other:webhook_messages "w")
      local last, sweep = db():last_change "c1", nil
      for _, store in ipairs { db(), other } do
        assert(store:write_page("c1", { records = { payments = { with.payment "new" } } }, LATER))
        assert.equal(last + 1, store:last_change "c1")
        local state = { sweep = { began = 2 } }
        assert(store:begin_sweep("c1", "refunds", state))
        assert.equal(sweep or state.sweep.id, state.sweep.id)
        sweep = state.sweep.id
        assert(store:keep_events { { connection_id = "c1", id = "evt2", at = 1, body = "{}" } })
        assert.equal(2, #store:waiting_events("c1", 9))
        assert(store:save_company { id = "new", name = "New", created = LATER })
      end
      assert.equal(db():webhook_messages("w")[1].number, other:webhook_messages("w")[1].number)
    end)

    it("is continued where it was killed", function()
      fill()
      local before, runs, done = all_rows(db()), 0, false
      while not done do -- each run dies after its second batch
        local batches = 0
        runs = runs + 1
        local result, message = run(function(event)
          batches = batches + (event.event == "copied" and 1 or 0)
          if batches > 1 and event.event == "copied" then
            errors.throw("store", "killed")
          end
        end)
        assert.is_true(result ~= nil or message == "killed", message)
        done = result ~= nil
      end
      assert.is_true(runs > 5)
      assert.same(before, all_rows(other))
    end)

    it("is refused into a store that holds something, and while a connection is read", function()
      fill()
      assert(db():lease("c1", "w", nil, 60))
      local result, message, details = run()
      assert.is_nil(result)
      assert.matches("connection c1 is being read: stop all workers", message)
      assert.equal("busy", details.code)
      assert(db():release("c1", "w"))
      assert(other:save_setting("a", "b"))
      result, message, details = run()
      assert.is_nil(result)
      assert.matches("the destination is not empty", message)
      assert.equal("not_empty", details.code)
    end)

    it("of another store is not taken for this one", function()
      assert(other:save_copy_state { from = "sqlite:another.db" })
      local result, message = run()
      assert.is_nil(result)
      assert.matches("a copy of another store, sqlite:another.db, has not ended", message)
    end)

    it("says so if the first one was written meanwhile", function()
      fill()
      local written = false
      local result, message, details = run(function(event)
        if event.event == "compared" and not written then
          written = true
          with.write({ with.payment("a", { amount = 99 }) }, LATER)
        end
      end)
      assert.is_nil(result)
      assert.matches("changes, row c1: not the same in both stores", message)
      assert.equal("differs", details.code)
    end)
  end)

  describe("skip_numbers", function()
    it("leaves out numbers that another store may have given", function()
      with.write { with.payment "a" }
      assert(db():add_webhook_consumer({ id = "w", url = "https://example.com", disabled = false,
        event_types = {}, company_tags = {}, created = NOW }, 9))
      local first = db():skip_numbers(1800000000)
      assert.equal(1800000000000000, first)
      with.write { with.payment "b" }
      with.write({ with.payment "b" }, NOW, "c2")
      local changes = db():changes("c1", 0, 10)
      assert.same({ 1, first }, { changes[1].number, changes[2].number })
      assert.same({ first, "b" }, { db():changes("c1", 1, 10)[1].number,
        db():changes("c1", first - 1, 10)[1].id })
      assert.equal(first, db():changes("c2", 0, 10)[1].number)
      assert(db():save_company { id = "x", name = "X", created = NOW })
      assert.equal(first, db():webhook_messages("w")[1].number)
      local delivery = assert(db():take_delivery("me", 1800000000, 60))
      assert.equal(first, delivery.event)
      assert.is_false(db():settle_delivery("me", delivery, { status = "delivered",
        now = 1800000000, at = NOW, patience = 60 }))
      assert.equal("delivered", db():webhook_messages("w")[1].status)
    end)

    it("begins another epoch at each restore, also by a clock that is behind", function()
      with.write { with.payment "a" }
      assert.equal(1700000000000000, db():skip_numbers(1700000000))
      assert.equal(1700000001000000, db():skip_numbers(1700000001))
      local last = db():last_change "c1"
      assert.equal(1700000000999999, last)
      assert.is_true(db():skip_numbers(5) > last)
      with.write { with.payment "b" }
      assert.is_true(db():last_change "c1" > last)
    end)
  end)
end
