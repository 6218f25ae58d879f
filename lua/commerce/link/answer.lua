-- What every Link page shares: the answers to a browser, the link's own parameters, and the end of
-- the flow.

local client = require "commerce.account.client"
local errors = require "commerce.base.errors"
local html = require "commerce.http.html"
local integration_view = require "commerce.codat.integration"
local json = require "commerce.base.json"
local profiles = require "commerce.account.profile"
local redirect = require "commerce.link.redirect"
local scripts = require "commerce.link.scripts"
local stripe = require "commerce.stripe"
local tables = require "commerce.base.tables"
local view = require "commerce.link.view"

local answer = {}

---@class commerce.link.Context: commerce.http.Context
---@field form table<string, string> the fields of a form that was sent
---@field carried table<string, string> the link's own parameters, which stay until the end
---@field query string the same as the end of an address, with its question mark, or ""
---@field log fun(message: string)

---@class commerce.link.Outcome how the flow ends, for the page and for the redirect address
---@field status integer Codat's statusCode: 200; 201: nothing was done; 403, 500 or 501
---@field text string? what Stripe said, Codat's statusText; the message if it said nothing
---@field message string? for the merchant
---@field shown integer? HTTP status of the page, if it is not 200
---@field connection_id string?
---@field company_id string?
---@field link_id string?
---@field ids commerce.codat.IntegrationIds?
---@field name string? the integration's title
---@field client_id string? Codat's id of the operator
---@field account_name string? of the account that was connected
---@field again string? the address to start again
---@field carried table<string, string>? the link's own parameters

-- A page may load its own style, the operator's logo and, in the frame and its window, our script.
-- Forms are not restricted, since a browser also checks where their answer redirects to: Stripe, or
-- the operator's own address.
local POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors "
local SCRIPT = "; script-src 'self'; connect-src 'self'"

--- The path of the style.
answer.STYLE = "/link/style.css"

--- The path of the pages' own script.
answer.SCRIPT = "/link/page.js"

--- The parameter of a link that was begun in the frame: its pages are shown in a window, which
--- tells the frame how the flow ends.
answer.EMBEDDED = redirect.EMBEDDED

--- Whether the page is shown in a window that the frame has opened.
---@param context commerce.link.Context
---@return boolean
function answer.is_embedded(context)
  return (context.carried or {})[answer.EMBEDDED] ~= nil
end

-- The operator's logo, if the profile has one that a page may load.
local function brand(profile)
  local logo, privacy = profile.logoUrl or "", profile.privacyUrl or ""
  local origin = logo:match "^https://[%w%-%.:]+" or logo:match "^http://localhost[:%d]*"
    or logo:match "^http://127%.0%.0%.1[:%d]*"
  return origin, {
    header = origin and ('<header><img src="%s" alt="%s"></header>\n'):format(html.escape(logo),
      html.escape(profile.name)) or nil,
    footer = privacy:find "^https?://" and ('<footer><p><a href="%s" target="_blank" '
      .. 'rel="noopener noreferrer">How %s handles your data</a></p></footer>\n'):format(
      html.escape(privacy), html.escape(profile.name)) or nil,
  }
end

local function script_tags(context, facts)
  return ('<meta name="commerce-link" content="%s">\n<script type="module" src="%s"></script>\n')
    :format(html.escape(json.encode(facts)), html.escape(context.prefix .. answer.SCRIPT))
end

--- A page as a response.
---@param context commerce.link.Context
---@param page commerce.link.Page
---@param cookie string? the header that gives the browser its cookie
---@return commerce.http.Response
function answer.show(context, page, cookie)
  local headers = html.headers { ["Referrer-Policy"] = "no-referrer" }
  local logo, more = brand(profiles.read(context.store))
  local scripted = page.facts and (page.parent or answer.is_embedded(context))
  more.head = scripted and script_tags(context, page.facts) or nil
  if page.parent then -- browsers that know frame-ancestors obey it alone; others know only DENY
    headers["X-Frame-Options"] = nil
  end
  headers["Content-Security-Policy"] = POLICY .. (page.parent or "'none'")
    .. (scripted and SCRIPT or "") .. (logo and "; img-src " .. logo or "")
  headers["Set-Cookie"] = cookie
  return { status = page.status, headers = headers,
    body = html.page(page.title, page.body, context.prefix .. answer.STYLE, more) }
end

local function asset(kind, text, more)
  local headers = tables.merged({ ["Content-Type"] = kind, ["Cache-Control"] = "max-age=3600",
    ["X-Content-Type-Options"] = "nosniff" }, more)
  return { status = 200, body = text, headers = headers }
end

--- The script of our own pages.
---@return commerce.http.Response
function answer.page_script()
  return asset("text/javascript; charset=utf-8", scripts.PAGE)
end

