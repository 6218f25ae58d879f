-- Programs that specs start must not inherit a pipe that a failed spec has left open: `pclose`
-- waits for the reader, which waits until the last program with the writing end has closed it.

local emulator = require "spec.support.emulator"
local nginx = require "spec.support.nginx"
local shell = require "spec.support.shell"

describe("a pipe that is open", function()
  local folder, pipe, name

  setup(function()
    folder = shell.temporary_folder()
    pipe = io.popen(("readlink /proc/self/fd/0 >%s/name; echo >%s/up; exec cat >/dev/null"):format(
      folder, folder), "w")
    local _, text = shell.run(("while ! [ -e %s/up ]; do sleep 0.02; done; cat %s/name"):format(
      folder, folder))
    name = text:match "pipe:%S+"
  end)

  teardown(function()
    pipe:close()
    shell.remove_folder(folder)
  end)

  -- The programs that hold it, by their names.
  local function holders()
    local _, text = shell.run(("find /proc/[0-9]*/fd -lname '%s' -printf '%%h\\n' 2>/dev/null | "
      .. "while read -r fd; do cat ${fd%%fd}comm; done | sort -u"):format(name:gsub("[%[%]]", "?")))
    return text
  end

  it("is not inherited by a command", function()
    local _, links = shell.run "ls -l /proc/self/fd"
    assert.is_nil(links:find(name, 1, true))
  end)

  it("is not inherited by the emulator", function()
    local before = holders()
    assert.is_truthy(before:find("cat\n", 1, true))
    local e = emulator.start { charges = 1 }
    local during = holders()
    e:stop()
    assert.equal(before, during)
  end)

  it("is not inherited by nginx", function()
    local before = holders()
    local server = nginx.start("examples/nginx.conf", { COMMERCE_STORE = "sqlite:" .. folder
      .. "/commerce.db" })
    local during = holders()
    server:restart(0)
    local after = holders()
    server:stop()
    assert.same({ before, before }, { during, after })
  end)
end)
