-- Shared cases of the store contract: many workers. Leases that are renewed and lost, whose turn it
-- is, what waits, and shares of Stripe's limits.

local assert = require "luassert"
local busted = require "busted"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2 of
---  the company co1
---@param with table the contract's helpers: pull, payment
return function(db, with)
  local function ask(id, connection_id, now)
    assert(db():queue_pulls({ { id = id, connection_id = connection_id, data_type = "payments" } },
      now or NOW))
  end

  local function taken(worker, now)
    local work = db():take_pulls(worker, now or 1000, 60)
    return work and work.connection_id
  end

  describe("a lease by the store's clock", function()
    it("is taken, kept and over as one by the caller's", function()
      assert.is_true(db():lease("c1", "w1", nil, 60))
      assert.is_false(db():lease("c1", "w2", nil, 60))
      assert.same({ c1 = "w1" }, db():leases())
      assert.same({ c1 = "w1" }, db():leases(os.time()))
      assert.same({}, db():leases(os.time() + 70))
      ask("p1", "c2")
      assert.equal("c2", db():take_pulls("w2", nil, 60).connection_id)
      assert.is_nil(db():take_pulls("w3", nil, 60))
    end)
  end)

  describe("renew_lease", function()
    it("keeps a lease that is held, also one that is over", function()
      assert.is_true(db():lease("c1", "w1", 1000, 60))
      assert.is_true(db():renew_lease("c1", "w1", 1050, 60))
      assert.same({ c1 = "w1" }, db():leases(1109))
      assert.is_true(db():renew_lease("c1", "w1", 2000, 60))
      assert.same({ c1 = "w1" }, db():leases(2059))
    end)

    it("keeps its length, if no other is given", function()
      assert.is_true(db():lease("c1", "w1", 1000, 8))
      assert.is_true(db():renew_lease("c1", "w1", 1007))
      assert.same({ { c1 = "w1" }, {} }, { db():leases(1014), db():leases(1015) })
    end)

    it("never takes one", function()
      assert.is_false(db():renew_lease("c1", "w1", 1000, 60))
      assert.is_true(db():lease("c1", "w2", 1000, 60))
      assert.is_false(db():renew_lease("c1", "w1", 2000, 60))
      assert.is_true(db():release("c1", "w2"))
      assert.is_false(db():renew_lease("c1", "w1", 2000, 60)) -- another run was here
      assert.same({}, db():leases(2001))
    end)
  end)

  describe("under_lease", function()
    local function write(worker, id)
      return db():under_lease({ connection_id = "c1", worker = worker }, "write_page",
        "c1", { records = { payments = { with.payment(id) } }, states = { charges = { at = id } } },
        NOW)
    end

    it("writes as the method does, and renews the lease", function()
      assert.is_true(db():lease("c1", "w1", os.time() - 50, 60))
      local counts, done = assert(write("w1", "a"))
      assert.equal(1, counts.payments.created)
      assert.same({ { type = "payments", kind = "created", ids = { "a" } } }, done)
      assert.same({ c1 = "w1" }, db():leases(os.time() + 50))
      assert.same({ at = "a" }, db():state("c1", "charges"))
    end)

    it("refuses a write of a worker that has lost its lease, and changes nothing", function()
      assert.is_true(db():lease("c1", "w1", 1000, 60))
      assert(write("w1", "a"))
      assert.is_true(db():expire_lease("c1", "w1"))
      assert.is_true(db():lease("c1", "w2", nil, 60))
      for _ = 1, 2 do -- the other one is at work, and then over
        local counts, message, details = write("w1", "b")
        assert.is_nil(counts)
        assert.matches("connection c1 has been taken over by another process", message)
        assert.same({ "store", "taken_over" }, { details.kind, details.code })
        db():release("c1", "w2")
      end
      assert.same({ at = "a" }, db():state("c1", "charges"))
      assert.equal(1, db():last_change "c1")
      assert.same({}, db():leases())
    end)

    it("renews nothing if the method fails", function()
      assert.is_true(db():lease("c1", "w1", 1000, 60))
      assert(db():change_connection("c1", { status = "Unlinked", at = NOW }))
      local counts, _, details = write("w1", "a")
      assert.is_nil(counts)
      assert.equal("not_linked", details.code)
      assert.same({}, db():leases())
    end)

    it("does each method that a run writes with", function()
      assert.is_true(db():lease("c1", "w1", nil, 60))
      local lease = { connection_id = "c1", worker = "w1" }
      assert(db():under_lease(lease, "save_pull", with.pull("p1", { status = "Fetching" })))
      assert.equal(1, db():under_lease(lease, "end_killed_pulls", "c1", NOW))
      local state = { sweep = { began = 1 } }
      assert(db():under_lease(lease, "begin_sweep", "c1", "charges", state))
      assert.same(state, db():state("c1", "charges"))
      assert(db():under_lease(lease, "end_sweep", "c1", "charges"))
      assert(db():keep_events { { connection_id = "c1", id = "e", at = 5, body = "{}" } })
      assert(db():under_lease(lease, "drop_events", "c1", { "e" }))
      assert.same({}, db():waiting_counts())
      assert(db():under_lease(lease, "end_reads", "c1", { { data_type = "payments",
        status = "Complete", modified = true, pull = with.pull "p2" } }))
      assert.equal("Complete", db():pull("p2").status)
    end)

    it("does each method that an erasure writes with", function()
      local data_type = assert(db():find_type "payments")
      assert.is_true(db():lease("c1", "w1", nil, 60))
      local function under(...)
        return assert(db():under_lease({ connection_id = "c1", worker = "w1" }, ...))
      end
      assert(db():write_page("c1", { records = { payments = { with.payment "a",
        with.payment "b" } }, resource = "charges", sources = { { id = "x", data = "{}" },
        { id = "y", data = "{}" }, { id = "z", data = "{}" } } }, NOW))
      assert(db():keep_events { { connection_id = "c1", id = "e", at = 5, body = "{}" } })
      local function remove_all()
        return false
      end
      local done = under("rewrite_records", "c1", data_type, "", 1, remove_all, function(batch)
        return { step = { after = batch.last } }
      end, function()
        return { { type = "payments", kind = "deleted", ids = { "a" } } }, LATER
      end)
      assert.same({ "a", 1, 3, { after = "a" } }, { done.last, done.removed,
        db():last_change "c1", db():state("c1", "step") })
      assert.equal(1, under("forget_gone", "c1", 0, 2, 10).changed)
      assert.equal(1, under("remove_records", "c1", data_type, { "b" }))
      assert.equal(1, under("remove_sources", "c1", "charges", { "x" }))
      assert.equal(1, under("rewrite_sources", "c1", "charges", "", 1, remove_all).removed)
      assert.equal(1, under("drop_sources", "c1", {}, 5))
      assert.equal(1, under("rewrite_events", "c1", "", 5, remove_all).removed)
      under("add_erased", "c1", { "hash" }, NOW)
      assert.is_true(db():has_erased "c1")
      db():release("c1", "w1")
      local ok, _, details = db():under_lease({ connection_id = "c1", worker = "w1" },
        "add_erased", "c1", { "other" }, NOW)
      assert.is_nil(ok)
      assert.equal("taken_over", details.code)
      assert.same({}, db():erased("c1", { "other" }))
    end)
  end)

  describe("take_pulls", function()
    local function connect(id, company_id)
      assert(db():add_connection({ id = id, company_id = company_id, integration = "stripe-test",
        account = "acct " .. id, name = id, status = "Linked", auth = "key", link_id = "l " .. id,
        created = NOW, linked = NOW }, { company = { id = company_id, name = company_id,
          created = NOW } }))
    end

    before_each(function()
      connect("c3", "co1")
      connect("d1", "co2")
    end)

    local function finish(worker)
      for id, holder in pairs(db():leases(1000)) do
        if holder == worker then
          for _, pull in pairs(db():waiting_pulls(id)) do
            pull.status, pull.completed = "Complete", LATER
            assert(db():save_pull(pull))
          end
          assert.is_true(db():release(id, worker))
        end
      end
    end

    it("gives workers to companies in turn, whoever has asked for more", function()
      for _, id in ipairs { "c1", "c2", "c3" } do
        ask("p " .. id, id)
      end
      ask("p d1", "d1", LATER)
      assert.equal("c1", taken("w1", 1000))
      assert.equal("d1", taken("w2", 1001))
      assert.equal("c2", taken("w3", 1002))
    end)

    it("gives one worker to companies in turn, too", function()
      for _, id in ipairs { "c1", "c2", "c3" } do
        ask("p " .. id, id)
      end
      ask("p d1", "d1", LATER)
      local order = {}
      for i = 1, 4 do
        order[i] = taken("w1", 1000 + i)
        finish "w1"
      end
      assert.same({ "c1", "d1", "c2", "c3" }, order)
    end)

    it("gives a company its turn that asks after one with a long queue", function()
      local long = {}
      for i = 1, 14 do
        connect("long" .. i, "co3")
        for n = 1, 180 do
          long[#long + 1] = { id = ("q%d-%d"):format(i, n), connection_id = "long" .. i,
            data_type = "type" .. n }
        end
      end
      for _, id in ipairs { "c1", "d1" } do
        connect(id .. "x", id == "c1" and "co1" or "co2")
      end
      for _, row in ipairs(db():connections {}) do -- else those that were never read come first
        assert(db():end_reads(row.id, { { data_type = "payments", status = "Complete",
          modified = true, pull = with.pull("read " .. row.id, { connection_id = row.id,
            requested = NOW }) } }))
      end
      assert(db():queue_pulls(long, NOW))
      assert.matches("^long", taken("w1", 1000))
      finish "w1"
      ask("p d1", "d1", LATER)
      ask("p d1x", "d1x", LATER)
      ask("p c1", "c1", LATER)
      local found = {}
      for i = 1, 6 do
        local id = taken("w1", 1000 + i)
        finish "w1"
        found[i] = id:match "^long" or id
      end
      assert.same({ "d1", "c1", "long", "d1x", "long", "long" }, found)
    end)

    it("gives connections first that were never read", function()
      assert(db():end_reads("c1", { { data_type = "payments", status = "Complete",
        modified = true, pull = with.pull "p1" } }))
      assert.is_string(db():connections({ id = "c1" })[1].first_read)
      ask("p2", "c1")
      ask("p3", "d1", LATER)
      assert.equal("d1", taken "w1")
      assert.equal("c1", taken "w2")
    end)

    it("gives them first however long the queue before them is", function()
      assert(db():end_reads("c1", { { data_type = "payments", status = "Complete",
        modified = true, pull = with.pull "p1" } }))
      local wanted = {}
      for i = 1, 2100 do
        wanted[i] = { id = "q" .. i, connection_id = "c1", data_type = "type" .. i }
      end
      assert(db():queue_pulls(wanted, NOW))
      assert(db():change_connection("d1", { status = "Linked", at = NOW }))
      ask("p3", "d1", LATER)
      assert.equal("d1", taken "w1")
      local work = assert(db():take_pulls("w2", 1000, 60))
      assert.equal("c1", work.connection_id)
      assert.equal(2100, #work.pulls)
      assert.is_nil(taken "w3")
    end)
  end)

  describe("queue_state", function()
    it("tells what waits and who works", function()
      local empty = db():queue_state(1000)
      assert.same({ pulls = 0, connections = 0, first_links = 0, leases = {} }, empty)
      assert.is_true(db():lease("c2", "w1", 900, 60))
      assert.is_true(db():renew_lease("c2", "w1", 980, 60))
      ask("p1", "c1", LATER)
      assert(db():queue_pulls({ { id = "p2", connection_id = "c1", data_type = "disputes" } }, NOW))
      local state = db():queue_state(1000)
      local held = table.remove(state.leases)
      assert.same({ pulls = 2, connections = 1, first_links = 1, oldest = NOW, leases = {} }, state)
      assert.same({ "c2", "co1", "w1", 100, 40 }, { held.connection_id, held.company_id,
        held.worker, held.held, held.remaining })
      assert.equal("c2", db():queue_state().leases[1].connection_id)
    end)
  end)

  describe("a share of a limit", function()
    local function share(holder, now, name)
      return assert(db():share(name or "stripe-live", holder, 8, now)).share
    end

    it("is the whole for one, and equal parts for several that have asked again", function()
      assert.equal(1, share("r1", 1000))
      assert.equal(0, share("r2", 1001))
      assert.equal(0.5, share("r1", 1002))
      assert.equal(0.5, share("r2", 1003))
      assert.equal(1, share("r3", 1004, "another"))
      local third = db():share("stripe-live", "r3", 8, 1004)
      table.sort(third.others)
      assert.same({ share = 0, others = { "r1", "r2" } }, third)
    end)

    it("is never more than what the others leave", function()
      local held, now, most = {}, 1000, 0
      for round = 1, 6 do
        for i = 1, 5 do
          now = now + 0.25
          held[i] = share("r" .. i, now)
          local sum = 0
          for _, part in pairs(held) do
            sum = sum + part
          end
          most = math.max(most, sum)
        end
        if round == 4 then
          for _, part in ipairs(held) do
            assert.is_true(math.abs(part - 0.2) < 1e-9)
          end
        end
      end
      assert.is_true(most < 1 + 1e-9, tostring(most))
    end)

    it("goes back when it is given back, or not renewed", function()
      share("r1", 1000)
      share("r2", 1000)
      share("r1", 1001)
      share("r2", 1002)
      assert.is_true(db():drop_share("stripe-live", "r1"))
      assert.is_false(db():drop_share("stripe-live", "r1"))
      assert.equal(1, share("r2", 1003))
      assert.equal(0, share("r3", 1010))
      assert.equal(1, share("r3", 1011))
    end)

    it("goes back if its end is far away: a clock was ahead", function()
      share("r1", 90000)
      assert.equal(1, share("r2", 1000))
    end)

    it("is by the store's clock, if the caller gives none", function()
      assert.equal(1, share "r1")
      assert.equal(0, share "r2")
      assert.equal(0.5, share("r1", os.time()))
    end)
  end)
end
