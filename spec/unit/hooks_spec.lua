-- What hooks may be called, and what is refused when one is declared.

local hooks = require "commerce.hooks.registry"
local STORE = require("commerce.store").open "sqlite::memory:"

local function nothing() end

describe("a hook's name", function()
  for _, case in ipairs {
    { "payments", "before_record", "payments" },
    { "commerce-payments", "before_record", "payments" },
    { "payments:change", "change", "payments" },
    { "payments:before_page", "before_page", "payments" },
    { "before_record", "before_record" }, { "change", "change" }, { "after_sync", "after_sync" },
    { "tax_components:error", "error", "tax_components" },
  } do
    it(("may be '%s'"):format(case[1]), function()
      local registry = hooks.new()
      registry:add(STORE, case[1], nothing)
      local hook = registry:all()[1]
      assert.same({ case[1], case[2], case[3] }, { hook.name, hook.event, hook.type })
    end)
  end

  for _, case in ipairs {
    { "payment", "there is no data type 'payment' (did you mean 'payments'?)" },
    { "befor_sync", "there is no data type 'befor_sync' (did you mean 'before_sync'?)" },
    { "payments:changed", "there is no event 'changed' (did you mean 'change'?)" },
    { "paymnts:change", "there is no data type 'paymnts' (did you mean 'payments'?)" },
    { "payments:after_sync", "after_sync is about all data types at once; name it 'after_sync'" },
    { "payments:", "there is no event ''" }, { ":change", "there is no data type ''" },
    { "", "there is no data type ''" }, { 7, "a hook's name expected" },
    { nothing, "a hook's name expected" },
  } do
    it(("may not be '%s'"):format(type(case[1]) == "function" and "a function" or case[1]),
      function()
        local line = debug.getinfo(1, "l").currentline + 1
        local ok, message = pcall(function() hooks.new():add(STORE, case[1], nothing) end)
        assert.is_false(ok)
        assert.matches(case[2], message, 1, true)
        assert.matches(("hooks_spec.lua:%d: "):format(line), message, 1, true)
      end)
  end
end)

describe("a hook", function()
  local registry

  before_each(function()
    registry = hooks.new()
  end)

  local function refused(words, ...)
    local ok, message = pcall(registry.add, registry, STORE, ...)
    assert.is_false(ok)
    assert.matches(words, message, 1, true)
    assert.same({}, registry:all())
  end

  it("is a function", function()
    refused("hook 'payments': a function expected, got nil", "payments")
    refused("hook 'payments': a function expected, got table", "payments", {})
  end)

  it("has options that there are", function()
    refused("unknown option 'on_eror' (did you mean 'on_error'?)", "payments", nothing,
      { on_eror = "stop" })
    refused("'skip' or 'stop' expected, got 'halt'", "payments", nothing, { on_error = "halt" })
    refused("option 'source' is for before_record hooks", "change", nothing, { source = true })
    refused("true, false or a list of paths expected, got string", "payments", nothing,
      { source = "metadata" })
    refused("a list of paths expected", "payments", nothing, { source = { 1 } })
  end)

  it("takes the source object if it has a parameter for it, or is told to", function()
    for _, case in ipairs {
      { function() end, nil, false }, { function(_) end, nil, false },
      { function(_, _) end, nil, true }, { function(...) return ... end, nil, true },
      { function(_, _, _) end, false, false }, { function(_) end, true, true },
      { function(_, _) end, { "metadata" }, { "metadata" } },
    } do
      registry = hooks.new()
      registry:add(STORE, "payments", case[1], { source = case[2] })
      assert.same(case[3], registry:all()[1].source)
    end
  end)

  it("comes in the order of declaration, those of all connections among its own", function()
    local own = hooks.new(registry)
    local order = { registry, own, own, registry, own }
    for i, each in ipairs(order) do
      each:add(STORE, ({ "payments", "disputes", "change", "error", "products" })[i], nothing)
    end
    local names = {}
    for i, hook in ipairs(own:all()) do
      names[i] = hook.name
    end
    assert.equal("payments disputes change error products", table.concat(names, " "))
    assert.equal(2, #registry:all())
  end)

  it("that raises goes no further than its call, which tells where", function()
    local line = debug.getinfo(1, "l").currentline + 2
    registry:add(STORE, "payments", function(record)
      return record.amount.value
    end)
    local hook = registry:all()[1]
    local ok, message = hooks.call(hook, {})
    assert.is_false(ok)
    assert.matches("^hook 'payments' %(%.?/?spec/unit/hooks_spec%.lua:" .. line - 1
      .. "%): .*hooks_spec%.lua:" .. line .. ": attempt to index", message)
    registry:add(STORE, "payments", function()
      error(setmetatable({}, { __tostring = function() return "a table\nof two lines" end }))
    end)
    ok, message = hooks.call(registry:all()[2])
    assert.is_false(ok)
    assert.matches(": a table$", message)
  end)

  it("does not swallow Ctrl-C", function()
    registry:add(STORE, "payments", function() error("script.lua:3: interrupted!", 0) end)
    local ok, message = pcall(hooks.call, registry:all()[1])
    assert.is_false(ok)
    assert.equal("script.lua:3: interrupted!", message)
  end)
end)
