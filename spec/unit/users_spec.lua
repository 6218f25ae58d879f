-- The users of the portal: names, roles, invitations, passwords, the first run.

local audit = require "commerce.account.audit"
local auth = require "commerce.http.auth"
local commerce = require "commerce"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local passwords = require "commerce.account.passwords"
local users = require "commerce.account.users"

local CHEAP = core.hash_password("correct horse", 10, 8, 1)

describe("users of the portal", function()
  local app, store

  before_each(function()
    app = assert(commerce.open { store = "memory:" })
    store = app.store
  end)

  after_each(function()
    app:close()
  end)

  local function refused(kind, work, ...)
    local value, message, failure = errors.catch(work, ...)
    assert.is_nil(value)
    assert.equal(kind, failure and failure.kind, message)
    return message
  end

  local function first(name)
    return users.add_first(store, name or "Ada", CHEAP)
  end

  it("are found by id, and by name without case", function()
    local row = first "Ada Lovelace"
    assert.equal(row.id, users.find(store, row.id).id)
    assert.equal(row.id, users.find(store, "ada lovelace").id)
    assert.matches("no user 'bob'", refused("missing", users.find, store, "bob"))
    refused("conflict", users.add, store, { name = "ADA lovelace", role = "viewer" })
  end)

  it("have names and roles that make sense", function()
    for _, name in ipairs { "", "  ", "a\1b", ("x"):rep(81), "\255",
      "sk_test_" .. ("a"):rep(24) } do
      refused("usage", users.add, store, { name = name, role = "viewer" })
    end
    refused("usage", users.add, store, { name = "Bob", role = "owner" })
    assert.equal("Bob B", users.add(store, { name = " Bob  B ", role = "viewer" }).name)
  end)

  it("set a password with the token of an invitation, once", function()
    first()
    local row, token = users.add(store, { name = "Bob", role = "viewer" })
    assert.is_true(users.view(row).invited)
    assert.is_nil(users.invited(store, token .. "x"))
    assert.is_nil(users.invited(store, ""))
    assert.is_nil(users.invited(store, nil))
    assert.is_nil(store:users({ id = row.id })[1].invite:find(token, 1, true))
    local invited = users.invited(store, token)
    assert.equal(row.id, invited.id)
    users.set_password(store, invited, CHEAP)
    assert.is_nil(users.invited(store, token))
    assert.is_false(users.view(users.find(store, "Bob")).invited)
  end)

  it("cannot use an invitation that has expired", function()
    first()
    local row, token = users.add(store, { name = "Bob", role = "viewer" })
    store:change_user(row.id, { invite_expires = os.time() - 1 })
    assert.is_nil(users.invited(store, token))
    assert.is_false(users.view(users.find(store, "Bob")).invited)
  end)

  it("sign in with the right password only", function()
    first()
    users.add(store, { name = "Bob", role = "viewer" }) -- has no password yet
    local asked = {}
    local function matches(password, hash)
      asked[#asked + 1] = hash
      return password == "correct horse" and hash == CHEAP
    end
    assert.equal("Ada", users.sign_in(store, " ada ", "correct horse", matches).name)
    assert.is_string(users.find(store, "Ada").seen)
    assert.is_nil(users.sign_in(store, "Ada", "wrong", matches))
    assert.is_nil(users.sign_in(store, "Bob", "", matches))
    assert.is_nil(users.sign_in(store, "Nobody", "correct horse", matches))
    assert.is_nil(users.sign_in(store, "Ada", ("x"):rep(5000), matches))
    assert.equal(4, #asked) -- also for a name that nobody has: it takes as long
    for _, hash in ipairs(asked) do
      assert.is_false(core.check_password("another one", hash))
    end
  end)

  it("keep one administrator", function()
    local row = first()
    assert.matches("last administrator", refused("conflict", users.remove, store, row))
    refused("conflict", users.set_role, store, row, "viewer")
    local other = users.add(store, { name = "Bob", role = "admin" })
    users.set_password(store, other, CHEAP)
    users.set_role(store, row, "viewer")
    users.remove(store, row)
    refused("missing", users.find, store, "Ada")
  end)

  it("end their other sessions with a new password", function()
    local row = first()
    for _, id in ipairs { "one", "two" } do
      store:add_session({ hash = id, id = id, user_id = row.id, mode = "test", created = 1,
        seen = 1, expires = os.time() + 60 }, os.time())
    end
    users.set_password(store, row, CHEAP, "one")
    assert.equal("one", store:sessions(row.id)[1].id)
    assert.equal(1, #store:sessions(row.id))
  end)

  it("begin with a token of the first run, or with an API key that may change things", function()
    local token = users.setup_token(store)
    assert.is_true(users.may_set_up(store, token))
    assert.is_true(users.may_set_up(store, " " .. token .. "\n"))
    assert.is_false(users.may_set_up(store, ""))
    assert.is_false(users.may_set_up(store, token .. "x"))
    assert.is_true(users.may_set_up(store, auth.create(store, { name = "k" }).key))
    assert.is_false(users.may_set_up(store, auth.create(store, { read_only = true }).key))
    assert.is_false(users.may_set_up(store, auth.create(store,
      { expires = "2020-01-01T00:00:00Z" }).key))
    first()
    assert.is_nil(users.setup_token(store))
    assert.matches("users already", refused("conflict", users.add_first, store, "Eve", CHEAP))
  end)

  it("choose passwords of 10 characters at least", function()
    refused("usage", passwords.check, "short")
    refused("usage", passwords.check, nil)
    refused("usage", passwords.check, ("é"):rep(9)) -- characters, not bytes
    refused("usage", passwords.check, ("x"):rep(257))
    refused("usage", passwords.check, "Ada Lovelace", "Ada Lovelace")
    passwords.check(("é"):rep(10), "Ada")
  end)

  it("are hashed as the hash says", function()
    local hash = passwords.hash "correct horse"
    assert.matches("^%$scrypt%$ln=15,r=8,p=3%$", hash)
    assert.is_true(passwords.matches("correct horse", hash))
    assert.is_false(passwords.matches("correct horsf", hash))
    assert.is_false(passwords.matches("", "not a hash"))
    assert.has_error(function() core.hash_password(("x"):rep(1025), 10, 8, 1) end)
    assert.has_error(function() core.hash_password("x", 9, 8, 1) end)
    assert.has_error(function() core.hash_password("x", 20, 16, 1) end)
  end)

  it("are named in the log of what was done, without secrets and at a bounded length", function()
    local key = "sk_live_" .. ("a"):rep(24)
    audit.note(store, { actor = "Ada", action = "company.create", target = ("é"):rep(400),
      detail = "by " .. key }, error)
    local entry = store:audit({ limit = 1 })[1]
    assert.is_true(#entry.target <= 310)
    assert.is_true(core.is_utf8(entry.target))
    assert.is_nil(entry.detail:find(key, 1, true))
  end)

  it("have done what they did if the log of it cannot be written", function()
    local said
    audit.note({ add_audit = function()
      errors.throw("store", "the disk is full")
    end }, { actor = "Ada", action = "company.create" }, function(message)
      said = message
    end)
    assert.equal("the log of who did what lacks company.create by Ada: the disk is full", said)
  end)
end)
