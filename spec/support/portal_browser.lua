-- A browser of the portal in a spec's process: keeps its cookie, and sends forms with the token
-- that the portal's pages contain.

local input = require "commerce.http.input"
local portal = require "commerce.portal"
local url = require "commerce.base.url"

local portal_browser = {}

local methods = {}
local browser_mt = { __index = methods }

local SESSION = { csrf = "token-of-the-form", mode = "test" }

--- Open the portal of an application.
---@param app commerce.App
---@param options table? role: "admin" (default) or "viewer"; prefix: the server's; log: gets
---  unexpected failures
---@return table browser { pages, logged }
function portal_browser.new(app, options)
  options = options or {}
  local self = setmetatable({ logged = {}, host = "127.0.0.1:8080", prefix = options.prefix or "" },
    browser_mt)
  local session = { role = options.role or "admin", user = { id = "1", name = "Ada" } }
  self.pages = portal.new(app, { prefix = options.prefix, log = function(message)
    self.logged[#self.logged + 1] = message
  end, session = function()
    return setmetatable(session, { __index = SESSION })
  end })
  return self
end

local function send(self, request)
  request.headers = request.headers or {}
  request.headers.host = self.host
  request.scheme, request.address = "http", "127.0.0.1"
  return self.pages:handle(request)
end

--- Open a page.
---@param address string such as "/portal/test/companies?q=toys"
---@param headers table? further headers
---@return commerce.http.Response
function methods:get(address, headers)
  local path, query = address:match "^([^?]*)%??(.*)$"
  return send(self, { method = "GET", path = path, query = query, headers = headers })
end

--- Send a form.
---@param address string
---@param fields table? texts by name; the token is added unless `csrf` is given
---@return commerce.http.Response
function methods:post(address, fields)
  local parts = {}
  local all = { csrf = SESSION.csrf }
  for name, value in pairs(fields or {}) do
    all[name] = value
  end
  for name, value in pairs(all) do
    parts[#parts + 1] = url.escaped(name) .. "=" .. url.escaped(tostring(value))
  end
  local path, query = address:match "^([^?]*)%??(.*)$"
  return send(self, { method = "POST", path = path, query = query,
    body = table.concat(parts, "&") })
end

--- The parameters of the address that a response leads to.
function portal_browser.parameters(response)
  return input.parameters((response.headers.Location or ""):match "%?(.*)$")
end

return portal_browser
