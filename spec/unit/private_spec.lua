-- What keeps data and secrets to their owner: modes of files, core dumps, and what survives a power
-- failure.

local core = require "commerce.core"
local contract = require "commerce.store.contract"
local files = require "spec.support.sqlite_files"
local memory = require "spec.support.memory"
local shell = require "spec.support.shell"

local path_of, open = files.path_of, files.open

local function output(line)
  local _, text = shell.run(line)
  return (text:gsub("%s+$", ""))
end

describe("a database file", function()
  before_each(files.make_folder)
  after_each(files.remove_folder)

  it("is its owner's alone, with the files beside it, whatever the umask is", function()
    local db = open "new.db"
    assert(db:save_setting("name", "value"))
    assert.equal("600 600 600",
      output(("stat -c %%a %s*"):format(path_of "new.db")):gsub("\n", " "))
    db:close()
  end)

  it("keeps the mode that its owner gave it", function()
    open("shared.db"):close()
    shell.run("chmod 640 " .. path_of "shared.db")
    local db = open "shared.db"
    assert(db:save_setting("name", "value"))
    assert.equal("640 640 640",
      output(("stat -c %%a %s*"):format(path_of "shared.db")):gsub("\n", " "))
    db:close()
  end)

  -- 1 is NORMAL, 2 is FULL (SQLite's documentation, PRAGMA synchronous).
  local function level(db)
    return tonumber(db.db:once("PRAGMA synchronous")[1][1])
  end

  it("has on the disk what cannot be fetched again, before the call returns", function()
    local db = open "lasting.db"
    local seen
    local run = db.db.run
    db.db.run = function(self, sql, ...)
      if sql == "COMMIT" or not self.in_transaction and sql ~= self.dialect.BEGIN then
        seen = level(db)
      end
      return run(self, sql, ...)
    end
    local function level_of(name, ...)
      seen = nil
      assert.is_not_nil((assert(db[name], name)(db, ...)))
      assert.equal(1, level(db))
      return seen
    end
    local connection = { id = "c1", company_id = "m1", integration = "stripe-test",
      status = "Linked", created = "2026-01-01T00:00:00Z" }
    assert.equal(2, level_of("add_connection", connection, { company = { id = "m1", name = "One",
      created = "2026-01-01T00:00:00Z" } }))
    assert.equal(2, level_of("save_setting", "a", "b"))
    assert.equal(2, level_of("save_secret", { owner = "o", envelope = "e", key_id = "k",
      modified = "2026-01-01T00:00:00Z" }))
    assert.equal(2, level_of("add_link_state", { id = "s", connection_id = "c1", expires = 9 }, 1,
      9))
    assert.equal(2, level_of("take_link_state", "s"))
    assert.equal(2, level_of("spend_code", "h", 9, 1))
    assert.equal(2, level_of("keep_events", { { connection_id = "c1", id = "e", at = 1,
      body = "{}" } }))
    assert.equal(1, level_of("drop_events", "c1", { "e" }))
    assert.is_nil((db:save_setting("a", nil))) -- a failure
    assert.equal(1, level(db))
    db:close()
  end)

  it("does so for methods that there are, and that write", function()
    local kinds = contract.methods()
    for name in pairs(contract.LASTING) do
      assert.equal("writes", kinds[name], name)
    end
  end)
end)

describe("a secret", function()
  it("is in no core dump, and is gone when it is closed", function()
    collectgarbage()
    collectgarbage()
    local before = memory.undumped()
    local secret = assert(core.secret(("k"):rep(4096)))
    assert.is_true(memory.undumped() >= before + 8)
    secret:close()
    assert.equal(before, memory.undumped())
  end)

  it("may be in a file that a variable names, and not in both", function()
    files.make_folder()
    local path = path_of "key"
    local file = assert(io.open(path, "w"))
    file:write "sk_test_fromafile1234567890\n"
    file:close()
    local function read(environment)
      return output(("env %s %s -e %s"):format(environment, os.getenv "COMMERCE_TEST_LUA",
        shell.quote(([[package.cpath = "%s/?.so;" .. package.cpath
          local key, message = require "commerce.core".secret_from_env "A_KEY"
          print(key and key:mask() or message)]]):format(os.getenv "COMMERCE_TEST_MODULES"))))
    end
    assert.equal("sk_test_…7890", read("A_KEY_FILE=" .. path))
    assert.equal("sk_test_…7890", read("A_KEY= A_KEY_FILE=" .. path))
    assert.equal("nil", read "A_KEY_FILE=")
    assert.equal("A_KEY and A_KEY_FILE are both set: unset one of them",
      read("A_KEY=sk_test_other A_KEY_FILE=" .. path))
    assert.equal("A_KEY_FILE: /no/file: No such file or directory", read "A_KEY_FILE=/no/file")
    files.remove_folder()
  end)
end)

describe("a private process", function()
  it("creates files for its owner alone, and dumps no core; so do its children", function()
    files.make_folder()
    local path = path_of "made"
    assert.equal("0", output(("umask 022; %s -e %s"):format(os.getenv "COMMERCE_TEST_LUA",
      shell.quote(([[package.cpath = "%s/?.so;" .. package.cpath
        require "commerce.core".private_process()
        io.open("%s", "w"):close()
        os.execute "umask; ulimit -c; touch %s2"]]):format(os.getenv "COMMERCE_TEST_MODULES", path,
        path)))):match "^0077\n(%d+)$")
    assert.equal("600\n600", output(("stat -c %%a %s*"):format(path)))
    files.remove_folder()
  end)

  it("is not made of a host's", function()
    assert.not_equal("0077", output "umask")
  end)
end)
