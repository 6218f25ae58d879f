-- Measures the server: one nginx worker with the API over a database of many payments, asked by wrk
-- on loopback. Called by spec/bench/run.

package.path = "spec/bench/?.lua;" .. package.path
local auth = require "commerce.http.auth"
local bench = require "server"
local client = require "spec.support.api_client"
local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local model = require "commerce.model"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local PAYMENTS = tonumber(os.getenv "PAYMENTS") or 100000
local DURATION = tonumber(os.getenv "DURATION") or 5 -- seconds of each measurement
local CONNECTIONS, PAGE = 16, 100
local REFUNDS = 1.12 -- payments a charge
local SECRET, ACCOUNT = "whsec_bench_0123456789abcdef", "acct_1CommerceShop001"
local WEBHOOKS = 10000 * DURATION -- more than can be taken in meanwhile

local function note(...)
  io.stderr:write(string.format(...), "\n")
end

-- ---------------------------------------------------------------- the database

local function link(app, base, key)
  return assert(app:connect { secret_key = key, base_url = base, rate = math.huge,
    endpoint_rate = math.huge })
end

local function write_lines(path, count, line)
  local file = assert(io.open(path, "w"))
  for i = 1, count do
    file:write(line(i), "\n")
  end
  file:close()
  return path
end