--- The module for the operator's pages, which any page may import: it has no secret, and shows
--- nothing where the frame may not be shown.
---@return commerce.http.Response
function answer.sdk()
  return asset("text/javascript; charset=utf-8", scripts.SDK, {
    ["Access-Control-Allow-Origin"] = "*", ["Cross-Origin-Resource-Policy"] = "cross-origin" })
end

--- The style of every page.
---@return commerce.http.Response
function answer.style()
  return asset("text/css", html.STYLE)
end

--- Send the browser on.
---@param address string
---@param cookie string?
---@return commerce.http.Response
function answer.go(address, cookie)
  return { status = 303, body = "", headers = { Location = address, ["Cache-Control"] = "no-store",
    ["Referrer-Policy"] = "no-referrer", ["Set-Cookie"] = cookie } }
end

--- Take up the link's own parameters, as far as the redirect address has places for them.
---@param context commerce.link.Context
---@param parameters table<string, string> untrusted
function answer.carry(context, parameters)
  context.carried = redirect.carried(context.store:setting "profile", parameters)
  context.query = answer.query(context)
end

--- The connection that the path names.
---@param context commerce.link.Context
---@return commerce.ConnectionRow? row
function answer.connection_of(context)
  local id = context:uuid "linkId"
  return id and context.store:connections { link_id = id }[1]
end

--- The operator's name, if the profile has it.
---@param context commerce.link.Context
---@return string? name
function answer.reader(context)
  return context.store:setting "profile" and profiles.read(context.store).name or nil
end

--- A connection as Codat's Link SDK tells of it (ConnectionCallbackArgs).
---@param row commerce.ConnectionRow the connection's
---@return commerce.codat.View facts
function answer.facts(row)
  local ids = integration_view.ids(row.integration)
  return { connectionId = row.id, integrationId = ids.integrationId, integrationKey = ids.key,
    platformName = stripe.integrations[row.integration].title, sourceId = ids.sourceId,
    sourceType = "Commerce" }
end

--- The link's own parameters, as the end of an address.
---@param context commerce.link.Context
---@return string query with its question mark, or ""
function answer.query(context)
  return redirect.query(context.carried or {})
end

-- ---------------------------------------------------------------- the end

local function outcome_of(context, row, fields)
  local outcome = row and { connection_id = row.id, company_id = row.company_id,
    link_id = row.link_id, ids = integration_view.ids(row.integration),
    name = stripe.integrations[row.integration].title, account_name = row.name,
    again = context.links:connection(row.link_id) .. context.query,
    carried = context.carried } or {}
  for name, value in pairs(fields) do
    outcome[name] = value
  end
  outcome.client_id = client.id(context.store)
  return outcome
end

--- The outcome of a link that went well.
answer.OK = { status = 200, text = "OK" }

--- The outcome of a link that the merchant opened although the account was connected already.
answer.NOTHING = { status = 201 }

--- The address at which the flow ends: the profile's redirect address; without one, or in a window
--- of the frame, the page that says that the account is connected, which is safe to reload.
---@param context commerce.link.Context
---@param row commerce.ConnectionRow? the connection's, if it is known
---@param fields commerce.link.Outcome those of the outcome that the connection does not give
---@return string? address nil if the account is not connected and no address is configured
---@return commerce.link.Outcome outcome
function answer.end_address(context, row, fields)
  local outcome = outcome_of(context, row, fields)
  local embedded = answer.is_embedded(context)
  return not embedded and redirect.address(context.store:setting "profile", outcome)
    or outcome.status == 200 and context.links:done(outcome.link_id)
      .. (embedded and context.query or "") or nil, outcome
end

--- The profile's redirect address for an outcome.
---@param context commerce.link.Context
---@param row commerce.ConnectionRow the connection's
---@param fields commerce.link.Outcome those of the outcome that the connection does not give
---@return string? address nil if none is configured, or in a window of the frame
function answer.address(context, row, fields)
  return not answer.is_embedded(context) and redirect.address(
    context.store:setting "profile", outcome_of(context, row, fields)) or nil
end

--- End the flow.
---@param context commerce.link.Context
---@param row commerce.ConnectionRow? the connection's, if it is known
---@param fields commerce.link.Outcome those of the outcome that the connection does not give
---@return commerce.http.Response
function answer.finish(context, row, fields)
  local address, outcome = answer.end_address(context, row, fields)
  if address then
    return answer.go(address)
  end
  local page = view.not_connected(outcome)
  page.facts = { type = "error", detail = { message = outcome.message, errorCode = outcome.status,
    userRecoverable = true } }
  return answer.show(context, page)
end

--- End the flow because the operator has not set up what it needs; the reason is for the log.
---@param context commerce.link.Context
---@param row commerce.ConnectionRow the connection's
---@param message string
---@param failure commerce.Failure?
---@return commerce.http.Response
function answer.not_set_up(context, row, message, failure)
  context.log(message)
  return answer.finish(context, row, { status = 501,
    shown = not (errors.is_failure(failure) and failure.code == "not_enabled") and 503 or nil,
    message = "Linking is not set up completely. Ask the sender of the link." })
end

return answer
