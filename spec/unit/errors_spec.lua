-- Where a mistake of the user's is, and what was meant.

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("errors.refuse", function()
  it("names the line of the code that is not the library's", function()
    local line
    local ok, message = pcall(function()
      line = here() + 1
      errors.refuse("no %s", "good")
    end)
    assert.is_false(ok)
    assert.equal(("spec/unit/errors_spec.lua:%d: no good"):format(line), (message:gsub("^%./", "")))
  end)

  it("finds it through the library's own functions", function()
    local line
    local ok, message = pcall(function()
      line = here() + 1
      errors.check_options({ wrong = 1 }, { right = "number" })
    end)
    assert.is_false(ok)
    local where = ("errors_spec.lua:%d: unknown option 'wrong'"):format(line)
    assert.truthy(message:find(where, 1, true))
  end)

  it("leaves a message with a percent sign as it is", function()
    local _, message = pcall(errors.refuse, "100% wrong")
    assert.truthy(message:find("100% wrong", 1, true))
  end)
end)

describe("errors.check_options", function()
  local KNOWN = { types = "table", since = "any", full = "boolean" }

  for _, case in ipairs {
    { { typse = {} }, "unknown option 'typse' (did you mean 'types'?)" },
    { { Full = true }, "unknown option 'Full' (did you mean 'full'?)" },
    { { everything = 1 }, "unknown option 'everything' (known: full, since, types)" },
    { { "types" }, "option 1 has no name: write { name = value } (known: full, since, types)" },
    { { types = "x" }, "bad option 'types': table expected, got string: write types = {" },
    { { full = 1 }, "bad option 'full': boolean expected, got number" },
    { "full", "options: table expected, got string: write { name = value } (known: full, " },
  } do
    it("says: " .. case[2], function()
      local _, message = pcall(errors.check_options, case[1], KNOWN)
      assert.truthy(message:find((case[2]:gsub("[%(%)%?]", "%%%0"))), message)
    end)
  end

  it("says what the options are of", function()
    local _, message = pcall(errors.check_options, { a = 1 }, {}, "join")
    assert.truthy(message:find("join: unknown option 'a'", 1, true))
  end)
end)

describe("suggest.nearest", function()
  for _, case in ipairs {
    { "amonut", "amount" }, { "staus", "status" }, { "curency", "currency" },
    { "created_date", "createdDate" }, { "SupplementalData", "supplementalData" },
    { "zzz", nil }, { "xy", nil }, { "", nil },
  } do
    it(("'%s' is %s"):format(case[1], tostring(case[2])), function()
      assert.equal(case[2], suggest.nearest(case[1], { "amount", "status", "currency",
        "createdDate", "supplementalData" }))
    end)
  end

  it("takes a table's keys, and of equals always the same", function()
    for _ = 1, 5 do
      assert.equal("bat", suggest.nearest("bxt", { bet = 1, bat = 2, bit = 3 }))
    end
  end)
end)
