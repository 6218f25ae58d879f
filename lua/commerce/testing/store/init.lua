-- The shared cases of the store contract, for busted: call this module inside a describe with a
-- function that opens a fresh, empty store. A store of your own runs the same cases:
--
--   describe("my store", function()
--     require "commerce.testing.store" (function() return my_store.open "…" end)
--   end)
--
-- A store may lack parts that only servers need: (open, { without = { "outbox", "figures" } }).

local assert = require "luassert"
local app_cases = require "commerce.testing.store.apps"
local browsing_cases = require "commerce.testing.store.browsing"
local busted = require "busted"
local change_cases = require "commerce.testing.store.changes"
local connection_cases = require "commerce.testing.store.connections"
local erasure_cases = require "commerce.testing.store.erasure"
local figure_cases = require "commerce.testing.store.figures"
local json = require "commerce.base.json"
local link_cases = require "commerce.testing.store.links"
local listing_cases = require "commerce.testing.store.listings"
local model = require "commerce.model"
local directory_cases = require "commerce.testing.store.directory"
local number_cases = require "commerce.testing.store.numbers"
local outbox_cases = require "commerce.testing.store.outbox"
local payout_cases = require "commerce.testing.store.payouts"
local queue_cases = require "commerce.testing.store.queue"
local read_cases = require "commerce.testing.store.records"
local setting_cases = require "commerce.testing.store.settings"
local source_cases = require "commerce.testing.store.sources"
local stripe_read_cases = require "commerce.testing.store.stripe_reads"
local type_cases = require "commerce.testing.store.types"
local user_cases = require "commerce.testing.store.users"
local worker_cases = require "commerce.testing.store.workers"

local describe, it = busted.describe, busted.it
local after_each, before_each = busted.after_each, busted.before_each

local PAYMENTS, CUSTOMERS = model.find "payments", model.find "customers"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

local function entry(type_name, record)
  return { id = record.id, body = assert(model.encode(model.find(type_name), record)) }
end

local function payment(id, fields)
  local record = { id = id, amount = 10, currency = "EUR", status = "Paid",
    createdDate = "2026-01-01T00:00:00Z" }
  for name, value in pairs(fields or {}) do
    record[name] = value
  end
  return entry("payments", record)
end

local function pull(id, fields)
  local row = { id = id, connection_id = "c1", data_type = "payments", status = "Complete",
    requested = "2026-03-01T08:00:00Z", completed = "2026-03-01T08:01:00Z", read = 5,
    created = 3, changed = 1, unchanged = 1, progress = 100 }
  for name, value in pairs(fields or {}) do
    row[name] = value
  end
  return row
end

local MAY_LACK = { browsing = true, outbox = true, erasure = true, figures = true, users = true,
  workers = true }

-- Only what servers need may be left out.
local function left_out(without)
  local names = {}
  for _, name in ipairs(without or {}) do
    assert(MAY_LACK[name], name
      .. ": only the cases of 'browsing', 'outbox', 'erasure', 'figures', 'users' and 'workers' "
      .. "can be left out")
    names[name] = true
  end
  return names
end

