-- The command `commerce`: what it prints, and with which status it ends, when all is well.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local KEY = "sk_live_Planted7Secret3Words9abcdef" -- known to the emulator

-- A small reader of CSV as RFC 4180 has it: records end with CRLF, fields may be quoted.
local function parse_csv(text)
  local records, record, at = {}, {}, 1
  while at <= #text do
    local field, after
    if text:sub(at, at) == '"' then
      local stop = at
      repeat
        stop = assert(text:find('"', stop + 1, true), "a quote is not closed")
        local doubled = text:sub(stop + 1, stop + 1) == '"'
        stop = doubled and stop + 1 or stop
      until not doubled
      field, after = text:sub(at + 1, stop - 1):gsub('""', '"'), stop + 1
    else
      field = text:match('^[^",\r\n]*', at)
      after = at + #field
    end
    record[#record + 1] = field
    local ending = text:match("^,", after) or text:match("^\r\n", after)
    assert(ending, "neither a comma nor a line end at byte " .. after)
    if ending ~= "," then
      records[#records + 1], record = record, {}
    end
    at = after + #ending
  end
  assert(#record == 0, "the last line has no end")
  return records
end

-- How many columns of a terminal a line takes: characters of the emulator's data are one wide.
local function columns(line)
  return select(2, line:gsub("[^\128-\191]", ""))
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n" do
    list[#list + 1] = line
  end
  return list
end

describe("commerce", function()
  local e, box, path, first

  setup(function()
    e = emulator.start { charges = 150, compact = true }
    e:control("keys", { key = KEY })
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = KEY }, { in_process = true })
    path = box:path "commerce.db"
    box.environment.COMMERCE_STORE = "sqlite:" .. path
    -- text that tables and CSV must not trip over
    local id = e:json("/v1/customers?limit=1", KEY).data[1].id
    e:control("mutate", { op = "update", id = id, key = KEY, fields = {
      name = 'Zo\195\171 "Quoted", of\r\nTwo Lines', description = "tab\there,\27[31mred" } })
    first = { box:commerce "sync" }
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  -- Run it; it must end well and say nothing on standard error.
  local function good(arguments, environment)
    local status, output, errors = box:commerce(arguments, environment)
    assert.equal("", errors)
    assert.equal(0, status)
    return output
  end

  -- The same on a terminal.
  local function shown(arguments, width, environment)
    local status, output = box:terminal(arguments, width, environment)
    assert.equal(0, status, output)
    return output
  end

  -- ---------------------------------------------------------------- help

  describe("help", function()
    it("names the commands, the environment and the exit status", function()
      local output = good "--help"
      for _, word in ipairs { "sync", "show", "status", "verify", "coverage", "STRIPE_SECRET_KEY",
        "STRIPE_ACCOUNT", "STRIPE_API_BASE", "COMMERCE_STORE", "NO_COLOR", "Exit status: 0" } do
        assert.truthy(output:find(word, 1, true), word)
      end
      assert.equal(output, good "-h")
    end)

    for command, options in pairs { sync = { "--connection", "--type", "--since", "--full",
      "--json", "--store" }, show = { "--query", "--order-by", "--limit", "--format",
      "--connection", "--store", "tax_components" }, verify = { "--deep", "--type", "--json",
      "--mark-deleted", "--connection", "--store" }, status = { "--json", "--store" },
      coverage = { "--json" } } do
      it("tells the options of " .. command, function()
        local output = good(command .. " --help")
        assert.truthy(output:find("commerce " .. command, 1, true))
        for _, option in ipairs(options) do
          assert.truthy(output:find(option, 1, true), option)
        end
      end)
    end

    it("tells the version", function()
      assert.matches("^lua%-commerce %d+%.%d+%.%d+\n$", good "--version")
    end)
  end)

  -- ---------------------------------------------------------------- sync

  describe("sync", function()
    it("stores everything and sums up on standard output", function()
      local status, output, errors = first[1], first[2], first[3]
      assert.equal(0, status)
      assert.matches("^live mode, account acct_1CommerceShop001\n", output)
      for _, name in ipairs(rows.TYPES) do
        local count = rows.number(path, "SELECT count(*) FROM " .. name)
        assert.is_true(count > 0)
        assert.matches("\n" .. name .. " +complete +[%d,]+ +" .. count .. " +0 +0 ", output)
        assert.matches("\n" .. name .. ": complete, [%d,]+ read\n", errors)
      end
      assert.matches("\n%d+ requests, 0 retried, 0 rate limited, [%d%.]+ s\n$", output)
    end)

    it("prints plain lines where there is no terminal", function()
      assert.is_nil((first[2] .. first[3]):find "[\27\r]")
      assert.matches("^reading account acct_1CommerceShop001 in live mode\n", first[3])
    end)

    it("changes nothing the second time, whichever runtime runs it", function()
      rows.age(path)
      local before = rows.dump(path, { dates = true })
      for _, lua in ipairs { "lua5.4", "luajit" } do
        local status, output = box:commerce("sync", { LUA = lua })
        assert.equal(0, status)
        for _, name in ipairs(rows.TYPES) do
          assert.matches("\n" .. name .. " +complete +[%d,]+ +0 +0 +[1-9]", output)
        end
        assert.equal("", rows.difference(before, rows.dump(path, { dates = true })))
      end
    end)

    it("gives the same database under both runtimes", function()
      local dumps = {}
      for i, lua in ipairs { "lua5.4", "luajit" } do
        local store = box:path(lua .. ".db")
        assert.equal(0, (box:commerce("sync --store sqlite:" .. store, { LUA = lua })))
        dumps[i] = rows.dump(store)
      end
      assert.equal("", rows.difference(dumps[1], dumps[2]))
      assert.equal("", rows.difference(rows.dump(path), dumps[1]))
    end)

    it("reads the types it is told, however they are given", function()
      for i, arguments in ipairs { "--type payments,disputes", "--type payments --type disputes",
        "--type commerce-payments --type 'disputes,payments'" } do
        local store = box:path(("types%d.db"):format(i))
        local status, output = box:commerce(("sync %s --store sqlite:%s"):format(arguments, store))
        assert.equal(0, status)
        assert.truthy(output:find "\npayments +complete" and output:find "\ndisputes +complete")
        assert.is_nil(output:find "\ncustomers")
        assert.equal(0, rows.number(store, "SELECT count(*) FROM customers"))
        assert.is_true(rows.number(store, "SELECT count(*) FROM payments") > 100)
      end
    end)

    it("reads from the day it is told", function()
      local store = box:path "since.db"
      assert.equal(0, (box:commerce("sync --since 2026-01-01 --store sqlite:" .. store)))
      local since = rows.number(store, "SELECT count(*) FROM payments")
      assert.equal(rows.number(path, "SELECT count(*) FROM payments "
        .. "WHERE created_date >= '2026-01-01'"), since)
      assert.is_true(since > 0)
    end)

    it("keeps to the connection it is told", function()
      local id = rows.sql(path, "SELECT id FROM connections"):gsub("%s", "")
      assert.equal(0, (box:commerce("sync --type tax_components --connection " .. id)))
      local status, _, errors = box:commerce "sync --connection 12345"
      assert.equal(2, status)
      assert.equal("commerce: no connection '12345'; `commerce connections list` lists the "
        .. "connections\n", errors)
    end)

    it("acts on the connected account it is told", function()
      e:control("accounts", { id = "acct_1Connected001", charges = 20 })
      local store = box:path "connected.db"
      assert.equal(0, (box:commerce("sync --store sqlite:" .. store,
        { STRIPE_ACCOUNT = "acct_1Connected001" })))
      assert.equal("stripe|acct_1Connected001\n",
        rows.sql(store, "SELECT integration, account FROM connections"))
      assert.equal("acct_1Connected001\n",
        rows.sql(store, "SELECT commerce_platform_ref FROM company_info"))
    end)

    it("uses commerce.db in the folder it runs in, if nothing else is said", function()
      local folder = box:path "empty"
      local _, checkout = shell.run "pwd"
      local status = box:run(("sh -c 'mkdir %s && cd %s && %s/build/commerce sync --type "
        .. "tax_components'"):format(folder, folder, checkout:gsub("%s+$", "")),
        { COMMERCE_STORE = false })
      assert.equal(0, status)
      assert.is_true(rows.number(folder .. "/commerce.db",
        "SELECT count(*) FROM tax_components") > 0)
    end)

    it("--json prints one event a line, the start first, the report last", function()
      local events = {}
      for i, line in ipairs(lines_of(good "sync --json")) do
        events[i] = cjson.decode(line)
        assert.equal("string", type(events[i].event))
      end
      local last = events[#events]
      assert.equal("start", events[1].event)
      assert.same(rows.TYPES, events[1].types)
      assert.same({ "end", true, "live", "acct_1CommerceShop001", #rows.TYPES },
        { last.event, last.complete, last.mode, last.account, #last.types })
      local ended = 0
      for i = 2, #events - 1 do
        assert.is_true(events[i].event == "progress" or events[i].event == "type")
        ended = ended + (events[i].event == "type" and 1 or 0)
      end
      assert.equal(#rows.TYPES, ended)
    end)

    it("--json says what failed, and the status is 1", function()
      e:control("faults", { { match = { path = "/v1/disputes" }, action = { status = 403 } } })
      local status, output, errors = box:commerce "sync --json"
      e:control("faults", { clear = true })
      assert.equal(1, status)
      assert.equal("", errors)
      local lines = lines_of(output)
      local last = cjson.decode(lines[#lines])
      assert.is_false(last.complete)
      for _, entry in ipairs(last.types) do
        assert.equal(entry.type == "disputes" and "failed" or "complete", entry.status)
      end
    end)

    it("draws bars on a terminal, in place, no wider than it", function()
      for _, width in ipairs { 80, 60, 45 } do
        local command = box:command("build/commerce sync", { COLUMNS = tostring(width),
          LANG = "C.UTF-8", TERM = "xterm" })
        local status, output = shell.run(("script -qec %s /dev/null </dev/null")
          :format(shell.quote(command)))
        assert.equal(0, status)
        assert.is_nil(sandbox.leak(output, KEY))
        assert.truthy(output:find("\r", 1, true))
        assert.truthy(output:find("\27[9A", 1, true), "the nine lines are not drawn again")
        assert.truthy(output:find("\226\150\136", 1, true), "no bar")
        local done = {}
        for line in output:gmatch "\r\27%[K([^\r\n]*)" do
          assert.is_true(columns(line) <= width, line)
          local name, percent = line:match "^([%l_]+).- (%d+) %%"
          if name then
            done[name] = tonumber(percent)
          end
        end
        for _, name in ipairs(rows.TYPES) do
          assert.equal(100, done[name], name)
        end
      end
    end)

    it("draws with plain characters where the terminal is not UTF-8", function()
      local command = box:command("build/commerce sync --type customers", { LANG = "C",
        TERM = "xterm" })
      local _, output = shell.run(("script -qec %s /dev/null </dev/null")
        :format(shell.quote(command)))
      assert.truthy(output:find("customers        ####################   100 %", 1, true))
      assert.is_nil(output:find "[\128-\255]")
    end)
  end)

  -- ---------------------------------------------------------------- show

  describe("show", function()
    for _, width in ipairs { 60, 80, 120 } do
      it(("fits %d columns with every type"):format(width), function()
        local commands = {}
        for i, name in ipairs(rows.TYPES) do
          commands[i] = "show " .. name
        end
        local shown_types = box:terminal_of_several(commands, width)
        for i, name in ipairs(rows.TYPES) do
          assert.equal(0, shown_types[i].status, shown_types[i].output)
          local list = lines_of(shown_types[i].output)
          local count = math.min(rows.number(path, "SELECT count(*) FROM " .. name), 20)
          local gaps = select(2, table.concat(list, "\n"):gsub("\n\n", ""))
          if gaps == 0 then
            assert.equal(count + 2, #list, name)
          else -- too narrow: each record is a block of lines
            assert.same({ 60, count - 1 }, { width, gaps }, name)
          end
          assert.matches("^%(live mode", list[#list])
          for _, line in ipairs(list) do
            assert.is_true(columns(line) <= width, ("%s: %d columns: %s"):format(name,
              columns(line), line))
            assert.is_nil(line:find "%c")
          end
        end
      end)
    end

    it("prints the whole table where there is no terminal, whatever COLUMNS says", function()
      local list = lines_of(good("show payments", { COLUMNS = "40" }))
      for i = 2, 21 do
        assert.matches("^%S+  %d%d%d%d%-%d%d%-%d%d %d%d:%d%d +%-?[%d.]+ +%u%u%u  %a+", list[i])
        assert.is_nil(list[i]:find("~", 1, true))
      end
      assert.equal(22, #list)
      assert.matches("^id +", list[1])
      assert.equal("(live mode, acct_1CommerceShop001; first 20, see --limit)", list[22])
    end)

    it("says so where there is nothing", function()
      assert.equal("no payments match the query in live mode\n",
        good "show payments --query 'amount>99999999999999'")
      assert.equal("--limit 0 shows no records\n", good "show payments --limit 0")
      assert.equal("[]\n", good "show payments --query 'amount>99999999999999' --format json")
      assert.equal("", good "show payments --query 'amount>99999999999999' --format jsonl")
    end)

    -- What is kept beside a record, of which payouts_spec has the values.
    local function without_links(line)
      return (line:gsub(',"payout":"po_%w+"}$', "}")
        :gsub(',"transactionCount":%d+,"grossAmount":[%-%d.]+,"fees":[%-%d.]+}$', "}"))
    end

    it("gives every record as JSON, as it is stored, with what is kept beside it", function()
      local linked = 0
      for _, name in ipairs(rows.TYPES) do
        local records, texts, count = rows.records(path, name)
        local decoded = cjson.decode(good("show " .. name .. " --format json"))
        assert.equal(count, #decoded)
        local list = lines_of(good("show " .. name .. " --format jsonl"))
        assert.equal(count, #list)
        for i, line in ipairs(list) do
          local id = decoded[i].id or decoded[i].commercePlatformRef
          linked = linked + (without_links(line) ~= line and 1 or 0)
          assert.equal(texts[id], without_links(line))
          for member in pairs { payout = 1, transactionCount = 1, grossAmount = 1, fees = 1 } do
            decoded[i][member] = nil
          end
          assert.same(records[id], decoded[i])
        end
      end
      assert.is_true(linked > 10)
    end)

    it("gives CSV that reads back to what is stored", function()
      local records = rows.records(path, "customers")
      local csv = parse_csv(good "show customers --format csv --raw")
      local names, found = csv[1], 0
      for i = 2, #csv do
        assert.equal(#names, #csv[i])
        local row = {}
        for k, name in ipairs(names) do
          row[name] = csv[i][k]
        end
        local record = records[row.id]
        assert.equal(record.customerName or "", row.customer_name)
        assert.equal(record.note or "", row.note)
        assert.equal(record.createdDate, row.created_date)
        found = found + (row.customer_name:find("\r\n", 1, true) and 1 or 0)
      end
      assert.equal(1, found)
      assert.equal(rows.number(path, "SELECT count(*) FROM customers") + 1, #csv)
      for _, name in ipairs(rows.TYPES) do
        local count = rows.number(path, "SELECT count(*) FROM " .. name)
        assert.equal(count + 1, #parse_csv(good("show " .. name .. " --format csv")))
      end
    end)

    it("gives CSV without control characters and formulas, unless it is --raw", function()
      assert.matches("tab\there,[31mred", good "show customers --format csv", 1, true)
      assert.matches("tab\there,\27[31mred", good "show customers --format csv --raw", 1, true)
      assert.same({ 2, "", "commerce: --raw is for --format csv: the other formats need no change "
        .. "of texts\n" }, { box:commerce "show customers --raw" })
      local status, output = box:terminal("show customers --format csv --raw", 80)
      assert.equal(2, status)
      assert.matches("redirect the output", output, 1, true)
    end)

    it("sends no command to a terminal, in any format", function()
      for _, name in ipairs { "table", "json", "jsonl", "csv" } do
        assert.is_nil(shown("show customers --limit 200 --format " .. name, 200)
          :find("\27", 1, true))
      end
    end)

    it("gives amounts in CSV digit by digit", function()
      local _, texts = rows.records(path, "transactions")
      local csv = parse_csv(good "show transactions --format csv")
      local at = {}
      for k, name in ipairs(csv[1]) do
        at[name] = k
      end
      for i = 2, #csv do
        assert.equal(texts[csv[i][at.id]]:match '"totalAmount":([%-%d%.]+)',
          csv[i][at.total_amount])
      end
    end)

    it("obeys limit, query and order", function()
      local function ids(arguments)
        local list = {}
        for i, line in ipairs(lines_of(good("show payments --format jsonl " .. arguments))) do
          list[i] = cjson.decode(line).id
        end
        return list
      end
      local function stored(rest)
        local list = {}
        for id in rows.sql(path, "SELECT id FROM payments " .. rest):gmatch "[^\n]+" do
          list[#list + 1] = id
        end
        return list
      end
      assert.equal(7, #ids "--limit 7")
      assert.equal(0, #ids "--limit 0")
      assert.equal(#stored "", #ids "")
      assert.same(stored "WHERE status = 'Failed' ORDER BY amount, id",
        ids "--query status=Failed --order-by amount")
      local largest = stored "ORDER BY amount DESC, id DESC LIMIT 5"
      assert.same(largest, ids "--order-by=-amount --limit 5")
      assert.same(stored("WHERE (amount > 50 AND currency = 'EUR') OR status = 'Pending' "
        .. "ORDER BY created_date DESC, id DESC"),
        ids "--query 'amount>50&&currency=eur||status=Pending'")
      assert.same(stored "WHERE created_date >= '2026-06-01' ORDER BY created_date DESC, id DESC",
        ids "--query 'createdDate>=2026-06-01'")
      assert.equal(23, #lines_of(good "show payments --limit 21"))
    end)

    it("takes a descending order as its help writes it", function()
      assert.equal(good "show payments --format csv --order-by=-amount",
        good "show payments --format csv --order-by -amount")
    end)

    it("takes Codat's names of types", function()
      assert.equal(good "show payment_methods --format csv",
        good "show commerce-paymentMethods --format csv")
    end)

    it("shows one connection's records alone", function()
      local id = rows.sql(path, "SELECT id FROM connections"):gsub("%s", "")
      assert.equal(good "show customers --format csv",
        good("show customers --format csv --connection " .. id))
      local status, output, errors = box:commerce "show customers --connection nobody"
      assert.same({ 2, "", "commerce: no connection 'nobody'; `commerce connections list` lists "
        .. "the connections\n" }, { status, output, errors })
    end)
  end)

  -- ---------------------------------------------------------------- status, coverage

  it("status tells what is stored and how fresh it is", function()
    good "sync --json"
    local output = good "status"
    assert.matches("acct_1CommerceShop001", output, 1, true)
    assert.matches("live mode", output, 1, true)
    for _, name in ipairs(rows.TYPES) do
      assert.matches("\n" .. name .. " +"
        .. rows.number(path, "SELECT count(*) FROM " .. name) .. " +Complete ", output)
    end
    local facts = cjson.decode(good "status --json")
    assert.same({ "stripe", "live", "acct_1CommerceShop001" },
      { facts.integration, facts.mode, facts.account })
    assert.equal(#rows.TYPES, #facts.types)
    for i, entry in ipairs(facts.types) do
      assert.same({ rows.TYPES[i], "Complete" }, { entry.type, entry.status })
      assert.equal(rows.number(path, "SELECT count(*) FROM " .. entry.type), entry.records)
    end
  end)

  it("status tells what failed, in the width there is", function()
    e:control("faults", { { match = { path = "/v1/disputes" }, action = { status = 403 } } })
    box:commerce "sync --json"
    e:control("faults", { clear = true })
    for _, width in ipairs { 60, 80, 120 } do
      local list = lines_of(shown("status", width))
      local found
      for i = 2, #list do -- above the table stands whose it is
        assert.is_true(columns(list[i]) <= width, list[i])
        found = found or list[i]:find "^disputes .*Permi"
      end
      assert.truthy(found)
    end
    local facts = cjson.decode(good "status --json")
    for _, entry in ipairs(facts.types) do
      if entry.type == "disputes" then
        assert.equal("PermissionsError", entry.status)
        assert.matches("Disputes", entry.error, 1, true)
      end
    end
    good "sync --json"
  end)

  it("status of a database without connections says what to do", function()
    local store = box:path "none.db"
    local status = box:commerce("sync --store sqlite:" .. store,
      { STRIPE_SECRET_KEY = "sk_live_unknown" })
    assert.equal(1, status)
    assert.matches("commerce sync", good("status --store sqlite:" .. store), 1, true)
  end)

  it("coverage tells every type with its permission, and the feed's", function()
    local bare = { STRIPE_SECRET_KEY = false, COMMERCE_STORE = "sqlite:/nowhere/at/all.db" }
    for _, width in ipairs { 60, 80, 120 } do
      local list = lines_of(shown("coverage", width, bare))
      assert.equal(#rows.TYPES + 2, #list) -- and the headings
      assert.matches("^%(changes%) .* Events%s*$", list[#list])
      for _, line in ipairs(list) do
        assert.is_true(columns(line) <= width, line)
      end
    end
    for i, line in ipairs(lines_of(good("coverage --json", bare))) do
      local fact = cjson.decode(line)
      assert.equal(rows.TYPES[i] or "changes", fact.type)
      assert.same({ "stripe", "stripe-test" }, fact.integrations)
      assert.is_true(#fact.resources > 0 and #fact.permissions > 0)
    end
  end)

  -- ---------------------------------------------------------------- around it

  it("works from any folder and through a link", function()
    local _, checkout = shell.run "pwd"
    checkout = checkout:gsub("%s+$", "")
    local link = box:path "a-link"
    assert.equal(0, (shell.run(("ln -s %s/build/commerce %s"):format(shell.quote(checkout), link))))
    local status, output = box:run(("sh -c 'cd / && %s show customers --format csv'"):format(link))
    assert.equal(0, status)
    assert.equal(good "show customers --format csv", output)
  end)

  describe("make env", function()
    -- the environment of a running make must not reach this one
    local MAKE = "env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s --no-print-directory env"

    it("lets plain lua5.4 and luajit find the library", function()
      for _, lua in ipairs { "lua5.4", "luajit" } do
        local program = "print(require([[commerce]])._VERSION, "
          .. "type(require([[commerce.core]]).now()))"
        local status, output, errors = box:run("sh -c " .. shell.quote(
          ('eval "$(%s)" && cd / && %s -e "%s"'):format(MAKE, lua, program)))
        assert.equal("", errors)
        assert.equal(0, status)
        assert.matches("^%d+%.%d+%.%d+\tnumber\n$", output)
      end
    end)

    it("prints nothing that a shell could not take, even if it has to build first", function()
      local copy = box:path "copy"
      -- a part of the sources, each of whose rooms has a rule of its own
      assert.equal(0, (shell.run(("mkdir -p %s/lua %s/csrc/bind && cp Makefile %s && cp -r "
        .. "csrc/text csrc/pq %s/csrc && cp csrc/bind/c*.c %s/csrc/bind"):format(copy, copy, copy,
        copy, copy))))
      -- a compiler that compiles nothing: what make prints is what matters
      local _, output = shell.run(("cd %s && %s CC=true"):format(copy, MAKE))
      local exports = 0
      for _, line in ipairs(lines_of(output)) do
        assert.matches('^export LUA_C?PATH[_54]*="[^"]*"$', line)
        exports = exports + 1
      end
      assert.equal(4, exports)
    end)
  end)

  it("kept the secret key to itself all along", function()
    assert.equal("", box:files_with "Planted7Secret3Words9")
  end)
end)
