-- Numbers that SQLite counts up by itself are read whole when they pass 32 bits: LuaDBI cuts what
-- SQLite stores as an integer. What callers give is in the shared cases of the store contract.

local files = require "spec.support.sqlite_files"
local model = require "commerce.model"

local NOW, SOON = "2026-03-01T08:00:00Z", 9e9
local LARGE = { 2147483653, 1099511627776, 9007199254740980 }

describe("a number that the database counts up", function()
  local db, path

  before_each(function()
    files.make_folder()
    path = files.path_of "numbers.db"
    db = files.connected(files.open "numbers.db")
  end)

  after_each(function()
    db:close()
    files.remove_folder()
  end)

  local function payment(id)
    return { id = id, body = assert(model.encode(model.find "payments", { id = id, amount = 1,
      currency = "USD", status = "Paid" })) }
  end

  for _, number in ipairs(LARGE) do
    it(("names a change: %.0f"):format(number), function()
      files.sql_on(path, ("INSERT INTO changes (connection_id, last, at, data_type, kind, ids) "
        .. "VALUES ('c1', %.0f, '%s', 'payments', 'created', '[\"old\"]')"):format(number - 1, NOW))
      files.sql_on(path, ("INSERT INTO change_numbers (connection_id, last) "
        .. "VALUES ('c1', %.0f)"):format(number - 1))
      assert(db:write_page("c1", { records = { payments = { payment "a", payment "b" } } }, NOW))
      assert.equal(number + 1, db:last_change "c1")
      assert.equal(number + 1, db:last_change("c1", "2027-01-01T00:00:00Z"))
      local numbers = {}
      for i, change in ipairs(db:changes("c1", number - 2, 10)) do
        numbers[i] = change.number
      end
      assert.same({ number - 1, number, number + 1 }, numbers)
      assert.equal("b", db:changes("c1", number, 10)[1].id)
    end)

    it(("names a message to a consumer: %.0f"):format(number), function()
      files.sql_on(path, ("UPDATE event_numbers SET last = %.0f"):format(number - 1))
      assert.is_true(db:add_webhook_consumer({ id = "w", url = "https://example.com",
        disabled = false, event_types = {}, company_tags = {}, created = NOW }, 9))
      assert(db:save_company { id = "x", name = "X", created = NOW })
      assert.equal(number, db:webhook_messages("w")[1].number)
      local delivery = db:take_delivery("worker", SOON, 60)
      assert.equal(number, delivery.event)
      assert.is_false(db:settle_delivery("worker", delivery, { status = "delivered", now = SOON,
        at = NOW, patience = 60 }))
      assert.equal("delivered", db:webhook_messages("w")[1].status)
      assert.equal(1, db:replay_webhooks("w", { id = delivery.id }, SOON))
      assert.equal(number, db:take_delivery("worker", SOON, 60).event)
    end)

    it(("names a full read: %.0f"):format(number), function()
      files.sql_on(path, "DELETE FROM sqlite_sequence WHERE name = 'sweeps'")
      files.sql_on(path, ("INSERT INTO sqlite_sequence (name, seq) VALUES ('sweeps', %.0f)")
        :format(number - 1))
      local state = { sweep = { began = 1 } }
      assert(db:begin_sweep("c1", "charges", state))
      assert.equal(number, state.sweep.id)
      assert(db:write_page("c1", { records = { payments = { payment "a", payment "b" } } }, NOW))
      assert(db:write_page("c1", { sweep = state.sweep.id, seen = { payments = { "a" } } }, NOW))
      assert.same({ "b" }, db:unseen(model.find "payments", "c1", { state.sweep.id }, SOON, "", 9))
    end)
  end
end)