--- Declare the shared cases.
---@param open fun(): commerce.Store opens a fresh, empty store
---@param given table? without: names of the contract's parts for servers that the store lacks;
---  "browsing", "outbox", "erasure", "figures", "users", "workers"
return function(open, given)
  local db
  local without = left_out(given and given.without)

  before_each(function()
    db = assert(open())
    connection_cases.fill(db)
  end)

  after_each(function()
    db:close()
  end)

  local function write(records, now, connection_id)
    return assert(db:write_page(connection_id or "c1", { records = { payments = records } },
      now or NOW)).payments
  end

  -- Ids of the records in the order in which they come.
  local function ids(options, data_type)
    local result = {}
    for id in assert(db:records(data_type or PAYMENTS, options or {})) do
      result[#result + 1] = id
    end
    return table.concat(result, " ")
  end

  local function stored(id, data_type)
    for each, data in assert(db:records(data_type or PAYMENTS, { deleted = true })) do
      if each == id then
        return json.decode(data)
      end
    end
  end

  -- A page that cannot be written may give nil or raise; it must not succeed.
  local function fails(page)
    local ok, result = pcall(db.write_page, db, "c1", page, NOW)
    assert.is_falsy(ok and result)
  end

  describe("an empty store", function()
    it("has nothing", function()
      assert.equal("", ids())
      assert.equal(0, db:count(PAYMENTS, "c1"))
      assert.is_nil((db:state("c1", "charges")))
      assert.same({}, db:joined_sources("c1", "products", "prices", "", 10))
      assert.same({}, db:latest_pulls "c1")
    end)
  end)

  describe("what the source deleted", function()
    it("stays, marked, is left out, and is counted once", function()
      write { payment "a", payment "b" }
      local function delete(ids_to_delete, now)
        return assert(db:write_page("c1", { deleted = { payments = ids_to_delete } }, now))
      end
      assert.equal(1, delete({ "a", "never" }, "2026-02-01T00:00:00Z").payments.deleted)
      assert.equal(0, delete({ "a" }, "2026-03-01T00:00:00Z").payments.deleted)
      assert.equal("b", ids())
      for id, data in db:records(PAYMENTS, { deleted = true }) do
        if id == "a" then
          local record = json.decode(data)
          assert.same({ isDeleted = true }, record.metadata)
          assert.equal("2026-02-01T00:00:00Z", record.modifiedDate)
        end
      end
    end)

    it("is marked whatever metadata it had, and taken back by the source", function()
      write { payment("c", { metadata = {} }) }
      assert(db:write_page("c1", { deleted = { payments = { "c" } } }, NOW))
      assert.same({ true, 10 }, { stored("c").metadata.isDeleted, stored("c").amount })
      assert.equal(1, write({ payment("c") }, LATER).changed)
      assert.is_nil(stored("c").metadata)
      assert.equal("c", ids())
    end)

    it("is dropped from the kept sources", function()
      assert(db:write_page("c1", { resource = "prices", sources = {
        { id = "p1", parent_id = "x", data = "1" }, { id = "p2", parent_id = "x", data = "2" } } },
        NOW))
      assert(db:write_page("c1", { resource = "products", sources = { { id = "x", data = "{}" } } },
        NOW))
      assert(db:write_page("c1", { resource = "prices", dropped = { "p1" } }, NOW))
      assert.same({ "2" }, db:joined_sources("c1", "products", "prices", "", 10)[1].children)
    end)
  end)

  describe("write_page", function()
    it("counts what it created, changed and left alone", function()
      assert.same({ created = 2, changed = 0, unchanged = 0, deleted = 0 },
        write { payment "a", payment "b" })
      assert.same({ created = 1, changed = 1, unchanged = 1, deleted = 0 },
        write { payment "a", payment("b", { amount = 11 }), payment "c" })
    end)

    it("stamps what it writes with the date it is told", function()
      write({ payment "a" }, NOW)
      assert.same({ id = "a", amount = 10, currency = "EUR", status = "Paid",
        createdDate = "2026-01-01T00:00:00Z", modifiedDate = NOW }, stored "a")
    end)

    it("does not touch what is unchanged", function()
      write({ payment "a", payment "b" }, NOW)
      write({ payment "a", payment("b", { status = "Failed" }) }, LATER)
      assert.equal(NOW, stored("a").modifiedDate)
      assert.equal(LATER, stored("b").modifiedDate)
      assert.equal("Failed", stored("b").status)
    end)

    it("sees a field that came, went or changed", function()
      for i, fields in ipairs { { dueDate = "2026-05-01T00:00:00Z" }, {}, { amount = 10.01 },
        { metadata = { isDeleted = true } } } do
        write { payment "a" }
        if next(fields) then
          assert.equal(1, write({ payment("a", fields) }, LATER).changed, i)
          assert.equal(1, write({ payment "a" }, LATER).changed, i)
        end
      end
    end)

    it("lets the later of two records of one id count", function()
      assert.same({ created = 1, changed = 1, unchanged = 0, deleted = 0 },
        write { payment("a", { amount = 1 }), payment("a", { amount = 2 }) })
      assert.equal(2, stored("a").amount)
      assert.same({ created = 0, changed = 0, unchanged = 2, deleted = 0 },
        write { payment("a", { amount = 2 }), payment("a", { amount = 2 }) })
      assert.equal("a", ids())
    end)

    it("writes several types at once and counts each", function()
      local counts = assert(db:write_page("c1", { records = {
        payments = { payment "a" }, customers = { entry("customers", { id = "a", note = "n" }) },
      } }, NOW))
      assert.same({
        payments = { created = 1, changed = 0, unchanged = 0, deleted = 0 },
        customers = { created = 1, changed = 0, unchanged = 0, deleted = 0 },
      }, counts)
      assert.equal("n", stored("a", CUSTOMERS).note)
    end)

    it("keeps the same id of two connections apart", function()
      write({ payment("a", { amount = 1 }) }, NOW, "c1")
      assert.equal(1, write({ payment("a", { amount = 2 }) }, NOW, "c2").created)
      assert.equal(1, db:count(PAYMENTS, "c1"))
      assert.equal(1, db:count(PAYMENTS, "c2"))
    end)

    it("takes ids and texts of any characters", function()
      local odd = { "txn_1:Stripe processing fees (2)", "it's", 'say "hi"', "50%_?", "合同", "a\\b",
        "line\nbreak" }
      for i, id in ipairs(odd) do
        odd[i] = payment(id, { paymentProvider = id })
      end
      assert.equal(#odd, write(odd).created)
      assert.equal(#odd, write(odd, LATER).unchanged)
      for _, each in ipairs(odd) do
        assert.equal(each.id, stored(each.id).paymentProvider)
      end
    end)

    it("takes a full page, and a long text", function()
      local page, text = {}, ("long "):rep(50000)
      for i = 1, 100 do
        page[i] = payment(("p%03d"):format(i))
      end
      page[101] = payment("long", { paymentProvider = text })
      assert.equal(101, write(page).created)
      assert.equal(101, write(page).unchanged)
      assert.equal(text, stored("long").paymentProvider)
    end)

    it("takes an empty page", function()
      assert.same({}, db:write_page("c1", {}, NOW))
      assert.same({ created = 0, changed = 0, unchanged = 0, deleted = 0 }, write {})
    end)
  end)

  describe("a page that fails", function()
    before_each(function()
      assert(db:write_page("c1", { records = { payments = { payment "old" } },
        resource = "charges", states = { charges = { cursor = "before" } },
        sources = { { id = "prod_1", data = "{}" } } }, NOW))
    end)

    local function unharmed()
      assert.equal("old", ids { deleted = true })
      assert.equal("", ids({ deleted = true }, CUSTOMERS))
      assert.same({ cursor = "before" }, db:state("c1", "charges"))
      assert.equal("{}", db:joined_sources("c1", "charges", "x", "", 10)[1].data)
      assert.equal(1, write({ payment "new" }).created) -- and the store works on
    end

    it("at a later record leaves nothing", function()
      fails { records = { payments = { payment "a", payment("old", { amount = 5 }),
        { id = "b", body = '{"id":' } } }, states = { charges = { cursor = "after" } } }
      unharmed()
    end)

    for _, bad in ipairs { "payments", "customers" } do
      it("at its " .. bad .. " leaves nothing of the other type", function()
        local records = { payments = { payment "a" },
          customers = { entry("customers", { id = "a" }) } }
        records[bad] = { { id = "b" } } -- no body
        fails { records = records, states = { charges = { cursor = "after" } } }
        unharmed()
      end)
    end

    it("at its sources leaves nothing of the records", function()
      fails { records = { payments = { payment "a" } }, resource = "charges",
        sources = { { id = "prod_1", data = '{"new":1}' }, { id = "prod_2" } },
        states = { charges = { cursor = "after" } } }
      unharmed()
    end)
  end)

  describe("state", function()
    it("is kept per connection and resource, the last one counts", function()
      local function keep(connection_id, resource, state)
        assert(db:write_page(connection_id, { states = { [resource] = state } }, NOW))
      end
      keep("c1", "charges", { cursor = "ch_1" })
      keep("c1", "refunds", { cursor = "re_1" })
      keep("c2", "charges", { cursor = "ch_2" })
      keep("c1", "charges", { cursor = "ch_9", done = true, ranges = { { from = 5, to = 7.5 } } })
      assert.same({ cursor = "ch_9", done = true, ranges = { { from = 5, to = 7.5 } } },
        db:state("c1", "charges"))
      assert.same({ cursor = "re_1" }, db:state("c1", "refunds"))
      assert.same({ cursor = "ch_2" }, db:state("c2", "charges"))
      assert.is_nil((db:state("c2", "refunds")))
    end)

    it("stays when a page brings none", function()
      assert(db:write_page("c1", { resource = "charges", states = { charges = { n = 1 } } }, NOW))
      assert(db:write_page("c1", { resource = "charges", records = {} }, NOW))
      assert.same({ n = 1 }, db:state("c1", "charges"))
    end)
  end)

  describe("joined_sources", function()
    local function keep(resource, sources, connection_id)
      assert(db:write_page(connection_id or "c1", { resource = resource, sources = sources }, NOW))
    end

    local function joined(after, limit)
      local parts = {}
      local batch = assert(db:joined_sources("c1", "products", "prices", after, limit))
      for _, parent in ipairs(batch) do
        table.sort(parent.children)
        parts[#parts + 1] = parent.id .. "=" .. parent.data .. "("
          .. table.concat(parent.children, ",") .. ")"
      end
      return table.concat(parts, " ")
    end

    before_each(function()
      keep("prices", { { id = "1", parent_id = "a", data = "one" },
        { id = "2", parent_id = "c", data = "two" }, { id = "3", parent_id = "a", data = "three" },
        { id = "4", parent_id = "gone", data = "four" } })
      keep("products", { { id = "c", data = "C" }, { id = "a", data = "A" },
        { id = "b", data = "B" } })
      keep("products", { { id = "a", data = "other" } }, "c2")
      keep("prices", { { id = "9", parent_id = "a", data = "nine" } }, "c2")
    end)

    it("gives each parent with its children, in the order of the ids", function()
      assert.equal("a=A(one,three) b=B() c=C(two)", joined("", 10))
    end)

    it("goes on after an id", function()
      assert.equal("a=A(one,three) b=B()", joined("", 2))
      assert.equal("c=C(two)", joined("b", 2))
      assert.equal("", joined("c", 2))
    end)

    it("has the newest version of parents and children", function()
      keep("products", { { id = "b", data = "B2" } })
      keep("prices", { { id = "1", parent_id = "a", data = "one2" } })
      assert.equal("a=A(one2,three) b=B2() c=C(two)", joined("", 10))
    end)

    it("moves a child to its new parent", function()
      keep("prices", { { id = "3", parent_id = "b", data = "three, moved" } })
      assert.equal("a=A(one) b=B(three, moved) c=C(two)", joined("", 10))
    end)
  end)

  local function current()
    return db
  end

  read_cases(current, { write = write, ids = ids, stored = stored, payment = payment })
  setting_cases(current)
  link_cases(current)
  payout_cases(current)
  queue_cases(current, { pull = pull })
  number_cases(current, { pull = pull })
  directory_cases(current)
  if not without.browsing then
    browsing_cases(current, { write = write, payment = payment })
  end
  listing_cases(current, { write = write, ids = ids, stored = stored, payment = payment })
  change_cases(current, { write = write, payment = payment, entry = entry })
  type_cases(current)
  source_cases(current, { write = write, payment = payment })
  app_cases(current)
  if not without.users then
    user_cases(current)
  end
  if not without.erasure then
    erasure_cases(current, { write = write, payment = payment })
  end
  if not without.figures then
    figure_cases(current)
  end
  if not without.stripe_reads then
    stripe_read_cases(current)
  end
  if not without.workers then
    worker_cases(current, { pull = pull, payment = payment })
  end
  if not without.outbox then
    outbox_cases(current, { pull = pull })
  end

  connection_cases.declare(current, { write = write, ids = ids, payment = payment, pull = pull })

  describe("pulls", function()
    it("are found as the latest of each data type", function()
      for _, row in ipairs {
        pull("1", { requested = "2026-03-01T08:00:00Z" }),
        pull("2", { requested = "2026-03-03T08:00:00Z", status = "FetchError",
          error_message = "it's broken" }),
        pull("3", { requested = "2026-03-02T08:00:00Z" }),
        pull("4", { data_type = "customers" }), pull("5", { connection_id = "c2" }),
      } do
        assert.is_true(db:save_pull(row))
      end
      local latest = assert(db:latest_pulls "c1")
      assert.same(pull("2", { requested = "2026-03-03T08:00:00Z", status = "FetchError",
        error_message = "it's broken" }), latest.payments)
      assert.equal("4", latest.customers.id)
      assert.equal("5", db:latest_pulls("c2").payments.id)
      assert.is_nil(latest.disputes)
    end)

    it("of one second count in the order in which they were begun", function()
      for _, id in ipairs { "9", "1", "5" } do
        assert(db:save_pull(pull(id)))
      end
      assert.equal("5", db:latest_pulls("c1").payments.id)
    end)

    it("that were killed are ended, whichever is the latest", function()
      local names = { "1", "2", "3", "4", "5" }
      for i, fields in ipairs { { status = "Fetching", requested = "2026-03-01T08:00:00Z" }, {},
        { status = "Queued" }, { status = "Fetching", data_type = "customers" },
        { status = "Fetching", connection_id = "c2" } } do
        assert(db:save_pull(pull(names[i], fields)))
      end
      assert.equal(2, db:end_killed_pulls("c1", "2026-03-04T08:00:00Z"))
      local now = {}
      for i, id in ipairs(names) do
        now[i] = db:pull(id).status
      end
      assert.same({ "Cancelled", "Complete", "Queued", "Cancelled", "Fetching" }, now)
      local ended = db:pull "1"
      assert.same({ "2026-03-04T08:00:00Z", "interrupted" },
        { ended.completed, ended.error_message })
      assert.equal(0, db:end_killed_pulls("c1", "2026-03-05T08:00:00Z"))
    end)

    it("are changed in place", function()
      assert(db:save_pull(pull("1", { status = "Fetching", read = 0, created = 0, changed = 0,
        unchanged = 0 })))
      assert(db:save_pull(pull "1"))
      assert.same(pull "1", db:latest_pulls("c1").payments)
    end)

    it("stay ended when the progress of their run comes late", function()
      local row = pull("1", { status = "Fetching" })
      row.completed = nil
      assert(db:save_pull(row))
      assert.equal(1, db:end_killed_pulls("c1", "2026-03-04T08:00:00Z"))
      row.progress = 50
      assert(db:save_pull(row))
      assert.equal("Cancelled", db:pull("1").status)
    end)
  end)

  describe("events of webhooks", function()
    local function event(id, fields)
      local all = { connection_id = "c1", id = id, at = 5, body = '{"id":"' .. id .. '"}' }
      for name, value in pairs(fields or {}) do
        all[name] = value
      end
      return all
    end

    local function waiting(limit, connection_id)
      local list = {}
      for i, row in ipairs(assert(db:waiting_events(connection_id or "c1", limit or 10))) do
        list[i] = row.id
      end
      return table.concat(list, " ")
    end

    it("are kept once, in the order in which they came", function()
      assert.equal(2, db:keep_events { event "b", event("a", { at = 3 }) })
      assert.equal(1, db:keep_events { event "b", event "c", event "c" })
      assert.equal(1, db:keep_events { event("b", { connection_id = "c2" }) })
      assert.equal("b a c", waiting())
      assert.equal("b a", waiting(2))
      assert.same({ id = "a", at = 3, body = '{"id":"a"}' }, db:waiting_events("c1", 10)[2])
      assert.same({ c1 = 3, c2 = 1 }, db:waiting_counts())
    end)

    it("go when they have been applied", function()
      assert(db:keep_events { event "a", event "b", event("a", { connection_id = "c2" }) })
      assert(db:drop_events("c1", { "a", "never" }))
      assert.equal("b", waiting())
      assert.equal("a", waiting(9, "c2"))
      assert(db:drop_events("c1", { "b" }))
      assert.same({ c2 = 1 }, db:waiting_counts())
    end)
  end)

  describe("what a full read saw", function()
    local BEGAN = 1772352000 -- 2026-03-01T08:00:00Z
    local charges, refunds

    local function unseen(full_reads, after, limit)
      return table.concat(assert(db:unseen(PAYMENTS, "c1", full_reads or { charges, refunds },
        BEGAN - 600, after or "", limit or 10)), " ")
    end

    local function begin(key, connection)
      local state = { ranges = {}, sweep = { began = BEGAN } }
      assert(db:begin_sweep(connection or "c1", key, state))
      return state.sweep.id
    end

    before_each(function()
      local then_, young = "2026-02-01T00:00:00Z", "2026-03-01T07:55:00Z"
      write({ payment "a", payment "b", payment "c", payment "d",
        payment("young", { createdDate = young }), payment("gone", { metadata = {
          isDeleted = true } }) }, then_)
      write({ payment "a" }, then_, "c2")
      charges, refunds = begin "charges payments", begin "refunds payments"
      assert(db:write_page("c1", { sweep = charges, seen = { payments = { "b", "x'\"" } } }, NOW))
      assert(db:write_page("c1", { sweep = refunds, seen = { payments = { "d", "b" } } }, NOW))
    end)

    it("tells what it did not see, unless that is too young", function()
      assert.equal("a c", unseen())
      assert.equal("a", unseen(nil, "", 1))
      assert.equal("c", unseen(nil, "a", 1))
      assert.equal("a c d", unseen { charges })
    end)

    -- Tax components have no date on which they were created.
    it("takes what the source tells of an age for more than when it was written", function()
      local taxes = model.find "tax_components"
      local records = {}
      for id, modified in pairs { old = "2026-02-01T00:00:00Z", young = "2026-03-01T07:55:00Z" } do
        records[#records + 1] = entry("tax_components", { id = id, sourceModifiedDate = modified })
      end
      assert(db:write_page("c1", { records = { tax_components = records } }, NOW))
      assert.same({ "old" }, db:unseen(taxes, "c1", { charges }, BEGAN - 600, "", 10))
    end)

    it("is that one's alone", function()
      local other = begin "charges payments payment_methods"
      assert.equal("a b c d", unseen { other })
      assert(db:write_page("c1", { sweep = other, seen = { payments = { "a" } } }, NOW))
      assert.equal("a c", unseen())
      assert.equal("b c d", unseen { other })
    end)

    it("is forgotten when the list's next full read begins, and when it is over", function()
      local elsewhere = begin("charges payments", "c2")
      assert.equal("a c", unseen())
      assert.are_not.equal(charges, elsewhere)
      local again = begin "charges payments"
      assert.are_not.equal(charges, again)
      assert.equal("a c", unseen { again, refunds })
      assert.equal("a b c d", unseen { charges, again })
      assert(db:end_sweep("c1", "refunds payments"))
      assert(db:end_sweep("c1", "refunds payments"))
      assert.equal("a b c d", unseen { again, refunds })
    end)

    it("stands in the checkpoint that it begins with", function()
      local id = begin "charges payments"
      assert.same({ ranges = {}, sweep = { id = id, began = BEGAN } },
        db:state("c1", "charges payments"))
    end)

    it("covers kept sources", function()
      local prices = begin "prices"
      assert(db:write_page("c1", { resource = "prices", sweep = prices, seen = { [""] = { "p1" } },
        sources = {
        { id = "p1", data = '{"created":5}' }, { id = "p2", data = '{"created":5}' },
        { id = "p3", data = '{"created":999}' }, { id = "p4", data = "{}" } } }, NOW))
      assert.same({ "p2", "p4" }, db:unseen_sources("c1", "prices", prices, 900, "", 10))
      assert.same({ "p4" }, db:unseen_sources("c1", "prices", prices, 900, "p2", 10))
      assert.same({}, db:unseen_sources("c1", "products", prices, 900, "", 10))
    end)

    it("is not begun for a connection that is not linked any more", function()
      assert(db:change_connection("c1", { status = "Unlinked", at = NOW }))
      local begun, _, details = db:begin_sweep("c1", "prices", { sweep = {} })
      assert.is_nil(begun)
      assert.equal("not_linked", details.code)
    end)

    it("goes with its connection", function()
      assert(db:remove_connection("c1"))
      assert.equal("a", table.concat(assert(db:unseen(PAYMENTS, "c2", { charges, refunds },
        BEGAN - 600, "", 10))))
    end)
  end)

  it("says that it is closed", function()
    db:close()
    local rows, message, details = db:companies()
    assert.is_nil(rows)
    assert.matches("is closed", message)
    assert.equal("store", details.kind)
  end)

  it("closes, and closes again", function()
    db:close()
    db:close()
  end)
end
