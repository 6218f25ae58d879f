-- The nginx of `commerce serve`: its configuration and its child processes.

local child = require "commerce.serve.child"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local leftovers = require "commerce.serve.leftovers"
local nginx_program = require "commerce.serve.nginx_program"
local refusals = require "commerce.serve.refusals"
local shell = require "commerce.serve.shell"

local nginx = {}

local quote, output_of = shell.quote, shell.output_of

--- A store's URL that means the same wherever it is opened from.
---@param url string
---@return string
function nginx.absolute(url)
  local path = url:match "^sqlite:([^/:].*)$"
  return path and "sqlite:" .. output_of "pwd" .. "/" .. path or url
end

--- The words of the command line that this process was started with, without its arguments.
---@return string[]
function nginx.own_words()
  local words, first = {}, 0
  while arg[first - 1] do
    first = first - 1
  end
  for i = first, 0 do
    words[#words + 1] = arg[i]
  end
  return words
end

-- ---------------------------------------------------------------- nginx

local TEMPLATE = [[
@MODULES@
daemon off;
worker_processes 2;
worker_rlimit_nofile @FILES@;
worker_shutdown_timeout 10s;
pid @DIR@/nginx.pid;
error_log stderr error;
thread_pool commerce threads=4;
env COMMERCE_STORE;
env COMMERCE_MASTER_KEY;
env COMMERCE_MASTER_KEY_FILE;
env COMMERCE_OLD_MASTER_KEY;
env COMMERCE_OLD_MASTER_KEY_FILE;
env STRIPE_API_BASE;
env STRIPE_CONNECT_BASE;
env CURL_CA_BUNDLE;
env SSL_CERT_FILE;
env HTTPS_PROXY;
env https_proxy;
env ALL_PROXY;
env all_proxy;
env NO_PROXY;
env no_proxy;

events {
  worker_connections @CONNECTIONS@;
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
    require("commerce.openresty").init { shared = "commerce", thread_pool = "commerce",
      create = false@PUBLIC@ }
  }
  init_worker_by_lua_block {
    require("commerce.openresty").init_worker()
    ngx.timer.at(0, function() -- this worker has begun to accept connections
      io.open("@DIR@/run/ready", "w"):close()
    end)
  }

  # What nginx itself refuses is answered as the API answers. nginx logs a body that is too long
  # with the request's query, which may hold a code: such requests are refused before.
  map $content_length $commerce_too_long {
    "~^0*([2-9]\d{6}|1[1-9]\d{5}|10[5-9]\d{4}|\d{8,})$" 1;
  }
  map "$http_transfer_encoding$is_args" $commerce_unbounded {
    "~.\?$" 1;
  }
  map "$commerce_too_long$commerce_unbounded" $commerce_not_kept {
    "~1" no-store;
  }

  server {
    listen @LISTEN@;
    default_type "application/json; charset=utf-8";
    add_header Cache-Control $commerce_not_kept always;
    if ($commerce_too_long) {
      return 413 '@413@';
    }
    if ($commerce_unbounded) {
      return 411 '@411@';
    }
@REFUSALS@
@TRUSTED@
    client_max_body_size 1050k; # a little more than the servers take, which say so better
    client_header_timeout 10s;
    keepalive_timeout 30s;
    reset_timedout_connection on;
    client_body_timeout 15s;
    send_timeout 30s;

    location = /metrics {
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

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "*a" or ""
  if file then
    file:close()
  end
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- nginx's complaint, with the cure.
local function complaint(text, listen)
  local line = text:match "%[emerg%] [^\n]*" or text:match "%[alert%] [^\n]*"
    or text:match "%[error%] [^\n]*" or text
  if text:find("module 'commerce.core' not found", 1, true)
    or text:find("error loading module 'commerce.core'", 1, true) then
    return "the core is not built for LuaJIT, which nginx runs: `make` builds it where luajit is "
      .. "installed"
  elseif text:find('unknown directive "lua_', 1, true) then
    return "this nginx has no Lua module: install libnginx-mod-http-lua (Debian), or OpenResty"
  elseif text:find("Address already in use", 1, true) then
    return ("%s: Address already in use: another program listens there; stop that one, or name "
      .. "another port with --listen"):format(listen)
  elseif text:find("Permission denied", 1, true) and line:find("bind() to", 1, true) then
    return ("%s: Permission denied: ports below 1024 need root; name another one with --listen")
      :format(listen)
  end
  return (line:gsub("^%[%w+%] [%d#]*:? ?", ""):gsub("%s+", " "))
end

local MOST_FILES, SPARE = 10000, 200 -- open files of a worker; those that are no connections

-- As many connections as this process may have open files. Beyond that nginx closes those first
-- that are idle.
local function limits()
  local hard = tonumber((output_of "ulimit -Hn")) or MOST_FILES
  local files = math.min(hard, MOST_FILES)
  return ("%d"):format(files), ("%d"):format(math.max(files - SPARE, 64))
end

local function user_of(options)
  if options.user then
    return ("\nuser %s %s;"):format(options.user, output_of("id -gn " .. quote(options.user)))
  end
  return nginx.is_root() and "\nuser root;" or ""
end

--- Whether this process is root's.
---@return boolean
function nginx.is_root()
  return output_of "id -u" == "0"
end

local function configuration(folder, binary, options)
  local lua, cpath = module_folders()
  for _, text in ipairs { folder, lua, cpath } do
    if text:find "[\"'{}$\\%c]" then
      return errors.throw("usage", "nginx.conf cannot contain a path like " .. text)
    end
  end
  local files, connections = limits()
  local bodies, locations = refusals()
  local values = { DIR = folder, LUA = lua, CPATH = cpath, LISTEN = options.listen,
    TRUSTED = trust(options.trusted), REFUSALS = locations, ["411"] = bodies[411],
    ["413"] = bodies[413], FILES = files, CONNECTIONS = connections,
    MODULES = nginx_program.modules(binary) .. user_of(options),
    PUBLIC = options.public_url and (", public_url = %q"):format(options.public_url) or "" }
  return (TEMPLATE:gsub("@([%u%d]+)@", values))
end

-- The workers may write there. The folder itself stays root's, which reads the configuration.
local function make_run_folder(folder, user)
  local line = ("mkdir %s/run"):format(folder)
  if user then
    line = ("%s && chown %s %s/run && chmod 711 %s"):format(line, quote(user), folder, folder)
  end
  if not shell.succeeds(line) then
    errors.throw("output", ("%s/run cannot be made"):format(folder))
  end
end

---@class commerce.serve.NginxOptions
---@field listen string ADDRESS:PORT
---@field store string URL
---@field public_url string?
---@field trusted string[]? addresses or networks of proxies whose X-Forwarded-For is believed
---@field user string? whom its workers run as

---@class commerce.serve.Nginx
---@field folder string
---@field listen string
---@field words string[] the command

--- Make an nginx, ready to be started. Raises what nginx complains of.
---@param options commerce.serve.NginxOptions
---@return commerce.serve.Nginx server
function nginx.new(options)
  local binary = nginx_program.path()
  local folder = leftovers.folder()
  local self = setmetatable({ folder = folder, listen = options.listen }, nginx_mt)
  local ok, raised = pcall(function()
    write(folder .. "/nginx.conf", configuration(folder, binary, options))
    make_run_folder(folder, options.user)
    self.words = { "env", "COMMERCE_STORE=" .. options.store, binary, "-q", "-p", folder, "-c",
      folder .. "/nginx.conf", "-e", folder .. "/start.log" }
    local line = ("env COMMERCE_STORE=%s %s -q -p %s -c %s/nginx.conf -e stderr -t"):format(
      quote(options.store), quote(binary), quote(folder), folder)
    if not shell.succeeds(line .. (" >%s/said 2>&1"):format(folder)) then
      errors.throw("usage", "nginx: " .. complaint(read(folder .. "/said"), options.listen))
    end
  end)
  if not ok then
    self:remove()
    error(raised, 0)
  end
  return self
end

local PATIENCE = 15 -- seconds until it must have begun to serve
local LEAVING = 3 -- seconds: a server that was killed frees its port when its children have ended

-- Raises if the port is taken.
local function check_port(listen)
  local address, port = listen:match "^%[?([^%]]+)%]?:(%d+)$"
  local deadline = core.now() + LEAVING
  local fault = core.port_fault(address, port)
  while fault and fault:find "in use" and core.now() < deadline and not core.interrupted() do
    core.sleep(0.1)
    fault = core.port_fault(address, port)
  end
  if fault then
    errors.throw("output", "nginx: " .. complaint(("[emerg] bind() to %s failed: %s"):format(listen,
      fault), listen))
  end
end

-- What nginx says when it is started: the log of its start, or what it writes when it is started
-- once more, since the log of its configuration is standard error.
local function said_by(self)
  local log = read(self.folder .. "/start.log")
  if log:find "%S" then
    return log
  end
  local words = { "sh", "-c", 'exec "$@" >"$0" 2>&1', self.folder .. "/said" }
  for _, word in ipairs(self.words) do
    words[#words + 1] = word
  end
  local again = child.new("nginx", words)
  if again:start() then
    local deadline = core.now() + LEAVING
    while not again:ended() and core.now() < deadline do
      core.sleep(0.02)
    end
    again:stop()
  end
  return read(self.folder .. "/said")
end

--- Start it, and wait until it accepts connections. Raises what nginx said if it does not.
---@param stopping fun(): any true ends the wait
---@return commerce.serve.Child child
function methods:start(stopping)
  check_port(self.listen)
  local nginx_child = child.new("nginx", self.words)
  local pid, message = nginx_child:start()
  if not pid then
    errors.throw("output", "nginx: " .. tostring(message))
  end
  leftovers.note(self.folder, pid)
  local deadline = core.now() + PATIENCE
  while not exists(self.folder .. "/run/ready") and not stopping() do
    local status = nginx_child:ended()
    if status or core.now() > deadline then
      nginx_child:stop()
      local said = said_by(self)
      errors.throw("output", "nginx does not serve: " .. (said:find "%S"
        and complaint(said, self.listen) or status and ("it ended with status %d"):format(status)
        or ("its workers have not begun within %d s"):format(PATIENCE)))
    end
    core.sleep(0.02)
  end
  return nginx_child
end

--- Remove its folder.
function methods:remove()
  leftovers.remove(self.folder)
end

return nginx
