-- Scripts: `commerce run`, plain Lua, and nginx run the same file; several syncs go on together.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local nginx = require "spec.support.nginx"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

-- Two accounts at once (one merchant's test and live data), and what became of them in a file.
local SCRIPT = [[
local commerce = require "commerce"
local app = assert(commerce.open {})
local shops = {}
for i, key in ipairs { "sk_test_emulator", "sk_live_emulator" } do
  shops[i] = assert(app:connect { secret_key = key })
end
local order = {}
local function step(i)
  shops[i]:on("customers:after_page", function() order[#order + 1] = i end)
  return function()
    return assert(shops[i]:sync { types = { "customers" }, page_size = 5, ranges = 1 })
  end
end
local reports = commerce.together { step(1), step(2) }
local out = assert(io.open(os.getenv "OUT", "w"))
out:write(("%s %s %s\n"):format(reports[1].mode, reports[2].mode, table.concat(order)))
out:close()
for _, shop in ipairs(shops) do
  shop:close()
end
app:close()
]]

describe("a script", function()
  local e, box, script

  setup(function()
    e = emulator.start { charges = 100, compact = true, latency = { ms = 5 } }
    box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" }
    script = box:write("both.lua", SCRIPT)
    box.environment.OUT = box:path "out"
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  local function use_store(name)
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path(name .. ".db")
  end

  -- Both accounts were read, and neither waited for the other's end.
  local function assert_both(name)
    local first, second, order = box:read("out"):match "^(%l+) (%l+) (%d+)\n$"
    assert.same({ "test", "live" }, { first, second })
    assert.matches("1.*2.*1", order)
    assert.matches("2.*1.*2", order)
    assert.equal("2\n", rows.sql(box:path(name .. ".db"),
      "SELECT count(DISTINCT connection_id) FROM customers"))
    os.remove(box:path "out")
  end

  it("runs under plain Lua", function()
    use_store "plain"
    local status, _, errors = box:run(box:script(script))
    assert.equal("", errors)
    assert.equal(0, status)
    assert_both "plain"
  end)

  it("runs with commerce run, which tells whose progress it is", function()
    use_store "command"
    local status, output, errors = box:commerce("run " .. script)
    assert.equal("", output)
    assert.equal(0, status, errors)
    assert.matches("reading account acct_1CommerceShop001 in live mode\n", errors, 1, true)
    assert.matches("acct_1CommerceShop001 customers: complete, 25 read\n", errors, 1, true)
    assert_both "command"
  end)

  it("runs unchanged in nginx, in a request and in a timer", function()
    use_store "nginx"
    local example = assert(io.open "examples/nightly_sync.lua")
    local configuration = box:write("nginx.conf", ([[
      worker_processes 1;
      pid nginx.pid;
      error_log stderr warn;
      env COMMERCE_STORE; env STRIPE_API_BASE; env STRIPE_SECRET_KEY; env OUT;
      events {}
      http {
        access_log off;
        server {
          listen 127.0.0.1:8080;
          location /run { default_type text/plain; content_by_lua_file "%s"; }
          location /timer {
            content_by_lua_block {
              ngx.timer.at(0, function() assert(loadfile "%s")() end)
              ngx.say "begun"
            }
          }
          location /example { content_by_lua_file "%s"; }
          location / { return 200 "here"; }
        }
      }]]):format(script, script, box:write("nightly_sync.lua", example:read "*a")))
    example:close()
    local _, output = box:run "chmod 777 $(dirname $OUT)"
    assert.equal("", output)
    local server = nginx.start(configuration, box.environment)
    local status, body = server:request("GET", "/run")
    assert.same({ 200, "" }, { status, body }, server:log())
    assert_both "nginx"
    assert.equal(200, (server:request("GET", "/timer")))
    for _ = 1, 500 do
      local file = io.open(box:path "out")
      local text = file and file:read "*a" or ""
      if file then file:close() end
      if text:find "\n" then break end
      socket.sleep(0.02)
    end
    -- nothing is new now: one page each
    assert.matches("^test live ", box:read "out")
    status, body = server:request("GET", "/example")
    assert.equal(200, status, server:log())
    assert.matches("mode, account acct_1CommerceShop001\n.*payments +complete", body)
    assert.is_true(rows.number(box:path "nginx.db", "SELECT count(*) FROM payments") > 50)
    assert.is_nil(server:log():find("[error]", 1, true), server:log())
    server:stop()
  end)

  -- ---------------------------------------------------------------- commerce run

  local function run(text, arguments)
    use_store "run"
    return box:commerce("run " .. box:write("script.lua", text) .. " " .. (arguments or ""))
  end

  it("finds commerce in scope, and its arguments", function()
    local status, output = run([[print(commerce._VERSION ~= nil, arg[0]:match "[^/]+$", arg[1],
      ...)]], "one --two -x --help")
    assert.equal(0, status)
    assert.equal("true\tscript.lua\tone\tone\t--two\t-x\t--help\n", output)
  end)

  for name, case in pairs {
    ["raises"] = { "local shop\nprint(shop.id)", 1, "script.lua:2: attempt to index" },
    ["is not Lua"] = { "x = = 3", 1, "script.lua:1: unexpected symbol near" },
    ["asserts a failure"] = { "assert(commerce.open { store = 'sqlite:/no/where.db' })", 1,
      "the file cannot be opened" },
    ["raises a failure"] = { "for _ in commerce.open {}:records('payments', { query = 'x' }) do "
      .. "end", 1, "Malformed query" },
    ["misspells an option"] = { "\ncommerce.open { stor = 1 }", 1,
      "script.lua:2: unknown option 'stor' (did you mean 'store'?)" },
    ["prints a key in its error"] = { "error('sk_live_Planted7Secret3Words9abcdef')", 1, "script" },
  } do
    it("that " .. name .. " ends with one line that says where", function()
      local status, output, errors = run(case[1])
      assert.equal("", output)
      assert.equal(case[2], status)
      assert.matches("^commerce: [^\n]+\n$", errors)
      assert.matches(case[3], errors, 1, true)
      assert.is_nil(errors:find("Planted7", 1, true))
    end)
  end

  it("that is not there is told", function()
    local status, _, errors = box:commerce "run nosuch.lua"
    assert.equal(2, status)
    assert.matches("cannot open nosuch.lua", errors, 1, true)
    local help
    status, help = box:commerce "run --help"
    assert.equal(0, status)
    assert.matches("Usage: commerce run", help, 1, true)
  end)

  it("that Ctrl-C stops has stored its pages, in both accounts", function()
    use_store "stopped"
    local path = box:path "stopped.db"
    local text = SCRIPT:gsub('"customers:after_page", function%(%)', '%0 print "page" '
      .. 'io.stdout:flush()')
    -- slow pages: the signal must come before the last one, however busy this machine is
    e:control("faults", { match = { path = "/v1/customers" }, action = { type = "delay",
      seconds = 0.5 } })
    local status, _, errors = box:kill_after(box:command("build/commerce run "
      .. box:write("stopped.lua", text)), "page", 0.001, "INT")
    e:control("faults", { clear = true })
    assert.equal(130, status)
    assert.matches("\ncommerce: interrupted; run the same command again to continue\n$", errors)
    assert.equal("Cancelled|2\n", rows.sql(path, "SELECT status, count(*) FROM pulls GROUP BY 1"))
    local stored = rows.number(path, "SELECT count(*) FROM customers")
    assert.is_true(stored > 0 and stored < 50 and stored % 5 == 0)
    assert.equal(0, (box:commerce("run " .. script)))
    assert.equal(50, rows.number(path, "SELECT count(*) FROM customers"))
    os.remove(box:path "out")
  end)

  -- ---------------------------------------------------------------- together

  describe("with steps together", function()
    local app

    before_each(function()
      app = assert(commerce.open { store = "sqlite::memory:" })
    end)

    after_each(function()
      app:close()
    end)

    it("gets what each gives, under its name", function()
      assert.same({ a = 1, b = "two" }, commerce.together { a = function() return 1 end,
        b = function() return "two", "more" end, c = function() end })
      assert.same({}, commerce.together {})
    end)

    it("lets the others end when one raises, and raises that then", function()
      local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base })
      local report
      local ok, message = pcall(commerce.together, { function() error("broken", 0) end, function()
        report = shop:sync { types = { "customers" } }
      end })
      assert.is_false(ok)
      assert.equal("broken", message)
      assert.is_true(report.complete)
      shop:close()
    end)

    it("takes functions only", function()
      local ok, message = pcall(commerce.together, { {} })
      assert.is_false(ok)
      assert.matches("step 1: a function expected, got table; write function()", message, 1, true)
      ok, message = pcall(commerce.together, { function() commerce.together {} end })
      assert.is_false(ok)
      assert.matches("one of several steps cannot be several itself", message, 1, true)
    end)

    it("keeps to the limits of all connections together", function()
      local limited = assert(commerce.open { store = "sqlite::memory:",
        limits = { concurrency = 2 } })
      local steps = {}
      for i, key in ipairs { "sk_test_emulator", "sk_live_emulator" } do
        local shop = assert(limited:connect { secret_key = key, base_url = e.base, rate = 0,
          endpoint_rate = 0 })
        steps[i] = function()
          return assert(shop:sync { page_size = 10 }).complete
        end
      end
      e:control("stats", { clear = true })
      assert.same({ true, true }, commerce.together(steps))
      local stats = e:control "stats"
      assert.equal(2, stats.max_in_flight)
      assert.is_true(stats.requests > 40)
      limited:close()
      local ok, message = pcall(commerce.open, { limits = { rat = 1 } })
      assert.is_false(ok)
      assert.matches("limits: unknown option 'rat' (did you mean 'rate'?)", message, 1, true)
    end)
  end)
end)
