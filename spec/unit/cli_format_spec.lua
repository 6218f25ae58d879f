-- Tables for terminals: widths, cuts, decimal points, and no command to the terminal.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local failure = require "commerce.cli.kit.failure"
local format = require "commerce.cli.kit.format"

local JAPAN = "\230\151\165\230\156\172\232\170\158" -- three characters
local THUMB, HEART = "\240\159\145\141", "\226\157\164\239\184\143" -- with variation selector 16
local ACUTE = "e\204\129" -- e and a combining accent

describe("the width of a text", function()
  for text, width in pairs { [""] = 0, abc = 3, ["\195\169"] = 1, [ACUTE] = 1, [JAPAN] = 6,
    [THUMB] = 2, [HEART] = 2, ["\239\189\134"] = 2, ["\237\149\156"] = 2, ["\255"] = 1,
    ["\226\130"] = 2 } do
    it(("%q is %d"):format(text, width), function()
      assert.equal(width, format.width(text))
    end)
  end

  it("decides where a text is cut, never inside a character", function()
    assert.equal(JAPAN, format.fit(JAPAN, 6))
    assert.equal("\230\151\165\230\156\172~", format.fit(JAPAN, 5))
    assert.equal("\230\151\165~", format.fit(JAPAN, 4))
    assert.equal("~", format.fit(JAPAN, 2))
    assert.equal(ACUTE .. ACUTE .. "~", format.fit(ACUTE:rep(4), 3))
    assert.equal(HEART .. HEART .. "~", format.fit(HEART:rep(4), 5))
  end)
end)

describe("a table", function()
  it("has its decimal points under each other", function()
    assert.equal(table.concat({
      "id                     amount  cur",
      "a                      11.71   USD",
      "b                    1551      JPY",
      "c                      -0.125  KWD",
      "d   -12345678901234567890.12   IDR",
      "e",
    }, "\n"), format.table({ "id", "amount", "cur" }, {
      { "a", 11.71, "USD" }, { "b", 1551, "JPY" }, { "c", -0.125, "KWD" },
      { "d", decimal.value "-12345678901234567890.12", "IDR" }, { "e" } }, 80))
  end)

  it("has its columns under each other with wide and combining characters", function()
    local lines = {}
    for line in format.table({ "name", "x" }, { { JAPAN, "1" }, { ACUTE, "1" }, { THUMB, "1" },
      { "plain", "1" } }, 80):gmatch "[^\n]+" do
      lines[#lines + 1] = format.width(line)
    end
    assert.same({ 9, 9, 9, 9, 9 }, lines)
  end)

  it("fits the width, or is whole", function()
    local rows = { { ("i"):rep(28), ("long "):rep(30), 12345.67 } }
    for _, width in ipairs { 45, 80, 120 } do
      for line in format.table({ "id", "text", "amount" }, rows, width):gmatch "[^\n]+" do
        assert.is_true(#line <= width, line)
      end
    end
    assert.is_nil(format.table({ "id", "text", "amount" }, rows, math.huge):find("~", 1, true))
  end)

  it("sends no command to the terminal", function()
    local text = format.table({ "a" }, { { "x\27[31m\194\155K\7\0\127\r\n\ty" } }, 80)
    assert.is_nil(text:gsub("^a\n", ""):find "[%z\1-\31\127\194]")
  end)
end)

describe("what a person reads", function()
  it("has no control characters but line breaks and tabs", function()
    assert.equal("a [31mb\nc\td e \195\169", ascii.printable "a\27[31mb\nc\td\194\155e\r\195\169")
    assert.is_nil(failure.line("Stripe said \27]0;x\7 \194\157", { hint = "h\27" })
      :find "[%z\1-\31\127\194]")
  end)
end)

describe("a table on a terminal that is too narrow for it", function()
  it("is a block of lines for each row, without empty values", function()
    local rows = { { "py_30000xNGxAHQ8wuHftcd5xfn", "2026-09-18 17:50", 181.03, "INR", "Paid" },
      { "py_2", "2026-09-08 10:56", 5, "JPY", nil } }
    assert.equal(table.concat({
      "identifier  py_30000xNGxAHQ8~", "created     2026-09-18 17:50", "amount      181.03",
      "cur         INR", "status      Paid", "",
      "identifier  py_2", "created     2026-09-08 10:56", "amount      5", "cur         JPY",
    }, "\n"), format.table({ "identifier", "created", "amount", "cur", "status" }, rows, 29))
  end)
end)
