-- Shared cases of the store contract: webhook consumers and the events that they are told.

local assert = require "luassert"
local busted = require "busted"
local tables = require "commerce.base.tables"

local after_each, before_each = busted.after_each, busted.before_each
local describe, it = busted.describe, busted.it

local NOW = "2026-03-01T08:00:00Z"
local SOON = 9e9 -- unix seconds after everything that happens here
local DAY = 86400

--- Declare the cases.
---@param db fun(): commerce.Store the store of the running case, with the connections c1 and c2
---@param with table the contract's helpers: pull
return function(db, with)
  local function add(id, fields)
    local consumer = tables.merged({ id = id, url = "https://example.com/" .. id, disabled = false,
      event_types = {}, company_tags = {}, created = NOW }, fields)
    assert.is_true(db():add_webhook_consumer(consumer, 50))
  end

  local function company(id, tags)
    assert(db():save_company { id = id, name = "Company " .. id, created = NOW, tags = tags })
  end

  local function take(worker, now)
    local delivery, message = db():take_delivery(worker or "w1", now or SOON, 60)
    assert.is_nil(message)
    return delivery
  end

  local function settle(delivery, fields, worker)
    local outcome = tables.merged({ status = "delivered", now = SOON, at = NOW,
      patience = 5 * DAY }, fields)
    local disabled = db():settle_delivery(worker or "w1", delivery, outcome)
    assert.is_boolean(disabled)
    return disabled
  end

  -- The deliveries to a consumer with their status, oldest first: "company.created waiting".
  local function told(id)
    local list = {}
    for _, message in ipairs(assert(db():webhook_messages(id))) do
      table.insert(list, 1, message.type .. " " .. message.status)
    end
    return table.concat(list, ", ")
  end

  describe("what is told", function()
    before_each(function()
      add "all"
    end)

    it("is a company's beginning and end, with its connections", function()
      company "x"
      company "x" -- changed, which is not told
      assert(db():remove_company "co1")
      assert.equal("company.created waiting, connection.deleted waiting, "
        .. "connection.deleted waiting, company.deleted waiting", told "all")
      local delivery = take()
      assert.equal("company.created", delivery.type)
      assert.same({ id = "x", name = "Company x", created = NOW }, delivery.facts.company)
    end)

    it("is how a connection fares", function()
      assert(db():add_connection { id = "n", company_id = "co1", integration = "stripe-test",
        status = "PendingAuth", created = NOW })
      for _, status in ipairs { "Linked", "Linked", "Unlinked", "Linked", "Deauthorized" } do
        assert(db():change_connection("n", { status = status, at = NOW, reason = "why" }))
      end
      assert(db():tell_failed_link("n", { at = NOW, status_code = "403", status_text = "no",
        message = "declined" }))
      assert.is_false(db():tell_failed_link("none", { at = NOW }))
      assert(db():remove_connection "n")
      assert.is_false(db():remove_connection "n")
      assert.equal("connection.created waiting, connection.connected waiting, "
        .. "connection.disconnected waiting, connection.reconnected waiting, "
        .. "connection.disconnected waiting, connection.failed waiting, "
        .. "connection.deleted waiting", told "all")
    end)

    it("is what concerns the client, once for each id, without companies' tags", function()
      add("tagged", { company_tags = { "region:eu" } })
      local facts = { daily_quota = 5, remaining = 0, expires = NOW }
      local id = "743ec94a-8aa4-44bb-8bd4-e1855ee0e74b"
      assert.is_true(db():tell_client(id, "client.rateLimit.reached", facts))
      assert.is_false(db():tell_client(id, "client.rateLimit.reached", facts))
      assert.equal("client.rateLimit.reached waiting", told "all")
      assert.equal("", told "tagged")
      local delivery = take()
      assert.equal(id, delivery.id)
      assert.same(facts, delivery.facts.client)
      assert.is_nil(delivery.facts.company)
    end)

    it("has the connection as it was then, and its errors", function()
      assert(db():add_connection_error("c1", { at = NOW, status_code = "401", status_text = "gone",
        message = "it's revoked" }))
      assert(db():change_connection("c1", { status = "Deauthorized", at = NOW }))
      assert(db():change_connection("c1", { status = "Linked", at = NOW }))
      local first = take()
      assert.same({ "Deauthorized", "c1", "acct_1" }, { first.facts.connection.status,
        first.facts.connection.id, first.facts.connection.account })
      assert.same({ { at = NOW, status_code = "401", status_text = "gone",
        message = "it's revoked" } }, first.facts.errors)
      settle(first)
      local second = take()
      assert.same({ "connection.reconnected", "Linked" }, { second.type,
        second.facts.connection.status })
      assert.is_nil(second.facts.errors)
    end)

    it("is what was read: all of it the first time, when nothing waits any more", function()
      local one = with.pull("1", { status = "Fetching", requested = NOW })
      local two = with.pull("2", { data_type = "disputes", status = "Queued" })
      assert(db():save_pull(one))
      assert(db():save_pull(two))
      one.status = "Complete"
      assert(db():end_reads("c1", { { data_type = "payments", status = "Complete",
        modified = true, pull = one } }))
      assert.equal("Complete", db():pull("1").status)
      assert.equal("read.completed waiting", told "all")
      two.status = "FetchError"
      assert(db():end_reads("c1", { { data_type = "disputes", status = "FetchError",
        modified = false, message = "broken", pull = two } }))
      assert.equal("read.completed waiting, read.completed waiting, "
        .. "read.completed.initial waiting", told "all")
      assert(db():end_reads("c1", { { data_type = "payments", status = "Complete",
        modified = false, pull = with.pull "3" } }))
      local last
      for _ = 1, 4 do
        last = take()
        settle(last)
      end
      assert.equal("read.completed", last.type)
      assert.equal(one.completed, last.facts.since)
      assert.same({ { data_type = "payments", status = "Complete", modified = false } },
        last.facts.reads)
    end)

    it("is nothing of a custom data type, which Codat's clients do not know", function()
      local payouts = with.pull("1", { data_type = "payouts" })
      assert(db():end_reads("c1", { { data_type = "payouts", status = "Complete",
        modified = true, pull = payouts } }))
      assert.equal("Complete", db():pull("1").status)
      assert.equal("", told "all")
    end)

    it("does not report cancelled reads, nor types that only one script knows", function()
      assert(db():end_reads("c1", { { data_type = "payments", status = "Cancelled",
        modified = false, pull = with.pull("1", { status = "Cancelled" }) } }))
      assert(db():end_reads("c1", { { data_type = "own_type", status = "Complete",
        modified = true } }))
      assert.equal("Cancelled", db():pull("1").status)
      assert.equal("", told "all")
    end)

    it("is nothing of what did not happen", function()
      assert.is_false(db():change_connection("c1", { status = "Unlinked", at = NOW }, "Unlinked"))
      assert.is_false(db():remove_company "none")
      assert.is_nil((db():add_connection { id = "c1", company_id = "co1",
        integration = "stripe-test", status = "Linked", created = NOW }))
      assert.equal("", told "all")
    end)
  end)

  describe("a consumer of an event", function()
    it("has asked for the event, and for a tag of the company", function()
      add("deleted", { event_types = { "company.deleted", "read.completed" } })
      add("europe", { company_tags = { "region:eu", "tier:a:b" } })
      add("off", { disabled = true })
      company("x", '{"region":"us"}')
      company("y", '{"region":"eu"}')
      company("z", '{"tier":"a:b"}')
      assert(db():remove_company "x")
      assert.equal("company.deleted waiting", told "deleted")
      assert.equal("company.created waiting, company.created waiting", told "europe")
      assert.equal("", told "off")
    end)
  end)

  describe("a delivery", function()
    before_each(function()
      add "a"
      company "x"
      company "y"
    end)

    it("is taken by one at a time for each consumer, in order", function()
      add "b"
      company "z"
      local first = take "w1"
      assert.equal("a", first.consumer_id)
      assert.equal("https://example.com/a", first.url)
      assert.equal("Company x", first.facts.company.name)
      assert.equal(0, first.attempts)
      local other = take "w2"
      assert.same({ "b", "Company z" }, { other.consumer_id, other.facts.company.name })
      assert.is_nil(take "w3")
      settle(first)
      assert.equal("Company y", take("w2").facts.company.name)
      assert.equal("company.created delivered, company.created waiting, company.created waiting",
        told "a")
    end)

    it("is sent again by another one when the time of who took it is over", function()
      local first = take("w1", SOON)
      assert.same({ "w1" }, db():webhook_senders(SOON + 59))
      assert.is_nil(take("w2", SOON + 59))
      assert.equal(first.id, take("w2", SOON + 60).id)
      assert.same({ "w2" }, db():webhook_senders(SOON + 61))
      assert.is_true(db():release_consumers "w2")
      assert.same({}, db():webhook_senders(SOON + 61))
      assert.equal(first.id, take("w3", SOON + 61).id)
    end)

    it("does not wait for times that a clock that was ahead has dated", function()
      local first = take("w1", SOON + 9000)
      assert.is_nil(take("w2", SOON + 9000))
      assert.equal(first.id, take("w2", SOON).id)
      settle(first, { status = "waiting", due = SOON + 30 * DAY }, "w2")
      local taken = {}
      for found in function() return take "w1" end do
        taken[found.id] = true
        settle(found)
      end
      assert.is_true(taken[first.id])
    end)

    it("counts once, whoever comes too late", function()
      local first = take("w1", SOON)
      local again = take("w2", SOON + 60)
      settle(again, { now = SOON + 61 }, "w2")
      settle(first, { status = "waiting", due = SOON + 90, now = SOON + 62 }, "w1")
      local message = db():webhook_messages("a")[2]
      assert.same({ "delivered", 1 }, { message.status, message.attempts })
    end)

    it("waits as long as it is told to, and others go meanwhile", function()
      settle(take(), { status = "waiting", due = SOON + 5, http_status = 500, error = "HTTP 500" })
      local message = db():webhook_messages("a")[2]
      assert.same({ "waiting", 1, SOON + 5, 500, "HTTP 500", NOW }, { message.status,
        message.attempts, message.due, message.http_status, message.error, message.attempted })
      local second = take()
      assert.equal("Company y", second.facts.company.name)
      settle(second)
      assert.is_nil(take("w1", SOON + 4))
      local again = take("w1", SOON + 5)
      assert.same({ message.id, 1 }, { again.id, again.attempts })
      assert.same({ a = { waiting = 1, failed = 0, oldest = message.at } }, db():webhook_queues())
    end)

    it("that is given up stays so, and is counted", function()
      settle(take(), { status = "failed" })
      assert.equal("company.created failed, company.created waiting", told "a")
      assert.equal(1, #db():webhook_messages("a", { status = "failed" }))
      assert.equal(1, #db():webhook_messages("a", { limit = 1 }))
      assert.equal(1, db():webhook_queues().a.failed)
      local counts = db():counts()
      assert.same({ 1, 1, 1 }, { counts.webhook_attempts, counts.webhook_attempts_failed,
        counts.webhooks_given_up })
    end)

    it("is no more when its consumer is deleted", function()
      local first = take()
      assert.is_true(db():delete_webhook_consumer "a")
      settle(first, { status = "waiting", due = SOON })
      assert.is_nil(take())
      assert.same({}, db():webhook_queues())
    end)
  end)

  describe("a consumer that nothing reaches", function()
    local function fail(now)
      return settle(take("w1", now), { status = "waiting", due = now, now = now })
    end

    before_each(function()
      add "a"
      company "x"
    end)

    it("is disabled when that has gone on for long enough", function()
      assert.is_false(fail(SOON))
      assert.equal(SOON, db():webhook_consumers()[1].failing_since)
      assert.is_false(fail(SOON + 5 * DAY - 1))
      assert.is_true(fail(SOON + 5 * DAY))
      assert.is_true(db():webhook_consumers()[1].disabled)
      assert.equal(1, db():counts().webhook_consumers_disabled)
      assert.is_nil(take("w1", SOON + 6 * DAY))
      company "y" -- happens while it is disabled
      assert.equal("company.created waiting", told "a")
      assert.is_true(db():disable_webhook_consumer("a", false))
      assert.is_nil(db():webhook_consumers()[1].failing_since)
      assert.is_false(fail(SOON + 6 * DAY))
    end)

    it("is not disabled as long as something does", function()
      assert.is_false(fail(SOON))
      company "y"
      settle(take("w1", SOON + 1), { now = SOON + 1 })
      assert.is_nil(db():webhook_consumers()[1].failing_since)
      company "z"
      assert.is_false(fail(SOON + 6 * DAY))
    end)

    it("is disabled and enabled by its name", function()
      assert.is_true(db():disable_webhook_consumer("a", true))
      assert.is_nil(take())
      assert.is_true(db():disable_webhook_consumer("a", false))
      assert.equal("company.created", take().type)
      assert.is_false(db():disable_webhook_consumer("none", true))
    end)
  end)

  describe("replay_webhooks", function()
    local function all(given)
      return db():replay_webhooks("a", given, SOON)
    end

    before_each(function()
      assert(db():forget_webhooks "9999-01-01T00:00:00Z")
      company "missed" -- before there was the consumer
      add("a", { event_types = { "company.created" } })
      company "x"
      company "y"
      assert(db():remove_company "x") -- not asked for
    end)

    it("brings what failed and what was missed, but not what waits or was delivered", function()
      settle(take(), { status = "failed", error = "HTTP 500" })
      settle(take())
      assert.equal(2, all { since = "2026-01-01T00:00:00Z" })
      assert.equal("company.created waiting, company.created waiting, company.created delivered",
        told "a")
      assert.equal(0, all { since = "2026-01-01T00:00:00Z" })
      assert.equal(1, all { since = "2026-01-01T00:00:00Z", all = true })
      assert.same({ "Company missed", 0 }, { take().facts.company.name, 0 })
    end)

    it("brings one message by its id, in any status", function()
      local first = take()
      settle(first)
      assert.equal(1, all { id = first.id })
      assert.equal(0, all { id = "none" })
      settle(take())
      assert.equal(first.id, take().id)
    end)

    it("knows nothing of what is later, nor of other consumers", function()
      assert.equal(0, all { since = "9999-01-01T00:00:00Z" })
      assert.is_false(db():replay_webhooks("none", { since = NOW }, SOON))
    end)
  end)

  describe("forget_webhooks", function()
    it("deletes old events, except those that wait for an enabled consumer", function()
      assert(db():forget_webhooks "9999-01-01T00:00:00Z")
      add "a"
      company "x"
      company "y"
      assert.equal(0, db():forget_webhooks "2026-01-01T00:00:00Z")
      settle(take())
      assert.equal(1, db():forget_webhooks "9999-01-01T00:00:00Z")
      assert.equal("company.created waiting", told "a")
      assert(db():disable_webhook_consumer("a", true))
      assert.equal(1, db():forget_webhooks "9999-01-01T00:00:00Z")
      assert.equal("", told "a")
    end)
  end)

  describe("an event without deliveries", function()
    local real = os.time

    after_each(function()
      os.time = real -- luacheck: ignore 122
    end)

    local function later(days)
      local now = real() + days * DAY
      os.time = function(...) -- luacheck: ignore 122
        return ... and real(...) or now
      end
    end

    -- How many events can be sent again, the next one among them.
    local function kept_after(days)
      later(days)
      company "next"
      os.time = real -- luacheck: ignore 122
      add "a"
      return db():replay_webhooks("a", { since = "2026-01-01T00:00:00Z" }, SOON)
    end

    before_each(function()
      assert(db():forget_webhooks "9999-01-01T00:00:00Z")
      company "x"
    end)

    for _, case in ipairs { { nil, 29, 2 }, { nil, 31, 1 }, { "7", 6, 2 }, { "7", 8, 1 },
      { "", 400, 2 } } do
      local setting, days, kept = case[1], case[2], case[3]
      it(("is %s after %d days with the setting '%s'"):format(kept == 2 and "kept" or "forgotten",
        days, setting or "none"), function()
        if setting then
          assert(db():save_setting("webhooks_retention", setting))
        end
        assert.equal(kept, kept_after(days))
      end)
    end
  end)
end
