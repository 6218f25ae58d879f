-- A browser of the portal in a spec's process: keeps its cookie, and sends forms with the token
-- that the portal's pages contain.

local core = require "commerce.core"
local input = require "commerce.http.input"
local portal = require "commerce.portal"
local time = require "commerce.base.time"
local url = require "commerce.base.url"

local portal_browser = {}

local methods = {}
local browser_mt = { __index = methods }

local COUNT = 0

-- A browser that is signed in, without the work of hashing a password.
local function sign_in(self, store, role)
  COUNT = COUNT + 1
  local now, user = os.time(), { id = core.uuid(), login = role .. COUNT, role = role,
    name = role == "admin" and "Ada" or "Vera", password = "none", created = time.now() }
  assert(store:add_user(user))
  local token = core.random_id(32)
  local hash = core.sha256(token)
  assert(store:add_session({ hash = hash, id = hash:sub(1, 16), user_id = user.id, mode = "test",
    created = now, seen = now, expires = now + 3600 }, now))
  self.user, self.cookie = user, "commerce_session=" .. token
  self.csrf = core.sha256("form " .. token)
end

--- Open the portal of an application.
---@param app commerce.App
---@param options table? role: "admin" (default), "viewer", or false for a browser that is not
---  signed in; prefix: the server's; public_url; pages: the portal of another browser
---@return table browser { pages, logged, cookie, csrf, user }
function portal_browser.new(app, options)
  options = options or {}
  local self = setmetatable({ logged = {}, host = "127.0.0.1:8080" }, browser_mt)
  self.pages = options.pages or portal.new(app, { prefix = options.prefix,
    public_url = options.public_url, log = function(message)
      self.logged[#self.logged + 1] = message
    end })
  if options.role ~= false then
    sign_in(self, app.store, options.role or "admin")
  end
  return self
end

-- Keeps the cookies that a response sets, each by its name.
local function keep_cookie(self, response)
  local name, value = (response.headers["Set-Cookie"] or ""):match "^([^=]+)=([^;]*)"
  if name then
    local kept = {}
    for pair in (self.cookie or ""):gmatch "[^; ]+" do
      kept[#kept + 1] = pair:match "^[^=]+" ~= name and pair or nil
    end
    kept[#kept + 1] = value ~= "" and name .. "=" .. value or nil
    self.cookie = table.concat(kept, "; ")
  end
end

local function send(self, request)
  request.headers = request.headers or {}
  request.headers.host = self.host
  request.headers.cookie = self.cookie ~= "" and self.cookie or nil
  request.scheme, request.address = "http", self.address or "127.0.0.1"
  local response = self.pages:handle(request)
  keep_cookie(self, response)
  self.csrf = type(response.body) == "string"
    and response.body:match 'name="csrf" type="hidden" value="([^"]+)"' or self.csrf
  return response
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
  local all = { csrf = self.csrf }
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
