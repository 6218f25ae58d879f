-- Shared cases of the store contract: companies, their connections and sync settings.

local assert = require "luassert"
local busted = require "busted"
local contract = require "commerce.store.contract"
local model = require "commerce.model"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

local PAYMENTS = model.find "payments"
local NOW, LATER = "2026-03-01T08:00:00Z", "2026-03-02T09:30:00Z"

local cases = {}

local function company(id, fields)
  return tables.merged({ id = id, name = "Company " .. id, created = "2026-01-01T00:00:00Z" },
    fields)
end

local function connection(id, account, fields)
  local row = { id = id, company_id = "co1", integration = "stripe-test", account = account,
    name = "Shop " .. id, status = "Linked", auth = "key", link_id = "link " .. id,
    created = "2026-01-01T00:00:00Z", linked = "2026-01-01T00:00:01Z" }
  for name, value in pairs(fields or {}) do
    row[name] = value or nil
  end
  return row
end

--- Give a store the company "co1" with the connections "c1" and "c2".
---@param db commerce.Store
function cases.fill(db)
  assert(db:add_connection(connection("c1", "acct_1"), { company = company "co1" }))
  assert(db:add_connection(connection("c2", "acct_2", { created = "2026-01-02T00:00:00Z" })))
end

--- Declare the cases about companies and connections.
---@param db fun(): commerce.Store the store of the running case, filled
---@param with table the contract's helpers: write, ids, payment, pull
function cases.declare(db, with)
  local function ids_of(rows)
    local ids = {}
    for i, row in ipairs(assert(rows)) do
      ids[i] = row.id
    end
    return table.concat(ids, " ")
  end

  describe("companies", function()
    it("are listed oldest first, with all they have", function()
      local whole = company("co0", { created = "2025-01-01T00:00:00Z", description = "it's new",
        tags = '{"region":"EU"}' })
      assert.is_true(db():save_company(whole))
      assert.same({ whole, company "co1" }, db():companies())
    end)

    it("are found by id and name, a page at a time", function()
      for i = 2, 4 do
        assert(db():save_company(company("co" .. i, { name = i < 4 and "Same" or "Other" })))
      end
      assert.equal("co1 co2 co3 co4", ids_of(db():companies {}))
      assert.equal("co3", ids_of(db():companies { id = "co3" }))
      assert.equal("", ids_of(db():companies { id = "never" }))
      assert.equal("co2 co3", ids_of(db():companies { name = "Same" }))
      assert.equal("co2 co3", ids_of(db():companies { limit = 2, offset = 1 }))
      assert.equal("co4", ids_of(db():companies { offset = 3 }))
      assert.equal("co3", ids_of(db():companies { name = "Same", limit = 9, offset = 1 }))
    end)

    it("are changed in place, but for the day they were made", function()
      assert(db():save_company(company("co1", { name = "New", description = "d",
        created = LATER })))
      assert.same({ company("co1", { name = "New", description = "d" }) }, db():companies())
      assert(db():save_company(company("co1", { name = "New" })))
      assert.is_nil(db():companies()[1].description)
    end)

    it("must have a name", function()
      local row = company "co9"
      row.name = nil
      local saved, message, details = db():save_company(row)
      assert.is_nil(saved)
      assert.is_string(message)
      assert.equal("store", details.kind)
    end)
  end)

  describe("connections", function()
    it("are listed oldest first, with all they have", function()
      local whole = connection("c0", "acct_0", { created = "2025-01-01T00:00:00Z",
        auth = "connect", scope = "read_only", last_sync = NOW })
      assert.is_true(db():add_connection(whole))
      local rows = assert(db():connections())
      assert.equal("c0 c1 c2", ids_of(rows))
      assert.same(whole, rows[1])
      assert.same(connection("c1", "acct_1"), rows[2])
    end)

    it("need no account before they are linked", function()
      local pending = connection("c3", nil, { status = "PendingAuth", auth = false,
        linked = false, name = false })
      assert.is_true(db():add_connection(pending))
      assert.same({ pending }, db():connections { status = "PendingAuth" })
      assert.is_true(db():add_connection(connection("c4", nil)))
    end)

    it("are found by what they are", function()
      assert(db():add_connection(connection("c3", "acct_1", { integration = "stripe" })))
      assert(db():add_connection(connection("c4", "acct_1", { company_id = "co2",
        auth = "connect", status = "Unlinked" }), { company = company "co2" }))
      for _, case in ipairs {
        { { account = "acct_1" }, "c1 c3 c4" }, { { company_id = "co1" }, "c1 c3 c2" },
        { { integration = "stripe" }, "c3" }, { { status = "Linked", auth = "key" }, "c1 c3 c2" },
        { { account = "acct_1", integration = "stripe-test" }, "c1 c4" }, { { id = "c4" }, "c4" },
        { { link_id = "link c2" }, "c2" }, { { auth = "connect" }, "c4" },
        { { limit = 2, offset = 1 }, "c3 c4" }, { { id = "never" }, "" },
      } do
        assert.equal(case[2], ids_of(db():connections(case[1])))
      end
      assert.has_error(function()
        db():connections { acount = "acct_1" }
      end)
    end)

    it("are one for each company, integration and account", function()
      assert.is_false(db():add_connection(connection("c3", "acct_1")))
      assert.equal("c1 c2", ids_of(db():connections()))
      -- the account's live data is another connection, and another company may have it too
      assert.is_true(db():add_connection(connection("c4", "acct_1", { integration = "stripe" })))
      assert.is_true(db():add_connection(connection("c5", "acct_1", { company_id = "co2" }),
        { company = company "co2" }))
    end)

    it("come with their company or not at all", function()
      assert.is_nil((db():add_connection(connection("c1", "acct_9", { company_id = "co2" }),
        { company = company "co2" })))
      assert.equal("co1", ids_of(db():companies()))
    end)

    it("are not added if the account has to be new and is not", function()
      local options = { company = company "co2", new_account = true }
      assert.is_false(db():add_connection(connection("c3", "acct_1", { company_id = "co2" }),
        options))
      assert.equal("c1 c2", ids_of(db():connections()))
      assert.equal("co1", ids_of(db():companies()))
      assert.is_true(db():add_connection(connection("c3", "acct_3", { company_id = "co2" }),
        options))
    end)

    it("are changed in place, what is not named stays", function()
      assert.is_true(db():change_connection("c1", { last_sync = NOW }))
      assert.same(connection("c1", "acct_1", { last_sync = NOW }), db():connections()[1])
      assert.is_true(db():change_connection("c1", { account = "acct_7", name = "N",
        auth = "connect", scope = "read_write", linked = LATER, last_sync = false }))
      assert.same(connection("c1", "acct_7", { name = "N", auth = "connect",
        scope = "read_write", linked = LATER }), db():connections()[1])
      assert.same(connection("c2", "acct_2", { created = "2026-01-02T00:00:00Z" }),
        db():connections()[2])
    end)

    it("change only from the status that is expected", function()
      assert.is_false(db():change_connection("c1", { status = "Linked", at = NOW }, "Unlinked"))
      assert.is_false(db():change_connection("never", { name = "N" }))
      assert.is_true(db():change_connection("c1", { status = "Unlinked", at = NOW }, "Linked"))
      assert.is_false(db():change_connection("c1", { status = "Deauthorized", at = NOW },
        "Linked"))
      assert.equal("Unlinked", db():connections()[1].status)
    end)

    it("have a history of their statuses", function()
      assert(db():change_connection("c1", { name = "not a change of status" }))
      assert(db():change_connection("c1", { status = "Deauthorized", at = NOW,
        reason = "it's revoked" }, "Linked"))
      assert.is_false(db():change_connection("c1", { status = "Linked", at = LATER }, "Unlinked"))
      assert(db():change_connection("c1", { status = "Linked", at = LATER }, "Deauthorized"))
      assert.same({ { at = "2026-01-01T00:00:00Z", status = "Linked" },
        { at = NOW, status = "Deauthorized", reason = "it's revoked" },
        { at = LATER, status = "Linked" } }, db():connection_history "c1")
      assert.equal(1, #db():connection_history "c2")
      assert(db():change_connection("c2", { status = "Linked", at = NOW }, "Linked"))
      assert(db():change_connection("c2", { status = "Linked", at = NOW, reason = "anew" },
        "Linked"))
      assert.same({ at = NOW, status = "Linked", reason = "anew" },
        db():connection_history("c2")[2])
    end)

    it("close the pulls under way when they end", function()
      local under_way = { status = "Fetching", completed = false }
      local function pull(id, connection_id)
        local row = with.pull(id, under_way)
        row.connection_id, row.completed = connection_id, nil
        assert(db():save_pull(row))
      end
      pull("1", "c1")
      pull("2", "c2")
      assert(db():save_pull(with.pull("3", { data_type = "customers" })))
      assert(db():change_connection("c1", { status = "Unlinked", at = LATER }, "Linked"))
      local latest = db():latest_pulls "c1"
      assert.same({ "Cancelled", LATER }, { latest.payments.status, latest.payments.completed })
      assert.equal("the connection became Unlinked", latest.payments.error_message)
      assert.equal("Complete", latest.customers.status)
      assert.equal("Fetching", db():latest_pulls("c2").payments.status)
      assert(db():change_connection("c2", { status = "Deauthorized", at = LATER }))
      local revoked = db():latest_pulls("c2").payments
      assert.same({ "AuthError", LATER, "the connection became Deauthorized" },
        { revoked.status, revoked.completed, revoked.error_message })
    end)

    it("take no page when they are not linked", function()
      with.write { with.payment "a" }
      assert(db():change_connection("c1", { status = "Deauthorized", at = NOW }, "Linked"))
      for id, word in pairs { c1 = "Deauthorized", never = "deleted" } do
        local counts, message, details = db():write_page(id,
          { records = { payments = { with.payment "b" } }, states = { charges = { n = 1 } } },
          NOW)
        assert.is_nil(counts)
        assert.is_truthy(message:find(word, 1, true), message)
        assert.same({ "store", "not_linked" }, { details.kind, details.code })
        assert.is_nil((db():state(id, "charges")))
      end
      assert.equal("a", with.ids()) -- what is there stays readable
      assert(db():change_connection("c1", { status = "Linked", at = NOW }, "Deauthorized"))
      assert.equal(1, with.write({ with.payment "b" }).created)
    end)
  end)

  describe("a connection's errors", function()
    local function broken(at, fields)
      return tables.merged({ at = at, status_code = "401", status_text = "Unauthorized",
        message = "it's revoked" }, fields)
    end

    it("are kept, each once until it is resolved", function()
      assert.same({}, db():connection_errors "c1")
      assert.is_true(db():add_connection_error("c1", broken(NOW)))
      assert.is_true(db():add_connection_error("c1", broken(LATER)))
      assert.is_true(db():add_connection_error("c1", broken(LATER, { message = "another" })))
      assert.same({ broken(NOW), broken(LATER, { message = "another" }) },
        db():connection_errors "c1")
      assert.same({}, db():connection_errors "c2")
    end)

    it("are resolved, and stay", function()
      assert(db():add_connection_error("c1", broken(NOW)))
      assert(db():add_connection_error("c2", broken(NOW)))
      assert.is_true(db():resolve_connection_errors("c1", LATER))
      assert(db():add_connection_error("c1", broken(LATER)))
      assert.same({ broken(NOW, { resolved = LATER }), broken(LATER) },
        db():connection_errors "c1")
      assert.is_nil(db():connection_errors("c2")[1].resolved)
    end)
  end)

  describe("sync settings", function()
    local ALL = { fetch_on_first_link = false, sync_schedule = 24, sync_order = -3,
      sync_from_utc = "2025-01-01", sync_from_window = 6, is_locked = true }

    it("are kept by owner and data type, what is not set is left out", function()
      assert.same({}, db():sync_settings "all")
      assert.is_true(db():save_sync_settings("all", { payments = ALL,
        disputes = { fetch_on_first_link = true } }))
      assert.is_true(db():save_sync_settings("company:co1", { payments = { sync_order = 1 } }))
      assert.same({ payments = ALL, disputes = { fetch_on_first_link = true } },
        db():sync_settings "all")
      assert.same({ payments = { sync_order = 1 } }, db():sync_settings "company:co1")
    end)

    it("take the place of what was there for the data types that are named", function()
      assert(db():save_sync_settings("all", { payments = ALL, disputes = ALL, products = ALL }))
      assert(db():save_sync_settings("all", { payments = { sync_schedule = 1 }, disputes = false,
        customers = {} }))
      assert.same({ payments = { sync_schedule = 1 }, products = ALL }, db():sync_settings "all")
    end)
  end)

  describe("removing", function()
    local function fill_up(id)
      with.write({ with.payment "a" }, NOW, id)
      assert(db():write_page(id, { resource = "prices", states = { prices = { n = 1 } },
        sources = { { id = "p", data = "{}" } } }, NOW))
      local pull = with.pull(id)
      pull.connection_id = id
      assert(db():save_pull(pull))
      assert(db():add_connection_error(id, { at = NOW, status_code = "401", status_text = "t",
        message = "m" }))
      for _, name in pairs(contract.OF_CONNECTION) do
        assert(db():save_setting(name .. id, "{}"))
      end
    end

    local function has_settings(id)
      for _, name in pairs(contract.OF_CONNECTION) do
        if db():setting(name .. id) then
          return true
        end
      end
      return false
    end

    local function has_anything(id)
      return db():count(PAYMENTS, id) > 0 or db():state(id, "prices") ~= nil
        or #db():joined_sources(id, "prices", "x", "", 9) > 0 or next(db():latest_pulls(id)) ~= nil
        or #db():connection_errors(id) > 0 or #db():connection_history(id) > 0
        or #db():connections { id = id } > 0 or has_settings(id)
    end

    it("takes a connection with all that is stored of it, and nothing else", function()
      fill_up "c1"
      fill_up "c2"
      assert.is_true(db():remove_connection "c1")
      assert.is_false(has_anything "c1")
      assert.is_true(has_anything "c2")
      assert.equal("a", with.ids { connection_id = "c2" })
      assert.equal("co1", ids_of(db():companies()))
      assert.is_false(db():remove_connection "c1")
    end)

    it("takes a company with its connections, and nothing else", function()
      assert(db():add_connection(connection("c3", "acct_3", { company_id = "co2" }),
        { company = company "co2" }))
      for _, id in ipairs { "c1", "c2", "c3" } do
        fill_up(id)
      end
      assert(db():save_sync_settings("company:co1", { payments = { sync_order = 1 } }))
      assert(db():save_sync_settings("company:co2", { payments = { sync_order = 2 } }))
      assert.is_true(db():remove_company "co1")
      assert.same({}, db():sync_settings "company:co1")
      assert.equal(2, db():sync_settings("company:co2").payments.sync_order)
      assert.same({ false, false, true },
        { has_anything "c1", has_anything "c2", has_anything "c3" })
      assert.equal("co2", ids_of(db():companies()))
      assert.is_false(db():remove_company "co1")
    end)
  end)
end

return cases
