-- `luarocks make` into an empty tree gives a working command and module, for each runtime.

local shell = require "spec.support.shell"

-- Without optimization, since the compiler's time is most of this spec's.
local RUNTIMES = {
  ["lua5.4"] = 'lua_version = "5.4"\nlua_interpreter = "lua5.4"\n'
    .. 'variables = { CFLAGS = "-O0 -fPIC", LUA_DIR = "/usr", LUA_BINDIR = "/usr/bin", '
    .. 'LUA_INCDIR = "/usr/include/lua5.4" }\n',
  luajit = 'lua_version = "5.1"\nlua_interpreter = "luajit"\n'
    .. 'variables = { CFLAGS = "-O0 -fPIC", LUA_DIR = "/usr", LUA_BINDIR = "/usr/bin", '
    .. 'LUA_INCDIR = "/usr/include/luajit-2.1" }\n',
}

-- What the specs run with must not help the installed copy.
local CLEAN = "unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4; "

local runtime = os.getenv "COMMERCE_TEST_RUNTIME" or "lua5.4"

describe("luarocks make with " .. runtime, function()
  local folder

  setup(function()
    folder = shell.temporary_folder()
    local config = assert(io.open(folder .. "/config.lua", "w"))
    config:write(RUNTIMES[runtime])
    config:close()
    -- a copy: the builtin build leaves its object files beside the sources
    local status, output, errors = shell.run(("mkdir %s/src && cp -r csrc lua rockspec %s/src && "
      .. "cd %s/src && LUAROCKS_CONFIG=%s/config.lua luarocks make --deps-mode=none "
      .. "--tree %s/tree"):format(folder, folder, folder, folder, folder))
    assert(status == 0, output .. errors)
  end)

  teardown(function()
    shell.remove_folder(folder)
  end)

  local function in_tree(command)
    return shell.run(("cd /; %seval \"$(LUAROCKS_CONFIG=%s/config.lua luarocks path "
      .. "--tree %s/tree)\"; %s"):format(CLEAN, folder, folder, command))
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
end)
