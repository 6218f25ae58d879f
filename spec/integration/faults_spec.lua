-- Faults in the middle of a sync: after each the store holds what an undisturbed sync stores, or
-- the report says what is missing and the next sync brings it.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local CHARGES, PAGE = 200, 20 -- ten pages of charges
local FAST = 1000 -- requests a second
local SETTINGS = { charges = CHARGES, compact = true }

describe("a sync disturbed by", function()
  local e, box, app, shop, path, undisturbed

  local function start(options)
    path = box:path "store.db"
    app = assert(commerce.open { store = "sqlite:" .. path })
    local all = { secret_key = "sk_test_emulator", base_url = e.base, rate = FAST,
      endpoint_rate = FAST, backoff = 0.002, backoff_cap = 0.01 }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    shop = assert(app:connect(all))
  end

  local function stop()
    if app then
      shop:close()
      app:close()
      app = nil
    end
    os.remove(path)
  end

  setup(function()
    e = emulator.start(SETTINGS)
    box = sandbox.new()
    start()
    assert.is_true(assert(shop:sync { page_size = PAGE }).complete)
    undisturbed = rows.dump(path)
    stop()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset(SETTINGS)
  end)

  after_each(stop)

  local function fault(match, action)
    e:control("faults", { { match = match, action = action } })
  end

  local function fired()
    local count = 0
    for _, rule in ipairs(e:control "faults") do
      count = count + rule.fired
    end
    return count
  end

  local function entry_of(report, type_name)
    for _, entry in ipairs(report.types) do
      if entry.type == type_name then
        return entry
      end
    end
  end

  local function assert_whole(report)
    assert.is_true(report.complete, tostring(report))
    assert.equal("", rows.difference(undisturbed, rows.dump(path)))
  end

  -- Only these types may have failed; everything of the others must be there.
  local function assert_only_failed(report, failed)
    assert.is_false(report.complete)
    local others = {}
    for _, entry in ipairs(report.types) do
      assert.equal(failed[entry.type] and "failed" or "complete", entry.status, entry.type)
      if not failed[entry.type] then
        others[#others + 1] = entry.type
      end
    end
    local whole, here = {}, rows.dump(path, { types = others })
    for _, name in ipairs(others) do
      for line in undisturbed:gmatch "[^\n]+" do
        if line:sub(1, #name + 1) == name .. "|" then
          whole[#whole + 1] = line .. "\n"
        end
      end
    end
    assert.equal("", rows.difference(table.concat(whole), here))
  end

  -- ---------------------------------------------------------------- what passes

  local html = "<html><body><h1>Bad Gateway</h1></body></html>"
  local PASSING = {
    { "429 for the endpoint's rate", { type = "rate_limit" }, limited = true },
    { "429 for the account's rate", { type = "rate_limit", reason = "global-rate" },
      limited = true },
    { "429 for too many at once", { type = "rate_limit", reason = "endpoint-concurrency" },
      limited = true },
    { "429 with Retry-After", { type = "rate_limit", headers = { ["Retry-After"] = "0" } },
      limited = true },
    { "429 for a locked object", { type = "lock_timeout" }, limited = true },
    { "400 with the code rate_limit", { status = 400, code = "rate_limit" }, limited = true },
    { "500 with HTML", { type = "html500" } },
    { "502 with HTML", { type = "html500", status = 502, body = html } },
    { "500 without a body", { status = 500, body = "" } },
    { "503 that Stripe asks to retry",
      { status = 503, headers = { ["Stripe-Should-Retry"] = "true" } } },
    { "400 that Stripe asks to retry",
      { status = 400, headers = { ["Stripe-Should-Retry"] = "true" } } },
    { "409", { status = 409 } },
    { "200 with HTML", { status = 200, body = html } },
    { "200 without a body", { status = 200, body = "" } },
    { "JSON that is cut in the middle", { type = "truncate" } },
    { "JSON that lacks its last bracket", { type = "truncate", bytes = 100 } },
    { "a connection closed in the middle of the body", { type = "reset_body" } },
    { "a connection closed after the first byte of the body", { type = "reset_body", bytes = 1 } },
    -- on a kept connection libcurl itself tries once more
    { "a reset connection", { type = "reset" }, silent = true },
    { "a closed connection", { type = "close" }, silent = true },
    { "a body that drips slower than the timeout", { type = "slow", seconds = 0.05 },
      timeout = 0.2 },
    { "a chunked body that drips slower than the timeout",
      { type = "slow", seconds = 0.05, chunked = true }, timeout = 0.2 },
    { "a head that drips slower than the timeout",
      { type = "slow_headers", bytes = 1, seconds = 0.05 }, timeout = 0.2 },
    { "an answer that never comes", { type = "hang", seconds = 2 }, timeout = 0.2 },
  }

  for _, case in ipairs(PASSING) do
    it(case[1] .. " stores everything", function()
      start { timeout = case.timeout }
      fault({ path = "/v1/charges", nth = 4 }, case[2])
      fault({ path = "/v1/balance_transactions", after = 2, times = 2 }, case[2])
      local report = assert(shop:sync { page_size = PAGE })
      assert_whole(report)
      assert.equal(3, fired())
      assert.is_true(case.silent or report.retries >= 3)
      assert.is_true(case.timeout ~= nil or report.retries <= 3) -- a busy machine times out more
      assert.equal(case.limited and 3 or 0, report.rate_limited)
    end)
  end

  it("an answer that is only late stores everything without asking twice", function()
    start { timeout = 2 }
    fault({ path = "/v1/charges", nth = 3 }, { type = "delay", seconds = 0.1 })
    fault({ path = "/v1/refunds" }, { type = "slow", bytes = 20000, seconds = 0.01 })
    local report = assert(shop:sync { page_size = PAGE })
    assert_whole(report)
    assert.equal(0, report.retries)
    assert.is_true(fired() > 1)
  end)

  it("connections closed after every answer stores everything", function()
    start()
    fault({ path = "/v1/" }, { type = "close_after" })
    assert_whole(assert(shop:sync { page_size = PAGE }))
    assert.is_true(fired() > 25)
  end)

  it("a failure at every resource's first request stores everything", function()
    start()
    for _, name in ipairs { "balance_transactions", "account", "balance", "customers", "charges",
      "refunds", "disputes", "products", "prices", "tax_rates" } do
      fault({ path = "/v1/" .. name, nth = 1 }, { type = "html500" })
    end
    local report = assert(shop:sync { page_size = PAGE })
    assert_whole(report)
    -- /v1/balance is a prefix of /v1/balance_transactions: whichever comes first is counted
    assert.is_true(report.retries >= 9)
  end)

  it("a bit of everything all the time stores everything", function()
    start { timeout = 0.3, retries = 30 }
    for seed, kind in ipairs { "html500", "reset", "reset_body", "truncate", "close",
      "lock_timeout" } do
      fault({ probability = 0.06, seed = seed * 17 }, { type = kind })
    end
    local report = assert(shop:sync { page_size = PAGE })
    assert_whole(report)
    assert.is_true(report.retries > 5 and fired() > 10)
  end)

  it("pages too large for the server asks for smaller ones", function()
    local transactions = #rows.fetch(e, "balance_transactions")
    start { timeout = 0.5 }
    e:control("stats", { clear = true })
    fault({ path = "/v1/charges", query = "limit=100" }, { status = 500 })
    fault({ path = "/v1/balance_transactions", query = "limit=100" }, { type = "hang",
      seconds = 2 })
    local report = assert(shop:sync { ranges = 1 })
    assert_whole(report)
    local sizes, tries = {}, 2 -- one try each: the next is smaller
    for _, line in ipairs(e:control("stats?lines=1").lines) do
      local name, size = line:match "^GET /v1/([%l_]+)%?.-limit=(%d+)"
      if line:find("payout=po_", 1, true) then -- a list of its own, which hung at first
        tries = tries + (size == "50" and not line:find("starting_after", 1, true) and 1 or 0)
      elseif name == "charges" or name == "balance_transactions" then
        sizes[name .. size] = (sizes[name .. size] or 0) + 1
      end
    end
    assert.equal(tries, fired())
    assert.same({ charges100 = 1, charges50 = CHARGES / 50,
      balance_transactions50 = math.ceil(transactions / 50) },
      { charges100 = sizes.charges100, charges50 = sizes.charges50,
        balance_transactions50 = sizes.balance_transactions50 })
  end)

  -- ---------------------------------------------------------------- changes meanwhile

  -- Sync; once `count` objects of a type have been stored, do something. The request for the page
  -- after them waits long enough for that.
  local function sync_and(changes)
    for _, change in ipairs(changes) do
      fault({ path = "/v1/" .. change.resource, nth = change.count / PAGE + 1 },
        { type = "delay", seconds = 0.3 })
    end
    e:control("stats", { clear = true })
    local report = assert(shop:sync { page_size = PAGE, ranges = 1, progress = function(event)
      for _, change in ipairs(changes) do
        if event.type == change.type and event.read == change.count and not change.done then
          change.done = true
          e:control("mutate", { ops = change.ops })
        end
      end
    end })
    for _, change in ipairs(changes) do
      assert.is_true(change.done)
    end
    local missing = e:control("stats").statuses["400"] or 0
    assert.is_true(missing >= #changes, "no cursor was missing")
    return report
  end

  it("a cursor object that is deleted meanwhile stores everything", function()
    local charges, customers = rows.fetch(e, "charges"), rows.fetch(e, "customers")
    start()
    assert_whole(sync_and {
      { type = "payment_methods", resource = "charges", count = 3 * PAGE,
        ops = { { op = "delete", id = charges[3 * PAGE].id } } },
      { type = "customers", resource = "customers", count = PAGE,
        ops = { { op = "delete", id = customers[PAGE].id } } },
    })
  end)

  it("a whole page that is deleted meanwhile stores everything", function()
    local ops = {}
    for i, charge in ipairs(rows.fetch(e, "charges")) do
      if i > PAGE and i <= 2 * PAGE then
        ops[#ops + 1] = { op = "delete", id = charge.id }
      end
    end
    start()
    assert_whole(sync_and {
      { type = "payment_methods", resource = "charges", count = 2 * PAGE, ops = ops } })
  end)

  it("a deleted cursor object among many of its second stores everything", function()
    local settings = { charges = CHARGES, compact = true, tie_size = 70 }
    e:reset(settings)
    start()
    assert.is_true(assert(shop:sync { page_size = PAGE }).complete)
    local whole = rows.dump(path)
    stop()
    e:reset(settings)
    local charges, count = rows.fetch(e, "charges"), nil
    for at = 2 * PAGE, CHARGES - 2 * PAGE, PAGE do
      if charges[at - PAGE].created == charges[at + PAGE].created then
        count = count or at
      end
    end
    start()
    local ops = {} -- the whole last page: nothing of it is left to go back to
    for i = count - PAGE + 1, count do
      ops[#ops + 1] = { op = "delete", id = charges[i].id }
    end
    local report = sync_and {
      { type = "payment_methods", resource = "charges", count = count, ops = ops } }
    assert.is_true(report.complete)
    assert.equal("", rows.difference(whole, rows.dump(path)))
  end)

  it("objects that come in meanwhile stores the others, and those the next time", function()
    local charges = rows.fetch(e, "charges")
    start()
    local new = {}
    local function insert(created)
      new[#new + 1] = e:control("mutate", { op = "insert", type = "charges", created = created,
        fields = { amount = 777, currency = "usd" } }).ids[1]
    end
    local report = assert(shop:sync { page_size = PAGE, ranges = 1, progress = function(event)
      if event.type == "payment_methods" and event.event == "progress" and #new < 6 then
        insert() -- newest: behind the reader
        insert(charges[CHARGES - 20].created) -- still to come
      end
    end })
    assert.equal(6, #new)
    assert.is_true(report.complete)
    local missing = {}
    for line in undisturbed:gmatch "[^\n]+" do
      -- the balance moved, and the charges refer to nothing new
      missing[#missing + 1] = not line:find "^company_info" and line or nil
    end
    local here, absent = rows.dump(path), 0
    for _, line in ipairs(missing) do
      absent = absent + (here:find(line, 1, true) and 0 or 1)
    end
    assert.equal(0, absent)
    for i = 2, 6, 2 do
      assert.truthy(here:find("payments|" .. new[i], 1, true), "an older insert was not read")
    end
    assert.is_true(assert(shop:sync { page_size = PAGE }).complete)
    here = rows.dump(path)
    for _, id in ipairs(new) do
      assert.truthy(here:find("payments|" .. id, 1, true))
    end
    assert.equal(CHARGES + 6, rows.number(path, "SELECT count(*) FROM payments WHERE amount >= 0 "
      .. "AND (id LIKE 'ch\\_%' ESCAPE '\\' OR id LIKE 'py\\_%' ESCAPE '\\')"))
  end)

  -- ---------------------------------------------------------------- what does not pass

  local LASTING = {
    { "500 without end", { status = 500 }, "HTTP 500", "FetchError" },
    { "HTML without end", { type = "html500", status = 502 }, "HTTP 502", "FetchError" },
    { "429 without end", { type = "rate_limit" }, "HTTP 429", "RateLimitError" },
    { "401, the key having been revoked", { status = 401, code = "api_key_expired" }, "HTTP 401",
      "AuthError", once = true },
    { "403, the permission having been taken away", { status = 403 }, "Charges and Refunds",
      "PermissionsError", once = true },
    { "503 that Stripe asks not to retry",
      { status = 503, headers = { ["Stripe-Should-Retry"] = "false" } }, "HTTP 503", "FetchError",
      once = true },
    { "400", { status = 400 }, "HTTP 400", "FetchError", once = true },
    { "a redirect", { status = 302, headers = { Location = "http://127.0.0.1:1/" }, body = "" },
      "HTTP 302", "FetchError", once = true },
    { "cut JSON without end", { type = "truncate" }, "GET /v1/charges", "FetchError" },
    { "resets without end", { type = "reset" }, "GET /v1/charges", "FetchError",
      silent = true },
    { "an object instead of a list", { status = 200, body = '{"object":"charge","id":"ch_1"}' },
      "GET /v1/charges", "FetchError", once = true },
  }

  it("empty pages that say there is more are told of, and a full sync reads the rest", function()
    start { retries = 2 }
    fault({ path = "/v1/charges", after = 3 },
      { status = 200, body = '{"object":"list","data":[],"has_more":true}' })
    local report = assert(shop:sync { page_size = PAGE, ranges = 1 })
    assert.is_true(report.complete, tostring(report))
    assert.matches("charges: Stripe sent empty pages that say that more objects follow",
      tostring(report), 1, true)
    assert.equal(3 * PAGE, rows.number(path, "SELECT count(*) FROM payments "
      .. "WHERE id LIKE 'ch\\_%' ESCAPE '\\' OR id LIKE 'py\\_%' ESCAPE '\\'"))
    e:control("faults", { clear = true })
    assert_whole(assert(shop:sync { page_size = PAGE, full = true }))
  end)

  for _, case in ipairs(LASTING) do
    it(case[1] .. " fails what needs it, keeps the rest, goes on the next time", function()
      start { retries = 2 }
      fault({ path = "/v1/charges", after = 3 }, case[2])
      local report = assert(shop:sync { page_size = PAGE, ranges = 1 })
      assert_only_failed(report, { payments = true, payment_methods = true })
      local message = entry_of(report, "payments").error
      assert.matches(case[3], message, 1, true)
      assert.equal(message, entry_of(report, "payment_methods").error)
      assert.is_nil(message:find "\n")
      assert.is_true(case.silent and fired() >= 3 or fired() == (case.once and 1 or 3))
      assert.equal(case[4] .. "\n", rows.sql(path,
        "SELECT status FROM pulls WHERE data_type = 'payments'"))
      -- the three pages before it stay
      local stored = rows.number(path, "SELECT count(*) FROM payments WHERE id LIKE 'ch\\_%' "
        .. "ESCAPE '\\' OR id LIKE 'py\\_%' ESCAPE '\\'")
      assert.equal(3 * PAGE, stored)

      e:control("faults", { clear = true })
      e:control("stats", { clear = true })
      assert_whole(assert(shop:sync { page_size = PAGE, ranges = 1 }))
      -- the pages that were left; one more looks for what came in since
      local count = 0
      for _, line in ipairs(e:control("stats?lines=1").lines) do
        count = count + (line:find "^GET /v1/charges%?.* 200$" and 1 or 0)
      end
      assert.equal(CHARGES / PAGE - 3 + 1, count)
    end)
  end

  it("a resource that only one side of a join lost keeps the products as they were", function()
    start { retries = 1 }
    assert_whole(assert(shop:sync { page_size = PAGE }))
    fault({ path = "/v1/prices" }, { status = 500 })
    assert_only_failed(assert(shop:sync { page_size = PAGE }), { products = true })
    assert.equal("", rows.difference(undisturbed, rows.dump(path)))
  end)

  it("a server that is gone for good fails every type and tells why", function()
    start { retries = 1 }
    fault({ path = "/v1/" }, { type = "reset" })
    local report = assert(shop:sync { page_size = PAGE })
    assert.is_false(report.complete)
    for _, entry in ipairs(report.types) do
      assert.equal("failed", entry.status)
      assert.matches("^GET /v1/", entry.error)
      assert.equal(0, entry.created)
    end
    e:control("faults", { clear = true })
    assert_whole(assert(shop:sync { page_size = PAGE }))
  end)

  -- ---------------------------------------------------------------- limits

  it("limits it keeps is never told that it is too fast", function()
    e:control("limits", { enabled = true, global = { test = 100 }, endpoint = { test = 40 } })
    start { rate = 100, endpoint_rate = 40 }
    local report = assert(shop:sync { page_size = PAGE })
    assert_whole(report)
    assert.equal(0, report.rate_limited)
    assert.is_nil(e:control("stats").statuses["429"])
  end)

  it("limits it does not know slows down and stores everything", function()
    e:control("limits", { enabled = true, global = { test = 100 }, endpoint = { test = 30 },
      burst = 0.2, concurrency = { global = 6 } })
    -- on a busy machine, too, more requests are in flight than are allowed: each is held until one
    -- has been refused
    e:control("latency", { ms = 300 })
    local held = true
    start { rate = 0, endpoint_rate = 500, backoff = 0.05, backoff_cap = 0.3, retries = 20 }
    local report = assert(shop:sync { page_size = PAGE, progress = function()
      if held and e:control("stats").statuses["429"] then
        e:control("latency", { ms = 0 })
        held = false
      end
    end })
    assert_whole(report)
    local refused = e:control("stats").statuses["429"]
    assert.is_true(refused > 0)
    assert.equal(refused, report.rate_limited)
    assert.is_true(refused < 60, "it kept running into the limit: " .. refused)
  end)
end)
