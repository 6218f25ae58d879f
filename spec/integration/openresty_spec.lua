-- The API in a real nginx, configured as examples/nginx.conf shows it.
-- Runs under one runtime: the subject runs in nginx.

local emulator = require "spec.support.emulator"
local client = require "spec.support.api_client"
local json = require "commerce.base.json"
local nginx = require "spec.support.nginx"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

-- How often LuaJIT compiles something while the server starts, and whether it does so later.
local COMPILED = [[

  init_by_lua_block {
    local openresty = require "commerce.openresty"
    compiled_at_start = 0
    local function count(what)
      compiled_at_start = compiled_at_start + (what == "start" and 1 or 0)
    end
    jit.attach(count, "trace")
    openresty.init {%s}
    jit.attach(count)
  }]]

local COMPILER = [[

    location = /compiler {
      content_by_lua_block { ngx.print(compiled_at_start, " ", tostring(jit.status())) }
    }
]]

describe("in nginx", function()
  local folder, server, made, headers

  setup(function()
    folder = shell.temporary_folder()
    local store = "sqlite:" .. folder .. "/commerce.db"
    made = client.new({}, store)
    made:give("payments", { { id = "ch 1/ü", amount = 1.5, currency = "EUR" } })
    server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = store }, function(text)
      return "worker_processes 2;\n" .. text
        :gsub("\n%s*init_by_lua_block {.-{(.-)}\n  }", function(options)
          return COMPILED:format(options)
        end):gsub("\n    location / {", function(line)
          return COMPILER .. line
        end)
    end)
    headers = { authorization = made.authorization }
  end)

  teardown(function()
    server:stop()
    made:close()
    shell.remove_folder(folder)
  end)

  local function get(path, more)
    local status, body, answered = server:request("GET", "/codat" .. path, more or headers)
    return status, json.decode(body) or body, answered
  end

  it("the API is under its prefix, and the server does what else it did", function()
    local status, body, answered = get(client.DATA .. "/commerce-payments?pageSize=1")
    assert.equal(200, status)
    assert.equal("ch 1/ü", body.results[1].id)
    assert.equal("/codat" .. client.DATA .. "/commerce-payments", body._links.self.href)
    assert.equal("application/json; charset=utf-8", answered["content-type"])
    assert.equal("100000", answered["x-rate-limit-limit"])
    local other, text = server:request("GET", "/codatalogue")
    assert.same({ 200, "something else\n" }, { other, text })
  end)

  it("the start is interpreted, since it runs once, and requests are compiled", function()
    local _, text = server:request("GET", "/compiler")
    local compiled, later = text:match "^(%d+) (%l+)$"
    assert.is_true(tonumber(compiled) < 40, text) -- 8 to 12; about 180 if nothing prevents it
    assert.equal("true", later)
  end)

  it("ids come as they were sent", function()
    local status, body = get(client.DATA .. "/commerce-payments/ch%201%2F%C3%BC")
    assert.equal(200, status)
    assert.equal(1.5, body.amount)
  end)

  it("errors are Codat's, and links are absolute", function()
    assert.equal(401, (get("/companies", {})))
    assert.equal(404, (get "/nothing"))
    assert.equal(405, (server:request("PUT", "/codat/companies", headers, "{}")))
    assert.equal(400, (get("/companies?page=x")))
    local _, company = get("/companies/" .. client.COMPANY)
    assert.equal(server.base .. "/codat/link/company/" .. client.COMPANY, company.redirect)
  end)

  it("bodies are read, large ones and absent ones, too", function()
    local function create(body)
      local status, answer = server:request("POST", "/codat/companies", headers, body)
      return status, json.decode(answer) or answer
    end
    assert.equal(200, (create '{"name":"From nginx"}'))
    assert.equal(400, (create(nil)))
    local status, answer = create(json.encode { name = "Large", description = ("x"):rep(100000) })
    assert.equal(400, status)
    assert.is_truthy(answer.error:find("description", 1, true), answer.error)
  end)

  it("HEAD has a head only", function()
    local status, body = server:request("HEAD", "/codat/companies", headers)
    assert.same({ 200, "" }, { status, body })
  end)

  it("all workers count a key's requests together", function()
    local _, _, first = get "/companies"
    for _ = 1, 9 do
      get "/companies"
    end
    local _, _, last = get "/companies"
    assert.equal(10, first["x-rate-limit-remaining"] - last["x-rate-limit-remaining"])
  end)

  it("the master process opens no database #sqlite", function()
    local workers, master = server:workers()
    local function opened(pid)
      local _, files = shell.run(("ls -l /proc/%s/fd"):format(pid))
      return files:find("commerce.db", 1, true) ~= nil
    end
    for _ = 1, 20 do
      get "/companies"
    end
    assert.is_false(opened(master))
    local some = false
    for pid in workers:gmatch "%d+" do
      some = some or opened(pid)
    end
    assert.is_true(some)
  end)

  it("a reload loses no request and no database handle", function()
    local before = server:workers()
    local background = io.popen(([[for i in $(seq 60); do ]]
      .. [[curl -s -o /dev/null -w '%%{http_code} ' -H 'Authorization: %s' %s/codat/companies; ]]
      .. "done"):format(made.authorization, server.base))
    server:reload()
    server:reload()
    local codes = background:read "*a"
    background:close()
    assert.equal(("200 "):rep(60), codes)
    local deadline = os.time() + 10
    local after
    repeat
      after = server:workers()
      local gone = true
      for pid in before:gmatch "%d+" do
        gone = gone and not after:find(pid, 1, true)
      end
      assert.is_true(os.time() < deadline, "the old workers stay")
    until gone
    assert.equal(200, (get "/companies"))
  end)

  it("a store that is locked is 503 for who writes, and readers go on #sqlite", function()
    local release = rows.lock(folder .. "/commerce.db")
    finally(release)
    local status, answered
    local deadline = os.time() + 10 -- until that program has come up and has the lock
    repeat
      local code, _, all = server:request("POST", "/codat/companies", headers, '{"name":"x"}')
      status, answered = code, all
    until status ~= 200 or os.time() > deadline
    assert.equal(503, status)
    assert.equal("1", answered["retry-after"])
    assert.equal(200, (get "/companies"))
    release()
    assert.equal(200, (server:request("POST", "/codat/companies", headers, '{"name":"x"}')))
  end)

  it("who watches it is told without a key", function()
    local health, alive = get("/health", {})
    assert.same({ 200, { status = "ok" } }, { health, alive })
    local status, body = get("/ready", {})
    assert.equal(200, status)
    assert.equal("ready", body.status)
    local code, text, answered = server:request("GET", "/codat/metrics")
    assert.equal(200, code)
    assert.is_truthy(answered["content-type"]:find "^text/plain; version=0.0.4")
    assert.is_truthy(text:find('commerce_requests_total{status="200"} %d+'), text)
    assert.is_truthy(text:find('commerce_pulls{status="Complete"} 1\n', 1, true), text)
    assert.is_truthy(text:find('commerce_connection_lag_seconds{connection="' .. client.CONNECTION
      .. '"} ', 1, true), text)
    for line in text:gmatch "[^\n]+" do
      assert.is_truthy(line:find "^# %u+ commerce_[%w_]+ "
        or line:find "^commerce_[%w_]+ [%d%.e+]+$"
        or line:find '^commerce_[%w_]+{%w+="[^"]+"} [%d%.e+]+$', line)
    end
  end)

  -- with PostgreSQL, each of eight threads has a cache that 600 queries do not fill
  it("memory does not grow with the number of different queries #sqlite", function()
    local function memory() -- of both workers, in KB
      local total = 0
      for pid in server:workers():gmatch "%d+" do
        local _, text = shell.run(("grep VmRSS /proc/%s/status"):format(pid))
        total = total + tonumber(text:match "%d+")
      end
      return total
    end
    local clauses = { "id=a", "id!=b", "status=Complete", "dataType!=customers" }
    local function ask(first, last)
      for number = first, last do
        local parts, rest = {}, number
        for i = 1, 6 do
          parts[i], rest = clauses[rest % 4 + 1], math.floor(rest / 4)
        end
        assert.equal(200, (get(("/companies/%s/data/history?query=%s"):format(client.COMPANY,
          table.concat(parts, "%26%26")))))
      end
    end
    ask(1, 600) -- by then all modules are loaded, and the caches full
    local before = memory()
    ask(601, 1200)
    assert.is_true(memory() - before < 4000, ("%d KB"):format(memory() - before))
  end)

  it("nothing of a key is in the log", function()
    assert.is_nil(server:log():find(made.key, 1, true))
    assert.is_nil(server:log():find("[error]", 1, true) and server:log():match "lua[^\n]*attempt")
  end)
