-- The shared cases of the store contract, for busted: call this module inside a describe with a
-- function that opens a fresh, empty store. A store of your own runs the same cases:
--
--   describe("my store", function()
--     require "commerce.testing.store" (function() return my_store.open "…" end)
--   end)
--
-- A store may lack parts that only servers need: (open, { without = { "outbox", "figures" } }).

local app_cases = require "commerce.testing.store.apps"
local assert = require "luassert"
local browsing_cases = require "commerce.testing.store.browsing"
local busted = require "busted"
local change_cases = require "commerce.testing.store.changes"
local connection_cases = require "commerce.testing.store.connections"
local copy_cases = require "commerce.testing.store.copying"
local deletion_cases = require "commerce.testing.store.deleted"
local directory_cases = require "commerce.testing.store.directory"
local erasure_cases = require "commerce.testing.store.erasure"
local figure_cases = require "commerce.testing.store.figures"
local inbox_cases = require "commerce.testing.store.inbox"
local join_cases = require "commerce.testing.store.joins"
local json = require "commerce.base.json"
local link_cases = require "commerce.testing.store.links"
local listing_cases = require "commerce.testing.store.listings"
local model = require "commerce.model"
local number_cases = require "commerce.testing.store.numbers"
local outbox_cases = require "commerce.testing.store.outbox"
local page_cases = require "commerce.testing.store.pages"
local payout_cases = require "commerce.testing.store.payouts"
local pull_cases = require "commerce.testing.store.pulls"
local queue_cases = require "commerce.testing.store.queue"
local read_cases = require "commerce.testing.store.records"
local setting_cases = require "commerce.testing.store.settings"
local source_cases = require "commerce.testing.store.sources"
local stripe_read_cases = require "commerce.testing.store.stripe_reads"
local sweep_cases = require "commerce.testing.store.sweeps"
local tables = require "commerce.base.tables"
local type_cases = require "commerce.testing.store.types"
local user_cases = require "commerce.testing.store.users"
local worker_cases = require "commerce.testing.store.workers"

local describe, it = busted.describe, busted.it
local after_each, before_each = busted.after_each, busted.before_each

local PAYMENTS = model.find "payments"
local NOW = "2026-03-01T08:00:00Z"

local function entry(type_name, record)
  return { id = record.id, body = assert(model.encode(model.find(type_name), record)) }
end

local function payment(id, fields)
  local record = tables.merged({ id = id, amount = 10, currency = "EUR", status = "Paid",
    createdDate = "2026-01-01T00:00:00Z" }, fields)
  return entry("payments", record)
end

local function pull(id, fields)
  return tables.merged({ id = id, connection_id = "c1", data_type = "payments", status = "Complete",
    requested = "2026-03-01T08:00:00Z", completed = "2026-03-01T08:01:00Z", read = 5,
    created = 3, changed = 1, unchanged = 1, progress = 100 }, fields)
end

local MAY_LACK = { browsing = true, outbox = true, erasure = true, figures = true, users = true,
  workers = true, copying = true }

-- Only what servers need may be left out.
local function left_out(without)
  local names = {}
  for _, name in ipairs(without or {}) do
    assert(MAY_LACK[name], name
      .. ": only the cases of 'browsing', 'outbox', 'erasure', 'figures', 'users', 'workers' and "
      .. "'copying' can be left out")
    names[name] = true
  end
  return names
end

--- Declare the shared cases.
---@param open fun(): commerce.Store opens a fresh, empty store
---@param given table? without: names of the contract's parts for servers that the store lacks;
---  "browsing", "outbox", "erasure", "figures", "users", "workers",
---  "copying"; another: a function that opens a fresh store beside the first one (default: `open`)
return function(open, given)
  local db
  local without = left_out(given and given.without)

  before_each(function()
    db = assert(open())
    connection_cases.fill(db)
  end)

  after_each(function()
    db:close()
  end)

  local function write(records, now, connection_id)
    return assert(db:write_page(connection_id or "c1", { records = { payments = records } },
      now or NOW)).payments
  end

  -- Ids of the records in the order in which they come.
  local function ids(options, data_type)
    local result = {}
    for id in assert(db:records(data_type or PAYMENTS, options or {})) do
      result[#result + 1] = id
    end
    return table.concat(result, " ")
  end

  local function stored(id, data_type)
    for each, data in assert(db:records(data_type or PAYMENTS, { deleted = true })) do
      if each == id then
        return json.decode(data)
      end
    end
  end

  describe("an empty store", function()
    it("has nothing", function()
      assert.equal("", ids())
      assert.equal(0, db:count(PAYMENTS, "c1"))
      assert.is_nil((db:state("c1", "charges")))
      assert.same({}, db:joined_sources("c1", "products", "prices", "", 10))
      assert.same({}, db:latest_pulls "c1")
    end)
  end)

  local function current()
    return db
  end

  page_cases(current, { write = write, ids = ids, stored = stored, payment = payment,
    entry = entry })
  deletion_cases(current, { write = write, ids = ids, stored = stored, payment = payment })
  join_cases(current)
  pull_cases(current, { pull = pull })
  inbox_cases(current)
  sweep_cases(current, { write = write, payment = payment, entry = entry })
  read_cases(current, { write = write, ids = ids, stored = stored, payment = payment })
  setting_cases(current)
  link_cases(current)
  payout_cases(current)
  queue_cases(current, { pull = pull })
  number_cases(current, { pull = pull })
  directory_cases(current)
  if not without.browsing then
    browsing_cases(current, { write = write, payment = payment })
  end
  listing_cases(current, { write = write, ids = ids, stored = stored, payment = payment })
  change_cases(current, { write = write, payment = payment, entry = entry,
    erases = not without.erasure })
  type_cases(current)
  source_cases(current, { write = write, payment = payment })
  app_cases(current)
  if not without.users then
    user_cases(current)
  end
  if not without.erasure then
    erasure_cases(current, { write = write, payment = payment })
  end
  if not without.figures then
    figure_cases(current)
  end
  if not without.stripe_reads then
    stripe_read_cases(current)
  end
  if not without.copying then
    copy_cases(current, given and given.another or open,
      { write = write, payment = payment, pull = pull })
  end
  if not without.workers then
    worker_cases(current, { pull = pull, payment = payment })
  end
  if not without.outbox then
    outbox_cases(current, { pull = pull })
  end

  connection_cases.declare(current, { write = write, ids = ids, payment = payment, pull = pull })

  it("says that it is closed", function()
    db:close()
    local rows, message, details = db:companies()
    assert.is_nil(rows)
    assert.matches("is closed", message)
    assert.equal("store", details.kind)
  end)

  it("closes, and closes again", function()
    db:close()
    db:close()
  end)
end
