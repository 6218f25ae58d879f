-- `make install` gives a command that works wherever it lies, its man page, completions and units;
-- `make uninstall` takes all of it away.
-- Runs under one runtime: the command that make installs has the first that there is.

local shell = require "spec.support.shell"

local CLEAN = "unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4; "

describe("make install", function()
  local folder

  local function make(target)
    local status, output, errors = shell.run(("env -u MAKEFLAGS -u MAKELEVEL make -s %s "
      .. "PREFIX=%s/usr STAGE=%s/stage"):format(target, folder, folder))
    assert.equal(0, status, output .. errors)
    return output
  end

  setup(function()
    folder = shell.temporary_folder()
    make "install"
  end)

  teardown(function()
    shell.remove_folder(folder)
  end)

  it("installs a command that works without the checkout", function()
    local status, output, errors = shell.run(("cd /; %s%s/usr/bin/commerce coverage --json")
      :format(CLEAN, folder))
    assert.equal("", errors)
    assert.equal(0, status)
    assert.truthy(output:find('"type":"payments"', 1, true))
  end)

  it("installs the man page", function()
    local text = shell.read(folder .. "/usr/share/man/man1/commerce.1")
    assert.matches('.TH COMMERCE 1 "" "lua\\-commerce ', text, 1, true)
    for _, words in ipairs { "commerce sync", "commerce companies list", "STRIPE_SECRET_KEY",
      "Exit status" } do
      assert.truthy(text:find(words, 1, true), words)
    end
    for request in text:gmatch "\n['.](%S*)" do -- no line of text is taken for one
      assert.truthy(("SH SS TP nf fi"):find(request, 1, true), request)
    end
  end)

  it("installs completions that complete", function()
    local _, output, errors = shell.run(("bash -c 'source %s/usr/share/bash-completion/completions/"
      .. 'commerce; COMP_WORDS=(commerce sync --fu); COMP_CWORD=2; _commerce; echo "$COMPREPLY"\'')
      :format(folder))
    assert.equal("", errors)
    assert.equal("--full\n", output)
  end)

  it("installs units that start that very command", function()
    for _, name in ipairs { "serve --no-worker", "worker" } do
      local text = shell.read(("%s/usr/lib/systemd/system/commerce-%s.service"):format(folder,
        name:match "%a+"))
      assert.truthy(text:find(("ExecStart=%s/usr/bin/commerce %s\n"):format(folder, name), 1, true))
    end
  end)

  it("installs the types for editors", function()
    local _, output = shell.run(("find %s/usr -name '*.d.lua'"):format(folder))
    assert.truthy(output:find("/commerce/core.d.lua", 1, true))
    assert.truthy(output:find("/commerce/store.d.lua", 1, true))
  end)

  it("is undone by make uninstall", function()
    make "uninstall"
    local _, output = shell.run(("find %s/usr -type f"):format(folder))
    assert.equal("", output)
  end)
end)
