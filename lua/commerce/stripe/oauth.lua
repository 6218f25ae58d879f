-- Connect OAuth: the address that a merchant is sent to, and the platform's two calls (exchange a
-- code, end the access).
--
-- Stripe's documentation, "Connect OAuth reference". The calls are signed with the platform's
-- secret key in the Authorization header, as Stripe's own libraries do (stripe-node,
-- resources/OAuth.ts): so the key stays a secret object, and the tokens in the answer are left out
-- of it before it gets here. Neither call is ever sent twice: a code used a second time revokes all
-- that came of it.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"
local stripe = require "commerce.stripe"

local oauth = {}

local BASE_URL, VARIABLE = "https://connect.stripe.com", "STRIPE_CONNECT_BASE"

-- ---------------------------------------------------------------- the address

local function base_url(given)
  local variable = os.getenv(VARIABLE)
  return given or variable ~= "" and variable or BASE_URL
end

---@class commerce.AuthorizeRequest
---@field client_id string "ca_…"
---@field scope "read_only"|"read_write"
---@field state string
---@field redirect_uri string? one of those in the platform's settings (default: the first of them)
---@field base_url string? another server (default: STRIPE_CONNECT_BASE, then Stripe)

--- The address where a merchant gives the platform access. The scope is always set, because
--- Stripe's documentation and its libraries disagree about the default.
---@param request commerce.AuthorizeRequest
---@return string url
function oauth.authorize_url(request)
  local parts = {}
  local function add(name, value)
    parts[#parts + 1] = name .. "=" .. core.percent_encode(value)
  end
  add("response_type", "code")
  add("client_id", request.client_id)
  add("scope", request.scope)
  if request.redirect_uri then
    add("redirect_uri", request.redirect_uri)
  end
  add("state", request.state)
  return (base_url(request.base_url):gsub("/+$", "")) .. "/oauth/authorize?"
    .. table.concat(parts, "&")
end

-- ---------------------------------------------------------------- the calls

---@class commerce.OAuth
local methods = {}
local oauth_mt = { __name = "commerce.OAuth", __index = methods }

---@class commerce.OAuthOptions
---@field base_url string? another server (default: STRIPE_CONNECT_BASE, then Stripe)
---@field timeout number? seconds
---@field connect_timeout number? seconds
---@field ca_file string?

local OPTIONS = { base_url = "string", timeout = "number", connect_timeout = "number",
  ca_file = "string" }

--- Create a client that calls as a platform.
---@param key commerce.core.Secret the platform's secret key
---@param options commerce.OAuthOptions?
---@return commerce.OAuth client the caller must close it
function oauth.open(key, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  local transport = core.transport { connect_timeout = options.connect_timeout,
    ca_file = options.ca_file }
  local ok, session = pcall(core.session, { transport = transport, key = key, retries = 0,
    version = stripe.version, base_url = base_url(options.base_url), timeout = options.timeout })
  if ok then
    return setmetatable({ transport = transport, session = session }, oauth_mt)
  end
  transport:close()
  local wrong = tostring(session):match "bad option 'base_url': (.*)"
  if not wrong or options.base_url then
    error(session, 2)
  end
  errors.throw("usage", ("%s must be a server's address (https://...): %s"):format(VARIABLE,
    wrong))
end

--- Close its connections.
function methods:close()
  self.session:close()
  self.transport:close()
end

local function post(self, path, form, kept)
  local call = self.session:request { method = "POST", path = path, form = form,
    projection = core.projection(kept) }
  local answer = json.decode(errors.must(jobs.await(self.transport, call)).body)
  if type(answer) ~= "table" then
    errors.throw("decode", ("POST %s: the answer is not an object"):format(path))
  end
  return answer
end

local GRANT = { { "stripe_user_id", "string" }, { "livemode", "boolean" }, { "scope", "string" } }

--- Exchange a merchant's code for access to the account. The request is never retried: if its
--- answer is lost, it is unknown whether Stripe accepted the code, and the merchant must start
--- again.
---@param code string "ac_..."
---@return { stripe_user_id: string, livemode: boolean, scope: string } grant raises OAuth's
---  error as the code: "invalid_grant" (unknown, used, too old, or not for this key),
---  "invalid_client" (a key that is unknown or revoked), ...
function methods:token(code)
  local answer = post(self, "/oauth/token",
    { { "grant_type", "authorization_code" }, { "code", code } },
    { "stripe_user_id", "livemode", "scope" })
  for _, field in ipairs(GRANT) do
    if type(answer[field[1]]) ~= field[2] then
      errors.throw("decode", ("POST /oauth/token: the answer has no '%s'"):format(field[1]))
    end
  end
  return answer
end

-- Stripe has one error code for three cases: "client_id does not belong to you", "stripe_user_id
-- does not exist or is not connected to your application", and a key of the other mode (its
-- reference, "POST /oauth/deauthorize"). The second case is recognised by its message (stripe-ruby,
-- test/stripe/stripe_client_test.rb).
local function is_not_connected(details)
  return details.code == "invalid_client"
    and tostring(details):find("is not connected to stripe account", 1, true) ~= nil
end

--- End the platform's access to an account.
---@param client_id string "ca_..."
---@param account string "acct_..."
---@return boolean ended false if the platform had no access
function methods:deauthorize(client_id, account)
  local answer, _, failure = errors.catch(post, self, "/oauth/deauthorize",
    { { "client_id", client_id }, { "stripe_user_id", account } }, { "stripe_user_id" })
  if failure and not is_not_connected(failure) then
    errors.rethrow(failure)
  end
  return answer ~= nil
end

return oauth
