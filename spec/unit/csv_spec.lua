-- CSV that a person opens in a spreadsheet, where a merchant's text must not calculate.

local csv = require "commerce.base.csv"
local decimal = require "commerce.base.decimal"

local function cell(value, raw)
  return (csv.line({ value }, 1, raw):gsub("\r\n$", ""))
end

describe("a cell of CSV", function()
  for text, expected in pairs {
    ["=HYPERLINK(\"http://x\")"] = "\"'=HYPERLINK(\"\"http://x\"\")\"",
    ["+1+cmd|' /C calc'!A0"] = "'+1+cmd|' /C calc'!A0",
    ["-2+3"] = "'-2+3", ["@SUM(A1)"] = "'@SUM(A1)", ["\tx"] = "'\tx", ["\rx"] = "\"'\rx\"",
    ["+49 30 123-456.7"] = "+49 30 123-456.7", ["+1"] = "+1", ["+"] = "'+", ["+ -"] = "'+ -",
    ["+1 (555) 1"] = "'+1 (555) 1", ["-5"] = "'-5", ["a=b"] = "a=b", [""] = "",
    ["\0=1+1"] = "'=1+1", ["\27=1+1"] = "'=1+1", ["\194\155=1+1"] = "'=1+1",
    ["a\27[31mb\127\194\155c\7"] = "a[31mbc", ["a\nb\tc"] = "\"a\nb\tc\"",
    ["a\r\nb"] = "\"a\r\nb\"", ["\194\163 5 \195\169"] = "\194\163 5 \195\169",
    [" =1"] = " =1", ["'=1"] = "'=1",
  } do
    it(("is safe: %q"):format(text), function()
      assert.equal(expected, cell(text))
      assert.equal(text, (cell(text, true):gsub('^"(.*)"$', "%1"):gsub('""', '"')))
    end)
  end

  it("that is a number stays one", function()
    assert.equal("-12.5", cell(-12.5))
    assert.equal("-12345678901234567.25", cell(decimal.value "-12345678901234567.25"))
    assert.equal("false", cell(false))
    assert.equal("", cell(nil))
    assert.equal('"[""=1""]"', cell { "=1" })
  end)

  it("may be a heading, too", function()
    assert.equal("id,'=x\r\n", csv.line({ "id", "=x" }, 2))
  end)
end)
