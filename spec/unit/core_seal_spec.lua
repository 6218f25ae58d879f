local core = require "commerce.core"
local shell = require "spec.support.shell"

local MASTER = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
local OTHER = "//////////////////////////////////////////8="
local PLANTED = "sk_test_plantedplantedplanted1234"

local master, other, planted

before_each(function()
  master = assert(core.secret(MASTER))
  other = assert(core.secret(OTHER))
  planted = assert(core.secret(PLANTED))
end)

local function fails(code, ...)
  local result, message, details = ...
  assert.is_nil(result)
  assert.equal("auth", details.kind)
  assert.equal(code, details.code)
  assert.equal(message, tostring(details))
  assert.is_nil(message:find("planted", 1, true))
  return message
end

describe("core.seal", function()
  it("gives text that core.unseal opens for the same context, as a secret", function()
    local envelope = assert(core.seal(master, planted, "connection:1"))
    assert.matches("^cm1%.%x+%.[%w_%-]+%.[%w_%-]+$", envelope)
    assert.is_nil(envelope:find("planted", 1, true))
    local opened = assert(core.unseal(master, envelope, "connection:1"))
    assert.equal("commerce.secret(redacted)", tostring(opened))
    assert.is_true(opened:has_prefix(PLANTED))
    assert.equal(planted:mask(), opened:mask())
  end)

  it("never gives the same twice", function()
    assert.are_not.equal(core.seal(master, planted, "a"), core.seal(master, planted, "a"))
  end)

  it("names the master key", function()
    assert.equal(core.key_id(master), core.seal(master, planted, "a"):match("^cm1%.(%x+)%."))
    assert.are_not.equal(core.key_id(master), core.key_id(other))
  end)

  it("refuses a master key that is none, and says how to make one", function()
    for text, reason in pairs {
      ["c2hvcnQ="] = "master key is shorter than 32 bytes",
      [MASTER .. MASTER] = "master key is not base64",
      [MASTER:sub(1, 43) .. "AAAA"] = "master key is longer than 32 bytes",
      [("A"):rep(48)] = "master key is longer than 32 bytes",
      [PLANTED] = "master key is not base64",
    } do
      local bad = assert(core.secret(text))
      for _, result in ipairs {
        { core.seal(bad, planted, "a") }, { core.key_id(bad) }, { core.sign(bad, "p", "t") },
        { core.verify(bad, "p", "t", "m") },
        { core.unseal(bad, core.seal(master, planted, "a"), "a") },
      } do
        local message = fails("bad_master_key", result[1], result[2], result[3])
        assert.equal(reason .. ": it must be the base64 of 32 random bytes, as "
          .. "`openssl rand -base64 32` makes it", message)
      end
    end
  end)

  it("takes secrets, and contexts that name somebody", function()
    assert.has_error(function() core.seal(MASTER, planted, "a") end)
    assert.has_error(function() core.seal(master, PLANTED, "a") end)
    assert.has_error(function() core.seal(master, planted) end)
    assert.has_error(function() core.seal(master, planted, "") end)
    assert.has_error(function() core.seal(master, planted, ("x"):rep(1025)) end)
    planted:close()
    assert.error_matches(function() core.seal(master, planted, "a") end, "secret is closed")
    master:close()
    assert.error_matches(function() core.key_id(master) end, "secret is closed")
  end)
end)

describe("core.unseal", function()
  it("opens for no other owner", function()
    local envelope = assert(core.seal(master, planted, "connection:1"))
    assert.equal("the sealed secret does not open: it was changed, or sealed for another owner",
      fails("not_authentic", core.unseal(master, envelope, "connection:2")))
  end)

  it("names both master keys if it is another", function()
    local envelope = assert(core.seal(master, planted, "a"))
    assert.equal(("sealed with master key %s, but the master key here is %s")
      :format(core.key_id(master), core.key_id(other)),
      fails("other_key", core.unseal(other, envelope, "a")))
  end)

  it("refuses what is no envelope", function()
    for _, text in ipairs { "", PLANTED, "cm1.", "cm2" .. core.seal(master, planted, "a"):sub(4),
      ("x"):rep(10000) } do
      fails("bad_envelope", core.unseal(master, text, "a"))
    end
    assert.has_error(function() core.unseal(master, nil, "a") end)
  end)
end)

