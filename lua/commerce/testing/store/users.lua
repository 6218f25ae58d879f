-- Shared cases of the store contract: users, their sessions, the log of what was done.

local assert = require "luassert"
local busted = require "busted"
local contract = require "commerce.store.contract"
local tables = require "commerce.base.tables"

local describe, it = busted.describe, busted.it

local NOW = 1800000000

local function user(id, fields)
  local row = { id = id, login = "login " .. id, name = "Name of " .. id, role = "admin",
    password = "hash of " .. id, created = "2026-03-01T08:00:00Z" }
  for name, value in pairs(fields or {}) do
    row[name] = value or nil
  end
  return row
end

local function session(id, user_id, fields)
  return tables.merged({ hash = "hash of " .. id, id = id, user_id = user_id or "u1", mode = "test",
    created = NOW, seen = NOW, expires = NOW + 60, address = "192.0.2.1",
    agent = "Browser" }, fields)
end

--- Declare the cases about users.
---@param db fun(): commerce.Store the store of the running case
return function(db)
  describe("users", function()
    it("are found by id, login and invitation, oldest first", function()
      assert.same({}, db():users())
      local late = user("u1", { created = "2026-04-01T08:00:00Z", role = "viewer" })
      local invited = user("u2", { password = false, invite = "h", invite_expires = NOW })
      assert.is_true(db():add_user(late))
      assert.is_true(db():add_user(invited))
      assert.same({ invited, late }, db():users())
      assert.same({ late }, db():users { id = "u1" })
      assert.same({ invited }, db():users { login = "login u2" })
      assert.same({ invited }, db():users { invite = "h" })
      assert.same({}, db():users { id = "u1", login = "login u2" })
    end)

    it("have a login of their own, and the first one may have to be the only one", function()
      assert.is_true(db():add_user(user "u1", true))
      assert.is_false(db():add_user(user "u2", true))
      assert.is_false(db():add_user(user("u3", { login = "login u1" })))
      assert.is_true(db():add_user(user "u2"))
      assert.equal(2, #db():users())
    end)

    it("are changed in what is named", function()
      assert(db():add_user(user("u1", { invite = "h", invite_expires = NOW })))
      assert.equal("missing", db():change_user("u9", { name = "x" }))
      assert.equal("changed", db():change_user("u1", { name = "it's", invite = false,
        invite_expires = false, seen = "2026-03-02T08:00:00Z" }))
      assert.same({ user("u1", { name = "it's", seen = "2026-03-02T08:00:00Z" }) }, db():users())
    end)

    it("take their saved filters with them", function()
      assert(db():add_user(user "u1"))
      assert(db():add_user(user "u2"))
      assert(db():save_setting(contract.OF_USER .. "u1", "[1]"))
      assert(db():save_setting(contract.OF_USER .. "u2", "[2]"))
      assert.equal("removed", db():remove_user "u1")
      assert.is_nil((db():setting(contract.OF_USER .. "u1")))
      assert.equal("[2]", (db():setting(contract.OF_USER .. "u2")))
    end)

    it("keep one administrator who can sign in", function()
      assert(db():add_user(user "u1"))
      assert(db():add_user(user("u2", { role = "viewer" })))
      assert(db():add_user(user("u3", { password = false })))
      assert.equal("last", db():change_user("u1", { role = "viewer" }))
      assert.equal("last", db():change_user("u1", { password = false }))
      assert.equal("last", db():remove_user "u1")
      assert.same(user "u1", db():users({ id = "u1" })[1])
      assert.equal("changed", db():change_user("u1", { password = "new" }))
      assert.equal("changed", db():change_user("u2", { role = "admin" }))
      assert.equal("removed", db():remove_user "u1")
      assert.equal("removed", db():remove_user "u3")
      assert.equal("missing", db():remove_user "u3")
      assert.equal("last", db():remove_user "u2")
    end)
  end)

  describe("sessions", function()
    it("are found by their hash and by their user, the latest first", function()
      assert(db():add_user(user "u1"))
      assert(db():add_user(user "u2"))
      assert.is_nil((db():session_of "hash of s1"))
      assert.is_true(db():add_session(session "s1", NOW))
      assert.is_true(db():add_session(session("s2", "u1", { seen = NOW + 1 }), NOW))
      assert.is_true(db():add_session(session("s3", "u2"), NOW))
      assert.same(session "s1", db():session_of "hash of s1")
      assert.same({ session("s2", "u1", { seen = NOW + 1 }), session "s1" }, db():sessions "u1")
      assert.same({}, db():sessions "u9")
    end)

    it("are forgotten when they have expired, as soon as another begins", function()
      assert(db():add_user(user "u1"))
      assert(db():add_session(session("old", "u1", { expires = NOW + 1 }), NOW))
      assert(db():add_session(session "new", NOW + 1))
      assert.is_nil((db():session_of "hash of old"))
      assert.same(session "new", db():session_of "hash of new")
    end)

    it("are prolonged, and remember a mode", function()
      assert(db():add_user(user "u1"))
      assert(db():add_session(session "s1", NOW))
      assert.is_false(db():change_session("hash of s9", { mode = "live" }))
      assert.is_true(db():change_session("hash of s1", { mode = "live" }))
      assert.is_true(db():change_session("hash of s1", { seen = NOW + 5, expires = NOW + 65 }))
      assert.same(session("s1", "u1", { mode = "live", seen = NOW + 5, expires = NOW + 65 }),
        db():session_of "hash of s1")
    end)

    it("end one by one, all but one, or all; and with their user", function()
      assert(db():add_user(user "u1"))
      assert(db():add_user(user "u2"))
      for _, id in ipairs { "s1", "s2", "s3", "s4" } do
        assert(db():add_session(session(id), NOW))
      end
      assert(db():add_session(session("other", "u2"), NOW))
      assert.equal(0, db():end_sessions("u2", { id = "s1" }))
      assert.equal(1, db():end_sessions("u1", { id = "s1" }))
      assert.equal(2, db():end_sessions("u1", { except = "hash of s3" }))
      assert.same({ session "s3" }, db():sessions "u1")
      assert.equal(1, db():end_sessions "u1")
      assert.equal(1, #db():sessions "u2")
      assert.equal("removed", db():remove_user "u2")
      assert.is_nil((db():session_of "hash of other"))
    end)

    it("belong to a user", function()
      assert.is_nil((db():add_session(session("s1", "u9"), NOW)))
    end)
  end)

  describe("the log of what was done", function()
    local function entry(day, fields)
      return tables.merged({ at = ("2026-03-%02dT08:00:00Z"):format(day), actor = "Ada",
        action = "company.create" }, fields)
    end

    local function actions(given)
      local list, numbers = {}, {}
      for i, row in ipairs(db():audit(given)) do
        list[i], numbers[i] = row.action, row.number
      end
      return table.concat(list, " "), numbers
    end

    it("is read newest first, page by page", function()
      local full = entry(2, { target = "c1", mode = "test", address = "192.0.2.1",
        detail = "it's" })
      assert.is_true(db():add_audit(full, "2026-01-01"))
      local read = db():audit { limit = 10 }[1]
      read.number = nil
      assert.same(full, read)
      for day = 3, 6 do
        assert(db():add_audit(entry(day, { action = "a" .. day }), "2026-01-01"))
      end
      local text, numbers = actions { limit = 2 }
      assert.equal("a6 a5", text)
      text, numbers = actions { limit = 2, before = numbers[2] }
      assert.equal("a4 a3", text)
      assert.equal("company.create", (actions { limit = 2, before = numbers[2] }))
    end)

    it("forgets what is older than a date", function()
      for day = 1, 3 do
        assert(db():add_audit(entry(day, { action = "a" .. day }), "2026-03-02T00:00:00Z"))
      end
      assert.equal("a3 a2", (actions { limit = 9 }))
    end)
  end)
end
