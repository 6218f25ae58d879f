-- Shared cases of the store contract: rewriting what is stored.

local assert = require "luassert"
local busted = require "busted"
local model = require "commerce.model"

local describe, it = busted.describe, busted.it

local PAYMENTS = model.find "payments"
local NOW = "2026-03-01T08:00:00Z"

--- Declare the cases about rewriting.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: write, payment, stored
return function(db, with)
  local write, payment = with.write, with.payment

  local function statuses(connection_id)
    local list = {}
    for id, data in assert(db():records(PAYMENTS, { connection_id = connection_id,
      deleted = true })) do
      list[#list + 1] = id .. "=" .. data:match '"status":"(%a+)"'
    end
    table.sort(list)
    return table.concat(list, " ")
  end

  local function fail(data, id)
    if id == "b" then
      return false
    end
    return id ~= "d" and data:gsub("Paid", "Failed") or nil
  end

  describe("rewriting", function()
    it("changes, removes and leaves records, batch by batch", function()
      write { payment "a", payment "b", payment "c", payment "d" }
      write({ payment "a" }, NOW, "c2")
      assert(db():write_page("c1", { deleted = { payments = { "c" } } }, NOW))
      local changes = #assert(db():changes("c1", 0, 100))
      assert.same({ last = "b", seen = 2, changed = 1, removed = 1 },
        db():rewrite_records("c1", PAYMENTS, "", 2, fail))
      assert.equal("a=Failed c=Paid d=Paid", statuses "c1")
      assert.same({ last = "d", seen = 2, changed = 1, removed = 0 },
        db():rewrite_records("c1", PAYMENTS, "b", 9, fail))
      assert.equal("a=Failed c=Failed d=Paid", statuses "c1")
      assert.equal("a=Paid", statuses "c2")
      assert.same({ seen = 0, changed = 0, removed = 0 },
        db():rewrite_records("c1", PAYMENTS, "d", 9, fail))
      assert.equal(changes, #assert(db():changes("c1", 0, 100)))
      assert.equal(2, db():count(PAYMENTS, "c1")) -- c is still marked as deleted
      assert.is_true(db():finish_erasure())
      assert.is_true(db():finish_erasure(true))
      assert.equal("a=Failed c=Failed d=Paid", statuses "c1")
    end)

    it("moves columns with the data", function()
      write { payment "a", payment "b" }
      assert(db():rewrite_records("c1", PAYMENTS, "", 1, fail))
      local query = require "commerce.query"
      local tree = assert(query.parse(PAYMENTS, "status=Failed"))
      assert.equal(1, db():count(PAYMENTS, "c1", tree))
    end)

    it("writes its checkpoint with the batch, also of a connection that is not linked", function()
      write { payment "a" }
      assert(db():change_connection("c1", { status = "Unlinked", at = NOW }))
      assert(db():rewrite_records("c1", PAYMENTS, "", 5, fail, function(done)
        return { fields = { after = done.last } }
      end))
      assert.same({ after = "a" }, db():state("c1", "fields"))
    end)

    it("leaves everything as it was if it fails", function()
      write { payment "a", payment "b" }
      local ok, raised = pcall(function()
        local done, message = db():rewrite_records("c1", PAYMENTS, "", 5, function(data, id)
          if id == "b" then
            error "it fails"
          end
          return fail(data, id)
        end)
        assert(done, message)
      end)
      assert.is_false(ok)
      assert.truthy(tostring(raised):find("it fails", 1, true), tostring(raised))
      assert.equal("a=Paid b=Paid", statuses "c1")
    end)

    it("changes and removes kept objects", function()
      assert.same({}, db():kept_resources "c1")
      for _, resource in ipairs { "refunds", "charges" } do
        assert(db():write_page("c1", { resource = resource, sources = {
          { id = "a", data = '{"id":"a","x":1}' }, { id = "b", data = '{"id":"b"}' } } }, NOW))
      end
      assert.same({ "charges", "refunds" }, db():kept_resources "c1")
      assert.same({}, db():kept_resources "c2")
      assert.same({ last = "b", seen = 2, changed = 1, removed = 1 },
        db():rewrite_sources("c1", "charges", "", 9, function(_, id)
          return id == "a" and '{"id":"a"}'
        end))
      local kept = assert(db():kept_sources("c1", "charges", "", 9))
      assert.same({ '{"id":"a"}' }, { kept[1].data, kept[2] and kept[2].data })
      assert.equal(2, #assert(db():kept_sources("c1", "refunds", "", 9)))
      assert.equal(1, db():remove_sources("c1", "refunds", { "a", "x" }))
      assert.equal("b", assert(db():kept_sources("c1", "refunds", "", 9))[1].id)
      assert.equal(0, db():remove_sources("c2", "refunds", { "b" }))
    end)

    it("removes records, and forgets them in the log of changes", function()
      write { payment "a", payment "b", payment "c" }
      write({ payment "b" }, NOW, "c2")
      write { payment("b", { amount = 99 }) }
      assert.equal(1, db():remove_records("c1", PAYMENTS, { "b", "x" }))
      assert.equal("a=Paid c=Paid", statuses "c1")
      assert.equal("b=Paid", statuses "c2")
      local last = assert(db():last_change "c1")
      assert.equal(4, last)
      local after, forgotten = 0, 0
      repeat
        local done = assert(db():forget_gone("c1", after, last, 2))
        after, forgotten = done.last or last, forgotten + done.changed
      until done.seen < 2
      assert.equal(2, forgotten)
      local numbers = {}
      for i, change in ipairs(assert(db():changes("c1", 0, 100))) do
        numbers[i] = change.number .. change.id
      end
      assert.same({ "1a", "3c" }, numbers)
      assert(db():rewrite_records("c1", PAYMENTS, "", 0, function() end, nil, function()
        return { { type = "payments", kind = "deleted", ids = { "b" } } }, NOW
      end))
      local list = assert(db():changes("c1", 3, 100))
      assert.same({ 1, 5, "b", "deleted" }, { #list, list[1].number, list[1].id, list[1].kind })
      assert.is_nil(list[1].data)
      assert.equal(0, db():forget_gone("c1", 0, last, 100).changed)
      assert.equal(1, db():forget_gone("c1", 0, 5, 100).changed)
      assert.same({ 3 }, { assert(db():changes("c1", 1, 1))[1].number })
      assert.equal(1, #assert(db():changes("c2", 0, 100)))
    end)

    it("keeps hashes of what is not to be stored again, until its connection goes", function()
      assert.is_false(db():has_erased "c1")
      assert(db():add_erased("c1", { "h1", "h2" }, NOW))
      assert(db():add_erased("c1", { "h2", "h3" }, NOW))
      assert.is_true(db():has_erased "c1")
      assert.is_false(db():has_erased "c2")
      assert.same({ h1 = true, h3 = true }, db():erased("c1", { "h1", "h3", "h9" }))
      assert.same({}, db():erased("c2", { "h1" }))
      assert(db():remove_connection "c1")
      assert.is_false(db():has_erased "c1")
    end)

    it("changes and removes events that wait", function()
      local events = {}
      for i, id in ipairs { "e1", "e2", "e3" } do
        events[i] = { connection_id = "c1", id = id, at = i, body = '{"id":"' .. id .. '"}' }
      end
      assert(db():keep_events(events))
      assert.same({ last = "e2", seen = 2, changed = 1, removed = 1 },
        db():rewrite_events("c1", "", 2, function(_, id)
          return id == "e1" and "{}"
        end))
      local waiting = assert(db():waiting_events("c1", 9))
      assert.same({ "e1", "{}", "e3" }, { waiting[1].id, waiting[1].body, waiting[2].id })
    end)
  end)
end