-- Some payments of all ages, spread over the table.
local function write_ids(app, path)
  local ids, every = {}, math.max(1, math.floor(PAYMENTS / 5000))
  local count = 0
  for id in assert(app.store:records(model.find "payments", {})) do
    count = count + 1
    ids[#ids + 1] = count % every == 0 and id or nil
  end
  for i = #ids, 2, -1 do -- in no order
    local j = math.random(i)
    ids[i], ids[j] = ids[j], ids[i]
  end
  return write_lines(path, #ids, function(i)
    return ids[i]
  end), count
end

local function bytes_of(hex)
  return (hex:gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

-- HMAC-SHA256 (RFC 2104) over what the core has.
local function signer(secret)
  local inner, outer = {}, {}
  local function exclusive_or(a, b)
    local result, bit = 0, 1
    while a > 0 or b > 0 do
      if a % 2 ~= b % 2 then
        result = result + bit
      end
      a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
    end
    return string.char(result)
  end
  for i = 1, 64 do
    local byte = secret:byte(i) or 0
    inner[i], outer[i] = exclusive_or(byte, 0x36), exclusive_or(byte, 0x5c)
  end
  inner, outer = table.concat(inner), table.concat(outer)
  return function(text)
    return core.sha256(outer .. bytes_of(core.sha256(inner .. text)))
  end
end

-- Events as Stripe sends them, of its usual size.
local function write_webhooks(path)
  local sign, now = signer(SECRET), os.time()
  local padding = ("x"):rep(2500)
  return write_lines(path, WEBHOOKS, function(i)
    local body = ('{"id":"evt_bench%d","object":"event","type":"charge.updated","livemode":false,'
      .. '"created":%d,"data":{"object":{"id":"ch_%d","object":"charge","description":"%s"}}}')
      :format(i, now, i, padding)
    return ("t=%d,v1=%s %s"):format(now, sign(("%d.%s"):format(now, body)), body)
  end)
end

-- ---------------------------------------------------------------- measuring

local failed = false

-- Who takes all there is, a page after the other.
local function measure_crawl(server, asked, size)
  local pages, began = math.ceil(asked.count / size), socket.gettime()
  local _, codes = shell.run(("curl -s -o /dev/null -H %s -w '%%{http_code}\\n' "
    .. "'%s%s?pageSize=%d&page=[1-%d]' | sort | uniq -c"):format(
    shell.quote("Authorization: " .. asked.key), server.base, asked.data, size, pages))
  local seconds = socket.gettime() - began
  print(("all %d pages of %d, one after the other: %.1f s, %.2f ms each"):format(pages, size,
    seconds, seconds / pages * 1000))
  failed = failed or not codes:find("^%s*" .. pages .. " 200%s*$")
end

local function measure(server, name, kind, path, authorization, more)
  more = more or {}
  local answered = bench.ask(server.base .. path, DURATION, more.connections or CONNECTIONS,
    { kind, authorization, more.file })
  failed = failed or answered.errors > 0
  print(("%-44s %9.0f %7.2f ms %7.2f ms %7.2f ms %s"):format(name, answered.rate, answered.median,
    answered.high, answered.longest, answered.errors > 0 and answered.errors .. " failed" or ""))
end

local function memory_of(server)
  for line in io.lines(("/proc/%s/status"):format((server:workers():match "%d+"))) do
    local kilobytes = line:match "^VmRSS:%s*(%d+)"
    if kilobytes then
      return ("%.1f MB"):format(tonumber(kilobytes) / 1024)
    end
  end
end

-- One query after the other goes through all records meanwhile.
local function measure_reading(box, server, asked, name)
  local wait = box:background(("wrk -t1 -c1 -d%ds --timeout 60s -s spec/bench/wrk.lua "
    .. "%s%s'?query=amount%%3E1000000000' -- page %s"):format(DURATION + 2, server.base, asked.data,
    shell.quote(asked.key)))
  socket.sleep(1)
  measure(server, name, "trivial", "/trivial", "none")
  wait()
end

-- ---------------------------------------------------------------- all of it

-- What is asked for: paths, ids, webhooks, a key.
local function prepare(box, e, url)
  local app = assert(commerce.open { store = url })
  local shop = link(app, e.base, "sk_test_emulator")
  note("filling a database from the emulator ...")
  local report = assert(shop:sync { types = { "payments" } })
  assert(report.complete, tostring(report))
  local asked = { webhooks = write_webhooks(box:path "webhooks"),
    key = "Basic " .. client.base64(assert(auth.create(app.store, {})).key),
    data = ("/codat/companies/%s/connections/%s/data/commerce-payments"):format(
      shop.row.company_id, shop.id) }
  asked.ids, asked.count = write_ids(app, box:path "ids")
  assert(app:add_webhook_secret("stripe-test", SECRET, { account = ACCOUNT }))
  shop:close()
  app:close()
  shell.run "sync" -- the disk is not to be busy any more with what has just been written
  return asked
end

local function measure_requests(server, asked)
  print(("\n%d payments in SQLite, one nginx worker, %d connections on loopback, load %s"):format(
    asked.count, CONNECTIONS, bench.load()))
  print(("%-44s %9s %10s %10s %10s"):format("", "requests/s", "p50", "p99", "longest"))
  local pages = math.floor(asked.count / PAGE)
  local function measure_page(page, name, more)
    measure(server, name:format(page, PAGE), "page", ("%s'?pageSize=%d&page=%d'"):format(asked.data,
      PAGE, page), asked.key, more)
  end
  local began = socket.gettime()
  assert(server:request("GET", asked.data, { authorization = asked.key }) == 200)
  print(("the first request, which counts them all%42.2f ms"):format(
    (socket.gettime() - began) * 1000))
  measure_page(1, "page %d of %d payments each")
  for _, part in ipairs { 0.5, 0.9 } do -- one at a time: others wait for it, whoever they are
    measure_page(math.max(1, math.floor(pages * part)), "page %d, one connection",
      { connections = 1 })
  end
  for _, size in ipairs { PAGE, 5000 } do
    measure_crawl(server, asked, size)
  end
  measure(server, "one payment by its id", "id", asked.data .. "/", asked.key,
    { file = asked.ids })
  measure(server, "a webhook, stored", "webhook", "/codat/webhooks/stripe-test", asked.key,
    { file = asked.webhooks })
end

local function run(box, e)
  local environment = { COMMERCE_STORE = "sqlite:" .. box:path "bench.db",
    COMMERCE_MASTER_KEY = os.getenv "COMMERCE_MASTER_KEY", STRIPE_API_BASE = e.base }
  local asked = prepare(box, e, environment.COMMERCE_STORE)
  local server = bench.start(environment, { threads = true })
  measure_requests(server, asked)
  print("resident memory of the worker: " .. memory_of(server))

  print(("\n%d connections that ask for something trivial, each after a pause of up to 10 ms")
    :format(CONNECTIONS))
  measure(server, "of an idle worker", "trivial", "/trivial", "none")
  measure_reading(box, server, asked, "while queries read the whole table, in threads")
  server:stop()
  server = bench.start(environment, {})
  measure_reading(box, server, asked, "the same without threads")
  server:stop()
end

local box = sandbox.new {}
local e = emulator.start { charges = math.ceil(PAYMENTS / REFUNDS) }
local ok, message = pcall(run, box, e)
e:stop()
box:close()
assert(ok, message)
os.exit(failed and 1 or 0)
