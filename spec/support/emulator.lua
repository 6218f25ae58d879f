--- Starts Stripe emulators for tests. Works under Lua 5.4 and LuaJIT.
---
---   local emulator = require "spec.support.emulator"
---   local e = emulator.start { charges = 250 }
---   e.base                                    --> "http://127.0.0.1:PORT"
---   e:control("faults", { { match = { path = "/v1/charges" }, action = { type = "status", status =
---   500 } } }) e:stop()
local cjson = require "cjson"
local http = require "socket.http"
local socket_url = require "socket.url"
local ltn12 = require "ltn12"
local programs = require "programs"
local shell = require "spec.support.shell"
local socket = require "socket"

local emulator = {}

local HERE = debug.getinfo(1, "S").source:match "^@(.*)support/emulator%.lua$" or "spec/"
local RUN = HERE .. "emulator/run"

-- Below the ports that the kernel gives to connections: one of those could take the port before the
-- server does for which it was looked up.
local LOWEST, HIGHEST = 10000, 32000

--- A port of 127.0.0.1 that nothing listens on.
---@return integer
local function free_port()
  local noise = assert(io.open("/dev/urandom", "rb"))
  local server, port
  repeat -- the spec may have given math.random a seed
    local high, low = noise:read(2):byte(1, 2)
    port = LOWEST + (high * 256 + low) % (HIGHEST - LOWEST)
    server = socket.bind("127.0.0.1", port)
  until server
  server:close()
  noise:close()
  return port
end

emulator.free_port = free_port

local Emulator = {}
Emulator.__index = Emulator

local running = {}

-- for when a test forgets to stop its emulator
emulator.guard = shell.at_exit(function()
  for e in pairs(running) do pcall(e.stop, e) end
end)

--- Start an emulator on a free port and wait until it answers.
---@param options table? settings of `POST /_emulator/reset`
---@return table emulator with `base`, `port` and the methods below
function emulator.start(options)
  local dir = programs.make_folder()
  local json = next(options or {}) and cjson.encode(options) or "{}"
  local errors
  for _ = 1, 5 do
    local port = free_port()
    local status, _, message = shell.await(shell.start { RUN, "--daemon", "--dir", dir,
      "--port", tostring(port), "--options", json, "--parent", tostring(programs.id()) })
    errors = message
    if status == 0 then
      local e = setmetatable({ base = "http://127.0.0.1:" .. port, port = port, dir = dir },
        Emulator)
      running[e] = true
      for _ = 1, 100 do
        if http.request(e.base .. "/_emulator/ready") then return e end
        socket.sleep(0.02)
      end
      errors = shell.read(dir .. "/error.log")
      e:stop()
      error("the emulator does not answer: " .. errors, 2)
    end
  end
  errors = errors .. shell.read(dir .. "/error.log")
  programs.remove_folder(dir)
  error("the emulator does not start: " .. errors, 2)
end

local function request(url, method, headers, body)
  local chunks = {}
  headers = headers or {}
  if body then headers["Content-Length"] = #body end
  local _, status, answer_headers = http.request {
    url = url, method = method, headers = headers, sink = ltn12.sink.table(chunks),
    source = body and ltn12.source.string(body) or nil, redirect = false,
  }
  return status, table.concat(chunks), answer_headers
end

--- A control request: POST when there is a body, else GET. Raises when the emulator refuses it.
---@param name string for example "faults", "mutate", "stats", "ledger?key=sk_live_emulator"
---@param body table?
---@return table answer
function Emulator:control(name, body)
  local text = body and (next(body) == nil and "{}" or cjson.encode(body))
  local status, answer = request(self.base .. "/_emulator/" .. name, body and "POST" or "GET", nil,
    text)
  if status ~= 200 then error(("control %s: %s %s"):format(name, tostring(status), answer), 2) end
  return cjson.decode(answer)
end

--- Start over with other settings.
---@param options table?
function Emulator:reset(options)
  return self:control("reset", options or {})
