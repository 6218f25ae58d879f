local core = require "commerce.core"

local SECRET = "whsec_test_secret_0123456789abcdef"
local OLD = "whsec_old_rotated_secret"
local T = 1700000000

local A = '{"id":"evt_test_1","object":"event","account":"acct_1TEST","type":"charge.succeeded"}'
local A_V1 = "3282fe0ee51c77d8ffe7234d13079f9f295fef963ea54a777efecc3212a36244"
local F_V1 = "047a9a438548f621fe151899c0732fe03eec3aa6fe51325e2959f7e3c7c0b6dd"

-- Known signatures, computed with openssl and Python.
local VECTORS = {
  A = { t = T, body = A, v1 = A_V1 },
  B = { t = T + 301, body = A,
    v1 = "20afe210b8d838d9866521d96d73974ecfcfecea91bcd718d9f26260a1a99371" },
  C = { t = T, body = "{}",
    v1 = "365672c536a30f5745f60b4265a00a69b22b3c2807dfc1833c89f58a6b8bbc50" },
  D = { t = T, body = '{"name":"Zo\195\171 \226\152\149"}',
    v1 = "c97844cdeccd7845c5b82b268273171b982af6dcec8c53550d74ab564c38f136" },
  E = { t = T, body = '{\n  "id": "evt_test_1"\n}',
    v1 = "49c270133df8f0b9bd465708aece6b337aa8cc95cd73fe0b4f3465450dbd0ac2" },
  F = { t = T, body = A, v1 = F_V1, secret = OLD },
}

describe("core.verify_signature", function()
  -- The outcome of vector A with some options changed.
  local function verify(changes)
    local webhook = {
      body = A, header = ("t=%d,v1=%s"):format(T, A_V1), secrets = { SECRET }, now = T,
    }
    for name, value in pairs(changes or {}) do webhook[name] = value or nil end
    return core.verify_signature(webhook)
  end

  local function refused(code, changes)
    local ok, message, details = verify(changes)
    assert.is_nil(ok)
    assert.equal("string", type(message))
    assert.is_nil(message:find(A_V1, 1, true))
    assert.is_nil(message:find("whsec_", 1, true))
    assert.equal(code, details.code)
    assert.equal("auth", details.kind)
    assert.equal(message, tostring(details))
    assert.is_false(details.retryable)
  end

  for name, vector in pairs(VECTORS) do
    it("knows vector " .. name, function()
      local changes = {
        body = vector.body, header = ("t=%d,v1=%s"):format(vector.t, vector.v1), now = vector.t,
        secrets = { vector.secret or SECRET },
      }
      assert.is_true(verify(changes))
      assert.equal(1, select("#", verify(changes)))
      changes.secrets = { core.secret(vector.secret or SECRET) }
      assert.is_true(verify(changes))
      changes.body = vector.body .. " "
      refused("mismatch", changes)
    end)
  end

  it("allows for five minutes, either way", function()
    assert.is_true(verify { now = T + 300 })
    assert.is_true(verify { now = T - 300 })
    refused("stale", { now = T + 301 })
    refused("future", { now = T - 301 })
    refused("stale", { now = T + 300.5 })
  end)

  it("allows for as much as it is told", function()
    assert.is_true(verify { now = T + 10, tolerance = 10 })
    refused("stale", { now = T + 11, tolerance = 10 })
    refused("future", { now = T - 11, tolerance = 10 })
    assert.is_true(verify { now = T + 1e9, tolerance = 0 })
    assert.is_true(verify { now = 0, tolerance = 0 })
  end)

  it("asks the system for the time", function()
    refused("stale", { now = false })
    assert.is_true(verify { now = false, tolerance = 0 })
    refused("mismatch", { now = false, header = ("t=%d,v1=%s"):format(os.time(), A_V1) })
  end)

  it("takes any signature by any secret", function()
    local both = ("t=%d,v1=%s,v1=%s"):format(T, F_V1, A_V1)
    assert.is_true(verify { header = both })
    assert.is_true(verify { header = both, secrets = { OLD } })
    assert.is_true(verify { secrets = { OLD, core.secret(SECRET) } })
    assert.is_true(verify { secrets = { core.secret(SECRET), OLD } })
    refused("mismatch", { secrets = { OLD } })
    refused("mismatch", { secrets = { (SECRET:gsub("^whsec_", "")) } })
  end)

  it("wants the body as it came", function()
    local e = VECTORS.E
    local header = ("t=%d,v1=%s"):format(T, e.v1)
    assert.is_true(verify { body = e.body, header = header })
    refused("mismatch", { body = '{"id":"evt_test_1"}', header = header })
    refused("mismatch", { body = e.body .. "\0", header = header })
    refused("mismatch", { body = e.body:gsub("\n", "\r\n"), header = header })
  end)

  it("refuses nothing at all", function()
    refused("empty_body", { body = "" })
    refused("empty_body", { body = false })
    refused("no_signature", { header = "" })
    refused("no_signature", { header = false })
  end)

  it("wants a signature of scheme v1", function()
    refused("no_signature", { header = ("t=%d,v0=%s"):format(T, A_V1) })
    refused("no_signature", { header = ("t=%d"):format(T) })
    refused("no_signature", { header = A_V1 })
    assert.is_true(verify { header = ("v0=x,t=%d,what,v1=%s,v2=y"):format(T, A_V1) })
  end)

  it("wants a time", function()
    refused("no_timestamp", { header = "v1=" .. A_V1 })
    for _, time in ipairs { "", "now", "-1", "17e8", "1700000000.0", ("1"):rep(16) } do
      refused("no_timestamp", { header = ("t=%s,v1=%s"):format(time, A_V1) })
    end
  end)

  it("wants it in lower case and whole", function()
    for _, v1 in ipairs { A_V1:upper(), A_V1:sub(1, 63), A_V1 .. "0", "", ("0"):rep(64) } do
      refused("mismatch", { header = ("t=%d,v1=%s"):format(T, v1) })
    end
    refused("mismatch", { header = ("t=%d,v1=%s"):format(T + 1, A_V1) })
  end)

  it("looks at so many signatures and no more", function()
    local function behind(others)
      return { header = ("t=%d,"):format(T) .. ("v1=0,"):rep(others) .. "v1=" .. A_V1 }
    end
    assert.is_true(verify(behind(15)))
    refused("mismatch", behind(16))
    refused("mismatch", behind(100000))
  end)

  it("raises on what only a program can get wrong", function()
    local closed = core.secret(SECRET)
    closed:close()
    for wrong, changes in pairs {
      ["bad option 'secrets': array of secrets expected"] = { secrets = false },
      ["bad option 'secrets': empty"] = { secrets = {} },
      ["bad option 'secrets': 2: empty"] = { secrets = { SECRET, "" } },
      ["bad option 'secrets': 1: secret is closed"] = { secrets = { closed } },
      ["bad option 'secrets': 1: string or commerce.secret expected, got number"] =
        { secrets = { 5 } },
      ["bad option 'body': string expected, got table"] = { body = {} },
      ["bad option 'header': string expected, got number"] = { header = 5 },
      ["bad option 'tolerance': number from 0 to"] = { tolerance = -1 },
      ["bad option 'now': number expected, got string"] = { now = "now" },
      ["bad option 'secret': unknown"] = { secret = SECRET },
    } do
      local ok, message = pcall(verify, changes)
      assert.is_false(ok)
      assert.matches(wrong, message, 1, true)
    end
    assert.has_error(function() core.verify_signature() end)
  end)
end)
