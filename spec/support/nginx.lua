-- A real nginx for specs, from a configuration that a user would write. Stops with the spec.

local emulator = require "spec.support.emulator"
local http = require "socket.http"
local ltn12 = require "ltn12"
local nginx_program = require "commerce.serve.nginx_program"
local shell = require "spec.support.shell"
local socket = require "socket"

local nginx = {}

local methods = {}
local nginx_mt = { __index = methods }

local HERE = (function()
  local _, path = shell.run "pwd"
  return (path:gsub("%s+$", ""))
end)()

local BINARY = nginx_program.path() -- COMMERCE_NGINX names another one than the machine's

-- Debian's C modules for Lua 5.1, last: OpenResty's own build has other versions of some
local C_MODULES = (function()
  local _, folders = shell.run "ls -d /usr/lib/*/lua/5.1 2>/dev/null"
  return folders:match "%S+" or "/usr/lib/lua/5.1"
end)()

local PATHS = [[

  lua_package_path "%s/lua/?.lua;%s/lua/?/init.lua;;/usr/share/lua/5.1/?.lua";
  lua_package_cpath "%s/build/luajit/?.so;;%s/?.so";
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
]]

-- What a machine with other paths, another user and a taken port needs changed.
local function adapted(text, port, root)
  text = nginx_program.modules(BINARY) .. (root and "\nuser root;\n" or "\n") .. text
    :gsub("\n *lua_package_c?path [^\n]*", ""):gsub("\n *[%l_]+_temp_path [^\n]*", "")
    :gsub("pid [^\n]*;", "pid nginx.pid;", 1)
  text = text:gsub("http {", function()
    return "http {" .. PATHS:format(HERE, HERE, HERE, C_MODULES)
  end, 1)
  return (text:gsub("listen [%d%.:]+;", ("listen 127.0.0.1:%d;"):format(port)))
end

local function request(self, method, path, headers, body)
  local chunks, all = {}, {}
  for name, value in pairs(headers or {}) do
    all[name] = value
  end
  if body then
    all["content-length"] = #body
  end
  local _, status, answered = http.request { redirect = false,
    method = method, url = self.base .. path,
    headers = all, sink = ltn12.sink.table(chunks),
    source = body and ltn12.source.string(body) or nil }
  return status, table.concat(chunks), answered
end

local function launch(self)
  shell.run(("%s -g 'daemon on;' >>%s/start.log 2>&1"):format(self.command, self.folder))
  local deadline = socket.gettime() + 10
  while type(request(self, "GET", "/")) ~= "number" do
    assert(socket.gettime() < deadline, "nginx does not start: " .. self:log())
    socket.sleep(0.02)
  end
end

local function halt(self)
  local _, pid = self:workers()
  shell.run("kill " .. pid)
  shell.wait_for_end(pid)
end

--- Start nginx and wait until it answers.
---@param configuration string path of an nginx.conf
---@param environment table<string, string>? for nginx
---@param change (fun(text: string): string)? of the configuration's text
---@return table server { base, folder }
function nginx.start(configuration, environment, change)
  local folder = shell.temporary_folder()
  local self = setmetatable({ folder = folder, environment = environment or {} }, nginx_mt)
  local file = assert(io.open(configuration))
  local text = file:read "*a"
  file:close()
  local _, uid = shell.run "id -u"
  local port = emulator.free_port()
  self.base = ("http://127.0.0.1:%d"):format(port)
  file = assert(io.open(folder .. "/nginx.conf", "w"))
  file:write(adapted(change and change(text) or text, port, tonumber(uid) == 0))
  file:close()
  local words = {}
  for name, value in pairs(self.environment) do
    words[#words + 1] = name .. "=" .. shell.quote(value)
  end
  -- without what a test run under a sanitizer loads into every process
  self.command = ("env -u LD_PRELOAD %s %s -p %s -c %s/nginx.conf -e %s/error.log"):format(
    table.concat(words, " "), BINARY, folder, folder, folder)
  shell.run("chmod 755 " .. folder)
  launch(self)
  return self
end

methods.request = request

--- What nginx has said.
function methods:log()
  local _, text = shell.run(("cat %s/*.log"):format(self.folder))
  return text
end

--- The ids of its worker processes.
---@return string one a line
function methods:workers()
  local file = assert(io.open(self.folder .. "/nginx.pid"))
  local pid = file:read "*l"
  file:close()
  local _, pids = shell.run("pgrep -P " .. pid)
  return pids, pid
end

--- `nginx -s reload`.
function methods:reload()
  shell.run(self.command .. " -s reload")
end

--- Stop it at once, whatever it is doing, and start it again after a while.
---@param seconds number
function methods:restart(seconds)
  halt(self)
  socket.sleep(seconds)
  launch(self)
end

--- Stop it, and wait until it has gone.
function methods:stop()
  halt(self)
  shell.remove_folder(self.folder)
end

return nginx
