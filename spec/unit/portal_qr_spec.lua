-- The QR codes of addresses. zbar 0.23 has read the expected squares, and gave the texts back.

local core = require "commerce.core"
local h = require "commerce.portal.html"
local qr = require "commerce.portal.qr"

describe("a QR code", function()
  local function digest(text)
    local square, size = qr.square(text)
    local modules = {}
    for row = 0, size - 1 do
      for column = 0, size - 1 do
        modules[#modules + 1] = square[row][column] and "1" or "0"
      end
    end
    return size, core.sha256(table.concat(modules))
  end

  for text, expected in pairs {
    HELLO = { 21, "e32bbcdbcf24696b8e8f86a690920053f551c43eb89627c7b9701d594ef17143" },
    ["https://data.example.com/link/start/AbCdEf0123456789_-AbCdEf"] = { 33,
      "474e3f5b10570b486cf3ea75dc2cbd13f4a5e59fe2899fe5a54f83fcd7570a70" },
    [("y"):rep(150)] = { 49, "2a83e66e5facc7e8c13568d1b43b6852794f355f46276f6d8c4689772eac8694" },
    [("z"):rep(213)] = { 57, "b2bb2b06366d48790e0fc55c779ff40a734b7299a0265cb6b9c8d990405e74ea" },
  } do
    it("of " .. #text .. " bytes is the one that readers read", function()
      assert.same(expected, { digest(text) })
    end)
  end

  it("holds 213 bytes", function()
    assert.is_nil(qr.square(("z"):rep(214)))
    assert.is_nil(qr.svg(("z"):rep(214), "x"))
  end)

  it("is an image with a white border and a name", function()
    local svg = h.render(qr.svg("HELLO", 'An "address"'))
    assert.matches('aria-label="An &quot;address&quot;"', svg, 1, true)
    assert.matches('viewBox="0 0 29 29"', svg, 1, true)
    assert.matches('d="M4 4h1v1h-1zM5 4', svg, 1, true)
  end)
end)
