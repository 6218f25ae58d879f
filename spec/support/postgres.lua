--- Starts PostgreSQL servers for tests: a scratch cluster in a temporary folder, on a socket there.
--- Works under Lua 5.4 and LuaJIT.
---
---   local postgres = require "spec.support.postgres"
---   local server = postgres.start()
---   server:new_database()            --> "postgres:///d1?host=/tmp/…&user=commerce"
---   server:crash() server:restart() server:stop()

local core = require "commerce.core"
local lfs = require "lfs"
local programs = require "programs"
local shell = require "spec.support.shell"

local postgres = {}

local USERS = { "postgres", "nobody" } -- who runs the server if the tests are run by root
local SECONDS = 60 -- that a start or stop may take

-- The newest PostgreSQL that is installed: Debian keeps its programs out of PATH.
local function folder_of_programs()
  local _, newest = shell.run "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1"
  newest = newest:gsub("%s+$", "")
  if newest ~= "" then
    return newest .. "/"
  end
  assert(shell.run "command -v initdb postgres" == 0,
    "PostgreSQL is missing: install the package postgresql")
  return ""
end

-- The words before a command that make another user of root, whom PostgreSQL refuses to run as.
local function as_user()
  local _, id = shell.run "id -u"
  if id:gsub("%s+", "") ~= "0" then
    return ""
  end
  for _, user in ipairs(USERS) do
    if shell.run("id " .. user) == 0 then
      return ("setpriv --reuid=%s --regid=$(id -g %s) --clear-groups "):format(user, user), user
    end
  end
  error "PostgreSQL does not run as root: this machine needs a user postgres or nobody"
end

local Server = {}
Server.__index = Server

local running = {}

-- for when a test forgets to stop its server
postgres.guard = shell.at_exit(function()
  for server in pairs(running) do
    pcall(server.stop, server)
  end
end)

-- Without the sanitizers' library, which the tests may run with.
local function must(command)
  local status, output, errors = shell.run("unset LD_PRELOAD; " .. command)
  assert(status == 0, ("%s: %s%s"):format(command, output, errors))
  return output
end

-- Settings of a server that may lose everything with its machine, but nothing with its process.
local SETTINGS = { fsync = "off", full_page_writes = "off", listen_addresses = "",
  max_connections = "60", shared_buffers = "64MB", dynamic_shared_memory_type = "posix",
  autovacuum = "off", log_min_messages = "warning", unix_socket_permissions = "0777",
  jit = "off", lc_messages = "C" }

local INITDB = "initdb -U commerce -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions"

-- Where an empty cluster of this version is kept: to copy one takes a tenth of the time of initdb.
local function kept_cluster(self)
  local version = must(self.programs .. "initdb --version")
  return ("%s/build/cluster-%s"):format(lfs.currentdir(),
    core.sha256(version .. INITDB):sub(1, 12))
end

-- Makes the cluster's files, as the user who runs the server.
local function make_cluster(self)
  local kept = kept_cluster(self)
  if lfs.attributes(kept) then
    must(("cp -r %s %s/data && chmod 700 %s/data%s"):format(shell.quote(kept), self.dir, self.dir,
      self.user and (" && chown -R %s %s/data"):format(self.user, self.dir) or ""))
    return
  end
  must(("cd / && %s%s%s -D %s/data >/dev/null"):format(self.user_words, self.programs, INITDB,
    self.dir))
  -- whole or not at all, since another spec may look for it; that one's is as good
  shell.run(("mkdir -p build; cp -r $dir/data $kept.$$ && mv -T $kept.$$ $kept || rm -rf $kept.$$")
    :gsub("$(%l+)", { dir = self.dir, kept = shell.quote(kept) }))
end

