-- The portal as `commerce serve` serves it: the first run, with the token that it prints; the
-- password is hashed in one of nginx's threads, while others are answered.
-- Runs under one runtime: nginx answers; serve_spec has the command that starts it.

local http = require "socket.http"
local ltn12 = require "ltn12"
local serving = require "spec.support.serving"
local shell = require "spec.support.shell"
local url = require "commerce.base.url"

describe("commerce serve", function()
  local server

  setup(function()
    server = serving.new()
    server:start "--no-worker"
  end)

  teardown(function()
    server:close()
  end)

  -- A worker that begins with its first request opens the store then, and makes it wait.
  it("has each of nginx's workers open the store before a request #sqlite", function()
    local _, workers = server:nginx()
    for worker in workers:gmatch "%d+" do
      server:until_true("the store is not open in " .. worker, function()
        local _, files = shell.run(("ls -l /proc/%s/fd"):format(worker))
        return files:find("/commerce.db\n", 1, true)
      end)
    end
  end)

  local cookies = {}

  local function send(method, path, fields)
    local parts, chunks, sent = {}, {}, {}
    for name, value in pairs(fields or {}) do
      parts[#parts + 1] = url.escaped(name) .. "=" .. url.escaped(value)
    end
    for name, value in pairs(cookies) do
      sent[#sent + 1] = name .. "=" .. value
    end
    local body = table.concat(parts, "&")
    local _, status, headers = http.request { method = method, redirect = false,
      url = ("http://127.0.0.1:%d%s"):format(server.port, path),
      headers = { cookie = table.concat(sent, "; "), ["content-length"] = #body },
      source = ltn12.source.string(body), sink = ltn12.sink.table(chunks) }
    local name, value = (headers["set-cookie"] or ""):match "^([%w_]+)=([^;]*)"
    if name then
      cookies[name] = value
    end
    return status, table.concat(chunks), headers
  end

  it("prints where its first administrator begins, who then sees the portal", function()
    local status, _, headers = send("GET", "/")
    assert.same({ 303, "/portal/test/companies" }, { status, headers.location })
    local said = server.box:read "out"
    local address = said:match "begin at http://127%.0%.0%.1:%d+(/portal/setup%?token=[%w%-_]+)"
    assert.is_string(address, said)
    local page
    status, page = send("GET", address)
    assert.equal(200, status, page)
    local form = { csrf = page:match 'name="csrf" type="hidden" value="([^"]+)"',
      token = address:match "token=(.*)", name = "Ada", password = "correct horse battery",
      again = "correct horse battery" }
    status, page, headers = send("POST", "/portal/setup", form)
    assert.same({ 303, "/portal" }, { status, headers.location }, page)
    status, page = send("GET", "/portal/test/companies")
    assert.equal(200, status)
    assert.matches("<h1>Companies</h1>", page, 1, true)
    local stylesheet = page:match 'href="(/portal/assets/portal%.css%?v=%x+)"'
    status, _, headers = send("GET", stylesheet)
    assert.equal(200, status)
    assert.equal("text/css; charset=utf-8", headers["content-type"])
    assert.matches("immutable", headers["cache-control"])
    assert.equal(404, (server:request "/portal/x"))
    assert.equal("", server:errors())
    assert.is_nil(server.box:read("out"):find("correct horse", 1, true))
  end)

  it("makes no other token once there is an administrator", function()
    server:stop()
    server:start "--no-worker"
    local said = server.box:read "out"
    assert.matches("portal +http://127%.0%.0%.1:%d+/portal\n", said)
    assert.is_nil(said:find("setup", 1, true))
    assert.equal(200, (send("GET", "/portal/test/companies"))) -- the session is in the store
  end)
end)
