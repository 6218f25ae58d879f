local core = require "commerce.core"

local KEY = "sk_test_abcdefghijklmnop1234"

-- Fails if any text shows more of the key than its mask may.
local function shows_nothing(text)
  assert.is_nil(tostring(text):find("abcdefgh", 1, true))
end

describe("core.secret", function()
  it("never shows itself", function()
    local key = assert(core.secret(KEY))
    assert.equal("commerce.secret(redacted)", tostring(key))
    shows_nothing(("%s"):format(tostring(key)))
    assert.equal("userdata", type(key))
    assert.is_false(getmetatable(key))
  end)

  it("knows its prefix", function()
    local key = assert(core.secret(KEY))
    assert.is_true(key:has_prefix "sk_test_")
    assert.is_true(key:has_prefix "")
    assert.is_true(key:has_prefix(KEY))
    assert.is_false(key:has_prefix "sk_live_")
    assert.is_false(key:has_prefix(KEY .. "x"))
  end)

  it("has a mask fit for printing", function()
    local masks = {
      [KEY] = "sk_test_…1234",
      ["sk_live_abcdefghijklmnop1234"] = "sk_live_…1234",
      ["rk_test_abcdefghijklmnop1234"] = "rk_test_…1234",
      ["rkcs_test_abcdefghijklmnop1234"] = "rkcs_test_…1234",
      ["sk_org_abcdefghijklmnop1234"] = "sk_org_…1234",
      ["whsec_abcdefghijklmnop1234"] = "whsec_…1234",
      ["sk_test_abcdefghij1"] = "sk_test_…",
      ["sk_test_abcdefghij12"] = "sk_test_…ij12",
      ["abcdefghijklmnopqrstuvwxyz"] = "…",
      ["x"] = "…",
    }
    for key, mask in pairs(masks) do
      assert.equal(mask, assert(core.secret(key)):mask())
    end
  end)

  it("refuses what cannot be a key, and says why without showing it", function()
    local odd = "secret holds a space, a control character or a character outside ASCII"
    local refused = {
      [""] = "secret is empty",
      [KEY .. "\n"] = "secret ends with a space or a line end",
      [KEY .. " "] = "secret ends with a space or a line end",
      [" " .. KEY] = odd,
      [KEY .. "\0x"] = odd,
      [KEY .. "\r\nX: y"] = odd,
      [KEY .. "\195\169"] = odd,
      [KEY .. ("x"):rep(4096)] = "secret is longer than 4096 bytes",
    }
    for text, reason in pairs(refused) do
      local key, message, details = core.secret(text)
      assert.is_nil(key)
      assert.equal(reason, message)
      assert.equal("auth", details.kind)
      assert.equal(reason, tostring(details))
    end
  end)

  it("takes only strings", function()
    for _, value in ipairs { 12, true, {} } do
      assert.has_error(function() core.secret(value) end)
    end
    assert.has_error(function() core.secret() end)
  end)

  it("can be closed, twice, and is of no use then", function()
    local key = assert(core.secret(KEY))
    key:close()
    key:close()
    assert.equal("commerce.secret(redacted)", tostring(key))
    local ok, message = pcall(key.mask, key)
    assert.is_false(ok)
    assert.matches("secret is closed", message)
    ok, message = pcall(core.session, { transport = core.transport(), key = key })
    assert.is_false(ok)
    assert.matches("bad option 'key': secret is closed", message)
  end)

  it("reads the environment", function()
    assert.is_nil(core.secret_from_env "COMMERCE_SURELY_NOT_SET")
    local path = assert(core.secret_from_env "PATH")
    assert.equal("commerce.secret(redacted)", tostring(path))
    assert.is_true(path:has_prefix(os.getenv("PATH"):sub(1, 4)))
    assert.has_error(function() core.secret_from_env() end)
  end)
end)
