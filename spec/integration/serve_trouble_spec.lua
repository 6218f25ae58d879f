-- `commerce serve` when something is killed or stalls. When something is lost or full:
-- serve_limits_spec.

local serving = require "spec.support.serving"
local shell = require "spec.support.shell"

describe("commerce serve", function()
  local server

  before_each(function()
    server = serving.new()
  end)

  after_each(function()
    server:close()
  end)

  local function kill(...)
    shell.run("kill -9 " .. table.concat({ ... }, " "))
  end

  it("starts a killed worker again, and says so", function()
    server:start()
    local before = server:left "worker --store"
    kill(before)
    server:until_true("no other worker is started", function()
      local now = server:left "worker --store"
      return now ~= "" and now ~= before
    end)
    assert.equal("commerce: the worker ended (signal 9); it is started again in 1 s\n",
      server:errors())
    assert.equal(200, server:status())
    server:stop()
    assert.equal("", server:left())
  end)

  it("starts a killed nginx again, without those that it has left behind", function()
    server:start()
    local master, workers = server:nginx()
    kill(master)
    server:until_true("it does not say so", function()
      return server:errors():find("nginx ended (signal 9); it is started again in 1 s", 1, true)
    end)
    for pid in workers:gmatch "%d+" do
      shell.wait_for_end(pid)
    end
    server:until_true("it does not answer", function()
      return server:request "/ready" == 200
    end)
    assert.equal(200, server:status())
    server:stop()
    assert.equal("", server:left())
    assert.equal("connection refused", (server:request "/health"))
  end)

  it("takes over after it was killed", function()
    server:start()
    local worker = server:left "worker --store"
    kill(server.pid)
    server:start()
    assert.equal(200, server:status())
    shell.wait_for_end(worker)
  end)

  it("takes over what was left when it was killed together with nginx", function()
    server:start()
    local master, workers = server:nginx()
    kill(server.pid, master)
    server:start()
    assert.equal(200, server:status())
    assert.is_truthy(server:errors():find("an nginx of a server that was killed was still there", 1,
      true), server:errors())
    for pid in workers:gmatch "%d+" do
      shell.wait_for_end(pid)
    end
    local _, folders = shell.run(("ls -d %s/commerce-serve.*"):format(server.box.folder))
    assert.matches("^%S+\n$", folders) -- that of the server that runs now
    local _, owner = shell.run(("cat %s/owner"):format(folders:match "%S+"))
    assert.is_nil(owner:find(":" .. master .. ":", 1, true))
  end)

  it("answers while nobody reads its log, and tells of what was lost", function()
    local fifo = server.box:path "log"
    shell.run("mkfifo " .. fifo)
    local holder = io.popen(("exec 3<>%s; read x"):format(fifo), "w") -- open, and never read
    server:start(nil, ">" .. fifo)
    for _ = 1, 1500 do -- some 250 KB of log lines; a pipe holds 64 KB
      assert.equal(401, (server:request "/companies"))
    end
    local _, text = shell.run(("timeout 2 cat %s & sleep 0.5; for i in 1 2 3; do curl -s -o "
      .. "/dev/null http://127.0.0.1:%d/companies; done; wait"):format(fifo, server.port))
    assert.is_truthy(text:find '"event":"log_lost","lines":%d+', text:sub(-300))
    server:stop()
    holder:close()
  end)

  it("goes on when the reader of its log has ended", function()
    server:start(nil, "| head -1 >/dev/null")
    local _, pid = shell.run(("pgrep -f 'serve --listen 127.0.0.1:%d'"):format(server.port))
    for _ = 1, 20 do
      assert.equal(401, (server:request "/companies"))
    end
    for each in pid:gmatch "%d+" do
      shell.run("kill -TERM " .. each)
    end
    server:until_true("it does not end", function()
      return server:left() == ""
    end)
    server.pid = nil
  end)

  it("gives nginx, the worker and the store to a user, which only root can #sqlite", function()
    local box = server.box
    if shell.run 'test "$(id -u)" = 0' ~= 0 then
      local status, _, errors = box:commerce "serve --user nobody"
      assert.equal(2, status)
      assert.matches("only root can serve as another user", errors)
      return
    end
    local status, _, errors = box:commerce "serve --user nobody"
    assert.equal(1, status)
    assert.matches("the user nobody may not write in ", errors)
    shell.run("chown nobody " .. box.folder)
    server:start "--user nobody"
    assert.equal(200, server:status())
    local master, workers = server:nginx()
    local _, users = shell.run(("ps -o user= -p %s"):format(
      (workers .. server:left "worker --store"):gsub("%s+", ","):gsub(",$", "")))
    assert.equal("nobody\nnobody\nnobody\n", users)
    assert.equal("root\n", select(2, shell.run("ps -o user= -p " .. master)))
    local _, owners = shell.run(("stat -c %%U %s %s-wal"):format(box:path "commerce.db",
      box:path "commerce.db"))
    assert.equal("nobody\nnobody\n", owners)
    assert.equal("", box:read "err") -- and there is no warning
  end)
end)
