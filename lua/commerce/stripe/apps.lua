-- Stripe Apps: the install link that a merchant is sent to, the tokens that come of it, and the end
-- of an installation.
--
-- Stripe's documentation, "Stripe Apps, API authentication, OAuth 2.0" and "App Installs". The
-- calls are signed with the key of the app's developer. Tokens stay secret objects: they are taken
-- out of the answers before these get here. No exchange is sent twice: each one replaces the
-- refresh token.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"
local url = require "commerce.base.url"

local apps = {
  --- Seconds that an access token lives. Stripe's answers do not have it.
  ACCESS_LIFE = 3600,
}

-- ---------------------------------------------------------------- the install link

local LINK = "^https://marketplace%.stripe%.com(/oauth/v2/[%w_/%-]*authorize)%??([^#%s]*)$"

-- The link's path and parameters; nil if it is not an install link.
local function parsed(link)
  local path, query = link:match(LINK)
  if not path then
    return nil
  end
  local parameters = {}
  for piece in query:gmatch "[^&]+" do
    local name, value = piece:match "^([^=]*)=(.*)$"
    if name and name ~= "redirect_uri" and name ~= "state" then
      parameters[#parameters + 1] = { name, url.decoded(value) or value }
    end
  end
  return path, parameters
end

local function client_in(parameters)
  for _, pair in ipairs(parameters) do
    if pair[1] == "client_id" then
      return pair[2]
    end
  end
end

--- Check an install link.
---@param link string as Stripe's dashboard shows it
---@return boolean ok
---@return string? client_id that the link has
function apps.check_link(link)
  local path, parameters = parsed(link)
  return path ~= nil, path and client_in(parameters) or nil
end

---@class commerce.InstallRequest
---@field install_link string
---@field client_id string? used if the link has none
---@field redirect_uri string
---@field state string
---@field base_url string? another server (default: STRIPE_CONNECT_BASE, then Stripe)

--- The address where a merchant installs the app.
---@param request commerce.InstallRequest
---@return string address
function apps.install_url(request)
  local path, parameters = parsed(request.install_link)
  if not client_in(parameters) then
    table.insert(parameters, 1, { "client_id", request.client_id })
  end
  parameters[#parameters + 1] = { "redirect_uri", request.redirect_uri }
  parameters[#parameters + 1] = { "state", request.state }
  local parts = {}
  for i, pair in ipairs(parameters) do
    parts[i] = pair[1] .. "=" .. url.escaped(pair[2])
  end
  local variable = os.getenv "STRIPE_CONNECT_BASE"
  local base = request.base_url or variable ~= "" and variable or "https://marketplace.stripe.com"
  return base:gsub("/+$", "") .. path .. "?" .. table.concat(parts, "&")
end

-- ---------------------------------------------------------------- the calls

---@class commerce.AppClient
local methods = {}
local client_mt = { __name = "commerce.AppClient", __index = methods }

---@class commerce.AppClientOptions
---@field base_url string? another server (default: STRIPE_API_BASE, then Stripe)
---@field timeout number? seconds
---@field connect_timeout number? seconds
---@field ca_file string?
---@field account string? the one in which the app is installed, for `installs` and `uninstall`

local OPTIONS = { base_url = "string", timeout = "number", connect_timeout = "number",
  ca_file = "string", account = "string" }

local EXCHANGE_TIMEOUT = 30 -- seconds; shorter than the lease of a renewal

--- Create a client that calls as the app's developer.
---@param key commerce.core.Secret the developer's secret key of the mode
---@param options commerce.AppClientOptions?
---@return commerce.AppClient client the caller must close it
function apps.open(key, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local transport = core.transport { connect_timeout = options.connect_timeout,
    ca_file = options.ca_file }
  local ok, session = errors.try(core.session, { transport = transport, key = key, retries = 0,
    version = stripe.version, account = options.account,
    timeout = math.min(options.timeout or EXCHANGE_TIMEOUT, EXCHANGE_TIMEOUT),
    base_url = options.base_url or stripe.api_base() })
  if ok then
    return setmetatable({ transport = transport, session = session }, client_mt)
  end
  transport:close()
  errors.throw("usage", (tostring(session):gsub("^[^ ]*:%d+: ", "")))
end

--- Close its connections.
function methods:close()
  self.session:close()
  self.transport:close()
end

-- Nothing must part an answer from its reader, who keeps the new token.
local function answer_of(self, request)
  local call = self.session:request(request)
  local response = errors.must(jobs.see_through(self.transport, call))
  local answer = json.decode(response.body)
  if type(answer) ~= "table" then
    errors.throw("decode", ("%s %s: the answer is not an object"):format(request.method or "GET",
      request.path))
  end
  return answer, response.secrets
end

---@class commerce.AppTokens
---@field account string "acct_…"
---@field livemode boolean
---@field scope string "stripe_apps"
---@field access commerce.core.Secret lives for `apps.ACCESS_LIFE`
---@field refresh commerce.core.Secret lives for a year, and is replaced by each exchange

local FIELDS = { { "stripe_user_id", "string" }, { "livemode", "boolean" }, { "scope", "string" } }

local function exchange(self, form)
  local answer, tokens = answer_of(self, { method = "POST", path = "/v1/oauth/token", form = form,
    projection = core.projection { "stripe_user_id", "livemode", "scope" },
    secrets = { "access_token", "refresh_token" } })
  for _, field in ipairs(FIELDS) do
    if type(answer[field[1]]) ~= field[2] then
      errors.throw("decode", ("POST /v1/oauth/token: the answer has no '%s'"):format(field[1]))
    end
  end
  return { account = answer.stripe_user_id, livemode = answer.livemode, scope = answer.scope,
    access = tokens.access_token, refresh = tokens.refresh_token }
end

--- Exchange a merchant's code for tokens. Raises OAuth's error as the code: "invalid_grant"
--- (unknown, used, too old, or not for this key), "invalid_client".
---@param code string "ac_…"
---@return commerce.AppTokens tokens the caller must close both
function methods:exchange(code)
  return exchange(self, { { "grant_type", "authorization_code" }, { "code", code } })
end

--- Exchange a refresh token for new tokens; it is worth nothing afterwards. Raises as `exchange`.
---@param token commerce.core.Secret
---@return commerce.AppTokens tokens the caller must close both
function methods:refresh(token)
  return exchange(self, { { "grant_type", "refresh_token" }, { "refresh_token", token } })
end

--- End the installation of the app in the client's account.
---@param app_id string "app_…"
---@return boolean ended false if it was not installed
function methods:uninstall(app_id)
  local found = answer_of(self, { path = "/v1/apps/installs",
    query = { { "app", app_id }, { "limit", 100 } } })
  local ended = false
  for _, install in ipairs(type(found.data) == "table" and found.data or {}) do
    if install.status ~= "uninstalled" and install.status ~= "uninstalling" then
      answer_of(self, { method = "POST", endpoint = "POST /v1/apps/installs/:id/uninstall",
        path = ("/v1/apps/installs/%s/uninstall"):format(install.id) })
      ended = true
    end
  end
  return ended
end

return apps
