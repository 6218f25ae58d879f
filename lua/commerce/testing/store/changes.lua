-- Shared cases of the store contract: the log of changes, its consumers, and the checkpoints of
-- scripts.

local assert = require "luassert"
local busted = require "busted"
local json = require "commerce.base.json"

local before_each, describe, it = busted.before_each, busted.describe, busted.it

local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"
local LATEST = "2026-03-03T10:00:00Z"

--- Declare the cases about changes and checkpoints.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, payment, entry; erases: whether the store has
---  what "erasure" is about
return function(db, with)
  local write, payment, entry = with.write, with.payment, with.entry

  -- "1 created a, 2 changed b": the changes after one
  local function told(after, limit, connection_id)
    local parts = {}
    local list = assert(db():changes(connection_id or "c1", after or 0, limit or 1000))
    for i, change in ipairs(list) do
      parts[i] = ("%d %s %s"):format(change.number, change.kind, change.id)
    end
    return table.concat(parts, ", ")
  end

  describe("changes", function()
    it("are none at first", function()
      assert.same({}, db():changes("c1", 0, 10))
      assert.equal(0, db():last_change "c1")
      assert.is_nil((db():consumer("c1", "queue")))
    end)

    it("are told in order, each once, and not what stayed as it was", function()
      write { payment "a", payment "b" }
      write({ payment "a", payment("b", { amount = 11 }), payment "c" }, LATER)
      assert(db():write_page("c1", { deleted = { payments = { "a", "never" } } }, LATER))
      write { payment "b", payment "c" }
      assert.equal("1 created a, 2 created b, 3 created c, 4 changed b, 5 deleted a, 6 changed b",
        told())
      assert.equal(6, db():last_change "c1")
    end)

    it("come as write_page gives them", function()
      write { payment "a", payment "b" }
      local _, done = assert(db():write_page("c1", { records = { payments = { payment "a",
        payment("b", { amount = 11 }), payment "c" } }, deleted = { payments = { "a" } } }, LATER))
      local kinds = {}
      for _, each in ipairs(done) do
        assert.equal("payments", each.type)
        kinds[each.kind] = table.concat(each.ids, " ")
      end
      assert.same({ created = "c", changed = "b", deleted = "a" }, kinds)
      local counts
      counts, done = assert(db():write_page("c1", { records = { payments = { payment "c" } } },
        NOW))
      assert.equal(1, counts.payments.unchanged)
      assert.same({}, done)
    end)

    it("come with the record as it is now, and when it was", function()
      write({ payment "a" }, NOW)
      write({ payment("a", { amount = 11 }) }, LATER)
      local list = assert(db():changes("c1", 0, 10))
      assert.same({ NOW, LATER }, { list[1].at, list[2].at })
      assert.equal("payments", list[1].type)
      for _, change in ipairs(list) do
        assert.equal(11, json.decode(change.data).amount)
      end
      assert(db():write_page("c1", { deleted = { payments = { "a" } } }, LATER))
      assert.is_true(json.decode(db():changes("c1", 2, 1)[1].data).metadata.isDeleted)
    end)

    it("tell of every type", function()
      assert(db():write_page("c1", { records = { payments = { payment "a" },
        customers = { entry("customers", { id = "a", note = "n" }) } } }, NOW))
      local types = {}
      for _, change in ipairs(assert(db():changes("c1", 0, 10))) do
        types[change.type] = json.decode(change.data).note or "none"
      end
      assert.same({ payments = "none", customers = "n" }, types)
    end)

    it("are counted for each connection", function()
      write { payment "a" }
      write({ payment "a", payment "z" }, NOW, "c2")
      write { payment "b" }
      assert.equal("1 created a, 2 created b", told())
      assert.equal("1 created a, 2 created z", told(0, 10, "c2"))
    end)

    it("go on after any of them, a part at a time", function()
      local all = {}
      for page = 1, 30 do
        local records = {}
        for i = 1, 7 do
          local id = ("%d.%d"):format(page, i)
          records[i], all[#all + 1] = payment(id), id
        end
        write(records)
      end
      for _, limit in ipairs { 1, 5, 7, 100, 209, 210, 1000 } do
        local at, seen = 0, {}
        repeat
          local list = assert(db():changes("c1", at, limit))
          assert.is_true(#list <= limit)
          for _, change in ipairs(list) do
            at = at + 1
            assert.equal(at, change.number)
            seen[at] = change.id
          end
        until #list == 0
        assert.same(all, seen)
      end
    end)

    it("do not come from a page that fails", function()
      write { payment "a" }
      pcall(db().write_page, db(), "c1", { records = { payments = { payment "b", { id = "x" } } } },
        NOW)
      assert.equal("1 created a", told())
    end)

    it("tell once of marked records", function()
      write { payment "a", payment "b" }
      for _, ids in ipairs { { "b", "no" }, { "b" } } do
        assert(db():write_page("c1", { deleted = { payments = ids } }, LATER))
      end
      assert.equal("3 deleted b", told(2))
    end)

    it("are found by their day", function()
      write({ payment "a", payment "b" }, NOW)
      write({ payment "c" }, LATER)
      assert.equal(0, db():last_change("c1", NOW))
      assert.equal(2, db():last_change("c1", LATER))
      assert.equal(3, db():last_change("c1", "2027-01-01T00:00:00Z"))
    end)
  end)

  describe("a consumer of changes", function()
    it("is where it said", function()
      assert.is_true(db():acknowledge("c1", "queue", nil, 0))
      assert.equal(0, db():consumer("c1", "queue"))
      assert.is_true(db():acknowledge("c1", "queue", 0, 7))
      assert.equal(7, db():consumer("c1", "queue"))
      assert.is_nil((db():consumer("c2", "queue")))
      assert.is_nil((db():consumer("c1", "mail")))
    end)

    it("does not move from where it is not", function()
      assert(db():acknowledge("c1", "queue", nil, 3))
      for _, from in ipairs { false, 2, 4 } do
        local ok, message, details = db():acknowledge("c1", "queue", from or nil, 9)
        assert.is_nil(ok)
        assert.matches("queue", message, 1, true)
        assert.equal("store", details.kind)
      end
      assert.equal(3, db():consumer("c1", "queue"))
    end)
  end)

  describe("prune_changes", function()
    local function pruned(date)
      local count = 0
      repeat
        local done = assert(db():prune_changes("c1", date))
        count = count + done.removed
      until not done.more
      return count
    end

    before_each(function()
      write({ payment "a", payment "b" }, NOW)
      write({ payment "c" }, LATER)
      write({ payment "d" }, LATEST)
    end)

    it("removes what is older than a date, and the numbers of the others stay", function()
      assert.equal(0, pruned(NOW))
      assert.equal("1 created a, 2 created b, 3 created c, 4 created d", told())
      assert.equal(3, pruned(LATEST))
      assert.equal("4 created d", told(3))
      assert.equal(4, db():last_change "c1")
      write({ payment "e" }, LATEST)
      assert.equal("4 created d, 5 created e", told(3))
      assert.equal(2, pruned "2027-01-01T00:00:00Z")
      assert.equal(5, db():last_change "c1")
      write({ payment "f" }, LATEST)
      assert.equal("6 created f", told(5))
    end)

    it("leaves what a consumer has not read", function()
      assert(db():acknowledge("c1", "queue", nil, 2))
      assert(db():acknowledge("c1", "mail", nil, 4))
      assert(db():acknowledge("c2", "queue", nil, 0))
      assert.equal(2, pruned "2027-01-01T00:00:00Z")
      assert.equal("3 created c, 4 created d", told(2))
      assert(db():acknowledge("c1", "queue", 2, 4))
      assert.equal(2, pruned "2027-01-01T00:00:00Z")
      assert.equal("", told(4))
    end)

    it("leaves what a consumer has read a part of", function()
      assert(db():acknowledge("c1", "queue", nil, 1))
      pruned "2027-01-01T00:00:00Z"
      assert.equal("2 created b, 3 created c, 4 created d", told(1))
    end)

    it("lets a reader that begins before it know", function()
      pruned(LATEST)
      for after = 0, 2 do
        local list, message, failure = db():changes("c1", after, 10)
        assert.is_nil(list)
        assert.equal("state", failure.kind)
        assert.equal("changes_pruned", failure.code)
        assert.matches("up to number 3 are not kept", message, 1, true)
      end
      assert.equal("4 created d", told(3))
      write({ payment "a" }, NOW, "c2")
      assert.equal("1 created a", told(0, 10, "c2"))
    end)

    it("knows the last change before a day as far as it is known", function()
      pruned "2027-01-01T00:00:00Z"
      assert.equal(4, db():last_change("c1", "2027-01-01T00:00:00Z"))
      assert.equal(4, db():last_change("c1", "2028-01-01T00:00:00Z"))
      assert.equal(0, db():last_change("c1", LATER))
    end)

    it("takes several calls for a long log", function()
      local list = {}
      for i = 1, 600 do
        list[i] = { payment(("p%d"):format(i)) }
        write(list[i], NOW)
      end
      assert.equal(604, pruned "2027-01-01T00:00:00Z")
      assert.equal(604, db():last_change "c1")
    end)

    it("takes the log of a record with it", function()
      local payments = db():find_type "payments"
      assert.equal(1, #db():changes_of(payments, "c1", "a", 10))
      pruned "2027-01-01T00:00:00Z"
      assert.equal(0, #db():changes_of(payments, "c1", "a", 10))
      write({ payment("a", { amount = 12 }) }, LATEST)
      assert.equal(5, db():changes_of(payments, "c1", "a", 10)[1].number)
    end)

    if with.erases then
      it("lets erased records be forgotten in what is left", function()
        pruned(LATER)
        assert(db():remove_records("c1", db():find_type "payments", { "c" }))
        assert.equal(1, db():forget_gone("c1", 0, 4, 10).changed)
        assert.equal("4 created d", told(2))
      end)
    end
  end)

  describe("the consumers of changes", function()
    it("are told with what they have not read, and dropped", function()
      assert.same({}, db():change_consumers())
      write { payment "a", payment "b" }
      write({ payment "a" }, NOW, "c2")
      assert(db():acknowledge("c1", "queue", nil, 1))
      assert(db():acknowledge("c2", "queue", nil, 1))
      assert(db():acknowledge("c1", "mail", nil, 2))
      local mail = { name = "mail", connections = 1, behind = 0, unread = 0 }
      assert.same({ mail, { name = "queue", connections = 2, behind = 1, unread = 1 } },
        db():change_consumers())
      assert.equal(2, db():drop_change_consumer "queue")
      assert.equal(0, db():drop_change_consumer "queue")
      assert.is_nil((db():consumer("c1", "queue")))
      assert.same({ mail }, db():change_consumers())
    end)
  end)

  describe("the oldest change that is kept", function()
    it("is that of any connection's log", function()
      assert.is_nil((db():oldest_change()))
      write({ payment "a" }, LATER)
      write({ payment "b" }, NOW, "c2")
      write({ payment "c" }, LATER, "c2")
      assert.equal(NOW, db():oldest_change())
      assert(db():prune_changes("c2", LATER))
      assert.equal(LATER, db():oldest_change())
    end)
  end)

  describe("a script's checkpoint", function()
    it("keeps what JSON can carry, and forgets nil", function()
      assert.is_nil((db():checkpoint "place"))
      for _, value in ipairs { 0, 1.5, "text", "", true, false, { a = { 1, "b" } }, { 1, 2 } } do
        assert.is_true(db():save_checkpoint("place", value))
        assert.same(value, db():checkpoint "place")
      end
      assert.is_nil((db():checkpoint "another"))
      assert.is_true(db():save_checkpoint("place", nil))
      assert.is_nil((db():checkpoint "place"))
    end)
  end)
end
