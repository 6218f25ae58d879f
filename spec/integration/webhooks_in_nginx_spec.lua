-- Stripe's webhooks, delivered by the emulator to a real nginx: whatever happens on the way, what
-- was acknowledged is in the database in the end, and what was not comes again.
-- Runs under one runtime: the subject runs in nginx.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local nginx = require "spec.support.nginx"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local shops_at = require("spec.support.shops").new
local socket = require "socket"

local KEY = "sk_test_emulator"
local SECRET, NEXT = "whsec_spec_0123456789abcdef", "whsec_spec_after_its_rotation"
local ACCOUNT, MERCHANT = "acct_1CommerceShop001", "acct_1MerchantNginx01"
local TOLD = { "customers", "payments", "disputes", "products" } -- the types that events tell of
local PATH = "/codat/webhooks/stripe-test"

describe("a webhook in nginx", function()
  local e, box, server, shops, cli, path

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new({}, { in_process = true })
    path = box:path "commerce.db"
    box.environment = { COMMERCE_STORE = "sqlite:" .. path, STRIPE_API_BASE = e.base,
      STRIPE_SECRET_KEY = KEY, COMMERCE_MASTER_KEY = master_key.ONE, HOOK_KEY = SECRET,
      NEXT_KEY = NEXT }
    shops, cli = shops_at(e, box, KEY), commands.new(box)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 100, compact = true }
    shell.run(("rm -f %s*"):format(shell.quote(path)))
    cli:ok "sync --keep-key"
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = box.environment.COMMERCE_STORE,
      COMMERCE_MASTER_KEY = master_key.ONE }, function(text)
      return "worker_processes 2;\n" .. text
    end)
  end)

  after_each(function()
    local log = server:log()
    server:stop()
    assert.is_nil(log:find("[crit]", 1, true), log)
    assert.is_nil(sandbox.leak(log, SECRET))
  end)

  local function register(options)
    local all = { url = server.base .. PATH, secrets = { SECRET }, retries = 8 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    return e:control("webhooks", all).ids[1]
  end

  local function keep_secret(name, more)
    return cli:json(("integrations add-webhook-secret stripe-test --secret-env %s %s"):format(
      name or "HOOK_KEY", more or "--account " .. ACCOUNT)).webhookSecrets
  end

  -- All that was attempted, when there is nothing left to deliver.
  local function delivered()
    local deadline = socket.gettime() + 15
    while true do
      local report = e:control("webhooks").webhooks[1]
      if report.queued == 0 and not report.busy then
        return report.deliveries
      end
      assert.is_true(socket.gettime() < deadline, cjson.encode(report):sub(-2000))
      socket.sleep(0.02)
    end
  end

  -- How often each status was answered, and how many events were never acknowledged.
  local function summed(deliveries)
    local statuses, open, lost = {}, {}, 0
    for _, delivery in ipairs(deliveries) do
      local status = delivery.status and ("%d"):format(delivery.status) or "none"
      statuses[status] = (statuses[status] or 0) + 1
      open[delivery.event] = open[delivery.event] ~= false and status ~= "200"
    end
    for _, left in pairs(open) do
      lost = lost + (left and 1 or 0)
    end
    return statuses, lost
  end

  local function waiting()
    return tonumber(rows.sql(path, "SELECT count(*) FROM inbox"))
  end

  local function post(body, signature)
    return server:request("POST", PATH, { ["stripe-signature"] = signature }, body)
  end

  local function sign(body, secret)
    return e:control("sign", { secret = secret or SECRET, t = os.time(), body = body }).header
  end

  it("is kept, and applied by a worker, twice told and in any order", function()
    keep_secret()
    register { duplicate_probability = 0.3, reorder = true, seed = 5 }
    e:control("churn", { seed = 11, changes = 60, key = KEY })
    local statuses = summed(delivered())
    assert.is_true(statuses["200"] > 60, cjson.encode(statuses))
    assert.same({ ["200"] = statuses["200"] }, statuses)
    assert.is_true(waiting() > 40)
    cli:ok "worker --once"
    assert.equal(0, waiting())
    shops.assert_like_whole(path, TOLD)
  end)

  it("comes again until it is stored, and nothing is lost #sqlite", function()
    keep_secret()
    register { seed = 6 }
    local release = rows.lock(path)
    finally(release)
    e:control("churn", { seed = 12, changes = 8, key = KEY })
    local deadline = socket.gettime() + 10
    repeat -- one after the other: the first is refused after a second
      socket.sleep(0.02)
      assert.is_true(socket.gettime() < deadline)
    until (summed(e:control("webhooks").webhooks[1].deliveries))["503"]
    release()
    local statuses, lost = summed(delivered())
    assert.equal(0, lost)
    assert.is_true(statuses["503"] >= 1 and statuses["200"] >= 8, cjson.encode(statuses))
    cli:ok "worker --once"
    shops.assert_like_whole(path, TOLD)
  end)

  it("outlives a restart of nginx in the midst of them", function()
    keep_secret()
    register { seed = 7 }
    local changes = io.popen(([[for i in $(seq 60); do curl -s -d '{"seed":'$i',"changes":2,"key":]]
      .. [["%s"}' %s/_emulator/churn; done]]):format(KEY, e.base))
    local deadline = socket.gettime() + 10
    while waiting() < 10 do
      assert.is_true(socket.gettime() < deadline)
      socket.sleep(0.01)
    end
    server:restart(0.1)
    local before = waiting()
    changes:read "*a"
    changes:close()
    local statuses, lost = summed(delivered())
    assert.is_true(statuses.none ~= nil, "nothing was under way")
    assert.equal(0, lost)
    assert.is_true(before >= 10 and waiting() > before)
    cli:ok "worker --once"
    shops.assert_like_whole(path, TOLD)
  end)

  it("is signed with the old secret, both, and the new one, while it is exchanged", function()
    local id = register()
    local old = keep_secret()[1].id
    local function told(name, expected)
      e:mutate { op = "insert", type = "customer", key = KEY }
      local deliveries = delivered()
      assert.equal(expected, deliveries[#deliveries].status, name)
    end
    told("old", 200)
    assert.equal(2, #keep_secret "NEXT_KEY")
    told("old, both kept", 200)
    e:control("webhooks", { id = id, secrets = { SECRET, NEXT }, retries = 0 })
    told("both", 200)
    cli:ok("integrations remove-webhook-secret stripe-test " .. old)
    told("both, the new one kept", 200)
    e:control("webhooks", { id = id, secrets = { NEXT } })
    told("new", 200)
    e:control("webhooks", { id = id, secrets = { SECRET } })
    told("old, which was removed", 400)
    assert.equal(5, waiting())
    cli:fails("Stripe Test has no webhook secret " .. old,
      "integrations remove-webhook-secret stripe-test " .. old)
    cli:fails("no secret: give", "integrations add-webhook-secret stripe-test")
    cli:fails("not a signing secret", "integrations add-webhook-secret stripe-test "
      .. "--secret-env STRIPE_SECRET_KEY")
    assert.is_truthy(cli:ok("integrations list"):gsub("secret %x+", "secret"):find("accepts "
      .. "webhooks to /webhooks/stripe-test that secret signs (endpoint of " .. ACCOUNT
      .. ", since ", 1, true))
    cli:assert_no_secrets { SECRET, NEXT }
  end)

  it("of a Connect endpoint is its merchant's, whose end of the access ends the connection",
    function()
      e:control("accounts", { id = MERCHANT, charges = 20 })
      keep_secret("HOOK_KEY", "")
      local list = cli:json("companies create Merchant")
      rows.sql(path, ([[INSERT INTO connections (id, company_id, integration, account, status, auth,
        created, linked) VALUES ('c-merchant', '%s', 'stripe-test', '%s', 'Linked', 'connect',
        '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')]]):format(list.id, MERCHANT))
      register { connect = true }
      e:mutate { op = "insert", type = "customer", account = MERCHANT }
      assert.equal(200, delivered()[1].status)
      assert.equal("c-merchant\n", rows.sql(path, "SELECT connection_id FROM inbox"))
      e:control("deauthorize", { account = MERCHANT })
      assert.equal(200, delivered()[2].status)
      assert.equal("Deauthorized\n", rows.sql(path,
        "SELECT status FROM connections WHERE id = 'c-merchant'"))
    end)

  it("is read with its signature in several lines or with blanks, as proxies send it", function()
    keep_secret()
    for i, between in ipairs { ", ", "\r\nStripe-Signature: ", " ,\t" } do
      local body = ('{"id":"evt_%d","object":"event","type":"customer.updated","livemode":false,'
        .. '"created":%d,"data":{"object":{"id":"cus_1","object":"customer"}}}')
        :format(i, os.time())
      assert.equal(200, (post(body, (sign(body):gsub(",", between)))))
      assert.equal(i, waiting())
    end
    local body = '{"id":"evt_9","object":"event","type":"balance.available","livemode":false,'
      .. '"created":1795000000,"data":{"object":{"object":"balance","available":[]}}}'
    local status, answer = post(body, sign(body))
    assert.same({ 200, true }, { status, cjson.decode(answer).received })
    assert.equal(3, waiting())
  end)

  it("is verified byte for byte, also where nginx has kept it in a file", function()
    keep_secret()
    -- longer than client_body_buffer_size, and not as anybody would write JSON
    local body = ('{ "id" : "evt_large", "object":"event","type":"customer.updated","livemode":'
      .. 'false,\r\n"created":%d,\t"data":{"object":{"id":"cus_1","object":"customer","name":"Zoë'
      .. ' ☕","x":"%s"}}}\n'):format(os.time(), ("\\u00e9"):rep(20000))
    assert.equal(200, (post(body, sign(body))))
    assert.equal(body .. "\n", rows.sql(path, "SELECT body FROM inbox"))
    assert.equal(400, (post(body .. " ", sign(body))))
    assert.equal(400, (post(body, nil)))
    assert.equal(405, (server:request("GET", PATH)))
    local long = ("x"):rep(1024 * 1024 + 1)
    assert.equal(413, (post(long, "t=1,v1=00")))
    assert.equal(503, (server:request("POST", "/codat/webhooks/stripe", {}, "{}")))
    assert.equal(401, (server:request("POST", "/codat/webhooks/paypal", {}, "{}")))
    assert.equal(1, waiting())
  end)
end)
