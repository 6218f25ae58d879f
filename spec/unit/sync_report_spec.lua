-- The text of a sync's report: its table fits a terminal of 80 columns, whatever the run met.

local report = require "commerce.sync.report"

local function entry(fields)
  local made = { type = "payments", status = "complete", read = 0, created = 0, changed = 0,
    unchanged = 0, deleted = 0, left_out = 0, skipped = 0, failed = 0, requests = 0, retries = 0,
    rate_limited = 0, seconds = 0.5 }
  for name, value in pairs(fields) do
    made[name] = value
  end
  return made
end

local function lines_of(...)
  local made = report.new { mode = "test", account = "acct_1", types = { ... }, notes = {},
    complete = true, requests = 4, retries = 1, rate_limited = 2, seconds = 3 }
  local lines = {}
  for line in tostring(made):gmatch "[^\n]+" do
    assert.is_true(#line <= 80, line)
    lines[#lines + 1] = line
  end
  return lines
end

local BUSY = { read = 12345678, created = 12345678, changed = 1234567, unchanged = 12345678,
  deleted = 1234567, left_out = 123456, skipped = 1234567, failed = 123456, requests = 123456,
  retries = 1234, rate_limited = 1234, seconds = 123456.7 }

describe("the text of a sync's report", function()
  it("has the columns of a plain run", function()
    local lines = lines_of(entry { read = 10, created = 10, requests = 2 },
      entry { type = "payment_methods", read = 3, unchanged = 3 })
    assert.equal("                status   read created changed unchanged deleted requests seconds",
      lines[2])
    assert.equal("payments        complete   10      10       0         0       0        2     0.5",
      lines[3])
  end)

  it("has a column for what is rare", function()
    local lines = lines_of(entry { read = 10, created = 8, failed = 2 })
    assert.matches(" failed ", lines[2])
    assert.is_nil(lines[2]:find "skipped")
  end)

  it("leaves out columns if there is no room, and tells in lines what they would", function()
    local lines = lines_of(entry(BUSY), entry { type = "payment_methods" })
    assert.matches("12345678 12345678", lines[3])
    assert.is_nil(lines[2]:find "requests")
    local text = table.concat(lines, "\n")
    for _, name in ipairs { "skipped", "failed" } do
      assert.is_truthy(lines[2]:find(name) or text:find(("payments: %d %s"):format(BUSY[name],
        name), 1, true), text)
    end
  end)

  it("gives a long name a line of its own", function()
    local name = "custom_" .. ("a"):rep(60)
    local lines = lines_of(entry { type = name, read = 5 }, entry {})
    assert.equal(name, lines[3])
    assert.matches("^ +complete +5 ", lines[4])
  end)
end)
