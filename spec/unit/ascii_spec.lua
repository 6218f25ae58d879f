-- Texts by their bytes, whatever the locale: what the module does, and that the library uses it.

local ascii = require "commerce.base.ascii"
local shell = require "spec.support.shell"

describe("texts by their bytes", function()
  it("have ASCII letters in one case", function()
    assert.equal("inr i\195\132z", ascii.lower "INR I\195\132Z")
    assert.equal("INR I\195\164Z", ascii.upper "inr i\195\164z")
    assert.equal("", ascii.lower "")
  end)

  it("are in the order of their bytes", function()
    local list = { "b", "B", "a", "aB", "", "ab", "\195\164", "A", "a\0b", "_", "chf", "czk" }
    ascii.sort(list)
    assert.same({ "", "A", "B", "_", "a", "a\0b", "aB", "ab", "b", "chf", "czk", "\195\164" },
      list)
    assert.is_true(ascii.before("B", "a"))
    assert.is_false(ascii.before("a", "B"))
    assert.is_false(ascii.before("a", "a"))
    assert.is_true(ascii.before("a", "ab"))
  end)
end)

-- The exceptions: `%.0f` writes no decimal point, and positions are not texts.
describe("the library does not ask the locale", function()
  local function found(pattern)
    local _, output = shell.run(("grep -rnE %s lua --include=*.lua"):format(shell.quote(pattern)))
    local lines = {}
    for line in output:gmatch "[^\n]+" do
      if not line:find "^lua/commerce/base/ascii%.lua" and not line:find "^lua/commerce/testing/"
        and not line:find "%.d%.lua:" then
        lines[#lines + 1] = line
      end
    end
    return table.concat(lines, "\n")
  end

  it("about the case of letters", function()
    assert.equal("", (found "[:.](lower|upper)\\b" :gsub("[^\n]*ascii%.%l+[^\n]*\n?", "")),
      "use ascii.lower and ascii.upper")
  end)

  it("about the order of texts", function()
    assert.matches("^lua/commerce/mapping/init%.lua:%d+:  table%.sort%(places%)$",
      found "table\\.sort\\([a-z_]+\\)", 1, false, "use ascii.sort")
  end)

  it("about the decimal point", function()
    assert.equal("", (found '%\\.?[1-9]*[fg]"?\\)?:format|%\\.[1-9][0-9]*[fgeaA]'
      :gsub("[^\n]*base/decimal%.lua[^\n]*\n?", "")), "use decimal.fixed or decimal.tostring")
  end)

  it("about control characters in JSON", function()
    assert.equal("", found "%c.*(json|escape)")
  end)
end)
