-- Delivering webhooks, with a real server at the other end and a clock that is moved.

local codat_webhooks = require "spec.support.codat_webhooks"
local consumers = require "commerce.webhooks.consumers"
local core = require "commerce.core"
local delivery = require "commerce.webhooks.delivery"
local handle = require "commerce.store.handle"
local jobs = require "commerce.runtime.jobs"
local master_key = require "spec.support.master_key"
local process = require "commerce.runtime.process"
local retention = require "commerce.account.retention"
local socket = require "socket"
local store = require "commerce.store"
local time = require "commerce.base.time"
local time_lapse = require "spec.support.time_lapse"
local webhook_sink = require "spec.support.webhook_sink"

local NOW = "2026-03-01T08:00:00Z"
local COMPANY, CONNECTION = "aaaaaaaa-0000-4000-8000-000000000001",
  "aaaaaaaa-0000-4000-8000-000000000011"
local DAY = 86400

describe("webhooks", function()
  local set_key = master_key.use(master_key.ONE)
  local db, sink, found, now, said, consumer, secret

  before_each(function()
    db = handle(assert(store.open "sqlite::memory:"))
    sink = webhook_sink.new()
    now, said = os.time() + 1, {}
    consumers.set_reach(db, "network")
    consumer, secret = assert(consumers.add(db, { url = sink.url .. "?a=1" }))
    found = delivery.new(db, { public_url = "https://data.example.com/codat/",
      log = function(event)
        said[#said + 1] = event
      end, clock = function()
        return now
      end })
  end)

  after_each(function()
    found:close()
    sink:close()
    db:close()
  end)

  local function company(name, fields)
    local row = { id = core.uuid(), name = name, created = NOW }
    for key, value in pairs(fields or {}) do
      row[key] = value
    end
    assert(db:save_company(row))
    return row
  end

  -- Sends what is due while another job does something again and again, until that gives true.
  -- Gives how many were sent.
  local function send_while(turn)
    local over, deadline = false, socket.gettime() + 10
    return jobs.together { function()
      return assert(found:drain(function()
        return over
      end))
    end, function()
      while not over do
        over = turn() or socket.gettime() > deadline
        jobs.sleep(0.001)
      end
    end }[1]
  end

  -- Sends what is due. Gives how many were sent.
  local function send()
    return assert(found:drain(function() end))
  end

  -- Both ends are in this process: sends what is due, until so many have been received.
  local function exchange(count, at)
    local got = {}
    send_while(function()
      got[#got + 1] = (at or sink):receive(1, 0)[1]
      return #got >= count
    end)
    assert.equal(count, #got)
    assert.same({}, sink:receive(1, 0))
    return got
  end

  local function messages()
    return assert(db:webhook_messages(consumer.id))
  end

  local function events(names)
    local list = {}
    for i, got in ipairs(exchange(#names)) do
      list[i] = codat_webhooks.check(got.event)
      assert.equal(names[i], got.event.eventType)
    end
    return list
  end

  it("are signed, and sent once", function()
    local row = company("Bank of Dave", { description = "A loan", tags = '{"region":"us"}' })
    local got = exchange(1)[1]
    assert.equal("POST /hook?a=1 HTTP/1.1", got.line)
    assert.equal("application/json", got.headers["content-type"])
    assert.equal(("%d"):format(now), got.headers["webhook-timestamp"])
    assert.matches("^msg_%x+$", got.headers["webhook-id"])
    assert.equal(core.sign_webhook(core.secret(secret), got.headers["webhook-id"],
      got.headers["webhook-timestamp"], got.body), got.headers["webhook-signature"])
    assert.is_nil(got.headers.authorization)
    local event = codat_webhooks.check(got.event)
    assert.equal("msg_" .. event.id:gsub("%-", ""), got.headers["webhook-id"])
    assert.same({ id = row.id, name = "Bank of Dave", description = "A loan",
      redirect = "https://data.example.com/codat/link/company/" .. row.id, created = NOW,
      tags = { region = "us" } }, event.payload)
    local message = messages()[1]
    assert.same({ "delivered", 1, 200 }, { message.status, message.attempts, message.http_status })
    assert.equal(0, send())
    assert.same({}, said)
  end)

  it("have the shapes that Codat publishes, whatever happens", function()
    local link = { id = CONNECTION, company_id = COMPANY, integration = "stripe-test",
      status = "PendingAuth", link_id = "link-1", created = NOW }
    assert(db:add_connection(link, { company = { id = COMPANY, name = "Shop", created = NOW,
      tags = '{"region":"eu"}' } }))
    assert(db:tell_failed_link(CONNECTION, { at = NOW, status_code = "403",
      status_text = "User cancelled linking", message = "User cancelled" }))
    assert(db:change_connection(CONNECTION, { status = "Linked", at = NOW }))
    local pull = { id = core.uuid(), connection_id = CONNECTION, data_type = "payments",
      status = "Complete", requested = NOW, completed = NOW, read = 1, created = 1, changed = 0,
      unchanged = 0, progress = 100 }
    assert(db:end_reads(CONNECTION, { { data_type = "payments", status = "Complete",
      modified = true, pull = pull } }))
    pull.id, pull.status = core.uuid(), "FetchError"
    assert(db:end_reads(CONNECTION, { { data_type = "payments", status = "FetchError",
      modified = false, message = "it broke", pull = pull } }))
    assert(db:change_connection(CONNECTION, { status = "Unlinked", at = NOW }))
    assert(db:change_connection(CONNECTION, { status = "Linked", at = NOW }))
    assert(db:add_connection_error(CONNECTION, { at = NOW, status_code = "401",
      status_text = "revoked", message = "The key was revoked" }))
    assert(db:change_connection(CONNECTION, { status = "Deauthorized", at = NOW,
      last_sync = NOW }))
    assert(db:remove_company(COMPANY))
    local all = events { "company.created", "connection.created", "connection.failed",
      "connection.connected", "read.completed", "read.completed.initial", "read.completed",
      "connection.disconnected", "connection.reconnected", "connection.disconnected",
      "connection.deleted", "company.deleted" }
    local reference = { id = COMPANY, name = "Shop", tags = { region = "eu" },
      links = { portal = "https://data.example.com/codat/companies/" .. COMPANY } }
    assert.same({ referenceCompany = reference, connection = { id = CONNECTION,
      integrationId = "5c6f2ab0-3c1e-4d8e-9b77-0f3f1c1d9a21", integrationKey = "yzth",
      sourceId = "7d0c9e64-15b2-4f0a-8a5e-5be0c2f7a3d8", sourceType = "Commerce",
      platformName = "Stripe Test", status = "PendingAuth", created = NOW,
      linkUrl = "https://data.example.com/codat/link/start/link-1",
      dataConnectionErrors = { { statusCode = "403", statusText = "User cancelled linking",
        errorMessage = "User cancelled", erroredOnUtc = NOW, status = "Active" } } } },
      all[3].payload)
    assert.same({ referenceCompany = reference, dataTypes = { { connectionId = CONNECTION,
      dataType = "commerce-payments", recordsModified = true, status = "Complete" } } },
      all[5].payload)
    assert.same(all[5].payload, all[6].payload)
    assert.same({ referenceCompany = reference, modifiedFromDate = NOW,
      dataTypes = { { connectionId = CONNECTION, dataType = "commerce-payments",
        recordsModified = false, status = "FetchError",
        issues = { { type = "error.read", message = "it broke" } } } } }, all[7].payload)
    assert.equal("Unlinked", all[8].payload.connection.status)
    assert.is_nil(all[8].payload.connection.dataConnectionErrors)
    assert.equal("401", all[10].payload.connection.dataConnectionErrors[1].statusCode)
  end)

  it("that fail are sent again when Codat would, under the same id, and then given up", function()
    company "Shop"
    local ids, stamps = {}, {}
    sink:answer { 500, 404, 302, 503, 500, 500, 500, 500, 200 }
    for i, delay in ipairs { 5, 300, 1800, 7200, 18000, 36000, 36000, false } do
      local got = exchange(1)[1]
      ids[got.headers["webhook-id"]] = true
      stamps[got.headers["webhook-timestamp"]] = true
      local message = messages()[1]
      assert.equal(i, message.attempts)
      assert.equal(delay and "waiting" or "failed", message.status)
      assert.matches("^HTTP %d%d%d$", message.error)
      assert.equal(0, send()) -- not at once
      now = now + (delay or 0) - 1
      assert.equal(0, send()) -- nor a second too early
      now = now + 1
      assert.equal(delay and now or message.due, message.due)
    end
    now = now + DAY
    assert.equal(0, send())
    local _, id = next(ids), next(ids)
    assert.is_nil(next(ids, id))
    local count = 0
    for _ in pairs(stamps) do
      count = count + 1
    end
    assert.equal(8, count)
    assert.equal(8, #said)
    assert.is_false(said[7].given_up)
    assert.is_true(said[8].given_up)
    assert.equal(1, db:counts().webhooks_given_up)
    assert.equal(1, db:replay_webhooks(consumer.id, { since = time.format(now - 3 * DAY) }, now))
    assert.equal(id, exchange(1)[1].headers["webhook-id"])
    assert.equal("delivered", messages()[1].status)
  end)

  it("go to who answers, while another one is waited for", function()
    local silent = assert(socket.bind("127.0.0.1", 0)) -- it is connected to, and says nothing
    local _, port = silent:getsockname()
    local slow = assert(consumers.add(db, { url = ("http://127.0.0.1:%d/"):format(port) }))
    company "One"
    company "Two"
    local got = {}
    assert.equal(3, send_while(function()
      got[#got + 1] = sink:receive(1, 0)[1]
      return #got == 2
    end))
    assert.same({ "One", "Two" }, { got[1].event.payload.name, got[2].event.payload.name })
    assert.equal("delivered", messages()[1].status)
    for _, message in ipairs(db:webhook_messages(slow.id)) do
      assert.same({ "waiting", 0 }, { message.status, message.attempts })
    end
    silent:close()
  end)

  it("stop going to who was not reached for five days, and to nobody else", function()
    local other = webhook_sink.new()
    assert(consumers.add(db, { url = other.url }))
    sink:close() -- nobody listens there any more
    company "Shop"
    exchange(1, other)
    local began = db:webhook_consumers()[1].failing_since
    assert.is_number(began)
    now = began + 5 * DAY
    local before = messages()[1].attempts
    send()
    assert.is_true(messages()[1].attempts > before)
    local list = db:webhook_consumers()
    assert.is_true(list[1].disabled)
    assert.is_false(list[2].disabled)
    assert.equal("webhook_disabled", said[#said].event)
    company "Another"
    exchange(1, other)
    assert.equal(1, #messages())
    other:close()
    sink = webhook_sink.new()
  end)

  it("count as delivered with the status, however much is said besides", function()
    company "Shop"
    local server = assert(socket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    assert(consumers.remove(db, consumer.id))
    consumer = assert(consumers.add(db, { url = ("http://127.0.0.1:%d/"):format(port) }))
    company "Talkative"
    local client
    server:settimeout(0)
    send_while(function()
      client = client or server:accept()
      if client then
        client:settimeout(0)
        client:send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. ("x"):rep(100000))
      end
      return messages()[1].status ~= "waiting"
    end)
    assert.same({ "delivered", 200 }, { messages()[1].status, messages()[1].http_status })
    client:close()
    server:close()
  end)

  it("never go to private addresses unless that is allowed", function()
    company "Shop"
    consumers.set_reach(db, "public")
    assert.equal(1, send())
    assert.equal(1, messages()[1].attempts)
    assert.matches("is at an address of this machine or of a private network", messages()[1].error,
      1, true)
    assert.same({}, sink:receive(1, 0.05))
    now = now + 5
    consumers.set_reach(db, "network")
    exchange(1)
  end)

  it("wait as long as their secret does not open, and nobody takes that for the consumer's fault",
    function()
      company "Shop"
      set_key(master_key.TWO)
      assert.equal(0, send())
      assert.equal("webhook_held", said[1].event)
      assert.matches("COMMERCE_MASTER_KEY", said[1].message, 1, true)
      assert.same({ "waiting", 0 }, { messages()[1].status, messages()[1].attempts })
      set_key(master_key.ONE)
      now = now + 61
      exchange(1)
    end)

  it("are signed with both secrets while they are exchanged", function()
    local newer = assert(consumers.renew_secret(db, consumer.id))
    company "Shop"
    local got = exchange(1)[1]
    local function signed(by)
      return core.sign_webhook(core.secret(by), got.headers["webhook-id"],
        got.headers["webhook-timestamp"], got.body)
    end
    assert.equal(signed(newer) .. " " .. signed(secret), got.headers["webhook-signature"])
  end)

  it("are forgotten after a month", function()
    company "Shop"
    exchange(1)
    now = now + 31 * DAY
    found.tidied = nil
    send()
    assert.same({}, messages())
    assert.equal(0, db:replay_webhooks(consumer.id, { since = "2026-01-01T00:00:00Z",
      all = true }, now))
  end)

  it("are kept for as long as the setting says", function()
    retention.set_of_webhooks(db, 400)
    company "Shop"
    exchange(1)
    now = now + 390 * DAY
    found.tidied = nil
    send()
    assert.equal(1, #messages())
    retention.set_of_webhooks(db, nil)
    now = now + 9000 * DAY
    found.tidied = nil
    send()
    assert.equal(1, #messages())
    retention.set_of_webhooks(db, 9000)
    found.tidied = nil
    send()
    assert.same({}, messages())
  end)

  it("go on when the store has failed for a moment, and end when it fails for good", function()
    company "Shop"
    local left = 1
    local function failing(self, ...)
      if left > 0 then
        left = left - 1
        return nil, "locked", { kind = "store" }
      end
      return db.take_delivery(self, ...)
    end
    found.store = handle(setmetatable({ take_delivery = failing }, { __index = db }))
    local got
    assert(found:run(function()
      got = got or sink:receive(1, 0.005)[1]
      return messages()[1].status == "delivered"
    end))
    assert.equal("company.created", got.event.eventType)
    left = math.huge
    local ok, message = time_lapse.during(found.run, found, function() end)
    assert.is_nil(ok)
    assert.equal("locked", message)
  end)

  it("that are taken by who died are sent again at once", function()
    company "Shop"
    -- no process has the greatest number there can be
    local gone = process.name():gsub("%d+:%d+$", "4194304:1")
    local taken = assert(db:take_delivery(gone, now, 60))
    local got = exchange(1)[1]
    assert.equal("msg_" .. taken.id:gsub("%-", ""), got.headers["webhook-id"])
  end)

  it("that are taken in another PID namespace wait for the end of their time", function()
    company "Shop"
    local other = process.name():gsub("/%d+:%d+:%d+$", "/1:4194304:1")
    local taken = assert(db:take_delivery(other, now, 60))
    assert.equal(0, send())
    now = now + 61
    local got = exchange(1)[1]
    assert.equal("msg_" .. taken.id:gsub("%-", ""), got.headers["webhook-id"])
  end)
end)
