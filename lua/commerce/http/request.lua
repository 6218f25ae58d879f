-- Requests: what a server receives, and the context in which a route's handler answers.

local ascii = require "commerce.base.ascii"
local audit = require "commerce.account.audit"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local links = require "commerce.codat.links"

local request = {}

---@class commerce.http.Request
---@field method string
---@field path string percent-encoded as it was sent, without the server's prefix
---@field query string? without the question mark
---@field headers table<string, string> by lower-case name
---@field scheme string? "http" or "https", for links
---@field address string? the client's IP address, for limits; a proxy's unless nginx trusts it
---@field body string?

---@class commerce.http.Server what the API and the Link pages share
---@field app commerce.App
---@field prefix string the path that all is served under, "" or such as "/codat"
---@field public_url string? the address of the prefix as merchants reach it
---@field log fun(message: string, correlation_id: string)

---@class commerce.http.Options
---@field prefix string? the path that all is served under ("" or "/codat")
---@field public_url string? the address of this path as merchants reach it, for links (default: the
---  address that the client has used if it is a loopback one, else links are paths)
---@field log fun(message: string, correlation_id: string)? gets unexpected failures

local OPTIONS = { prefix = "string", public_url = "string", log = "function" }

--- Read the options that all servers have.
---@param app commerce.App
---@param options commerce.http.Options?
---@param more table<string, string>? further options that the caller knows, with their types
---@return commerce.http.Server
function request.server(app, options, more)
  options = options or {}
  local known = {}
  for _, set in ipairs { OPTIONS, more or {} } do
    for name, kind in pairs(set) do
      known[name] = kind
    end
  end
  errors.check_options(options, known)
  return { app = app, prefix = options.prefix or "",
    public_url = options.public_url and options.public_url:gsub("/+$", ""),
    log = options.log or function() end }
end

---@class commerce.http.Context what a route's handler gets
---@field app commerce.App
---@field store commerce.Store
---@field request commerce.http.Request
---@field prefix string the server's
---@field path string the request's, with the prefix
---@field links commerce.codat.Links
---@field parameters table<string, string> of the query
---@field values table<string, string> of the path, by the names in the route
---@field caller commerce.ApiKeyRow|commerce.AccessTokenRow|nil the row of the API key or access
---  token that signs the request
---@field one_time_links boolean? whether the caller's Link addresses work once; nil: not asked
---@field target string? what a write changed, for the log of who did what
---@field id string under which the server's log has what concerns the request
---@field log fun(message: string) writes to the server's log, under the id
---@field type_keys table<string, string>? the keys of data types by name, as far as they were asked
local methods = {}
local context_mt = { __name = "commerce.http.Context", __index = methods }

local LOOPBACK = { "^localhost$", "^127%.%d+%.%d+%.%d+$", "^%[::1%]$" }

local function is_loopback(host)
  local name = ascii.lower(host):gsub(":%d+$", "")
  for _, pattern in ipairs(LOOPBACK) do
    if name:find(pattern) then
      return true
    end
  end
  return false
end

-- Without a configured address, links lead to the one that the client has used if it is on this
-- machine. Any other Host header may be somebody's lure, so links are paths then, without a host.
local function base_of(server, received)
  local host = tostring(received.headers.host or "")
  if server.public_url then
    return server.public_url
  end
  return (is_loopback(host) and (received.scheme or "http") .. "://" .. host or "")
    .. server.prefix
end

--- Make the context of a request.
---@param server commerce.http.Server
---@param received commerce.http.Request
---@param id string see `commerce.http.Context`
---@return commerce.http.Context
function request.context(server, received, id)
  return setmetatable({ app = server.app, store = server.app.store, request = received,
    prefix = server.prefix, path = server.prefix .. received.path,
    links = links.new(base_of(server, received)), id = id,
    log = function(message)
      server.log(core.scrub(tostring(message)), id)
    end,
    parameters = {}, values = {} }, context_mt)
end

--- The JSON body, checked. A body that breaks the rule is refused.
---@param rule commerce.http.Rule
---@return table<string, any> body
function methods:body(rule)
  return input.body(self.request.body, rule)
end

--- Write what the request has changed into the log of who did what.
---@param entry { actor: string, action: string, target: string?, mode: string?, detail: string? }
---  see `commerce.account.audit.note`
function methods:note(entry)
  entry.address = self.request.address
  audit.note(self.store, entry, self.log)
end

--- A UUID of the path, in the form in which the store keeps ids.
---@param name string of the path's parameter
---@return string? id nil if the value is not a UUID
function methods:uuid(name)
  return input.uuid(self.values[name])
end

return request
