-- What the READMEs promise: every SQL query gives rows, every piece of Lua runs, every command and
-- every link exists. The examples: examples_spec.

local emulator = require "spec.support.emulator"
local in_process = require "spec.support.in_process"
local shell = require "spec.support.shell"

local LUA = os.getenv "COMMERCE_TEST_LUA" or "lua5.4"
local MODULES = os.getenv "COMMERCE_TEST_MODULES" or "build/lua5.4"

local function contents(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function readme(room)
  return contents(room and "lua/commerce/" .. room .. "/README.md" or "README.md")
end

-- The section of a room's README under a heading, to the next one or the end.
local function section_of(room, heading)
  local text = readme(room) .. "\n## "
  return assert(text:match("\n## " .. heading .. "\n(.-)\n## "), room .. ": " .. heading)
end

-- The rows of the table of value functions, from the functions' own comments, as they are exported.
local function value_rows()
  local rows, names, says, parameters = {}, {}, {}, {}
  for _, part in ipairs { "plain", "money", "compound" } do
    for line in contents("lua/commerce/mapping/values/" .. part .. ".lua"):gmatch "([^\n]*)\n" do
      local text, name = line:match "^%-%-%- ?([^@].*)", line:match "^%l* ?values%.(%l+)[ (]"
      if text then
        says[#says + 1] = text
      elseif line:find "^%-%-%-@param" then
        parameters[#parameters + 1] = line:match "@param (%S+)"
      elseif not line:find "^%-%-%-@return" then
        if name then
          rows[#rows + 1] = ("| `%s(%s)` | %s |"):format(name, table.concat(parameters, ", "),
            table.concat(says, " "):gsub("%.$", ""))
          names[#names + 1] = name
        end
        says, parameters = {}, {}
      end
    end
  end
  return rows, names
end

describe("the documentation", function()
  local e, folder, environment

  setup(function()
    e = emulator.start { charges = 300, compact = true }
    folder = shell.temporary_folder()
    local paths = "lua/?.lua;lua/?/init.lua;;"
    environment = ("LUA=%s STRIPE_SECRET_KEY=sk_test_emulator STRIPE_API_BASE=%s "
      .. "COMMERCE_STORE=sqlite:%s/shop.db LUA_PATH='%s' LUA_PATH_5_4='%s' LUA_CPATH='%s/?.so;;' "
      .. "LUA_CPATH_5_4='%s/?.so;;' "):format(LUA, e.base, folder, paths, paths, MODULES, MODULES)
    local status, _, errors = shell.run(environment .. "build/commerce sync")
    assert(status == 0, errors)
  end)

  teardown(function()
    e:stop()
    shell.remove_folder(folder)
  end)

  it("has SQL that gives rows", function()
    local count = 0
    for query in readme():gmatch "```sql\n(.-)```" do
      count = count + 1
      local status, output, errors = shell.run(("sqlite3 %s/shop.db %s")
        :format(folder, shell.quote(query)))
      assert.equal("", errors)
      assert.equal(0, status)
      assert.is_true(#output > 0, query)
    end
    assert.is_true(count >= 3)
  end)

  it("says truly that transactions add up to Stripe's balance", function()
    local query = readme():match "```sql\n(SELECT t%.currency.-)```"
    local _, output = shell.run(("sqlite3 -separator ' ' %s/shop.db %s")
      :format(folder, shell.quote(query)))
    local rows = 0
    for currency, ours, theirs in output:gmatch "(%u+) (%S+) (%S+)\n" do
      rows = rows + 1
      assert.is_true(math.abs(tonumber(ours) - tonumber(theirs)) < 0.005, currency)
    end
    assert.is_true(rows > 5)
  end)

  it("has Lua that runs as it stands", function()
    local program = readme():match "```lua\n(.-)```"
    local path = folder .. "/readme.lua"
    local file = assert(io.open(path, "w"))
    file:write((program:gsub("sqlite:commerce%.db", "sqlite:" .. folder .. "/readme.db")))
    file:close()
    local status, output, errors = shell.run(environment .. LUA .. " " .. path)
    assert.equal("", errors)
    assert.equal(0, status)
    assert.truthy(output:find("payments", 1, true))
  end)

  it("has Lua that goes on from there", function()
    local count = 0
    for room, heading in pairs { mapping = "Fields and data types of your own",
      hooks = "Declaring hooks", app = "What has changed" } do
      local section = section_of(room, heading)
      local path = folder .. "/more.lua"
      local file = assert(io.open(path, "w"))
      file:write([[
local commerce = require "commerce"
local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
]], section:match "```lua\n(.-)```", 'assert(shop:sync { full = true, strict = true })\n')
      file:close()
      local status, output, errors = shell.run(environment .. LUA .. " " .. path)
      assert.equal("", errors)
      assert.equal(0, status)
      count = count + #output
    end
    assert.is_true(count > 0)
  end)

  it("has a row for every hook there is, with what it gets", function()
    local text = readme("hooks"):match "\n## Declaring hooks\n(.-)\n## "
    local rows = {}
    for name, with in text:gmatch "\n| `([%l_]+)` |[^|]+| `([%l_, ]+)` |" do
      rows[#rows + 1] = name .. "(" .. with .. ")"
    end
    local events = {}
    for i, event in ipairs(require("commerce.hooks.registry").EVENTS) do
      events[i] = event.name .. "(" .. table.concat(event.arguments, ", ") .. ")"
    end
    assert.same(events, rows)
  end)

  it("names fields of the report that there are", function()
    local text = readme("app"):match "`report%.types` is a list with an entry a type: (.-)\n"
    local count = 0
    local report = contents "lua/commerce/sync/report.lua"
    for name in text:gmatch "`(%l+)`" do
      count = count + 1
      assert.truthy(report:find("---@field " .. name .. " ", 1, true), name)
    end
    assert.is_true(count >= 10)
  end)

  it("names what a hook's context has, all of it", function()
    local source = contents "lua/commerce/hooks/context.lua"
    local text = readme("hooks"):match "\n%- `context` has (.-)\n\n"
    local fields, methods = text:match "^(.-)%. (.*)$"
    local function names(of, pattern)
      local list = {}
      for name in of:gmatch(pattern) do
        list[#list + 1] = name
      end
      table.sort(list)
      return list
    end
    assert.same(names(source, "%-%-%-@field ([%l_]+)"), names(fields, "`([%l_]+)`"))
    assert.same(names(source, "\nfunction methods:([%l_]+)"), names(methods, "`context:([%l_]+)%("))
  end)

  it("has a row for every value function there is, in its own words", function()
    local expected, names = value_rows()
    local text = (readme "mapping" .. "\n"):match "\n| `commerce.values` |[^\n]*\n[^\n]*\n(.-)\n\n"
    assert.equal(table.concat(expected, "\n"), text)
    local exported = {}
    for name in pairs(require("commerce").values) do
      exported[#exported + 1] = name
    end
    table.sort(exported)
    table.sort(names)
    assert.same(exported, names)
  end)

  it("has a row for every option of a source", function()
    local text = readme("mapping"):match "\n| In `from` |[^\n]*\n[^\n]*\n(.-)\n\n"
    local rows = {}
    for name in ("\n" .. text):gmatch "\n| `(%l+)` |" do
      rows[#rows + 1] = name
    end
    local _, message = pcall(require("commerce.mapping").from, { resource = "charges", odd = 1 })
    table.sort(rows)
    assert.truthy(message:find(table.concat(rows, ", "), 1, true), message)
  end)

  it("names every option of extend, of a hook, of files and changes", function()
    local commerce = require "commerce"
    local app = assert(commerce.open { store = "sqlite::memory:" })
    local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base })
    local odd = { _odd = 1 }
    local function nothing() end
    for place, call in pairs {
      [{ "mapping", "Fields and data types of your own" }] = function()
        shop:extend("payments", {}, odd)
      end,
      [{ "hooks", "Declaring hooks" }] = function() shop:on("payments", nothing, odd) end,
      [{ "app", "Scripts" }] = function() commerce.jsonl("x", odd) end,
      [{ "app", "What has changed" }] = function() shop:changes(odd) end,
    } do
      local section = section_of(place[1], place[2])
      local ok, message = pcall(call)
      assert.is_false(ok)
      local count = 0
      for name in message:match("%(known: (.-)%)"):gmatch "[%l_]+" do
        count = count + 1
        assert.truthy(section:find(name .. " = ", 1, true), place[2] .. ": " .. name)
      end
      assert.is_true(count > 0)
    end
    shop:close()
    app:close()
  end)

  it("names commands that exist", function()
    local count = 0
    for command in readme():gmatch "\n| `commerce (%l+)" do
      count = count + 1
      local status, output = in_process.run({ command, "--help" }, {})
      assert.equal(0, status, command)
      assert.truthy(output:find("Usage: commerce " .. command, 1, true))
    end
    assert.is_true(count >= 4)
  end)

  it("has links that lead somewhere", function()
    local _, list = shell.run "find README.md csrc lua examples spec -name README.md"
    local count = 0
    for path in list:gmatch "[^\n]+" do
      local here = path:match "^(.*/)" or ""
      for target in contents(path):gmatch "%]%(([^)#]+)[^)]*%)" do
        if not target:find "^%a+:" then
          count = count + 1
          local status = shell.run("test -e " .. shell.quote(here .. target))
          assert.equal(0, status, path .. ": " .. target)
        end
      end
    end
    assert.is_true(count > 40)
  end)

  it("has a README for every room, that the house's README names", function()
    local house = contents "lua/commerce/README.md"
    local _, list = shell.run "ls -d lua/commerce/*/ | grep -v /platform/" -- an old name
    for room in list:gmatch "lua/commerce/(%l+)/" do
      assert.truthy(io.open("lua/commerce/" .. room .. "/README.md"), room .. " has no README.md")
      assert.truthy(house:find(("](%s/README.md)"):format(room), 1, true), room)
    end
  end)
end)