end)

for _, where in ipairs { "between requests #sqlite", "in a thread" } do
describe("a sync inside nginx, " .. where .. ",", function()
  local MASTER_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
  local e, box, server, made, headers, connection

  -- Links the emulator's account, as a worker finds it; prints the connection's id.
  local LINK = [[
local commerce = require "commerce"
local core = require "commerce.core"
local keys = require "commerce.account.keys"
local app = assert(commerce.open {})
local key = assert(core.secret "sk_test_emulator")
local shop = assert(app:connect { secret_key = key, company = arg[1] })
assert(keys.keep(app, shop.row, key))
print(shop.id)
]]

  setup(function()
    e = emulator.start { charges = 400, compact = true, latency = { ms = 150 } }
    box = sandbox.new {}
    local environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db",
      COMMERCE_MASTER_KEY = MASTER_KEY, STRIPE_API_BASE = e.base }
    made = client.new({}, environment.COMMERCE_STORE)
    local status, output, errors = shell.run(box:script(box:write("link.lua", LINK), environment)
      .. " " .. client.COMPANY)
    assert.equal(0, status, errors)
    connection = output:match "%S+"
    server = nginx.start("examples/nginx.conf", environment, function(text)
      return "worker_processes 2;\nworker_shutdown_timeout 20s;\n" .. text
        :gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\n%0", 1)
        :gsub("init_worker%(%)", "init_worker { sync = true }")
        :gsub("error_log stderr warn", "error_log stderr notice")
        :gsub(', thread_pool = "commerce"', where == "in a thread" and "%0" or "")
    end)
    headers = { authorization = made.authorization }
  end)

  teardown(function()
    server:stop()
    made:close()
    e:stop()
    box:close()
  end)

  local function get(path)
    local status, body = server:request("GET", "/codat" .. path, headers)
    return status, json.decode(body) or body
  end

  local function pulls()
    local _, history = get("/companies/" .. client.COMPANY .. "/data/history?query=connectionId%3D"
      .. connection)
    return history.results
  end

  local function until_true(what, check)
    local deadline = os.time() + 20
    while not check() do
      assert.is_true(os.time() < deadline, what .. "\n" .. server:log())
      socket.sleep(0.05)
    end
  end

  -- How many threads of nginx's workers have a lower priority than others.
  local function lowered()
    local count = 0
    for pid in server:workers():gmatch "%d+" do
      local _, output = shell.run("ps -L -o nice= -p " .. pid)
      for nice in output:gmatch "%S+" do
        count = count + (nice == "10" and 1 or 0)
      end
    end
    return count
  end

  it("goes on over reloads, kills and stops, and every pull is done once", function()
    until_true("it does not begin", function()
      local first = pulls()[1]
      return first and first.status == "Fetching"
    end)
    for _ = 1, 2 do
      server:reload()
      for _ = 1, 5 do
        assert.equal(200, (get "/companies"))
      end
      socket.sleep(0.3)
    end
    shell.run("kill -9 " .. server:workers():gsub("%s+", " ")) -- the master starts others
    socket.sleep(0.3)
    server:restart(0) -- in the middle of it
    until_true("it does not end", function()
      for _, pull in ipairs(pulls()) do
        if pull.status ~= "Complete" then
          assert.is_false(pull.isErrored, pull.errorMessage)
          return false
        end
      end
      return true
    end)
    assert.equal(#rows.TYPES, #pulls())
    local _, payments = get(("/companies/%s/connections/%s/data/commerce-payments"):format(
      client.COMPANY, connection))
    assert.is_true(payments.totalResults >= 400)
  end)

  it("tells what it did in the error log", function()
    until_true("nothing is told", function()
      return server:log():find('commerce: {[^\n]*"event":"sync"')
    end)
  end)

  it("gives way to the threads that answer requests", function()
    local expected = where == "in a thread" and 1 or 0
    until_true("it has the priority of all others", function()
      return lowered() == expected
    end)
  end)
end)
end