end

--- A raw API request.
---@param path string with its query
---@param key string? Bearer key; none when false
---@param headers table?
---@return number|string status or the transport's error
---@return string body
---@return table headers
function Emulator:get(path, key, headers)
  local all = {}
  for name, value in pairs(headers or {}) do all[name] = value end
  if key ~= false then all["Authorization"] = "Bearer " .. (key or "sk_test_emulator") end
  return request(self.base .. path, "GET", all)
end

local function encoded(form)
  local parts = {}
  for name, value in pairs(form) do
    parts[#parts + 1] = socket_url.escape(name) .. "=" .. socket_url.escape(tostring(value))
  end
  table.sort(parts)
  return table.concat(parts, "&")
end

--- A raw POST of a form.
---@param path string
---@param form table<string, any>
---@param key string|false|nil Bearer key; none when false
---@return number|string status or the transport's error
---@return string body
---@return table headers
function Emulator:post(path, form, key)
  local headers = { ["Content-Type"] = "application/x-www-form-urlencoded" }
  if key ~= false then headers["Authorization"] = "Bearer " .. (key or "sk_test_emulator") end
  return request(self.base .. path, "POST", headers, encoded(form))
end

--- What a merchant does on the consent page; raises unless it sends the browser somewhere.
---@param url string of the page
---@param decision string "allow", "deny" or "skip"
---@param account string? the one to be connected
---@return string location where the browser goes
---@return table<string, string> query of that location
function Emulator:consent(url, decision, account)
  local status, body, headers = request(url, "POST",
    { ["Content-Type"] = "application/x-www-form-urlencoded" },
    encoded { decision = decision, account = account or "" })
  if status ~= 302 then error(("consent: %s %s"):format(tostring(status), body), 2) end
  return headers.location, emulator.query(headers.location)
end

--- The query parameters of a URL.
---@param url string
---@return table<string, string>
function emulator.query(url)
  local query = {}
  for name, value in (url:match "%?(.*)$" or ""):gmatch "([^&=]+)=([^&]*)" do
    query[socket_url.unescape(name)] = socket_url.unescape((value:gsub("+", " ")))
  end
  return query
end

--- A request whose answer is decoded; raises unless it is a 200.
---@param path string
---@param key string?
---@param headers table?
---@return table
function Emulator:json(path, key, headers)
  local status, body = self:get(path, key, headers)
  if status ~= 200 then error(("GET %s: %s %s"):format(path, tostring(status), body), 2) end
  return cjson.decode(body)
end

--- All objects of a list, page by page.
---@param path string with its query
---@param key string?
---@param headers table?
---@return table[] newest first
function Emulator:read_all(path, key, headers)
  local list, after = {}, nil
  repeat
    local cursor = after and "&starting_after=" .. after or ""
    local sep = path:find("?", 1, true) and "&" or "?"
    local page = self:json(path .. sep .. "limit=100" .. cursor, key, headers)
    for _, object in ipairs(page.data) do list[#list + 1] = object end
    after = list[#list] and list[#list].id
  until not page.has_more
  return list
end

--- Carry out changes: one op, or a list of them. Answers the result, or the list of results.
---@param op table
---@return table
function Emulator:mutate(op)
  if op[1] then return self:control("mutate", { ops = op }).results end
  return self:control("mutate", op)
end

--- Move the clock.
---@param seconds number
---@return number now
function Emulator:advance(seconds)
  return self:control("clock", { advance = seconds }).now
end

--- Stop it and remove its directory. Harmless when repeated.
function Emulator:stop()
  if not running[self] then return end
  running[self] = nil
  local file = io.open(self.dir .. "/nginx.pid")
  local pid = file and file:read "*l"
  if file then file:close() end
  if pid and pid:find "^%d+$" then programs.signal(tonumber(pid), "TERM") end
  programs.remove_folder(self.dir)
end

return emulator
