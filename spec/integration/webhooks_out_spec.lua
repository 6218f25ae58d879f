-- Webhooks out: real processes that send, a real server that receives, and the commands around
-- them.

local client = require "spec.support.api_client"
local codat_webhooks = require "spec.support.codat_webhooks"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"
local store = require "commerce.store"
local webhook_sink = require "spec.support.webhook_sink"

-- Makes a linked connection whose key is kept, of the company that is named; prints its id.
local LINK = [[
local commerce = require "commerce"
local app = assert(commerce.open {})
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY", keep_key = true,
  company = arg[1] })
print(shop.id)
]]

describe("webhooks out", function()
  local e, box, sink, secret

  setup(function()
    e = emulator.start { charges = 120, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 120, compact = true }
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator",
      COMMERCE_MASTER_KEY = master_key.ONE }, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "commerce.db"
    sink = webhook_sink.new()
  end)

  after_each(function()
    sink:close()
    box:close()
  end)

  local function run(arguments, expected)
    local status, output, errors = box:commerce(arguments)
    assert.equal(expected or 0, status, arguments .. ": " .. output .. errors)
    return output, errors
  end

  local function add(url, more)
    run "webhooks reach network"
    local made = json.decode((run(("webhooks add '%s' --json %s"):format(url, more or ""))))
    assert.matches("^whsec_", made.secret)
    return made.id, made.secret
  end

  local function link()
    local status, output, errors = shell.run(box:script(box:write("link.lua", LINK),
      box.environment))
    assert.equal(0, status, errors)
    return output:match "%S+"
  end

  local function with_store(work)
    local opened = assert(store.open(box.environment.COMMERCE_STORE))
    local ok, result = pcall(work, opened)
    opened:close()
    assert(ok, result)
    return result
  end

  -- Starts a worker; gives its process id.
  local function start()
    shell.run(("%s >%s 2>%s </dev/null & echo $! >%s"):format(box:command "build/commerce worker",
      box:path "worker.out", box:path "worker.err", box:path "worker.pid"))
    return box:read("worker.pid"):match "%d+"
  end

  local function stop(pid, signal)
    shell.run(("kill -%s %s"):format(signal or "TERM", pid))
    shell.wait_for_end(pid)
  end

  local function wait_until(what, holds)
    local deadline = socket.gettime() + 15
    while not holds() do
      assert(socket.gettime() < deadline, what)
      socket.sleep(0.02)
    end
  end

  -- A server that is connected to, and reads, and says nothing.
  local function silent()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    return listener, ("http://127.0.0.1:%d/silent"):format(port)
  end

  local function read_request(listener)
    listener:settimeout(10)
    local caller = assert(listener:accept())
    caller:settimeout(2)
    local id
    repeat
      local line = assert(caller:receive "*l")
      id = id or line:match "^webhook%-id: (.+)$"
    until line == ""
    return caller, id
  end

  it("tell of a shop from its link to the end of its first read, while it is read", function()
    local id
    id, secret = add(sink.url)
    local connection = link()
    local worker = start()
    local seen, names = {}, {}
    repeat
      local got = assert(sink:receive(1, 10)[1], table.concat(names, ", "))
      local event = codat_webhooks.check(got.event)
      assert.equal(core.sign_webhook(core.secret(secret), got.headers["webhook-id"],
        got.headers["webhook-timestamp"], got.body), got.headers["webhook-signature"])
      assert.is_nil(seen[event.id])
      seen[event.id], names[#names + 1] = event, event.eventType
    until event.eventType == "read.completed.initial"
    assert.same({ "company.created", "connection.created", "connection.connected" },
      { names[1], names[2], names[3] })
    assert.equal("read.completed", names[4])
    for _, event in pairs(seen) do
      if event.eventType == "read.completed.initial" then
        assert.equal(8, #event.payload.dataTypes)
        for _, entry in ipairs(event.payload.dataTypes) do
          assert.equal(connection, entry.connectionId)
          assert.equal("Complete", entry.status)
        end
      end
    end
    wait_until("it is not delivered", function()
      local list = with_store(function(opened)
        return assert(opened:webhook_messages(id))
      end)
      return list[1].status == "delivered"
    end)
    stop(worker)
    local said = box:read "worker.out" .. box:read "worker.err"
    assert.is_nil(said:find(secret:sub(7), 1, true))
    assert.equal("", box:files_with(secret:sub(7)))
  end)

  it("that a killed worker was sending are sent again, and by nobody else meanwhile", function()
    local listener, url = silent()
    add(url)
    run "companies create Shop"
    local worker = start()
    local caller, id = read_request(listener)
    run "worker --once" -- it is the other one's
    listener:settimeout(0.05)
    assert.is_nil((listener:accept()))
    stop(worker, "KILL")
    caller:close()
    listener:settimeout(10)
    local wait = box:background "build/commerce worker --once"
    local again, same = read_request(listener)
    assert.equal(id, same)
    again:send "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    again:close()
    assert.equal(0, (wait()))
    listener:close()
    local message = json.decode((run("webhooks messages --json " .. url)))
    assert.same({ "delivered", 1, 204, id }, { message.status, message.attempts,
      message.httpStatus, message.webhookId })
  end)

  it("that nobody answers hold up neither a sync nor the end", function()
    local listener, url = silent()
    add(url, "--event company.created")
    link()
    local worker = start()
    local caller = read_request(listener)
    wait_until("nothing is read", function()
      return box:read("worker.out"):find('"event":"sync"', 1, true)
    end)
    local message = json.decode((run("webhooks messages --json " .. url)))
    assert.same({ "waiting", 0 }, { message.status, message.attempts }) -- still on its way
    stop(worker)
    assert.same({}, with_store(function(opened)
      return assert(opened:webhook_senders(os.time()))
    end))
    caller:close()
    listener:close()
  end)

  it("are managed by commands", function()
    local id = add(sink.url, "--event company.created --tag region:eu")
    local other = add "http://127.0.0.1:1/refuses"
    run "companies create Shop"
    run "worker --once"
    local listed = run "webhooks list"
    assert.matches(id:sub(1, 8) .. " .*company.* region:eu +enabled +0 +0\n", listed)
    assert.matches(other:sub(1, 8) .. " .* all +all +failing +1 +0\n", listed)
    local all = {}
    for line in run("webhooks list --json"):gmatch "[^\n]+" do
      all[#all + 1] = json.decode(line)
    end
    assert.same({ "enabled", "failing", 1 }, { all[1].state, all[2].state, all[2].waiting })
    assert.equal("no messages\n", (run("webhooks messages " .. id)))
    local messages = run("webhooks messages --status waiting " .. other:sub(1, 6))
    assert.matches("company.created .* waiting +1\nmsg_%x+: could not connect to 127.0.0.1: .*; "
      .. "next attempt 20", messages)
    local short = messages:match "msg_%x+"
    run("webhooks disable " .. other)
    run "companies create Missed"
    assert.matches("is enabled; 1 waiting\n$", (run("webhooks enable " .. other)))
    assert.equal("1 message is sent again\n", (run(("webhooks replay %s --since 2026-01-01")
      :format(other))))
    assert.equal("1 message is sent again\n", (run(("webhooks replay %s --message %s"):format(other,
      short))))
    -- nothing more: all of it waits already
    assert.equal(('{"id":"%s","queued":0}\n'):format(other), (run(("webhooks replay %s --json "
      .. "--all --since 2026-01-01"):format(other))))
    for _, wrong in ipairs { "replay " .. other, "replay " .. other .. " --since never",
      "replay " .. other .. " --message x", "replay " .. other .. " --message msg_00000000",
      "replay " .. other .. " --message msg_" .. ("0"):rep(32), "messages none",
      "messages " .. other .. " --limit -1", "add ftp://x", "add https://x --event nothing",
      "add https://x --tag region", "reach moon", "delete " .. other, "frobnicate" } do
      local _, errors = run("webhooks " .. wrong, 2)
      assert.matches("commerce: ", errors, 1, true)
    end
    assert.matches("^whsec_%S+\n$", (run("webhooks secret " .. other)))
    assert.equal("network\n", (run "webhooks reach"))
    assert.equal('{"reach":"public"}\n', (run "webhooks reach public --json"))
    run("webhooks delete --yes " .. other)
    run("webhooks delete --yes " .. id)
    assert.matches("^no webhook consumers yet", (run "webhooks list"))
    run "worker --once"
    assert.same({}, sink:receive(1, 0.1))
  end)

  it("are sent by nginx, where it syncs #nginx", function()
    local made = client.new({}, box.environment.COMMERCE_STORE)
    run "webhooks reach network"
    local server = nginx.start("examples/nginx.conf", box.environment, function(text)
      return text:gsub("init_worker%(%)", "init_worker { sync = true }")
        :gsub("prefix =", 'public_url = "https://data.example.com/codat", prefix =')
    end)
    local headers = { authorization = made.authorization }
    local _, text
    local status, body = server:request("POST", "/codat/webhooks", headers,
      json.encode { url = sink.url, eventTypes = json.array { "company.created" } })
    assert.equal(201, status, body)
    local consumer = json.decode(body)
    assert.is_nil(consumer.secret)
    _, body = server:request("POST", "/codat/companies", headers, '{"name":"Shop"}')
    local company = json.decode(body)
    local got = assert(sink:receive(1, 10)[1], server:log())
    assert.equal(company.id, got.event.payload.id)
    assert.equal("https://data.example.com/codat/link/company/" .. company.id, company.redirect)
    assert.equal(company.redirect, got.event.payload.redirect)
    wait_until("the attempt is not counted", function()
      _, text = server:request("GET", "/codat/metrics")
      return text:find("commerce_webhook_attempts_total 1\n", 1, true)
    end)
    for _, line in ipairs { "commerce_webhook_attempts_failed_total 0",
      "commerce_webhooks_given_up_total 0",
      ('commerce_webhooks_waiting{consumer="%s"} 0'):format(consumer.id),
      ('commerce_webhooks_waiting_seconds{consumer="%s"} 0'):format(consumer.id) } do
      assert.matches("\n" .. line .. "\n", text, 1, true)
    end
    server:stop()
    made:close()
  end)
end)
