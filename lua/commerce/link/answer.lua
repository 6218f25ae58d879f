-- What every Link page shares: the answers to a browser, the link's own parameters, and the end of
-- the flow.

local client = require "commerce.account.client"
local errors = require "commerce.base.errors"
local html = require "commerce.http.html"
local integration_view = require "commerce.codat.integration"
local json = require "commerce.base.json"
local redirect = require "commerce.link.redirect"
local stripe = require "commerce.stripe"
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

-- Only the page's own style: no script, no picture, no frame. Forms are not restricted, since a
-- browser also checks where their answer redirects to: Stripe, or the operator's own address.
local HEADERS = {
  ["Content-Type"] = "text/html; charset=utf-8",
  ["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; base-uri 'none'; "
    .. "frame-ancestors 'none'",
  ["Cache-Control"] = "no-store",
  ["Referrer-Policy"] = "no-referrer",
  ["X-Content-Type-Options"] = "nosniff",
  ["X-Frame-Options"] = "DENY",
}

--- The path of the style.
answer.STYLE = "/link/style.css"

--- A page as a response.
---@param context commerce.link.Context
---@param page commerce.link.Page
---@param cookie string? the header that gives the browser its cookie
---@return commerce.http.Response
function answer.show(context, page, cookie)
  local headers = {}
  for name, value in pairs(HEADERS) do
    headers[name] = value
  end
  headers["Set-Cookie"] = cookie
  return { status = page.status, headers = headers,
    body = html.page(page.title, page.body, context.prefix .. answer.STYLE) }
end

--- The style of every page.
---@return commerce.http.Response
function answer.style()
  return { status = 200, body = html.STYLE, headers = { ["Content-Type"] = "text/css",
    ["Cache-Control"] = "max-age=3600", ["X-Content-Type-Options"] = "nosniff" } }
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
  context.query = redirect.query(context.carried)
end

--- The connection that the path names.
---@param context commerce.link.Context
---@return table? row
function answer.connection_of(context)
  local id = context:uuid "linkId"
  return id and context.store:connections { link_id = id }[1]
end

--- The operator's name, if the profile has it.
---@param context commerce.link.Context
---@return string? name
function answer.reader(context)
  local profile = json.decode(context.store:setting "profile" or "{}") or {}
  return type(profile.name) == "string" and profile.name or nil
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

--- The address at which the flow ends: the profile's redirect address; without one, the page that
--- says that the account is connected, which is safe to reload.
---@param context commerce.link.Context
---@param row table? the connection's, if it is known
---@param fields table those of the outcome that the connection does not give
---@return string? address nil if the account is not connected and no address is configured
---@return commerce.link.Outcome outcome
function answer.end_address(context, row, fields)
  local outcome = outcome_of(context, row, fields)
  return redirect.address(context.store:setting "profile", outcome)
    or outcome.status == 200 and context.links:done(outcome.link_id) or nil, outcome
end

--- The profile's redirect address for an outcome.
---@param context commerce.link.Context
---@param row table the connection's
---@param fields table those of the outcome that the connection does not give
---@return string? address nil if none is configured
function answer.address(context, row, fields)
  return redirect.address(context.store:setting "profile", outcome_of(context, row, fields))
end

--- End the flow.
---@param context commerce.link.Context
---@param row table? the connection's, if it is known
---@param fields table those of the outcome that the connection does not give
---@return commerce.http.Response
function answer.finish(context, row, fields)
  local address, outcome = answer.end_address(context, row, fields)
  return address and answer.go(address) or answer.show(context, view.not_connected(outcome))
end

--- End the flow because the operator has not set up what it needs; the reason is for the log.
---@param context commerce.link.Context
---@param row table the connection's
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
