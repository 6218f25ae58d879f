-- Shared cases of the store contract: the queue of pulls, leases, the history of pulls and API
-- keys.

local assert = require "luassert"
local busted = require "busted"
local datasets = require "commerce.store.datasets"
local query = require "commerce.query"

local describe, it, before_each = busted.describe, busted.it, busted.before_each

local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: pull
return function(db, with)
  local pull = with.pull

  local function ask(id, connection_id, data_type, now)
    return assert(db():queue_pulls({ { id = id, connection_id = connection_id or "c1",
      data_type = data_type or "payments" } }, now or NOW))[1]
  end

  local function taken(worker, now)
    local work = db():take_pulls(worker, now or 1000, 60)
    if work then
      local ids = {}
      for i, each in ipairs(work.pulls) do
        ids[i] = each.id
      end
      table.sort(ids)
      return work.connection_id .. ":" .. table.concat(ids, ",")
    end
  end

  describe("queue_pulls", function()
    it("gives a pull that waits", function()
      local asked = ask "p1"
      assert.equal("p1", asked.id)
      assert.equal("Queued", asked.status)
      assert.equal(NOW, asked.requested)
      assert.same(asked, db():pull "p1")
    end)

    it("gives the one that waits already, but not one that is under way", function()
      ask "p1"
      assert.equal("p1", ask("p2").id)
      assert.equal("p3", ask("p3", "c1", "disputes").id)
      assert.equal("p4", ask("p4", "c2").id)
      assert(db():save_pull(pull("p1", { status = "Fetching" })))
      assert.equal("p5", ask("p5").id)
      local waiting = assert(db():waiting_pulls "c1")
      assert.equal("p5", waiting.payments.id)
      assert.equal("p3", waiting.disputes.id)
    end)

    it("leaves alone what has been asked for since a date", function()
      local function due(since)
        return assert(db():queue_pulls({ { id = "new " .. since, connection_id = "c1",
          data_type = "payments", unless_since = since } }, LATER))[1]
      end
      assert(db():save_pull(pull("1", { requested = NOW, status = "FetchError" })))
      assert.is_false(due(NOW))
      assert.is_false(due "2026-02-28T00:00:00Z")
      assert.equal("new 2026-03-01T08:00:01Z", due("2026-03-01T08:00:01Z").id)
      assert.equal("new 2026-03-01T08:00:01Z", due(NOW).id) -- it waits
    end)

    it("does not count a request that a clock that was ahead has dated", function()
      assert(db():save_pull(pull("1", { requested = "2027-01-01T00:00:00Z" })))
      assert.equal("p1", assert(db():queue_pulls({ { id = "p1", connection_id = "c1",
        data_type = "payments", unless_since = NOW } }, LATER))[1].id)
    end)
  end)

  describe("end_killed_pulls", function()
    it("dates what lies in the future as of now", function()
      local ahead = "2027-01-01T00:00:00Z"
      assert(db():save_pull(pull("1", { requested = ahead, completed = ahead })))
      assert(db():save_pull(pull("2", { requested = ahead, completed = ahead,
        connection_id = "c2" })))
      assert(db():save_pull(pull("3", { requested = NOW, completed = LATER })))
      assert.equal(0, db():end_killed_pulls("c1", LATER))
      local function dates(id)
        local found = db():pull(id)
        return { found.requested, found.completed }
      end
      assert.same({ LATER, LATER }, dates "1")
      assert.same({ ahead, ahead }, dates "2")
      assert.same({ NOW, LATER }, dates "3")
    end)
  end)

  describe("take_pulls", function()
    it("finds nothing in an empty queue, or among what is done", function()
      assert.is_nil(taken "w1")
      assert(db():save_pull(pull "done"))
      assert.is_nil(taken "w1")
    end)

    it("gives all of one connection to one worker, who has waited longest first", function()
      ask("late", "c1", "payments", LATER)
      ask("early", "c2")
      ask("other", "c2", "disputes", LATER)
      assert.equal("c2:early,other", taken "w1")
      assert.equal("c1:late", taken "w2")
      assert.is_nil(taken "w3")
    end)

    it("leaves a leased connection alone until the lease is given back", function()
      ask "p1"
      assert.equal("c1:p1", taken "w1")
      assert(db():save_pull(pull("p1", { status = "Complete" })))
      ask("p2", "c1", "disputes")
      assert.is_nil(taken "w2")
      assert.is_true(db():release("c1", "w1"))
      assert.equal("c1:p2", taken "w2")
    end)

    it("takes over what a worker left whose lease has run out", function()
      ask "p1"
      ask("p2", "c1", "disputes")
      taken("w1", 1000)
      assert(db():save_pull(pull("p1", { status = "Fetching", requested = NOW })))
      assert.is_nil(taken("w2", 1059))
      assert.equal("c1:p1,p2", taken("w2", 1060))
      assert.is_false(db():release("c1", "w1"))
    end)

    it("does one of two pulls of a type, the dead worker's and the one behind it", function()
      ask "p1"
      taken("w1", 1000)
      assert(db():save_pull(pull("p1", { status = "Fetching", requested = NOW })))
      ask("p2", "c1", "payments", LATER)
      assert.equal("c1:p2", taken("w2", 2000))
      assert.equal("Cancelled", db():pull("p1").status)
    end)

    it("leaves alone what is fetched without a lease", function()
      assert(db():save_pull(pull("p1", { status = "Fetching" })))
      assert.is_nil(taken "w1")
    end)
  end)

  describe("a lease", function()
    it("is held by one until it runs out", function()
      assert.is_true(db():lease("c1", "w1", 1000, 60))
      assert.is_true(db():lease("c1", "w1", 1030, 60))
      assert.is_false(db():lease("c1", "w2", 1089, 60))
      assert.is_true(db():lease("c2", "w2", 1089, 60))
      assert.same({ c1 = "w1", c2 = "w2" }, db():leases(1089))
      assert.is_true(db():lease("c1", "w2", 1090, 60))
      assert.is_false(db():lease("c1", "w1", 1091, 60))
      assert.is_false(db():release("c1", "w1"))
      assert.is_true(db():release("c1", "w2"))
      assert.same({}, db():leases(9999))
      assert.is_true(db():lease("c1", "w1", 1000, 60))
      assert.is_false(db():expire_lease("c1", "w2"))
      assert.is_true(db():expire_lease("c1", "w1"))
      assert.is_true(db():lease("c1", "w2", 1001, 60))
    end)

    it("is over if its end is further away than twice its length: a clock was ahead", function()
      assert.is_true(db():lease("c1", "w1", 1060, 60)) -- a minute may lie between two hosts
      assert.is_false(db():lease("c1", "w2", 1000, 60))
      assert.same({ c1 = "w1" }, db():leases(1000))
      assert.is_true(db():lease("c1", "w1", 9000, 60))
      assert.same({}, db():leases(1000))
      ask "p1"
      assert.equal("c1:p1", taken("w2", 1000))
      assert.is_true(db():lease("c1", "w2", 9000, 60))
      assert.is_true(db():lease("c1", "w3", 1000, 60))
    end)

    it("has its own length, whoever asks", function()
      assert.is_true(db():lease("c1", "w1", 1000, 3600))
      assert.is_false(db():lease("c1", "w2", 1000, 4))
      assert.same({ c1 = "w1" }, db():leases(1000))
    end)
  end)

  describe("counters", function()
    it("add up", function()
      assert.same({}, db():counts())
      assert(db():add_counts { a = 2, b = 0 })
      assert(db():add_counts { a = 3 })
      assert.same({ a = 5, b = 0 }, db():counts())
    end)
  end)

  describe("the history of pulls", function()
    before_each(function()
      assert(db():save_pull(pull("1", { requested = "2026-03-01T08:00:00Z" })))
      assert(db():save_pull(pull("2", { requested = "2026-03-03T08:00:00Z", status = "FetchError",
        error_message = "broken", progress = 40 })))
      assert(db():save_pull(pull("3", { requested = "2026-03-02T08:00:00Z",
        data_type = "payment_methods" })))
      assert(db():save_pull(pull("4", { connection_id = "c2" })))
    end)

    local function ids(connection_ids, options)
      local result = {}
      for i, row in ipairs(assert(db():pulls(connection_ids, options or {}))) do
        result[i] = row.id
      end
      return table.concat(result, " ")
    end

    local function parsed(text)
      return assert(query.parse(datasets.pulls, text))
    end

    it("is of some connections, newest first, a page at a time", function()
      assert.equal("2 3 1", ids { "c1" })
      assert.equal("2 3 4 1", ids { "c1", "c2" })
      assert.equal("3", ids({ "c1" }, { limit = 1, offset = 1 }))
      assert.equal("", ids {})
      assert.equal(3, db():count_pulls { "c1" })
      assert.equal(0, db():count_pulls {})
    end)

    for text, found in pairs {
      ["status=complete"] = "3 1", ["status!=Complete"] = "2", ["progress<50"] = "2",
      ["dataType=commerce-paymentMethods"] = "3", ["dataType~payments"] = "2 1",
      ["requested>2026-03-02&&requested<2026-03-03"] = "3", ["errorMessage~brok"] = "2",
      ["connectionId=c2"] = "", ["id=1||id=4"] = "1",
    } do
      it("finds " .. text, function()
        assert.equal(found, ids({ "c1" }, { query = parsed(text) }))
        local _, spaces = found:gsub("%S+", "")
        assert.equal(spaces, db():count_pulls({ "c1" }, parsed(text)))
      end)
    end

    it("comes in another order", function()
      local order = assert(query.order(datasets.pulls, "requested"))
      assert.equal("1 3 2", ids({ "c1" }, { order_by = order }))
    end)

    it("knows whether a type was ever read completely", function()
      assert.is_true(db():is_complete("c1", "payments"))
      assert.is_false(db():is_complete("c1", "disputes"))
      assert(db():save_pull(pull("5", { data_type = "disputes", status = "FetchError" })))
      assert.is_false(db():is_complete("c1", "disputes"))
      assert.is_false(db():is_complete("c2", "payment_methods"))
    end)

    it("knows the latest that read everything", function()
      assert.equal("1", db():latest_complete_pulls("c1").payments.id)
      assert.equal("2", db():latest_pulls("c1").payments.id)
      assert.equal("3", db():latest_complete_pulls("c1").payment_methods.id)
    end)

    it("is counted by status", function()
      assert.same({ Complete = 3 }, db():pull_counts { "Complete", "Queued" })
    end)
  end)

  describe("API keys", function()
    local function key(id, expires)
      return { id = id, name = "key " .. id, hash = "hash of " .. id, created = NOW,
        expires = expires }
    end

    it("are found by their hash, and listed oldest first", function()
      assert.is_true(db():add_api_key(key "k2", 10))
      assert.is_true(db():add_api_key(key("k1", LATER), 10))
      assert.same(key "k2", db():api_key_of "hash of k2")
      assert.is_nil((db():api_key_of "hash of k3"))
      assert.same({ key "k2", key("k1", LATER) }, db():api_keys())
    end)

    it("are no more than they may be", function()
      assert.is_true(db():add_api_key(key "k1", 2))
      assert.is_true(db():add_api_key(key "k2", 2))
      assert.is_false(db():add_api_key(key "k3", 2))
      assert.equal(2, #db():api_keys())
    end)

    it("are deleted, except for the last one that works", function()
      assert(db():add_api_key(key "k1", 10))
      assert(db():add_api_key(key("old", NOW), 10))
      assert.equal("missing", db():delete_api_key("k9", LATER))
      assert.equal("last", db():delete_api_key("k1", LATER))
      assert(db():add_api_key(key "k2", 10))
      assert.equal("deleted", db():delete_api_key("k1", LATER))
      assert.equal("deleted", db():delete_api_key("old", LATER))
      assert.same({ key "k2" }, db():api_keys())
    end)

    it("may be read-only", function()
      local reader = key "k1"
      reader.read_only = true
      assert(db():add_api_key(reader, 10))
      assert(db():add_api_key(key "k2", 10))
      assert.same({ reader, key "k2" }, db():api_keys())
      assert.is_true(db():api_key_of("hash of k1").read_only)
    end)
  end)

  describe("access tokens", function()
    it("are found by their hash until they are dropped, or their company is", function()
      for i, company in ipairs { "co1", "co1", "co2" } do
        assert.is_true(db():add_access_token({ hash = "h" .. i, company_id = company,
          expires = 100 + i }, 50))
      end
      assert.same({ hash = "h2", company_id = "co1", expires = 102 }, db():access_token_of "h2")
      assert.is_nil((db():access_token_of "h4"))
      assert.is_true(db():add_access_token({ hash = "h4", company_id = "co1", expires = 200 }, 101))
      assert.is_nil((db():access_token_of "h1"))
      assert.equal(102, db():access_token_of("h2").expires)
      assert(db():remove_company "co1")
      assert.is_nil((db():access_token_of "h2"))
      assert.is_nil((db():access_token_of "h4"))
      assert.equal("co2", db():access_token_of("h3").company_id)
    end)
  end)

  describe("count", function()
    it("is right after every write, its own and another's", function()
      local PAYMENTS = require("commerce.model").find "payments"
      local function write(id)
        assert(db():write_page("c1", { records = { payments = { { id = id,
          body = '{"id":"' .. id .. '"' } } } }, NOW))
      end
      assert.equal(0, db():count(PAYMENTS, "c1"))
      write "a"
      assert.equal(1, db():count(PAYMENTS, "c1"))
      assert.equal(0, db():count(PAYMENTS, "c2"))
      write "b"
      assert.equal(2, db():count(PAYMENTS, "c1"))
      assert.equal(1, db():count(PAYMENTS, "c1", query.parse(PAYMENTS, "id=a")))
    end)
  end)
end
