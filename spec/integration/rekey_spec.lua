-- Exchanging the master key: `commerce rekey`, killed in the middle; and what it leaves behind.

local in_process = require "spec.support.in_process"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local ONE, TWO = master_key.ONE, master_key.TWO
local COUNT = 20 -- secrets

-- Fills a store; prints every envelope.
local FILL = [[
  local commerce, core = require "commerce", require "commerce.core"
  local credentials = require "commerce.account.credentials"
  local app = assert(commerce.open())
  for i = 1, %d do
    local owner = ("connection:%%02d"):format(i)
    assert(credentials.keep(app.store, owner, core.secret("sk_test_number" .. i)))
    print(app.store:secret(owner).envelope)
  end
  app:close()
]]

-- Rekeys, and kills itself where it is told: before it seals the secret of a number, before the
-- transaction ends, or before the log is emptied. The shell's parent is this process.
local KILLED = [[
  local commerce, core = require "commerce", require "commerce.core"
  local credentials = require "commerce.account.credentials"
  local app, sealed = assert(commerce.open()), 0
  local function die()
    os.execute "kill -KILL $PPID"
  end
  local seal, run, once = core.seal, app.store.db.run, app.store.db.once
  core.seal = function(...)
    sealed = sealed + 1
    if sealed == tonumber(arg[1]) then die() end
    return seal(...)
  end
  app.store.db.run = function(self, sql, ...)
    if sql:find(arg[1], 1, true) then die() end
    return run(self, sql, ...)
  end
  app.store.db.once = function(self, sql)
    if sql:find(arg[1], 1, true) then die() end
    return once(self, sql)
  end
  credentials.rekey(app.store)
  print "survived"
]]

-- Opens every secret; prints how many, or the failure.
local OPEN = [[
  local commerce, core = require "commerce", require "commerce.core"
  local credentials = require "commerce.account.credentials"
  local app = assert(commerce.open())
  for i = 1, %d do
    local ok, secret = pcall(credentials.open, app.store, ("connection:%%02d"):format(i))
    if not ok then
      app:close()
      return print(secret)
    end
    assert(core.sha256(secret) == core.sha256("sk_test_number" .. i))
  end
  print "all open"
  app:close()
]]

describe("commerce rekey", function()
  local box, envelopes

  before_each(function()
    box = sandbox.new({}, { in_process = true })
    box.environment.COMMERCE_STORE = "sqlite:" .. box:path "commerce.db"
    box:write("killed.lua", KILLED)
  end)

  after_each(function()
    box:close()
  end)

  local function killed(argument, now, old)
    local more = { COMMERCE_MASTER_KEY = now, COMMERCE_OLD_MASTER_KEY = old }
    return box:run(("%s '%s'"):format(box:script(box:path "killed.lua", more), argument), more)
  end

  local function printed(script, now, old)
    return in_process.script(script, { COMMERCE_STORE = box.environment.COMMERCE_STORE,
      COMMERCE_MASTER_KEY = now, COMMERCE_OLD_MASTER_KEY = old })
  end

  local function fill()
    envelopes = {}
    for envelope in printed(FILL:format(COUNT), ONE):gmatch "[^\n]+" do
      envelopes[#envelopes + 1] = envelope
    end
    assert.equal(COUNT, #envelopes)
  end

  local function opens(now, old)
    return printed(OPEN:format(COUNT), now, old) == "all open\n"
  end

  local function rekey(now, old, arguments)
    return box:commerce("rekey " .. (arguments or ""), { COMMERCE_MASTER_KEY = now or false,
      COMMERCE_OLD_MASTER_KEY = old or false })
  end

  for _, case in ipairs {
    { "before the first secret", "1" }, { "at the seventh secret", "7" },
    { "at the last secret", tostring(COUNT) },
    { "before the end of the transaction #sqlite", "COMMIT" },
    { "after the transaction #sqlite", "wal_checkpoint", done = true },
  } do
    it("killed " .. case[1] .. " leaves everything openable, and finishes the next time", function()
      fill()
      local status, output = killed(case[2], TWO, ONE)
      assert.equal(137, status)
      assert.equal("", output)
      assert.equal("ok\n", rows.sql(box:path "commerce.db", "PRAGMA integrity_check"))
      assert.is_true(opens(case.done and TWO or ONE)) -- all with one key alone
      assert.is_true(opens(TWO, ONE)) -- and while both are set, whatever came of it
      assert.equal(0, (rekey(TWO, ONE)))
      assert.is_true(opens(TWO))
      assert.is_false(opens(ONE))
    end)
  end

  it("leaves nothing in the files that the old key opens #sqlite", function()
    fill()
    assert.truthy(box:files_with(envelopes[1]):find("commerce.db", 1, true))
    assert.equal(0, (rekey(TWO, ONE)))
    for _, envelope in ipairs(envelopes) do
      assert.equal("", box:files_with(envelope))
    end
  end)

  it("says what it did, and how many there were", function()
    fill()
    local status, output, errors = rekey(TWO, ONE)
    assert.same({ 0, "" }, { status, errors })
    assert.matches("^both modes: 20 secrets sealed again, 0 already sealed with master key %x+\n"
      .. "the old master key is only needed for older copies of the database", output)
    status, output = rekey(TWO, nil, "--json")
    assert.equal(0, status)
    assert.matches('^{"changed":0,"keyId":"%x+","unchanged":20}\n$', output)
  end)

  it("tells what is missing or wrong, and changes nothing", function()
    fill()
    local function fails(expected, now, old)
      local status, output, errors = rekey(now, old)
      assert.is_true(status > 0)
      assert.equal("", output)
      assert.truthy(errors:find(expected, 1, true), errors)
      assert.is_true(opens(ONE))
    end
    fails("COMMERCE_MASTER_KEY is not set", nil, ONE)
    fails("sealed with master key", TWO)
    fails("COMMERCE_OLD_MASTER_KEY", TWO)
    fails("COMMERCE_MASTER_KEY: master key is shorter than 32 bytes", "c2hvcnQ=", ONE)
    fails("COMMERCE_OLD_MASTER_KEY: master key is shorter than 32 bytes", TWO, "c2hvcnQ=")
  end)
end)
