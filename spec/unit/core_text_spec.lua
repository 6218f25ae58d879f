-- The text functions of the core, which hostile bytes reach: base64, UTF-8, percent-encoding.

local core = require "commerce.core"

describe("core.base64_decode", function()
  it("reads both alphabets, with padding and without", function()
    assert.equal("", core.base64_decode "")
    assert.equal("foob", core.base64_decode "Zm9vYg==")
    assert.equal("foob", core.base64_decode "Zm9vYg")
    assert.equal("\251\255\191", core.base64_decode "+/+/")
    assert.equal("\251\255\191", core.base64_decode "-_-_")
    assert.equal("\0", core.base64_decode "AA==")
  end)

  it("gives nil for anything else", function()
    for _, text in ipairs { "Z", "Zg=", "Z g=", "Zm9v\n", "====", "Zg==Zg==", "Zh==", "Zm9v\0" } do
      assert.is_nil(core.base64_decode(text))
    end
  end)
end)

describe("core.is_utf8", function()
  it("tells UTF-8 from other bytes", function()
    for _, text in ipairs { "", "plain", "a\0b", "é", "€", "😀", "\239\191\191" } do
      assert.is_true(core.is_utf8(text))
    end
    for _, text in ipairs { "\128", "\255", "a\195", "\195(", "\192\128", "\237\160\128",
      "\244\144\128\128" } do
      assert.is_false(core.is_utf8(text))
    end
  end)
end)

describe("core.percent_encode and core.percent_decode", function()
  it("give back every byte", function()
    local bytes = {}
    for i = 0, 255 do
      bytes[#bytes + 1] = string.char(i)
    end
    local all = table.concat(bytes)
    local encoded = core.percent_encode(all)
    assert.is_nil(encoded:find "[^%w%-%._~%%]")
    assert.equal(all, core.percent_decode(encoded))
    assert.equal("a%20b%2F%C3%A9~", core.percent_encode "a b/é~")
  end)

  it("decode small letters, once, and leave a plus sign alone", function()
    assert.equal("/+%41", core.percent_decode "%2f+%2541")
  end)

  it("give nil for a percent sign without its digits", function()
    for _, text in ipairs { "%", "a%", "%4", "%%41", "%g0", "%0g", "100% sure" } do
      assert.is_nil(core.percent_decode(text))
    end
  end)

  it("raise without a text", function()
    assert.has_error(function()
      core.percent_encode(nil)
    end)
    assert.has_error(function()
      core.is_utf8 {}
    end)
  end)
end)
