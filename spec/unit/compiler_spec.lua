-- Work without LuaJIT's compiler.

local compiler = require "commerce.runtime.compiler"

local jit = rawget(_G, "jit")

local function compiles()
  return jit and (jit.status())
end

describe("compiler.without", function()
  local before

  before_each(function()
    before = compiles()
    if jit then
      jit.on()
    end
  end)

  after_each(function()
    if jit and not before then
      jit.off()
    end
  end)

  it("gives what the work gives", function()
    assert.same({ 1, nil, 3, n = 3 }, { n = 3, compiler.without(function()
      return 1, nil, 3
    end) })
  end)

  it("is off until the last of several works has ended", function()
    local during = {}
    compiler.without(function()
      compiler.without(function()
        during[1] = compiles() or false
      end)
      during[2] = compiles() or false
    end)
    assert.same({ false, false }, during)
    assert.equal(jit and true or nil, compiles())
  end)

  it("is on again after work that raised, and stays off where it was off", function()
    assert.has_error(function()
      compiler.without(function()
        error("no", 0)
      end)
    end, "no")
    assert.equal(jit and true or nil, compiles())
    if jit then
      jit.off()
      compiler.without(function() end)
      assert.is_false(compiles())
    end
  end)
end)