describe("long work inside nginx", function()
  local e, box, server

  -- Each record costs much, so that one page of them is long work.
  local LOCATIONS = [[
location = /other {
  content_by_lua_block {
    local counts = package.loaded.counts
    counts.others = counts.others + 1
    ngx.say(counts.done and "done" or "under way")
  }
}
location = /long {
  content_by_lua_block {
    local core, jobs = require "commerce.core", require "commerce.runtime.jobs"
    local counts = package.loaded.counts
    local ticks, deadline = 0, core.now() + 10
    local stop = jobs.every_second(function() ticks = ticks + 1 end)
    repeat
      jobs.breathe()
    until counts.others > 0 and ticks > 0 or core.now() > deadline
    stop()
    counts.done = true
    ngx.say("others ", counts.others > 0, ", ticks ", ticks > 0)
  }
}
location = /sync {
  content_by_lua_block {
    local commerce, core = require "commerce", require "commerce.core"
    local conversion, writer = require "commerce.sync.conversion", require "commerce.sync.writer"
    local counts = package.loaded.counts
    local map, list_page, pages, answered = conversion.map, writer.list_page, 0, 0
    function conversion.map(...)
      local began = core.now()
      repeat until core.now() - began > 0.002
      return map(...)
    end
    function writer.list_page(...)
      local before = counts.others
      list_page(...)
      pages = pages + 1
      answered = answered + (counts.others > before and 1 or 0)
    end
    local app = assert(commerce.open())
    local shop = assert(app:connect { secret_key = "sk_test_emulator" })
    local report = assert(shop:sync { types = { "payments" } })
    shop:close()
    app:close()
    counts.done = true
    ngx.say("complete ", report.complete, ", pages ", pages > 0, ", answered in ",
      answered == 0 and "none" or "some")
  }
}
]]

  before_each(function()
    e = emulator.start { charges = 200, compact = true }
    box = sandbox.new {}
    server = nginx.start("examples/nginx.conf", { STRIPE_API_BASE = e.base,
      COMMERCE_STORE = "sqlite:" .. box:path "long.db" }, function(text)
      return "worker_processes 1;\n" .. text
        :gsub("env COMMERCE_STORE;", "env STRIPE_API_BASE;\n%0", 1)
        :gsub("init_worker%(%)", "%0\npackage.loaded.counts = { others = 0 }", 1)
        :gsub("location / {", function(line) return LOCATIONS .. line end, 1)
    end)
  end)

  after_each(function()
    server:stop()
    e:stop()
    box:close()
  end)

  -- What a location answers, which others are asked beside.
  local function answer_of(path)
    local answer = io.popen(("curl -s -m 25 %s%s"):format(server.base, path))
    local deadline = os.time() + 30
    repeat
      local _, body = server:request("GET", "/other")
    until body ~= "under way\n" or os.time() > deadline
    local text = answer:read "*a"
    answer:close()
    return text
  end

  it("lets other requests be answered, and tells that it is still there", function()
    assert.equal("others true, ticks true\n", answer_of "/long")
  end)

  it("of a sync lets them be answered in the middle of a page", function()
    assert.equal("complete true, pages true, answered in some\n", answer_of "/sync")
  end)
end)
