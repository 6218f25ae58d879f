local core = require "commerce.core"
local credentials = require "spec.support.returning" "commerce.account.credentials"
local handle = require "commerce.store.handle"
local master_key = require "spec.support.master_key"
local store = require "commerce.store"

local PLANTED = "sk_test_plantedplantedplanted1234"
local ID_ONE = core.key_id(core.secret(master_key.ONE))
local ID_TWO = core.key_id(core.secret(master_key.TWO))

describe("credentials", function()
  local set = master_key.use(master_key.ONE)
  local db, planted

  before_each(function()
    db = handle(assert(store.open "sqlite::memory:"))
    planted = assert(core.secret(PLANTED))
  end)

  after_each(function()
    db:close()
  end)

  local function fails(code, ...)
    local result, message, details = ...
    assert.is_nil(result)
    assert.equal(code, details.code)
    assert.equal(message, tostring(details))
    assert.is_nil(message:find("planted", 1, true))
    return message
  end

  local function opens(owner, digest)
    assert.equal(digest or core.sha256(planted), core.sha256(assert(credentials.open(db, owner))))
  end

  it("keeps a secret for its owner", function()
    assert.is_true(credentials.keep(db, "connection:1", planted))
    opens "connection:1"
    local row = db:secret "connection:1"
    assert.equal(ID_ONE, row.key_id)
    assert.is_nil(row.envelope:find("planted", 1, true))
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT", row.modified)
  end)

  it("keeps the newer one", function()
    local newer = assert(core.secret "sk_test_newernewernewernewer")
    assert(credentials.keep(db, "connection:1", planted))
    assert(credentials.keep(db, "connection:1", newer))
    opens("connection:1", core.sha256(newer))
  end)

  it("has none of who never had one, and none that was dropped", function()
    assert.same({}, { credentials.open(db, "connection:1") })
    assert.is_false(db:drop_secret "connection:1")
    assert(credentials.keep(db, "connection:1", planted))
    assert.is_true(db:drop_secret "connection:1")
    assert.same({}, { credentials.open(db, "connection:1") })
  end)

  it("opens no row that was put in another's place", function()
    assert(credentials.keep(db, "connection:1", planted))
    assert(credentials.keep(db, "connection:2", planted))
    local one, two = db:secret "connection:1", db:secret "connection:2"
    one.envelope, two.envelope = two.envelope, one.envelope
    assert(db:save_secret(one) and db:save_secret(two))
    for _, owner in ipairs { "connection:1", "connection:2" } do
      assert.equal("the stored secret of " .. owner .. ": the sealed secret does not open: it was "
        .. "changed, or sealed for another owner",
        fails("not_authentic", credentials.open(db, owner)))
    end
  end)

  it("stores nothing without a master key, and says how to make one", function()
    set(nil)
    local message = fails(nil, credentials.keep(db, "connection:1", planted))
    assert.equal("COMMERCE_MASTER_KEY is not set, so no secret can be stored or opened: make a "
      .. "key with `openssl rand -base64 32`, keep it where the database is not, and set the "
      .. "variable to it",
      message)
    assert.is_nil(db:secret "connection:1")
    assert.equal(message, fails(nil, credentials.check_master()))
    assert.equal(message, fails(nil, credentials.rekey(db)))
  end)

  it("opens nothing without a master key, and says which one it was", function()
    assert(credentials.keep(db, "connection:1", planted))
    set(nil)
    assert.equal(("the stored secret of connection:1: sealed with master key %s, and "
      .. "COMMERCE_MASTER_KEY is not set"):format(ID_ONE),
      fails(nil, credentials.open(db, "connection:1")))
    assert.same({}, { credentials.open(db, "connection:2") })
  end)

  it("refuses a master key that is none, by its variable", function()
    for _, bad in ipairs { "c2hvcnQ=", "$$$$", "two words" } do
      set(bad)
      local result, message = credentials.keep(db, "connection:1", planted)
      assert.is_nil(result)
      assert.matches("^COMMERCE_MASTER_KEY:? ", message)
      assert.is_nil(message:find(bad, 1, true))
    end
    assert.is_nil(db:secret "connection:1")
  end)

  it("names the keys if the master key is another, and tells what to do", function()
    assert(credentials.keep(db, "connection:1", planted))
    set(master_key.TWO)
    assert.equal(("the stored secret of connection:1: sealed with master key %s, but "
      .. "COMMERCE_MASTER_KEY is %s; if the key was exchanged, set COMMERCE_OLD_MASTER_KEY to the "
      .. "last one and run `commerce rekey`"):format(ID_ONE, ID_TWO),
      fails("other_key", credentials.open(db, "connection:1")))
    set(master_key.TWO, master_key.TWO)
    assert.equal(("the stored secret of connection:1: sealed with master key %s, but "
      .. "COMMERCE_MASTER_KEY is %s and COMMERCE_OLD_MASTER_KEY is %s"):format(ID_ONE, ID_TWO,
      ID_TWO), fails("other_key", credentials.open(db, "connection:1")))
    set(master_key.TWO, "$$$$")
    assert.matches("COMMERCE_OLD_MASTER_KEY: master key is not base64",
      fails("bad_master_key", credentials.open(db, "connection:1")))
  end)

  it("opens with the last master key until everything is sealed anew", function()
    assert(credentials.keep(db, "connection:1", planted))
    set(master_key.TWO, master_key.ONE)
    opens "connection:1"
    assert(credentials.keep(db, "connection:2", planted)) -- with the new one
    set(master_key.TWO)
    opens "connection:2"
  end)

  describe("rekey", function()
    before_each(function()
      for i = 1, 3 do
        assert(credentials.keep(db, "connection:" .. i, planted))
      end
    end)

    it("seals everything anew, and finds nothing to do the second time", function()
      set(master_key.TWO, master_key.ONE)
      assert.same({ key_id = ID_TWO, changed = 3, unchanged = 0 }, credentials.rekey(db))
      assert.same({ key_id = ID_TWO, changed = 0, unchanged = 3 }, credentials.rekey(db))
      set(master_key.TWO)
      for i = 1, 3 do
        opens("connection:" .. i)
      end
      assert.same({ key_id = ID_TWO, changed = 0, unchanged = 3 }, credentials.rekey(db))
    end)

    it("changes nothing if one secret does not open, and names it", function()
      set(master_key.TWO)
      assert.matches("^the stored secret of connection:1: sealed with master key " .. ID_ONE,
        fails("other_key", credentials.rekey(db)))
      local row = db:secret "connection:3"
      row.envelope = db:secret("connection:1").envelope
      db:save_secret(row)
      set(master_key.TWO, master_key.ONE)
      assert.matches("^the stored secret of connection:3: the sealed secret does not open",
        fails("not_authentic", credentials.rekey(db)))
      set(master_key.ONE)
      opens "connection:1"
      opens "connection:2"
    end)
  end)
end)
