-- `commerce serve` in a sandbox, for specs.

local client = require "spec.support.api_client"
local emulator = require "spec.support.emulator"
local http = require "socket.http"
local lfs = require "lfs"
local ltn12 = require "ltn12"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local serving = {}

local methods = {}
local serving_mt = { __index = methods }

local PATIENCE = 20 -- seconds

--- A sandbox with a store and a free port, in which nothing runs yet. `before` is what the shell
--- does before it starts.
function serving.new()
  local box = sandbox.new {}
  box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db" }
  return setmetatable({ box = box, port = emulator.free_port() }, serving_mt)
end

function methods:close()
  if self.pid then
    self:stop()
  end
  self.box:close()
end

--- A request: GET, or POST where there is a body.
---@param path string
---@param key string? an API key
---@param body string? JSON
---@param method string?
---@return integer|string status or the transport's error
---@return string body
function methods:request(path, key, body, method)
  local chunks = {}
  local _, status = http.request { url = ("http://127.0.0.1:%d%s"):format(self.port, path),
    method = method or body and "POST" or "GET",
    headers = { authorization = key and "Basic " .. client.base64(key),
      ["content-type"] = body and "application/json", ["content-length"] = body and #body },
    source = body and ltn12.source.string(body), sink = ltn12.sink.table(chunks) }
  return status, table.concat(chunks)
end

--- The status of a request with the API key.
function methods:status()
  return (self:request("/companies", self.key))
end

--- Wait for something.
function methods:until_true(what, check)
  local deadline = socket.gettime() + PATIENCE
  local result = check()
  while not result do
    if socket.gettime() > deadline then
      error(what .. "\n" .. self.box:read "err", 2)
    end
    socket.sleep(0.05)
    result = check()
  end
  return result
end

--- Start it and wait until it answers; gives its process id. `key` is the API key that the first
--- start has printed.
---@param more string? arguments
---@param output string? where its output goes, as the shell writes it
function methods:start(more, output)
  local box = self.box
  -- what another server has said is no sign of this one; the shell's child empties them too late
  box:write("out", "")
  box:write("err", "")
  shell.run(("%s %s %s 2>%s </dev/null & echo $! >%s"):format(self.before or "", box:command(
    ("build/commerce serve --listen 127.0.0.1:%d %s"):format(self.port, more or "")),
    output or ">" .. box:path "out", box:path "err", box:path "pid"))
  self:until_true("it does not answer", function()
    return self:request "/ready" == 200
  end)
  if not output then
    self:until_true("it says nothing", function()
      return box:read("out"):find "Ctrl%-C stops it"
    end)
    self.key = box:read("out"):match "first key +(%S+)" or self.key
  end
  self.pid = box:read("pid"):match "%d+"
  return self.pid
end

--- Send it a signal, and wait until it has ended.
function methods:stop(signal)
  local pid = self.pid
  self.pid = nil
  shell.run(("kill -%s %s"):format(signal or "TERM", pid))
  shell.wait_for_end(pid)
end

--- The processes that have the store in their command line, and whose command line has the words
--- before it.
---@param words string?
---@return string pids one a line
function methods:left(words)
  local pids = {}
  for pid in lfs.dir "/proc" do
    if pid:find "^%d+$" then
      local line = shell.read("/proc/" .. pid .. "/cmdline"):gsub("%z", " ")
      local _, after = line:find(words or "", 1, true)
      if after and line:find(self.box.folder .. "/commerce.db", after + 1, true) then
        pids[#pids + 1] = pid
      end
    end
  end
  return table.concat(pids, "\n")
end

--- The processes of its nginx, and the master among them.
function methods:nginx()
  local _, line = shell.run(("pgrep -P %s nginx"):format(self.pid))
  local master = line:match "%d+"
  local _, workers = shell.run(("pgrep -P %s"):format(master))
  return master, (workers:gsub("%s+", " "))
end

--- What it said on standard error, without the warning that it runs as root.
function methods:errors()
  return (self.box:read("err"):gsub("commerce: warning: this runs as root[^\n]*\n", ""))
end

return serving
