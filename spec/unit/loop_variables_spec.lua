-- Lua 5.5 does not let a program assign to the control variable of a loop, and Lua 5.4 and LuaJIT
-- do not complain: a file that 5.5 cannot load is found here.

local shell = require "spec.support.shell"

-- The control variable of a loop that begins in a line; nil if none does.
local function control_variable(line)
  return line:match "^%s*for%s+([%w_]+)%s*[=,]" or line:match "^%s*for%s+([%w_]+)%s+in%s"
end

-- The lines of a text that assign to the control variable of a loop around them, by indentation.
local function assignments(text)
  local loops, found, number = {}, {}, 0
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    local indent = #line:match "^ *"
    while loops[1] and line:find "%S" and indent <= loops[#loops].indent do
      loops[#loops] = nil
    end
    local targets = line:match "^%s*([%w_,%s]-)%s*=[^=]" or ""
    for name in (targets:find "^local%s" and "" or targets):gmatch "[%w_]+" do
      for _, loop in ipairs(loops) do
        -- the last one of a table's fields looks like an assignment
        found[#found + 1] = name == loop.name and not line:find ",%s*$" and number .. line or nil
      end
    end
    local name = control_variable(line)
    loops[#loops + 1] = name and { name = name, indent = indent } or nil
  end
  return found
end

describe("no file assigns to the control variable of a loop", function()
  it("which this check would see", function()
    assert.same({ "2  name = 1" }, assignments "for name in x do\n  name = 1\nend\n")
    assert.same({ "2  i, a = 1, 2" }, assignments "for i = 1, 2 do\n  i, a = 1, 2\nend\n")
    assert.same({}, assignments "for name in x do\n  local name = 1\nend\nname = 2\n")
  end)

  local _, paths = shell.run "find lua examples -name '*.lua'"
  it("anywhere", function()
    local count = 0
    for path in paths:gmatch "[^\n]+" do
      local file = assert(io.open(path))
      assert.same({}, assignments(file:read "*a"), path)
      file:close()
      count = count + 1
    end
    assert.is_true(count > 300)
  end)
end)
