-- Sync settings: what applies where, and what is due when.

local files = require "spec.support.sqlite_files"
local handle = require "commerce.store.handle"
local settings = require "spec.support.returning" "commerce.account.settings"
local store = require "commerce.store"
local time = require "commerce.base.time"

local LINKED = "2026-03-01T08:00:00Z" -- when files.connected links "c1" of company "co1"
local HOUR = 3600

local function at(hours)
  return time.parse(LINKED) + hours * HOUR
end

describe("sync settings", function()
  local db

  before_each(function()
    db = handle(files.connected(assert(store.open "sqlite::memory:")))
  end)

  after_each(function()
    db:close()
  end)

  -- "payments yes 24 0" of some types
  local function of(whose, types)
    local lines, wanted = {}, {}
    for _, name in ipairs(types or { "payments", "disputes" }) do
      wanted[name] = true
    end
    for _, entry in ipairs(assert(settings.get(db, whose))) do
      if wanted[entry.type] then
        lines[#lines + 1] = ("%s %s %d %d %s %s"):format(entry.type,
          tostring(entry.fetch_on_first_link), entry.sync_schedule, entry.sync_order,
          entry.sync_from_utc or "-", entry.sync_from_window or "-")
      end
    end
    return table.concat(lines, ", ")
  end

  local COMPANY = { company = "co1", integration = "stripe-test" }

  it("read everything at first link and daily, unless something is set", function()
    assert.equal("payments true 24 0 - -, disputes true 24 0 - -", of(COMPANY))
    assert.equal("payments true 24 0 - -, disputes true 24 0 - -", of {})
    assert.equal(9, #settings.get(db, {}))
  end)

  it("apply for all, for an integration, for a company, the nearer before the wider", function()
    assert(settings.set(db, {}, nil, { sync_schedule = 168, sync_order = 5 }))
    assert(settings.set(db, { integration = "stripe-test" }, { "payments" },
      { sync_schedule = 24 }))
    assert(settings.set(db, { company = "co1" }, { "payments" }, { fetch_on_first_link = false }))
    assert.equal("payments false 24 5 - -, disputes true 168 5 - -", of(COMPANY))
    assert.equal("payments true 24 5 - -, disputes true 168 5 - -",
      of { integration = "stripe-test" })
    assert.equal("payments true 168 5 - -, disputes true 168 5 - -",
      of { integration = "stripe" })
  end)

  it("keep what is not named, and go back when they are reset", function()
    assert(settings.set(db, { company = "co1" }, nil, { sync_schedule = 1 }))
    assert(settings.set(db, { company = "co1" }, { "disputes" }, { sync_order = 2 }))
    assert.equal("payments true 1 0 - -, disputes true 1 2 - -", of(COMPANY))
    assert(settings.reset(db, { company = "co1" }, { "disputes" }))
    assert.equal("payments true 1 0 - -, disputes true 24 0 - -", of(COMPANY))
    assert(settings.reset(db, { company = "co1" }))
    assert.equal("payments true 24 0 - -, disputes true 24 0 - -", of(COMPANY))
  end)

  it("reach back to a day or over months, whichever is set nearer", function()
    assert(settings.set(db, {}, nil, { sync_from_window = 12 }))
    assert.equal("payments true 24 0 - 12", of(COMPANY, { "payments" }))
    assert(settings.set(db, { company = "co1" }, nil, { sync_from_utc = "2025-01-01" }))
    assert.equal("payments true 24 0 2025-01-01 -", of(COMPANY, { "payments" }))
    assert(settings.set(db, { company = "co1" }, nil, { sync_from_window = 3 }))
    assert.equal("payments true 24 0 - 3", of(COMPANY, { "payments" }))
    assert(settings.set(db, { company = "co1" }, nil, { sync_from_window = 0 })) -- everything
    assert.equal("payments true 24 0 - -", of(COMPANY, { "payments" }))
  end)

  it("are gone with their company", function()
    assert(settings.set(db, { company = "co1" }, nil, { sync_schedule = 1 }))
    assert(db:remove_company "co1")
    assert.same({}, db:sync_settings "company:co1")
  end)

  for what, case in pairs {
    ["a company that is not there"] = { { company = "nobody" }, nil, { sync_order = 1 },
      "missing", "no company nobody" },
    ["an unknown integration"] = { { integration = "paypal" }, nil, { sync_order = 1 }, "usage",
      "unknown integration 'paypal'" },
    ["an unknown data type"] = { {}, { "paymets" }, { sync_order = 1 }, "usage", "paymets" },
    ["half an hour"] = { {}, nil, { sync_schedule = 0.5 }, "usage", "whole hours" },
    ["a negative schedule"] = { {}, nil, { sync_schedule = -1 }, "usage", "got -1" },
    ["no day"] = { {}, nil, { sync_from_utc = "2026-02-30" }, "usage", "sync_from_utc" },
    ["a day and a window"] = { {}, nil, { sync_from_utc = "2026-01-01", sync_from_window = 3 },
      "usage", "not both" },
  } do
    it("refuse " .. what, function()
      local ok, message, details = settings.set(db, case[1], case[2], case[3])
      assert.is_nil(ok)
      assert.equal(case[4], details.kind)
      assert.truthy(message:find(case[5], 1, true), message)
      assert.same({}, db:sync_settings "all")
    end)
  end

  it("refuse what is no setting", function()
    assert.error_matches(function()
      settings.set(db, {}, nil, { shedule = 5 })
    end, "unknown option 'shedule'")
  end)
end)

describe("what is due", function()
  local db

  before_each(function()
    db = handle(files.connected(assert(store.open "sqlite::memory:")))
  end)

  after_each(function()
    db:close()
  end)

  -- "c1: payments disputes since DATE" for each sync that is due
  local function due(hours, given)
    local lines = {}
    for i, entry in ipairs(assert(settings.due(db, at(hours), given))) do
      lines[i] = ("%s: %s%s%s"):format(entry.connection_id, table.concat(entry.types, " "),
        entry.since and " since " .. entry.since or "", entry.first and " first" or "")
    end
    return table.concat(lines, "; ")
  end

  local ALL = "c1: company_info customers disputes payments payment_methods payouts products "
    .. "tax_components transactions"

  local ids = 0
  local function pulled(hours, status, types, connection_id)
    for _, name in ipairs(types or { "company_info", "customers", "disputes", "payments",
      "payment_methods", "payouts", "products", "tax_components", "transactions" }) do
      ids = ids + 1
      assert(db:save_pull { id = tostring(ids), connection_id = connection_id or "c1",
        data_type = name, status = status, requested = time.format(at(hours)),
        completed = status ~= "Fetching" and time.format(at(hours)) or nil, read = 0, created = 0,
        changed = 0, unchanged = 0 })
    end
  end

  local function sorted(text)
    local words = {}
    for word in text:gmatch "%S+" do
      words[#words + 1] = word
    end
    table.sort(words)
    return table.concat(words, " ")
  end

  local function is_all(text, more)
    assert.equal(sorted(ALL .. (more or "")), sorted(text))
  end

  it("is everything as soon as a connection is linked, in one sync", function()
    is_all(due(0), " first")
    assert.equal("", due(-1))
  end)

  it("is what its schedule says after that", function()
    pulled(1, "Complete")
    assert.equal("", due(24.9))
    is_all(due(25))
  end)

  it("is only what is Linked, and what is asked for", function()
    assert.equal("", due(0, { integration = "stripe" }))
    assert.equal("", due(0, { company_id = "other" }))
    is_all(due(0, { company_id = "co1", id = "c1" }), " first")
    assert(db:change_connection("c1", { status = "Unlinked", at = LINKED }, "Linked"))
    assert.equal("", due(100))
  end)

  it("is never again what has no schedule, and never what is not to be read at all", function()
    assert(settings.set(db, {}, nil, { sync_schedule = 0 }))
    assert(settings.set(db, {}, { "payments" }, { fetch_on_first_link = false }))
    assert.is_nil(due(0):find("payments ", 1, true))
    pulled(0, "Complete")
    assert.equal("", due(10000))
  end)

  it("is once for each time of linking where the merchant allowed that", function()
    assert(db:change_connection("c1", { sync_on_link = "once" }))
    is_all(due(0), " first")
    pulled(1, "FetchError")
    is_all(due(2), " first")
    pulled(2, "Complete")
    assert.equal("", due(10000))
    assert(db:change_connection("c1", { linked = time.format(at(20000)) }))
    is_all(due(20000))
  end)

  it("waits for its first schedule if it is not read at first link", function()
    assert(settings.set(db, {}, nil, { fetch_on_first_link = false, sync_schedule = 5 }))
    assert.equal("", due(4.9))
    is_all(due(5), " first")
  end)

  it("is tried again an hour after it failed, or by a shorter schedule", function()
    pulled(0, "FetchError")
    assert.equal("", due(0.9))
    is_all(due(1), " first")
    pulled(2, "Complete")
    pulled(26, "RateLimitError")
    assert.equal("", due(26.5))
    is_all(due(27))
  end)

  it("is due at once when a merchant whose access had ended links again", function()
    pulled(5, "AuthError")
    assert.equal("", due(5.5))
    assert(db:change_connection("c1", { linked = time.format(at(5.5)) }))
    is_all(due(5.5), " first")
  end)

  it("is due at once if it was killed, but not while somebody works on it", function()
    pulled(0, "Fetching")
    is_all(due(0.1), " first")
    assert(db:lease("c1", "worker", at(0), 2 * HOUR))
    assert.equal("", due(0.1))
    is_all(due(3), " first") -- the lease has run out
  end)

  it("is not put off by what a clock that was ahead has dated", function()
    pulled(1, "Complete")
    pulled(5000, "Complete")
    is_all(due(2))
    assert(db:end_killed_pulls("c1", time.format(at(2)))) -- as the sync does that follows
    pulled(2, "Complete")
    assert.equal("", due(3))
    is_all(due(26))
    pulled(5000, "FetchError")
    is_all(due(26))
    assert(db:change_connection("c1", { linked = time.format(at(5000)) }))
    is_all(due(26))
  end)

  it("is what was linked by a clock that was ahead", function()
    assert(db:change_connection("c1", { linked = time.format(at(5000)) }))
    is_all(due(0), " first")
    assert(settings.set(db, {}, nil, { fetch_on_first_link = false, sync_schedule = 5 }))
    is_all(due(0), " first")
    assert(db:change_connection("c1", { sync_on_link = "once" }))
    assert(settings.set(db, {}, nil, { fetch_on_first_link = true }))
    is_all(due(0), " first")
    pulled(0, "Complete")
    assert.equal("", due(1))
  end)

  it("is not what waits in the queue already", function()
    local queued = {}
    for _, name in ipairs { "payments", "disputes" } do
      queued[#queued + 1] = { id = "q" .. name, connection_id = "c1", data_type = name }
    end
    for _, name in ipairs { "company_info", "customers", "payment_methods", "payouts",
      "products", "tax_components", "transactions" } do
      assert(settings.set(db, {}, { name }, { fetch_on_first_link = false, sync_schedule = 0 }))
    end
    assert(db:queue_pulls(queued, LINKED))
    assert.equal("", due(1))
  end)

  it("comes in the order that is set, types of the same settings together", function()
    assert(settings.set(db, {}, nil, { sync_schedule = 0, fetch_on_first_link = false }))
    assert(settings.set(db, {}, { "payments", "disputes", "customers" },
      { fetch_on_first_link = true }))
    assert(settings.set(db, {}, { "customers" }, { sync_order = -1 }))
    local text = due(0)
    assert.truthy(text:find("^c1: customers first; c1: "), text)
    assert.truthy(text:find("disputes", 1, true) and text:find("payments", 1, true), text)
  end)

  it("takes a group whole if any of it is due, so that its lists stay the same", function()
    assert(settings.set(db, {}, nil, { sync_schedule = 0, fetch_on_first_link = false }))
    assert(settings.set(db, {}, { "payments", "disputes" }, { sync_schedule = 10,
      fetch_on_first_link = true }))
    pulled(0, "Complete", { "payments", "disputes" })
    pulled(5, "Complete", { "payments" })
    assert.equal("", due(9))
    assert.equal(sorted "c1: payments disputes", sorted(due(11)))
  end)

  it("has the longest waiting connection first", function()
    assert(db:add_connection { id = "c2", company_id = "co1", integration = "stripe-test",
      account = "acct_2", status = "Linked", auth = "key", created = LINKED,
      linked = "2026-02-01T00:00:00Z" })
    assert.truthy(due(0):find("^c2: .*; c1: "))
    pulled(0, "Complete", nil, "c2")
    assert.truthy(due(24):find("^c1: .*; c2: "))
  end)

  describe("of a time that is limited", function()
    local function since(fields, created)
      assert(settings.set(db, {}, nil, fields))
      assert(db:add_connection { id = "c2", company_id = "co1", integration = "stripe-test",
        account = "acct_2", status = "Linked", auth = "key", created = created,
        linked = created })
      return assert(settings.due(db, at(100000), { id = "c2" }))[1].since
    end

    for _, case in ipairs {
      { 12, "2026-03-15T10:00:00Z", "2025-03-15" }, { 1, "2026-01-15T10:00:00Z", "2025-12-15" },
      { 1, "2026-03-31T10:00:00Z", "2026-02-28" }, { 25, "2026-03-31T10:00:00Z", "2024-02-29" },
      { 12, "2026-12-31T23:59:59Z", "2025-12-31" },
    } do
      it(("is %d months before %s"):format(case[1], case[2]), function()
        assert.equal(case[3], since({ sync_from_window = case[1] }, case[2]))
      end)
    end

    it("is the day that was set", function()
      assert.equal("2024-02-03", since({ sync_from_utc = "2024-02-03" }, LINKED))
    end)
  end)
end)
