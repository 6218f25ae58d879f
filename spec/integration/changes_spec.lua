-- Changes passed on: each once for each consumer, in order, whatever ends its process.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local retention = require "commerce.account.retention"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local SETTINGS = { charges = 100, compact = true }

describe("changes", function()
  local e, box, app, shop, count, path

  setup(function()
    e = emulator.start(SETTINGS)
    box = sandbox.new()
    count = 0
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    count = count + 1
    path = box:path(("case%d.db"):format(count))
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
      endpoint_rate = 0 })
  end)

  after_each(function()
    shop:close()
    app:close()
    e:reset(SETTINGS)
  end)

  local function sync(...)
    return assert(shop:sync { types = { ... } })
  end

  -- "1 created cus_1, …"
  local function read(options)
    local list = {}
    for change in shop:changes(options) do
      list[#list + 1] = ("%s %s"):format(change.kind, change.id)
    end
    return list
  end

  it("tell what a sync created, changed and deleted, in order and once", function()
    sync "customers"
    local first = read { consumer = "queue" }
    assert.equal(rows.number(path, "SELECT count(*) FROM customers"), #first)
    assert.same({}, read { consumer = "queue" })
    sync "customers"
    assert.same({}, read { consumer = "queue" })
    local ids = e:json("/v1/customers?limit=3").data
    e:mutate { op = "update", id = ids[1].id, fields = { description = "one" } }
    e:mutate { op = "delete", id = ids[2].id }
    sync "customers"
    e:mutate { op = "update", id = ids[1].id, fields = { description = "two" } }
    sync "customers"
    local seen = {}
    for change in shop:changes { consumer = "queue" } do
      seen[#seen + 1] = change
      assert.equal(#first + #seen, change.number)
      assert.equal("customers", change.type)
      assert.equal(change.id, change.record.id)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%dZ$", change.at)
    end
    table.sort(seen, function(a, b) return a.id .. a.number < b.id .. b.number end)
    local told = {}
    for i, change in ipairs(seen) do
      told[i] = change.kind .. " " .. change.id .. " " .. tostring(change.record.note)
    end
    local expected = { "changed " .. ids[1].id .. " two", "changed " .. ids[1].id .. " two" }
    local deleted = told[ids[2].id < ids[1].id and 1 or 3]
    assert.matches("^deleted " .. ids[2].id, deleted)
    table.insert(expected, ids[2].id < ids[1].id and 1 or 3, deleted)
    assert.same(expected, told)
  end)

  it("tell of a lost dispute that opens again, is answered and is won", function()
    local id = e:mutate({ op = "dispute", charge = e:mutate({ op = "charge" }).id }).id
    local statuses = {}
    for _, op in ipairs { "dispute_lost", "dispute_appeal", "dispute_update", "dispute_won" } do
      e:mutate { op = op, id = id }
      sync "disputes"
      for change in shop:changes { consumer = "appeals" } do
        statuses[#statuses + 1] = change.id == id and change.record.status or nil
      end
    end
    assert.same({ "Lost", "EvidenceRequired", "Processing", "Won" }, statuses)
  end)

  it("are told to each consumer, and to whom keeps no place, from the start", function()
    sync "tax_components"
    local all = read()
    assert.same(all, read())
    assert.same(all, read { consumer = "a" })
    assert.same(all, read { consumer = "b" })
    assert.same({}, read { consumer = "a" })
  end)

  it("begin where they are told to", function()
    sync "tax_components"
    local all = read()
    assert.same({}, read { consumer = "new", since = "now" })
    assert.equal(#all - 3, #read { since = 3 })
    assert.equal(#all, #read { since = "2020-01-01" })
    assert.equal(0, #read { since = "2999-01-01T00:00:00Z" })
    sync "disputes"
    local disputes = rows.number(path, "SELECT count(*) FROM disputes")
    -- a place that is kept counts more than where to begin
    assert.equal(disputes, #read { consumer = "new", since = "2020-01-01" })
    assert.equal(0, #read { consumer = "new" })
  end)

  it("of some types pass over the others, for good", function()
    sync("tax_components", "disputes", "customers")
    local disputes = rows.number(path, "SELECT count(*) FROM disputes")
    assert.equal(disputes, #read { consumer = "d", types = { "disputes" } })
    assert.same({}, read { consumer = "d", types = { "disputes" } })
    assert.same({}, read { consumer = "d" })
  end)

  it("come in batches that are acknowledged together, and not beyond a limit", function()
    sync "customers"
    local customers = rows.number(path, "SELECT count(*) FROM customers")
    local sizes, numbers = {}, 0
    for batch in shop:changes { consumer = "b", batch = 10 } do
      sizes[#sizes + 1] = #batch
      for _, change in ipairs(batch) do
        numbers = numbers + 1
        assert.equal(numbers, change.number)
      end
    end
    assert.equal(customers, numbers)
    assert.equal(math.ceil(customers / 10), #sizes)
    assert.equal(10, sizes[1])
    assert.equal(7, #read { consumer = "l", limit = 7 })
    assert.equal(5, #read { consumer = "l", limit = 5 })
    assert.equal(customers - 12, #read { consumer = "l" })
    local first = shop:changes { consumer = "x", batch = 10, limit = 15 }
    assert.same({ 10, 5 }, { #first(), #first() })
    assert.is_nil((first()))
  end)

  it("that were in hand when a loop was left come again", function()
    sync "customers"
    for change in shop:changes { consumer = "q" } do
      if change.number == 5 then break end
    end
    assert.equal(5, shop:changes { consumer = "q" }().number)
    pcall(function()
      for change in shop:changes { consumer = "q" } do
        assert(change.number < 8, "stop")
      end
    end)
    assert.equal(8, shop:changes { consumer = "q" }().number)
  end)

  it("are not told twice to two processes of one name", function()
    sync "customers"
    local one, two = shop:changes { consumer = "q" }, shop:changes { consumer = "q" }
    one()
    two()
    one()
    local ok, message = pcall(two)
    assert.is_false(ok)
    assert.matches("another process reads the same changes", tostring(message), 1, true)
    assert.equal(2, shop:changes { consumer = "q" }().number)
  end)

  it("are none of a page that was not written", function()
    shop:on("customers", function() error "stop here" end, { on_error = "stop" })
    assert.is_nil((shop:sync { types = { "customers" } }))
    assert.same({}, read())
  end)

  it("are kept for so many days, and until every consumer has read them", function()
    sync "tax_components"
    local all = #read { consumer = "slow", limit = 3 }
    all = all + #read { since = all }
    rows.sql(path, "UPDATE changes SET at = '2020-01-01T00:00:00Z'")
    local status, output = box:commerce("settings change-log 30 --store sqlite:" .. path)
    assert.equal(0, status)
    assert.matches("removed from the log after 30 days", output, 1, true)
    assert.matches("slow: it has not read all changes of 1 of 1 connection", output, 1, true)
    sync "tax_components"
    assert.equal(all, #read())
    assert.equal(1, assert(app:forget_change_consumer "slow"))
    assert.is_true(app:set_changes_retention(31)) -- it was looked for a moment ago
    sync "tax_components"
    for _, options in ipairs { {}, { consumer = "new" }, { since = 1 },
      { since = "2020-01-02" } } do
      local ok, failure = pcall(read, options)
      assert.is_false(ok)
      assert.equal("changes_pruned", failure.code)
      assert.matches(("up to number %d are not kept"):format(all), tostring(failure), 1, true)
    end
    assert.is_string(retention.change_log(app.store).pruned)
    assert.same({}, app:change_consumers()) -- none was kept with a place that is not there
    assert.same({}, read { consumer = "after", since = "now" })
    sync "disputes"
    local disputes = rows.number(path, "SELECT count(*) FROM disputes")
    assert.equal(disputes, #read { consumer = "after" })
    assert.equal(disputes, #read { since = all })
    assert.is_nil((app:set_changes_retention(0)))
    assert.equal(31, app:changes_retention())
    assert.equal(0, app:forget_change_consumer "slow")
  end)

  it("refuse what cannot be asked for, at the line that asked", function()
    for words, options in pairs {
      ["unknown option 'consumr' (did you mean 'consumer'?)"] = { consumr = "x" },
      ["a date, a change's number or \"now\" expected"] = { since = "yesterday" },
      ["did you mean 'payments'?"] = { types = { "payment" } },
      ["'batch': a whole number"] = { batch = 0 },
    } do
      local line = debug.getinfo(1, "l").currentline + 1
      local ok, message = pcall(function() shop:changes(options) end)
      assert.is_false(ok)
      assert.matches(words, message, 1, true)
      assert.matches("changes_spec.lua:" .. line, message, 1, true)
    end
  end)
end)

-- ---------------------------------------------------------------- killed

-- Writes each change's number and id to a file, as a queue would take it.
local CONSUMER = [[
local commerce = require "commerce"
local app = assert(commerce.open {})
local shop = app:connections()[1]
local out = assert(io.open(os.getenv "OUT", "a"))
io.stdout:write "begun\n"
io.stdout:flush()
for change in shop:changes { consumer = "file" } do
  out:write(("%d %s %s\n"):format(change.number, change.kind, change.id))
  out:flush()
end
]]

describe("a consumer of changes that is killed", function()
  it("goes on with what it had in hand, and misses nothing", function()
    local e = emulator.start { charges = 1000, compact = true }
    local box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_test_emulator" }
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "shop.db"
    assert.equal(0, (box:commerce "sync --type payments,transactions"))
    local total = rows.number(box:path "shop.db", "SELECT max(last) FROM changes")
    local command = box:script(box:write("consumer.lua", CONSUMER), { OUT = box:path "out" })
    local killed = 0
    for round = 1, 6 do
      if box:kill_after(command, "begun", 0.004 * round) == 137 then
        killed = killed + 1
      end
    end
    assert.is_true(killed >= 3)
    local status, _, errors = box:run(command)
    assert.equal("", errors)
    assert.equal(0, status)
    local last, again = 0, 0
    for digits in (box:read "out"):gmatch "(%d+) created [^\n]+\n" do
      local number = tonumber(digits)
      if number == last then
        again = again + 1
      else
        assert.equal(last + 1, number)
        last = number
      end
    end
    assert.equal(total, last)
    assert.is_true(again <= killed)
    e:stop()
    box:close()
  end)
end)

describe("a script's checkpoint", function()
  it("is kept between two openings", function()
    local box = sandbox.new()
    local store = "sqlite:" .. box:path "kept.db"
    local app = assert(commerce.open { store = store })
    assert.is_nil((app:checkpoint "mails"))
    assert.is_true(app:set_checkpoint("mails", { last = "ch_1", sent = 3 }))
    app:close()
    app = assert(commerce.open { store = store })
    assert.same({ last = "ch_1", sent = 3 }, app:checkpoint "mails")
    assert.is_true(app:set_checkpoint("mails", nil))
    assert.is_nil((app:checkpoint "mails"))
    local ok, message = pcall(app.set_checkpoint, app, "mails", { print })
    assert.is_false(ok)
    assert.matches("checkpoint 'mails': JSON has no function", message, 1, true)
    app:close()
    box:close()
  end)
end)
