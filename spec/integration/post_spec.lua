-- JSON sent to somebody else's server.

local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local http = require "socket.http"
local json = require "commerce.base.json"

describe("post", function()
  local e

  setup(function()
    e = emulator.start { charges = 100, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  it("sends a value as JSON and gives the answer", function()
    -- the emulator's control takes JSON and answers it
    local answer = assert(commerce.post(e.base .. "/_emulator/clock?x=1", { now = 1800000000 }))
    assert.equal(1800000000, json.decode(answer).now)
    assert.equal(1800000000, json.decode((http.request(e.base .. "/_emulator/settings"))).now)
  end)

  it("tells what went wrong without the address, which may be a password", function()
    local answer, message, details = commerce.post(e.base .. "/v1/secret-hook", { 1 })
    assert.is_nil(answer)
    assert.equal("http", details.kind == "auth" and "http" or details.kind)
    assert.is_nil(message:find("secret-hook", 1, true))
    assert.matches("^POST 127%.0%.0%.1: HTTP 4%d%d", message)
    answer, message, details = commerce.post("http://127.0.0.1:1/secret-hook", {})
    assert.is_nil(answer)
    assert.equal("transport", details.kind)
    assert.matches("could not connect to 127.0.0.1", message, 1, true)
    assert.is_nil(message:find("secret-hook", 1, true))
  end)

  it("refuses what is no address, at the line that asked", function()
    for _, case in ipairs { { "example.com", "an address such as https://example.com/hook" },
      { nil, "got nil" }, { "http://example.com/x", "must use https" },
      { "https://user:secret@example.com/", "" }, { "https://example.com/a b", "does not belong" },
      { "ftp://example.com/", "must start with https" } } do
      local ok, message = pcall(function() commerce.post(case[1], {}) end)
      assert.is_false(ok)
      assert.matches(case[2], message, 1, true)
      assert.matches("post_spec.lua:%d+: post: ", message)
      assert.is_nil(message:find("secret", 1, true))
    end
    local ok, message = pcall(commerce.post, "https://example.com/", { print })
    assert.is_false(ok)
    assert.matches("JSON has no function", message, 1, true)
  end)
end)