describe("core.sign", function()
  it("gives what core.verify takes, for the same key, purpose and text only", function()
    local mac = assert(core.sign(master, "state", "text"))
    assert.matches("^[%w_%-]+$", mac)
    assert.equal(43, #mac)
    assert.is_true(core.verify(master, "state", "text", mac))
    assert.is_false(core.verify(other, "state", "text", mac))
    assert.is_false(core.verify(master, "link", "text", mac))
    assert.is_false(core.verify(master, "state", "texts", mac))
    for _, wrong in ipairs { "", mac:sub(1, -2), mac .. "A", mac .. "=", mac:upper() } do
      assert.is_false(core.verify(master, "state", "text", wrong))
    end
  end)

  it("takes a text of any bytes, and a purpose that is one", function()
    local mac = assert(core.sign(master, "p", "a\0b"))
    assert.are_not.equal(mac, core.sign(master, "p", "a\0c"))
    assert.is_string(core.sign(master, "p", ""))
    assert.has_error(function() core.sign(master, "", "text") end)
    assert.has_error(function() core.sign(master, ("p"):rep(65), "text") end)
    assert.has_error(function() core.sign(master, "p", 12) end)
  end)
end)

describe("core.random_id", function()
  it("gives so many random bytes, in letters fit for a URL", function()
    local seen = {}
    for bytes, length in pairs { [16] = 22, [17] = 23, [18] = 24, [32] = 43, [256] = 342 } do
      local id = core.random_id(bytes)
      assert.equal(length, #id)
      assert.matches("^[%w_%-]+$", id)
      assert.is_nil(seen[id])
      seen[id] = true
    end
    assert.are_not.equal(core.random_id(16), core.random_id(16))
  end)

  it("refuses what can be guessed", function()
    for _, bytes in ipairs { 0, 15, 257, 16.5, -1 } do
      assert.has_error(function() core.random_id(bytes) end)
    end
  end)
end)

describe("core.sha256", function()
  it("digests strings and secrets alike", function()
    local abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert.equal(abc, core.sha256 "abc")
    assert.equal(abc, core.sha256(assert(core.secret "abc")))
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      core.sha256 "")
    assert.has_error(function() core.sha256(12) end)
    assert.has_error(function() core.sha256(io.stdout) end)
  end)
end)

describe("core.scrub", function()
  it("leaves nothing of what looks like a secret", function()
    assert.equal("no key sk_test_… here", core.scrub("no key " .. PLANTED .. " here"))
    assert.equal("nothing to hide", core.scrub "nothing to hide")
    assert.equal("", core.scrub "")
  end)
end)

describe("core.secret_from_file", function()
  local folder

  before_each(function()
    folder = shell.temporary_folder()
  end)

  after_each(function()
    shell.remove_folder(folder)
  end)

  local function file(text)
    local path = folder .. "/key"
    local handle = assert(io.open(path, "wb"))
    handle:write(text)
    handle:close()
    return path
  end

  it("reads a file, without its line end", function()
    for _, line_end in ipairs { "", "\n", "\r\n" } do
      local key = assert(core.secret_from_file(file(PLANTED .. line_end)))
      assert.equal(planted:mask(), key:mask())
      assert.equal(core.sha256(PLANTED), core.sha256(key))
    end
  end)

  it("says what is wrong, by the file's name and without its content", function()
    local path = file ""
    local function message_of(name, text)
      return fails(nil, core.secret_from_file(text and file(text) or name)):sub(#path + 1)
    end
    assert.equal(": is empty", message_of(nil, "\n"))
    assert.equal(": holds a space, a control character or a character outside ASCII",
      message_of(nil, PLANTED .. "\n" .. PLANTED .. "\n"))
    assert.equal(": ends with a space or a line end", message_of(nil, PLANTED .. " \n"))
    assert.equal(": is longer than 4096 bytes", message_of(nil, ("x"):rep(5000)))
    assert.equal(folder .. "/none: No such file or directory",
      fails(nil, core.secret_from_file(folder .. "/none")))
    assert.equal(folder .. ": Is a directory", fails(nil, core.secret_from_file(folder)))
  end)

  it("does not repeat a key that somebody took for a path", function()
    assert.equal("sk_test_…: No such file or directory", fails(nil, core.secret_from_file(PLANTED)))
  end)
end)
