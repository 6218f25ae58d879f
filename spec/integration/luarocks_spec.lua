-- `luarocks make`, as the README writes it, gives a working command and module, for each runtime.
-- Nothing else is set: where LuaRocks takes Lua 5.1 for the default, as Debian's does, too.

local shell = require "spec.support.shell"

-- What the specs run with must not help the installed copy.
local CLEAN = "unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4; "

local runtime = os.getenv "COMMERCE_TEST_RUNTIME" or "lua5.4"
local VERSION = runtime == "luajit" and "5.1" or "5.4"

-- The commands of the README that install for this runtime.
local function commands()
  local found = {}
  for line in (shell.read "README.md"):gmatch "\n(luarocks [^\n#]+)" do
    found[#found + 1] = line:find("--lua-version=" .. VERSION, 1, true) and line or nil
  end
  return found
end

describe("luarocks make with " .. runtime, function()
  local folder

  setup(function()
    folder = shell.temporary_folder()
    -- a copy: the builtin build leaves its object files beside the sources
    local lines = { ("mkdir -p %s/src %s/home/.luarocks"):format(folder, folder),
      ("cp -r --parents csrc lua rockspec spec/rock.lua spec/emulator %s/src"):format(folder),
      ("cd %s/src"):format(folder),
      ("export HOME=%s/home"):format(folder) }
    for _, line in ipairs(commands()) do
      -- without optimization, since the compiler's time is most of this spec's
      lines[#lines + 1] = line:gsub(" make ", (" make --deps-mode=none --tree %s/tree "
        .. "CFLAGS='-O0 -fPIC' "):format(folder))
    end
    assert(#lines == (runtime == "luajit" and 6 or 5), "the README's commands are not found")
    local status, output, errors = shell.run(CLEAN .. table.concat(lines, " && "))
    assert(status == 0, output .. errors)
  end)

  teardown(function()
    shell.remove_folder(folder)
  end)

  local function in_tree(command)
    return shell.run(("cd /; %sexport HOME=%s/home; eval \"$(luarocks --lua-version=%s path "
      .. "--tree %s/tree)\"; %s"):format(CLEAN, folder, VERSION, folder, command))
  end

  it("installs a command that works", function()
    local status, output, errors = in_tree(folder .. "/tree/bin/commerce coverage --json")
    assert.equal("", errors)
    assert.equal(0, status)
    assert.truthy(output:find('"type":"payments"', 1, true))
  end)

  it("installs a module that can be required", function()
    local program = 'print(require("commerce")._VERSION, package.loaded["commerce.core"] ~= nil, '
      .. 'package.searchpath and package.searchpath("commerce", package.path) or "")'
    local status, output, errors = in_tree(runtime .. " -e " .. shell.quote(program))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.truthy(output:find("^%d+%.%d+%.%d+\ttrue"))
    assert.falsy(output:find(os.getenv "PWD" or "\0", 1, true))
  end)

  it("installs the portal with its assets", function()
    local program = [[
      local app = assert(require("commerce").open { store = "memory:" })
      local pages = require("commerce.portal").new(app)
      local function get(path)
        local response = pages:handle { method = "GET", path = path, headers = { host = "a" } }
        return response.status, response.body
      end
      local _, page = get "/portal/setup"
      local css = page:match 'href="(/portal/assets/portal%.css)'
      print(page:match "<h1>(.-)</h1>", get(css))]]
    local status, output, errors = in_tree(runtime .. " -e " .. shell.quote(program))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.truthy(output:find("^Welcome\t200\t/%* The portal's style"), output:sub(1, 200))
  end)

  it("has a test that the installed rock passes", function()
    local status, output, errors = in_tree(("cd %s/src && luarocks --lua-version=%s test "
      .. "rockspec/lua-commerce-scm-1.rockspec"):format(folder, VERSION))
    assert.equal(0, status, output .. errors)
    assert.matches("\nok +reads everything into SQLite, and agrees with Stripe\n", output)
    assert.matches("\n[^\n]+: [1-9]%d* passed, 0 failed\n", output)
  end)

  it("installs the types for editors", function()
    local _, output = shell.run(("find %s/tree -name '*.d.lua'"):format(folder))
    assert.truthy(output:find("/commerce/core.d.lua", 1, true))
  end)

  if runtime == "luajit" then
    it("stops for Lua 5.1, and names the cure", function()
      local _, flags = shell.run "pkg-config --cflags lua5.1"
      local status, _, errors = shell.run(("gcc -E %s -Icsrc csrc/bind/compat.h"):format(
        flags:find "%S" and flags:gsub("%s+$", "") or "-I/usr/include/lua5.1"))
      assert.are_not.equal(0, status)
      assert.truthy(errors:find("needs Lua 5.4 or LuaJIT", 1, true)
        or errors:find("lauxlib.h: No", 1, true), errors)
    end)
  end
end)
