-- The nginx of `commerce serve`: its configuration and its child processes.

local core = require "commerce.core"
local errors = require "commerce.base.errors"

local nginx = {}

--- Quote a text as one word of the shell.
---@param text string
---@return string
function nginx.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local quote = nginx.quote

local function output_of(line)
  local pipe = io.popen(line)
  local text = pipe and pipe:read "*a" or ""
  if pipe then
    pipe:close()
  end
  return (text:gsub("%s+$", ""))
end

-- os.execute gives true in Lua 5.4, 0 in LuaJIT.
local function succeeded(line)
  local result = os.execute(line)
  return result == true or result == 0
end

--- A store's URL that means the same wherever it is opened from.
---@param url string
---@return string
function nginx.absolute(url)
  local path = url:match "^sqlite:([^/:].*)$"
  return path and "sqlite:" .. output_of "pwd" .. "/" .. path or url
end

--- The command line that this process was started with, without its arguments.
---@return string
function nginx.own_command()
  local words, first = {}, 0
  while arg[first - 1] do
    first = first - 1
  end
  for i = first, 0 do
    words[#words + 1] = quote(arg[i])
  end
  return table.concat(words, " ")
end

-- ---------------------------------------------------------------- children

local child_methods = {}
local child_mt = { __index = child_methods }

--- Start a process in the background, with the standard output and standard error of this one.
---@param name string for messages
---@param line string of the shell
---@param folder string for the file with its process id
---@return table child
function nginx.child(name, line, folder)
  local file = folder .. "/child.pid"
  os.execute(("%s </dev/null & echo $! >%s"):format(line, quote(file)))
  local opened = assert(io.open(file))
  local pid = opened:read "*n"
  opened:close()
  return setmetatable({ name = name, pid = ("%d"):format(pid) }, child_mt)
end

-- A process that has ended stays listed as a zombie until its parent waits for it, which may never
-- happen in a container.
local function ended(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  if not file then
    return not succeeded("kill -0 " .. pid .. " 2>/dev/null") -- not Linux, or gone
  end
  local state = file:read("*a"):match "%) (%a)"
  file:close()
  return state == "Z"
end

--- Whether the process runs.
---@return boolean
function child_methods:alive()
  return not ended(self.pid)
end

local PATIENCE = 10 -- seconds until a child that does not end is killed

--- Ask it to end, and wait until it has.
function child_methods:stop()
  os.execute("kill -TERM " .. self.pid .. " 2>/dev/null")
  local deadline = core.now() + PATIENCE
  while self:alive() and core.now() < deadline do
    core.sleep(0.05)
  end
  if self:alive() then
    os.execute("kill -KILL " .. self.pid .. " 2>/dev/null")
  end
end

-- ---------------------------------------------------------------- nginx

local TEMPLATE = [[
@MODULES@
daemon off;
worker_processes 2;
pid @DIR@/nginx.pid;
error_log stderr warn;
thread_pool commerce threads=4;
env COMMERCE_STORE;
env COMMERCE_MASTER_KEY;
env COMMERCE_OLD_MASTER_KEY;
env STRIPE_API_BASE;
env STRIPE_CONNECT_BASE;

events {
}

http {
  server_tokens off;
  default_type application/octet-stream;
  client_body_temp_path @DIR@/body;
  proxy_temp_path @DIR@/proxy;
  fastcgi_temp_path @DIR@/fastcgi;
  uwsgi_temp_path @DIR@/uwsgi;
  scgi_temp_path @DIR@/scgi;
  lua_package_path "@LUA@/?.lua;@LUA@/?/init.lua;;";
  lua_package_cpath "@CPATH@;;";
  lua_shared_dict commerce 1m;
  access_log off;
  log_by_lua_block { require("commerce.openresty").log() }
  init_by_lua_block {
    require("commerce.openresty").init { shared = "commerce", thread_pool = "commerce"@PUBLIC@ }
  }
  init_worker_by_lua_block {
    require("commerce.openresty").init_worker()
  }

  server {
    listen @LISTEN@;
@TRUSTED@
    client_max_body_size 1m;
    client_header_timeout 15s;
    client_body_timeout 15s;
    send_timeout 30s;

    location = /metrics {
      allow 127.0.0.1;
      allow ::1;
      deny all;
      content_by_lua_block { require("commerce.openresty").metrics() }
    }
    location / {
      content_by_lua_block { require("commerce.openresty").handle() }
    }
  }
}
]]

-- The client's address is the last one in X-Forwarded-For that is not a trusted proxy's.
local function trust(proxies)
  local lines = {}
  for _, proxy in ipairs(proxies or {}) do
    lines[#lines + 1] = ("    set_real_ip_from %s;"):format(proxy)
  end
  if lines[1] then
    lines[#lines + 1] = "    real_ip_header X-Forwarded-For;\n    real_ip_recursive on;"
  end
  return table.concat(lines, "\n")
end

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

-- Debian's paths. OpenResty has the modules built in.
local function modules(binary)
  if binary:find "openresty" then
    return ""
  end
  local lines = {}
  for _, name in ipairs { "ndk_http_module", "ngx_http_lua_module" } do
    local path = "/usr/lib/nginx/modules/" .. name .. ".so"
    if exists(path) then
      lines[#lines + 1] = "load_module " .. path .. ";"
    end
  end
  return table.concat(lines, "\n")
end

-- The folder of the Lua files, and the places where LuaJIT's build of the core may be.
local function module_folders()
  local source = debug.getinfo(1, "S").source:match "^@(.*)commerce/serve/nginx%.lua$" or "./"
  local lua = output_of("cd " .. quote(source == "" and "." or source) .. " && pwd")
  local places = { lua:gsub("/lua$", "") .. "/build/luajit/?.so" }
  local prefix = lua:match "^(.*)/share/lua/[%d%.]+$"
  if prefix then
    places[#places + 1] = prefix .. "/lib/lua/5.1/?.so"
  end
  return lua, table.concat(places, ";")
end

local methods = {}
local nginx_mt = { __index = methods }

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- nginx's message without its prefix.
local function complaint(text)
  local line = text:match "%[emerg%] [^\n]*" or text:match "%[error%] [^\n]*" or text
  if text:find("module 'commerce.core' not found", 1, true) then
    return "the core is not built for LuaJIT, which nginx runs: `make` builds it where luajit is "
      .. "installed"
  elseif text:find('unknown directive "lua_', 1, true) then
    return "this nginx has no Lua module: install libnginx-mod-http-lua (Debian), or OpenResty"
  end
  return (line:gsub("^%[%w+%] [%d#]*:? ?", ""):gsub("%s+", " "))
end

--- Make an nginx, ready to be started.
---@param options table listen: ADDRESS:PORT; store: URL; public_url?; trusted: addresses or networks
---  of proxies whose X-Forwarded-For is believed
---@return table? server nil on failure
---@return string? message
---@return commerce.Details? details
function nginx.new(options)
  local binary = output_of "command -v openresty || command -v nginx || echo /usr/sbin/nginx"
  if not exists(binary) then
    return errors.fail("usage", "nginx is not installed: install nginx and libnginx-mod-http-lua "
      .. "(Debian), or OpenResty")
  end
  local folder = output_of "mktemp -d"
  local lua, cpath = module_folders()
  for _, text in ipairs { folder, lua, cpath } do
    if text:find "[\"'{}$\\%c]" then
      return errors.fail("usage", "nginx.conf cannot contain a path like " .. text)
    end
  end
  local values = { DIR = folder, LUA = lua, CPATH = cpath, LISTEN = options.listen,
    TRUSTED = trust(options.trusted),
    MODULES = modules(binary) .. (output_of "id -u" == "0" and "\nuser root;" or ""),
    PUBLIC = options.public_url and (", public_url = %q"):format(options.public_url) or "" }
  write(folder .. "/nginx.conf", (TEMPLATE:gsub("@(%u+)@", values)))
  local self = setmetatable({ folder = folder,
    command = ("env COMMERCE_STORE=%s %s -q -p %s -c %s/nginx.conf -e stderr"):format(
      quote(options.store), quote(binary), quote(folder), folder) }, nginx_mt)
  local said = output_of(self.command .. " -t 2>&1")
  if not succeeded(self.command .. " -t >/dev/null 2>&1") then
    self:remove()
    return errors.fail("usage", "nginx: " .. complaint(said))
  end
  return self
end

--- Start it.
---@return table child
function methods:start()
  return nginx.child("nginx", "exec " .. self.command, self.folder)
end

--- Whether it has begun to listen: it writes its process id when it has.
---@return boolean
function methods:listens()
  return exists(self.folder .. "/nginx.pid")
end

--- Remove its folder.
function methods:remove()
  if self.folder:find "^/%w+/" then
    os.execute("rm -rf " .. quote(self.folder))
  end
end

return nginx
