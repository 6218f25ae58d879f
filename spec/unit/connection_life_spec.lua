-- Which status of a connection may follow which, and who may change it.

local files = require "spec.support.sqlite_files"
local handle = require "commerce.store.handle"
local life = require "spec.support.returning" "commerce.account.status"
local store = require "commerce.store"

local LEGAL = { "PendingAuth Linked", "Linked Unlinked", "Linked Deauthorized", "Unlinked Linked",
  "Deauthorized Linked" }

describe("a connection's status", function()
  local db, row

  before_each(function()
    db = handle(files.connected(assert(store.open "sqlite::memory:")))
    row = db:connections()[1]
  end)

  after_each(function()
    db:close()
  end)

  local function stored()
    return db:connections({ id = "c1" })[1]
  end

  local function become(status)
    assert(db:change_connection("c1", { status = status, at = "2026-03-02T00:00:00Z" }))
    row = stored()
  end

  local function step(to)
    if to == "Linked" then
      return life.link(db, row, { account = "acct_1", auth = "key" })
    end
    return life.finish(db, row, to, "because")
  end

  it("knows its steps", function()
    local legal = {}
    for _, from in ipairs(life.STATUSES) do
      for _, to in ipairs(life.STATUSES) do
        legal[#legal + 1] = life.may_follow(from, to) and from .. " " .. to or nil
      end
    end
    table.sort(legal)
    local expected = { (table.unpack or unpack)(LEGAL) } -- luacheck: ignore
    table.sort(expected)
    assert.same(expected, legal)
  end)

  for _, from in ipairs(life.STATUSES) do
    for _, to in ipairs { "Linked", "Unlinked", "Deauthorized" } do
      local is_legal = life.may_follow(from, to)
      if is_legal or from ~= to then
        it(("%s from %s to %s"):format(is_legal and "goes" or "does not go", from, to), function()
          become(from)
          local ok, message, details = step(to)
          if is_legal then
            assert.is_true(ok)
            assert.equal(to, row.status)
          else
            assert.is_nil(ok)
            assert.equal("state", details.kind)
            assert.truthy(message:find("c1 is " .. from, 1, true), message)
          end
          assert.equal(is_legal and to or from, stored().status)
        end)
      end
    end
  end

  it("does not end twice, and says so", function()
    become "Unlinked"
    local _, message = life.finish(db, row, "Unlinked")
    assert.equal("connection c1 is Unlinked already", message)
  end)

  it("stays Linked when it is authorized anew, in another way", function()
    assert(life.link(db, row, { account = "acct_1", auth = "connect", scope = "read_only" }))
    assert.same({ "Linked", "connect", "read_only" }, { stored().status, stored().auth,
      stored().scope })
    assert(life.link(db, row, { account = "acct_1", auth = "key" }))
    assert.same({ "Linked", "key" }, { stored().status, stored().auth, stored().scope })
    assert(life.link(db, row, { account = "acct_1", auth = "key" })) -- nothing new
    local reasons = {}
    for i, entry in ipairs(db:connection_history "c1") do
      reasons[i] = entry.status .. ": " .. (entry.reason or "")
    end
    assert.same({ "Linked: ", "Linked: from now on by Stripe Connect",
      "Linked: from now on by its own key" }, reasons)
  end)

  it("changes for the first who changes it only", function()
    local other = stored()
    assert(life.finish(db, other, "Deauthorized"))
    local ok, message, details = life.finish(db, row, "Unlinked")
    assert.is_nil(ok)
    assert.equal("changed_meanwhile", details.code)
    assert.truthy(message:find("is Deauthorized now", 1, true), message)
    assert(db:remove_connection "c1")
    ok, message = life.link(db, other, { account = "acct_1", auth = "key" })
    assert.is_nil(ok)
    assert.truthy(message:find("deleted", 1, true), message)
  end)

  it("does not become Linked with another account: data of two would mix", function()
    become "Deauthorized"
    local ok, message, details = life.link(db, row, { account = "acct_2", auth = "key" })
    assert.is_nil(ok)
    assert.equal("other_account", details.code)
    assert.truthy(message:find("acct_1, and acct_2 was authorized", 1, true), message)
    assert.equal("Deauthorized", stored().status)
  end)

  it("does not become Linked with an account that the company has in another one", function()
    assert(db:add_connection { id = "c2", company_id = "co1", integration = "stripe-test",
      status = "PendingAuth", created = "2026-03-01T08:00:00Z" })
    local pending = db:connections({ id = "c2" })[1]
    local ok, message, details = life.link(db, pending, { account = "acct_1", auth = "key" })
    assert.is_nil(ok)
    assert.same({ "account_taken", "c1" }, { details.code, details.connection_id })
    assert.truthy(message:find("by connection c1, which is Linked", 1, true), message)
    assert.equal("PendingAuth", db:connections({ id = "c2" })[1].status)
  end)

  it("resolves what was wrong when it becomes Linked", function()
    assert(life.note_error(db, row, "it's broken", { status = 401, code = "api_key_expired" }))
    become "Deauthorized"
    local before = db:connection_errors("c1")[1]
    assert.same({ "401", "api_key_expired", "it's broken" },
      { before.status_code, before.status_text, before.message })
    assert.is_nil(before.resolved)
    assert(step "Linked")
    assert.is_string(db:connection_errors("c1")[1].resolved)
  end)

  it("keeps the reason why it ended", function()
    assert(life.finish(db, row, "Deauthorized", "the merchant left"))
    assert.equal("the merchant left", db:connection_history("c1")[2].reason)
  end)
end)
