-- The Link flow in the merchant's browser: choose what to connect, see what will be read, go to
-- Stripe, come back. Plain HTML and forms; a request as a table in, a response as a table out, as
-- the API. Called by openresty.
--
-- Who knows a link's address may link: it is made for one merchant, and a connection's holds an id
-- that nobody guesses. What a page shows of a company is its name.

local core = require "commerce.core"
local html = require "commerce.http.html"
local input = require "commerce.http.input"
local integrations = require "commerce.api.integrations"
local json = require "commerce.base.json"
local life = require "commerce.account.status"
local links = require "commerce.codat.links"
local model = require "commerce.model"
local redirect = require "commerce.link.redirect"
local router = require "commerce.http.router"
local scope = require "commerce.api.scope"
local answer = require "commerce.http.response"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"

local must = answer.must

local pages = {}

local methods = {}
local pages_mt = { __name = "commerce.Pages", __index = methods }

-- Nothing but the page's own style: no script, no picture, no frame. Forms are not restricted: a
-- browser counts where their answer redirects to, which is Stripe, or the operator's own address.
local HEADERS = {
  ["Content-Type"] = "text/html; charset=utf-8",
  ["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; base-uri 'none'; "
    .. "frame-ancestors 'none'",
  ["Cache-Control"] = "no-store",
  ["Referrer-Policy"] = "no-referrer",
  ["X-Content-Type-Options"] = "nosniff",
  ["X-Frame-Options"] = "DENY",
}

local STYLE = "/link/style.css"

local function page(context, status, title, body)
  local headers = {}
  for name, value in pairs(HEADERS) do
    headers[name] = value
  end
  return { status = status, headers = headers,
    body = html.page(title, body, context.prefix .. STYLE) }
end

local function style()
  return { status = 200, body = html.STYLE, headers = { ["Content-Type"] = "text/css",
    ["Cache-Control"] = "max-age=3600", ["X-Content-Type-Options"] = "nosniff" } }
end

local function go(address)
  return { status = 303, body = "", headers = { Location = address, ["Cache-Control"] = "no-store",
    ["Referrer-Policy"] = "no-referrer" } }
end

local function not_found(context)
  return page(context, 404, "This link does not work", "<p>It is incomplete, or what it was for "
    .. "has been removed. Ask whoever gave it to you for a new one.</p>")
end

-- The parameters of the link that somebody opened go with them to the end.
local function carry(context, parameters)
  context.carried = redirect.carried(must(context.store:setting "profile"), parameters)
  context.query = redirect.query(context.carried)
end

-- ---------------------------------------------------------------- choosing

local function enabled(context)
  local list = {}
  for _, integration in ipairs(must(context.app:integrations())) do
    if integration.enabled then
      list[#list + 1] = integration
    end
  end
  return list
end

local function button(action, name, value, label)
  return ('<form method="post" action="%s"><button name="%s" value="%s">%s</button></form>')
    :format(html.escape(action), name, html.escape(value), html.escape(label))
end

local function company_of(context)
  local id = scope.uuid(context.values.companyId)
  return id and must(context.store:companies { id = id })[1]
end

local function choose(context)
  local company = company_of(context)
  if not company then
    return not_found(context)
  end
  local parts, list = {}, enabled(context)
  for _, integration in ipairs(list) do
    local linked = must(context.store:connections { company_id = company.id,
      integration = integration.name, status = "Linked", limit = 1 })[1]
    if linked then
      parts[#parts + 1] = ("<p>%s is connected already.</p>"):format(html.escape(integration.title))
    end
    parts[#parts + 1] = button(context.path .. context.query, "integration", integration.key,
      (linked and "Connect another %s account" or "Connect %s"):format(integration.title))
  end
  if #list == 0 then
    return page(context, 200, "Nothing can be connected yet", "<p>Whoever gave you this link has "
      .. "not set up an integration. Ask them, and come back later.</p>")
  end
  return page(context, 200, "Connect " .. company.name, "<p>Choose what you use.</p>\n"
    .. table.concat(parts, "\n"))
end

-- The connection that is to be linked: one of the company's that waits, else a new one.
local function connection_for(context, company, name)
  local waiting = must(context.store:connections { company_id = company.id, integration = name,
    status = "PendingAuth", limit = 1 })[1]
  return waiting or must(must(context.app:company(company.id)):create_connection {
    integration = name }).row
end

local function chosen(context)
  local company = company_of(context)
  local wanted = context.form.integration
  if not company then
    return not_found(context)
  end
  for _, integration in ipairs(enabled(context)) do
    if integration.key == wanted then
      return go(links.connection(context, connection_for(context, company, integration.name))
        .. context.query)
    end
  end
  return choose(context)
end

-- ---------------------------------------------------------------- consent

local function connection_of(context)
  local id = scope.uuid(context.values.linkId)
  return id and must(context.store:connections { link_id = id })[1]
end

local NAMES = { company_info = "Company details and balance", customers = "Customers",
  payments = "Payments and refunds", disputes = "Disputes", products = "Products and prices",
  transactions = "Balance transactions and fees", payment_methods = "Payment methods",
  tax_components = "Tax rates" }

local function what_is_read()
  local items, mappings = {}, stripe.mappings()
  for _, data_type in ipairs(model.types()) do
    if mappings[data_type.name] then
      items[#items + 1] = "<li>" .. html.escape(NAMES[data_type.name] or data_type.title) .. "</li>"
    end
  end
  return "<ul>\n" .. table.concat(items, "\n") .. "\n</ul>"
end

-- Who reads it, if the operator has said so.
local function reader(context)
  local profile = json.decode(must(context.store:setting "profile") or "{}") or {}
  return type(profile.name) == "string" and profile.name
end

local function consent(context)
  local row = connection_of(context)
  if not row then
    return not_found(context)
  end
  local integration = must(context.app:integration(row.integration))
  local company = must(context.store:companies { id = row.company_id })[1]
  local often = integration.sync_on_link == "once" and "It is read once."
    or "It is read now, and again from time to time, until you disconnect."
  local change = integration.scope == "read_write"
    and "Stripe will also let it make changes; none are made."
    or "Nothing can be changed in your account."
  local name, action = reader(context), context.path .. context.query
  return page(context, 200, ("Connect %s to %s"):format(company.name, integration.title),
    ("<p>%s from your Stripe account:</p>\n%s\n<p>%s %s</p>\n%s\n%s"):format(
      name and html.escape(name) .. " will read this" or "This will be read",
      what_is_read(), often, change,
      button(action, "answer", "yes", "Continue to Stripe"),
      button(action, "answer", "no", "Cancel"):gsub("<button", '<button class="quiet"', 1)))
end

-- ---------------------------------------------------------------- the end

local function finish_page(context, outcome)
  local address = redirect.address(must(context.store:setting "profile"), outcome)
  if address then
    return go(address)
  elseif outcome.status == 200 then
    return go(links.done(context, outcome.link_id)) -- an address without a code, to be loaded again
  end
  return page(context, outcome.shown or 200, outcome.title or "Not connected",
    ('<p class="note">%s</p>\n%s'):format(html.escape(outcome.message), outcome.again and
    ('<p><a class="button" href="%s">Try again</a></p>'):format(html.escape(outcome.again)) or ""))
end

local function facts_of(context, row)
  local facts = integrations.facts(row.integration)
  return { connection_id = row.id, company_id = row.company_id, link_id = row.link_id,
    facts = facts, name = stripe.integrations[row.integration].title,
    again = links.connection(context, row) .. context.query, carried = context.carried }
end

local function outcome_of(context, row, fields)
  local outcome = row and facts_of(context, row) or {}
  for name, value in pairs(fields) do
    outcome[name] = value
  end
  return outcome
end

local function answered(context)
  local row = connection_of(context)
  if not row then
    return not_found(context)
  elseif context.form.answer ~= "yes" then
    must(life.link_failed(context.store, row))
    return finish_page(context, outcome_of(context, row, { status = 403, text = "User cancelled",
      message = "You cancelled. Nothing was connected." }))
  end
  local integration = must(context.app:integration(row.integration))
  local begun, message, details = context.app:begin_link(must(context.app:connection(row.id)),
    { redirect_uri = not integration.redirect_uri and links.callback(context) or nil,
      parameters = context.carried })
  if begun then
    return go(begun.url)
  end
  context.log(message)
  return finish_page(context, outcome_of(context, row, { status = 501, text = "Not supported",
    shown = type(details) == "table" and details.code == "not_enabled" and 200 or 503,
    message = "Linking is not set up completely. Ask whoever gave you the link." }))
end

-- What the merchant can do about it; the rest is for the operator's log.
local MESSAGES = {
  access_denied = "You did not allow the access at Stripe. Nothing was connected.",
  expired_state = "This took too long and has expired. Please start again with the link that you "
    .. "were given.",
  used_state = "This step was done already. If your account is not connected, please start again.",
  wrong_mode = "This is an account of the other mode (test or live). Please use the right one.",
  own_account = "This account belongs to whoever asks for access. Please choose your own.",
  not_standard = "Only standard Stripe accounts can be connected.",
  other_account = "Another account was connected here before. Please choose that one.",
  account_taken = "This account is connected already.",
}

-- The connection that a callback was for, as far as its state can be believed.
local function connection_named(context, details)
  local id = type(details) == "table" and details.linking
  return id and must(context.store:connections { id = id })[1] or nil
end

local function finished(context, row)
  return finish_page(context, outcome_of(context, row, { status = 200, text = "OK" }))
end

local function callback(context)
  local done, message, details = context.app:finish_link(context.request.query or "")
  carry(context, (done or type(details) == "table" and details or {}).parameters or {})
  if done then
    return finished(context, done.connection.row)
  end
  local code = type(details) == "table" and details.code
  local row = connection_named(context, details)
  if code == "used_state" and row and row.status == "Linked" then
    return finished(context, row) -- the page was loaded again
  end
  context.log(message)
  local cancelled = code == "access_denied"
  return finish_page(context, outcome_of(context, row, {
    status = cancelled and 403 or 500,
    text = cancelled and "User cancelled" or "Unknown error occurred", shown = 200,
    message = MESSAGES[code] or "Your account could not be connected. Please start again with the "
      .. "link that you were given." }))
end

local function done_page(context)
  local row = connection_of(context)
  if not row then
    return not_found(context)
  elseif row.status ~= "Linked" then
    return go(links.connection(context, row))
  end
  return page(context, 200, "Connected", ("<p>Your account at %s is connected. You may close this "
    .. "page.</p>"):format(html.escape(stripe.integrations[row.integration].title)))
end

-- ---------------------------------------------------------------- requests

local ROUTES = {
  { method = "GET", path = "/link/company/{companyId}", run = choose },
  { method = "POST", path = "/link/company/{companyId}", run = chosen },
  { method = "GET", path = "/link/start/{linkId}", run = consent },
  { method = "POST", path = "/link/start/{linkId}", run = answered },
  { method = "GET", path = "/link/done/{linkId}", run = done_page },
  { method = "GET", path = "/oauth/callback", run = callback },
  { method = "GET", path = STYLE, run = style },
}

--- Make the pages of an application.
---@param app commerce.App
---@param options table? prefix, public_url, log: as for `commerce.api.new`
---@return commerce.Pages
function pages.new(app, options)
  options = options or {}
  errors.check_options(options, { prefix = "string", public_url = "string", log = "function" })
  return setmetatable({ app = app, routes = router.new(ROUTES), prefix = options.prefix or "",
    public_url = options.public_url and options.public_url:gsub("/+$", ""),
    log = options.log or function() end }, pages_mt)
end

--- Whether a path is one of these pages.
---@param path string without the prefix
---@return boolean
function pages.serves(path)
  return path:find "^/link/" ~= nil or path == "/oauth/callback"
end

local function run(context)
  local request, method = context.request, context.request.method
  local route, values = context.routes:find(method == "HEAD" and "GET" or method, request.path)
  if not route then
    return not_found(context)
  end
  context.values = values
  context.form = method == "POST" and input.parameters(request.body or "") or {}
  if values.companyId or values.linkId then -- not what Stripe sent back: its state carries them
    carry(context, input.parameters(request.query))
  end
  return route.run(context)
end

--- Answer a request.
---@param request commerce.api.Request
---@return commerce.api.Response
function methods:handle(request)
  local context = { app = self.app, store = self.app.store, request = request,
    routes = self.routes, prefix = self.prefix, public_url = self.public_url,
    path = self.prefix .. request.path, log = function(message)
      self.log(core.scrub(tostring(message)), "link")
    end }
  local ok, response = errors.try(run, context)
  if not ok then
    local raised = type(response) == "table" and response or {}
    context.log(raised.message or response)
    response = raised.kind == "api" and not_found(context) or page(context, 503,
      "Please try again", "<p>Something did not work on our side. Please try again in a moment."
      .. "</p>")
  end
  if request.method == "HEAD" then
    response.body = ""
  end
  return response
end

return pages