local function launch(self)
  local words = {}
  for name, value in pairs(self.settings) do
    words[#words + 1] = ("-c %s=%s"):format(name, shell.quote(value))
  end
  local status, output, errors = shell.run(("unset LD_PRELOAD; %s%spg_ctl start -w -t %d -s "
    .. "-D %s/data -l %s/log -o %s"):format(self.user_words, self.programs, SECONDS, self.dir,
    self.dir, shell.quote(("-k %s %s"):format(self.dir, table.concat(words, " ")))))
  assert(status == 0, output .. errors .. shell.read(self.dir .. "/log"))
end

-- Ends the server, and removes its folder, after this process: also after a kill.
local function watch(self)
  self.watcher = shell.start { "sh", "-c", ("while [ -e /proc/%d ]; do sleep 1; done; "
    .. "kill -QUIT $(head -n 1 %s/data/postmaster.pid); sleep 1; rm -rf %s"):format(programs.id(),
    self.dir, self.dir) }
end

--- Start a server with an empty cluster, and wait until it answers.
---@param settings table<string, string>? of postgresql.conf, beside those that make it fast; with
---  listen_addresses and port, it is reached by TCP too
---@return table server with the methods below; `dir` holds its socket
function postgres.start(settings)
  local self = setmetatable({ dir = shell.temporary_folder(), programs = folder_of_programs(),
    databases = 0, settings = {}, emptying = {} }, Server)
  for _, list in ipairs { SETTINGS, settings or {} } do
    for name, value in pairs(list) do
      self.settings[name] = value
    end
  end
  local words, user = as_user()
  self.user_words, self.user = words, user
  if user then
    must(("chown %s %s && chmod 755 %s"):format(user, self.dir, self.dir))
  end
  make_cluster(self)
  running[self] = true
  launch(self)
  watch(self)
  return self
end

--- The URL of a database.
---@param name string
---@return string
function Server:url(name)
  return ("postgres:///%s?host=%s&user=commerce%s"):format(name, self.dir,
    self.settings.port and "&port=" .. self.settings.port or "")
end

--- Run SQL as the owner of the cluster.
---@param sql string
---@param database string?
---@return string output one line a row, columns joined by "|"
function Server:sql(sql, database)
  return must(("%spsql -X -q -A -t -v ON_ERROR_STOP=1 -h %s -p %s -U commerce -d %s "
    .. "-c %s"):format(self.programs, self.dir, self.settings.port or 5432, database or "postgres",
    shell.quote(sql)))
end

--- Make a database.
---@param template string? one that nobody is connected to; an empty one if left out
---@return string url
---@return string name
function Server:new_database(template)
  if template and self.emptying[template] then
    self.emptying[template]:close()
  end
  self.databases = self.databases + 1
  local name = "d" .. self.databases
  self:sql(("CREATE DATABASE %s%s"):format(name, template and " TEMPLATE " .. template or ""))
  return self:url(name), name
end

-- All that a store keeps, but its schema. To make a new database takes twenty times as long.
local EMPTY = [[
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT d.name FROM data_types d WHERE built_in = 0 LOOP
    EXECUTE 'DROP TABLE ' || name;
  END LOOP;
  DELETE FROM data_types WHERE built_in = 0;
  FOR name IN SELECT indexname FROM pg_indexes WHERE indexname LIKE '%\_ordered' LOOP
    EXECUTE 'DROP INDEX ' || name;
  END LOOP;
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
    AND tablename NOT IN ('data_types', 'model_version', 'commerce_schema') LOOP
    EXECUTE 'DELETE FROM ' || name;
  END LOOP;
END $$]]

--- Empty the store in a database, which must have one.
---@param name string
---@return string url
function Server:empty(name)
  local pq = require "commerce.pq" -- starting psql takes longer
  local connection = self.emptying[name]
  if not (connection and connection:alive()) then
    connection = assert(pq.connect(self:url(name)))
    self.emptying[name] = connection
  end
  assert(connection:query(EMPTY))
  return self:url(name)
end

local function forwarded(connection, name)
  return function(_, ...)
    return connection[name](connection, ...)
  end
end

-- Whether a connection is as it was when it was made. It refuses statements while it has others.
local function is_reset(connection)
  return connection:alive() and not connection:in_transaction() and connection:query "RESET ALL"
    and connection:query "SELECT pg_advisory_unlock_all()" and connection:query "DISCARD TEMP"
end

--- Let new stores use connections that earlier stores have closed: a new connection costs the
--- server 40 ms of CPU, and a case opens several. A connection that cannot be reset is closed.
---@return fun() stop closes the idle connections; later connections are not shared
function postgres.share_connections()
  local pq = require "commerce.pq"
  local connect, idle = pq.connect, {}
  local function close(connection, kind, own)
    if not own and is_reset(connection) then
      table.insert(idle[kind], connection)
    else
      connection:close()
    end
  end
  local function shared(connection, kind)
    local closed, own = false, false
    return setmetatable({
      close = function()
        if not closed then
          closed = true
          close(connection, kind, own)
        end
      end,
      set_timeout = function(_, seconds)
        own = true
        return connection:set_timeout(seconds)
      end,
      alive = function()
        return not closed and connection:alive()
      end,
    }, { __index = function(self, name)
      assert(not closed, "the connection is closed")
      local method = forwarded(connection, name)
      rawset(self, name, method)
      return method
    end })
  end
  pq.connect = function(url, timeout)
    local kind = url .. " " .. tostring(timeout)
    idle[kind] = idle[kind] or {}
    local connection = table.remove(idle[kind])
    if connection and connection:alive() then
      return shared(connection, kind)
    end
    local made, message, failure = connect(url, timeout)
    if not made then
      return nil, message, failure
    end
    return shared(made, kind)
  end
  return function()
    pq.connect = connect
    for _, connections in pairs(idle) do
      for _, connection in ipairs(connections) do
        connection:close()
      end
    end
  end
end

local function postmaster(self)
  return shell.read(self.dir .. "/data/postmaster.pid"):match "^%d+"
end

--- End the server as a loss of power would: at once, without a word to anybody.
function Server:crash()
  local pid = postmaster(self)
  -- stopped first, so that it starts no other process meanwhile
  local _, pids = shell.run(("kill -STOP %s; echo %s $(pgrep -P %s)"):format(pid, pid, pid))
  shell.run("kill -KILL " .. pids)
  for each in pids:gmatch "%d+" do
    shell.wait_for_end(each)
  end
  -- while nobody has asked for their end, the next server would take this one for running
  os.remove(self.dir .. "/data/postmaster.pid")
  os.remove(("%s/.s.PGSQL.%s.lock"):format(self.dir, self.settings.port or 5432))
end

--- Stop the server; its clients are told.
function Server:halt()
  must(("%s%spg_ctl stop -w -t %d -s -m fast -D %s/data"):format(self.user_words, self.programs,
    SECONDS, self.dir))
end

--- Start it again after `crash` or `halt`, and wait until it answers.
function Server:resume()
  launch(self)
end

--- Stop it and start it again.
function Server:restart()
  self:halt()
  self:resume()
end

--- Write a file into the cluster's folder, which the server's user alone may read.
---@param name string
---@param text string
---@return string path
function Server:write(name, text)
  local path = self.dir .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  must(("chmod 600 %s%s"):format(path, self.user and (" && chown %s %s"):format(self.user, path)
    or ""))
  return path
end

--- Run a program as the server's user.
---@param words string[]
---@return table program as `shell.start` gives it
function Server:run_beside(words)
  local all = {}
  for word in self.user_words:gsub("%$%(id %-g (%w+)%)", function(user)
    return (must("id -g " .. user):gsub("%s+", ""))
  end):gmatch "%S+" do
    all[#all + 1] = word
  end
  for _, word in ipairs(words) do
    all[#all + 1] = word
  end
  return shell.start(all)
end

--- End the server for good and remove its folder.
function Server:stop()
  if not running[self] then
    return
  end
  running[self] = nil
  programs.signal(self.watcher.pid, "KILL")
  shell.await(self.watcher)
  local pid = postmaster(self)
  if pid and lfs.attributes("/proc/" .. pid) then
    shell.run("kill -QUIT " .. pid)
    shell.wait_for_end(pid)
  end
  shell.remove_folder(self.dir)
end

return postgres
