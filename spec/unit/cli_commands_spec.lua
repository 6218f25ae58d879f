-- Every command is a file in commands/, is listed once, and has the one shape; what the shape does.

local command = require "commerce.cli.kit.command"
local lfs = require "lfs"

local FOLDER = "lua/commerce/cli/commands"
local FIELDS = { name = "string", help = "string", arguments = "function", json = "string",
  store = "string", check = "function", run = "function", actions = "table",
  stops_cleanly = "boolean", audit = "string" }
local STORES = { existing = true, create = true, own = true }

local function files()
  local names = {}
  for file in lfs.dir(FOLDER) do
    names[#names + 1] = file:match "^(.*)%.lua$"
  end
  table.sort(names)
  return names
end

local function check_shape(entry, where)
  for field, value in pairs(entry) do
    assert.equal(FIELDS[field], type(value), where .. ": " .. field)
  end
  assert.truthy(entry.name and entry.help, where)
  assert.truthy(entry.help:find "%.$", where .. ": the help is not a sentence")
  assert.is_true(entry.store == nil or STORES[entry.store] == true, where)
  assert.is_true((entry.run == nil) ~= (entry.actions == nil), where .. ": run or actions")
  for _, action in ipairs(entry.actions or {}) do
    check_shape(action, where .. " " .. action.name)
  end
end

-- A parser that writes down what is declared.
local function recorder(declared, prefix)
  local parser = {}
  for _, name in ipairs { "command_target", "argname", "count", "args", "choices", "default",
    "handle_options" } do
    parser[name] = function(self)
      return self
    end
  end
  for _, name in ipairs { "flag", "option", "argument" } do
    parser[name] = function(self, word)
      declared[#declared + 1] = prefix .. word
      return self
    end
  end
  function parser.command(_, name)
    declared[#declared + 1] = prefix .. name
    return recorder(declared, prefix .. name .. " ")
  end
  return parser
end

local function is_closed(app)
  local ok, mode = pcall(app.mode, app)
  return not (ok and mode)
end

describe("a command", function()
  for _, name in ipairs(files()) do
    it(name .. " has the one shape, under its file's name", function()
      local entry = require("commerce.cli.commands." .. name)
      assert.equal(name, entry.name)
      check_shape(entry, name)
    end)
  end

  it("is listed in cli/init.lua, once", function()
    local file = assert(io.open "lua/commerce/cli/init.lua")
    local listed = {}
    for name in file:read("*a"):match("\nlocal COMMANDS = (%b{})"):gmatch '"(%l+)"' do
      listed[#listed + 1] = name
    end
    file:close()
    table.sort(listed)
    assert.same(files(), listed)
  end)

  it("declares its arguments, --json, --store and its actions", function()
    local declared = {}
    command.declare(recorder(declared, ""), { name = "x", help = "X.", actions = {
      { name = "a", help = "A.", json = "J.", store = "existing", arguments = function(sub)
        sub:argument "what"
      end },
      { name = "b", help = "B." },
    } })
    assert.same({ "x", "x a", "x a what", "x a --json", "x a --store", "x b" }, declared)
  end)

  it("runs, or the action that was named does, after the check", function()
    local order = {}
    local entry = { name = "x", help = "X.", actions = {
      { name = "a", help = "A." },
      { name = "b", help = "B.", check = function(args)
        order[#order + 1] = "check"
        args.n = 3
      end, run = function(app, args)
        order[#order + 1] = "run"
        assert.is_nil(app)
        return args.n
      end },
    } }
    assert.equal(3, command.run(entry, { action = "b" }))
    assert.same({ "check", "run" }, order)
    assert.equal(0, command.run({ name = "x", help = "X.", run = function() end }, {}))
  end)

  it("gets its store opened, and closed whatever happens", function()
    local held
    local function run(result)
      return function(app)
        held = app
        assert(app:mode())
        return result()
      end
    end
    local args = { store = "sqlite::memory:" }
    assert.equal(1, command.run({ name = "x", help = "X.", store = "create", run = run(function()
      return 1
    end) }, args))
    assert.is_true(is_closed(held))
    local ok, raised = pcall(command.run, { name = "x", help = "X.", store = "create",
      run = run(function()
        error "broken"
      end) }, args)
    assert.is_false(ok)
    assert.truthy(raised:find "broken")
    assert.is_true(is_closed(held))
  end)
end)
