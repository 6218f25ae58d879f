-- The pages of the Link flow as HTML: every text that a merchant reads.

local ascii = require "commerce.base.ascii"
local html = require "commerce.http.html"
local integrations = require "commerce.account.integrations"
local model = require "commerce.model"
local stripe = require "commerce.stripe"

local view = {}

---@class commerce.link.Page
---@field status integer
---@field title string a text
---@field body string HTML
---@field facts commerce.codat.View? what the page's script is told
---@field parent string? the origin whose pages may show the page in a frame

local function page(title, body, status)
  return { status = status or 200, title = title, body = body }
end

local function hidden(fields)
  local parts = {}
  for i, name in ipairs(ascii.keys(fields)) do
    parts[i] = ('<input type="hidden" name="%s" value="%s">'):format(name,
      html.escape(fields[name]))
  end
  return table.concat(parts)
end

-- The attributes of a form in the frame, which opens a window. `plain`: the address to open instead
-- if the browser blocks the window.
local function in_window(window, plain)
  return window and (' target="%s" data-plain="%s"'):format(window, html.escape(plain)) or ""
end

-- An address in the frame has a parameter already.
local function with_ticket(action, fields)
  local pass = (fields or {}).ticket
  return action .. (pass and "&ticket=" .. pass or "")
end

-- `fields`: hidden ones; `window`: the name of the window that the form opens.
local function button(action, name, value, label, class, fields, window)
  return ('<form method="post" action="%s"%s>%s<button%s name="%s" value="%s">%s</button></form>')
    :format(html.escape(action), in_window(window, with_ticket(action, fields)),
      hidden(fields or {}), class and (' class="%s"'):format(class) or "", name,
      html.escape(value), html.escape(label))
end

--- The address is incomplete, or its company or connection does not exist.
---@return commerce.link.Page
function view.not_found()
  return page("This link does not work", "<p>It is incomplete, or what it was for has been "
    .. "removed. Ask the sender of the link for a new one.</p>", 404)
end

--- The server failed.
---@return commerce.link.Page
function view.failed()
  return page("Please try again", "<p>Something did not work on our side. Please try again in a "
    .. "moment.</p>", 503)
end

--- The address of the browser has sent too many forms.
---@return commerce.link.Page
function view.too_many()
  return page("Please wait a minute", "<p>Too many requests came from your network. Please try "
    .. "again in a minute.</p>", 429)
end

local STATES = { Linked = "connected", Deauthorized = "not connected any more",
  Unlinked = "disconnected" }

-- A form that goes to the page of a connection.
local function managed(shop, window)
  local said = ("<p>%s: %s.</p>"):format(html.escape(shop.name), STATES[shop.status])
  if not shop.address then
    return said
  end
  return ('%s\n<form action="%s"%s>%s<button class="quiet">%s %s</button></form>'):format(said,
    html.escape(shop.address), in_window(window, shop.plain), hidden(shop.fields),
    shop.status == "Linked" and "Manage" or "Reconnect", html.escape(shop.name))
end

---@class commerce.link.Managed a connection that a merchant manages
---@field name string the account's, or the integration's
---@field status string
---@field address string? its page; nil for a connection that the operator made by a key
---@field fields table<string, string> that its page is asked with
---@field plain string? the address with these fields

-- The connections and the choices as forms. `window`: the name of the window that they open.
local function choice_forms(choices, action, shops, pass, window)
  local parts = {}
  for _, shop in ipairs(shops or {}) do
    parts[#parts + 1] = managed(shop, window)
  end
  for _, choice in ipairs(choices) do
    if choice.linked and not shops then
      parts[#parts + 1] = ("<p>%s is connected already.</p>"):format(html.escape(choice.title))
    end
    parts[#parts + 1] = button(action, "integration", choice.key,
      (choice.linked and "Connect another %s account" or "Connect %s"):format(choice.title), nil,
      { ticket = pass }, window)
  end
  return table.concat(parts, "\n")
end

local function nothing_set_up()
  return page("Nothing can be connected yet", "<p>The sender of this link has not set up an "
    .. "integration. Ask them, and come back later.</p>")
end

---@class commerce.link.Choice an integration that a merchant can connect
---@field key string
---@field title string
---@field linked boolean whether an account is connected already

--- The choice of an integration.
---@param company_name string
---@param choices commerce.link.Choice[]
---@param action string the address that the choice is sent to
---@param shops commerce.link.Managed[]? the connections, if the merchant may see them
---@param pass string? the ticket that goes with the choice
---@return commerce.link.Page
function view.choice(company_name, choices, action, shops, pass)
  if #choices == 0 then
    return nothing_set_up()
  end
  return page("Connect " .. company_name, "<p>Choose what you use.</p>\n"
    .. choice_forms(choices, action, shops, pass))
end

--- A one-time address has been opened.
---@param company_name string
---@param action string the address that the password is sent to
---@param otp string
---@return commerce.link.Page
function view.one_time(company_name, action, otp)
  return page("Connect " .. company_name, "<p>This link works once.</p>\n"
    .. button(action, "otp", otp, "Continue"))
end

--- A one-time address has been used or has expired, or is needed.
---@return commerce.link.Page
function view.used()
  return page("This link does not work any more", "<p>It worked once, and for one day. Ask the "
    .. "sender of the link for a new one.</p>", 403)
end

local WINDOW = "commerce_link" -- the name of the window that the frame opens

---@class commerce.link.FrameView
---@field choices commerce.link.Choice[]
---@field shops commerce.link.Managed[]? the connections, if the merchant may see them
---@field action string the address that a choice is sent to
---@field again string the address of the frame's page
---@field fields table<string, string> what the frame's page is asked with
---@field connected boolean whether an account has just been connected
---@field close string? if the frame has a button to close it

--- The page in the operator's frame.
---@param company_name string
---@param frame commerce.link.FrameView
---@return commerce.link.Page
function view.frame(company_name, frame)
  if #frame.choices == 0 then
    return nothing_set_up()
  end
  return page("Connect " .. company_name, ([[
<p>Choose what you use. A window opens, in which you go on.</p>
<p id="said" role="status" tabindex="-1">%s</p>
<p id="plain" role="alert" hidden>Your browser has blocked the window. <a target="_blank"
rel="noopener" href="%s">Go on in a new tab</a>.</p>
%s
<form id="again" method="post" action="%s"><input type="hidden" name="said" value="">%s</form>
<button id="finish" class="quiet" type="button" hidden>Done</button>
%s]]):format(frame.connected and "Your account is connected." or "", html.escape(frame.action),
    choice_forms(frame.choices, frame.action, frame.shops, frame.fields.ticket, WINDOW),
    html.escape(frame.again), hidden(frame.fields), frame.close
    and '<button id="close" class="quiet" type="button" hidden>Close</button>' or ""))
end

local NAMES = { company_info = "Company details and balance", customers = "Customers",
  payments = "Payments and refunds", disputes = "Disputes", products = "Products and prices",
  transactions = "Balance transactions and fees", payouts = "Payouts",
  payment_methods = "Payment methods", tax_components = "Tax rates" }

local function name_of(data_type)
  return NAMES[data_type.name] or data_type.title
end

local function list_of_types()
  local items, mappings = {}, stripe.mappings()
  for _, data_type in ipairs(model.types()) do
    if mappings[data_type.name] then
      items[#items + 1] = "<li>" .. html.escape(name_of(data_type)) .. "</li>"
    end
  end
  return "<ul>\n" .. table.concat(items, "\n") .. "\n</ul>"
end

-- The ways to answer. Stripe's consent comes first, where both are allowed.
local function ways(integration, action)
  local by_stripe = integrations.by_consent(integration) or not integration.restricted_keys
  local list = { by_stripe and button(action, "answer", "yes", "Continue to Stripe") or nil }
  if integration.restricted_keys then
    list[#list + 1] = button(action, "answer", "key", "Use a restricted key",
      by_stripe and "quiet" or nil)
  end
  list[#list + 1] = button(action, "answer", "no", "Cancel", "quiet")
  return table.concat(list, "\n"), by_stripe
end

--- The consent: which data will be read, how often, and by whom.
---@param company_name string
---@param integration commerce.Integration
---@param reader string? the operator's name
---@param action string the address that the answer is sent to
---@return commerce.link.Page
function view.consent(company_name, integration, reader, action)
  local buttons, by_stripe = ways(integration, action)
  local often = integration.sync_on_link == "once" and "It is read once."
    or "It is read now, and again from time to time, until you disconnect."
  local by_app = integration.app and integration.app.enabled -- whose permissions only read
  local change = by_stripe and not by_app and integration.scope == "read_write"
    and "Stripe will also let it make changes; none are made."
    or "Nothing can be changed in your account."
  return page(("Connect %s to %s"):format(company_name, integration.title),
    ("<p>%s from your Stripe account:</p>\n%s\n<p>%s %s</p>\n%s"):format(
      reader and html.escape(reader) .. " will read this" or "This will be read",
      list_of_types(), often, change, buttons))
end

--- The end of the flow, if the account is not connected and the profile has no redirect address.
---@param outcome commerce.link.Outcome
---@return commerce.link.Page
function view.not_connected(outcome)
  local again = outcome.again and ('<p><a class="button" href="%s">Try again</a></p>')
    :format(html.escape(outcome.again)) or ""
  return page("Not connected", ('<p class="note">%s</p>\n%s'):format(html.escape(outcome.message),
    again), outcome.shown)
end

---@class commerce.link.ConnectedView
---@field title string the integration's
---@field account string? the account's name
---@field reader string? the operator's name
---@field replace string? the address at which the account's restricted key can be replaced
---@field again string? the address at which the account can be connected anew
---@field onward string? the operator's address for a merchant who has nothing to do here
---@field action string the address of this page
---@field token string? that a form must have to disconnect

local DISCONNECT = [[
<details><summary>Disconnect</summary>
<p>%s will not read new data. What was read before stays there; ask for its deletion if you want
it.</p>
%s
</details>]]

--- The end of the flow, if the account is connected; there the merchant also reconnects and
--- disconnects.
---@param shop commerce.link.ConnectedView
---@return commerce.link.Page
function view.connected(shop)
  local parts = { ("<p>Your account at %s is connected.%s</p>"):format(html.escape(shop.title),
    shop.onward and "" or " You may close this page.") }
  if shop.account then
    parts[#parts + 1] = ("<p>Account: %s</p>"):format(html.escape(shop.account))
  end
  if shop.onward then
    parts[#parts + 1] = ('<p><a class="button" href="%s">Continue</a></p>'):format(
      html.escape(shop.onward))
  end
  parts[#parts + 1] = shop.replace
    and button(shop.replace, "answer", "key", "Replace the restricted key", "quiet") or nil
  parts[#parts + 1] = shop.again and button(shop.again, "answer", "again", "Reconnect", "quiet")
    or nil
  parts[#parts + 1] = shop.token and DISCONNECT:format(html.escape(shop.reader or "The sender of "
    .. "the link"), button(shop.action, "answer", "disconnect", "Disconnect now", "quiet",
    { token = shop.token })) or nil
  return page("Connected", table.concat(parts, "\n"))
end

--- The merchant has disconnected the account.
---@param title string the integration's
---@param again string the address at which it can be connected again
---@return commerce.link.Page
function view.disconnected(title, again)
  return page("Disconnected", ('<p>Your account at %s is not connected any more.</p>\n'
    .. '<p><a class="button quiet" href="%s">Connect again</a></p>'):format(html.escape(title),
    html.escape(again)))
end

-- ---------------------------------------------------------------- a restricted key

local function items(list)
  local parts = {}
  for i, text in ipairs(list) do
    parts[i] = "<li>" .. html.escape(text) .. "</li>"
  end
  return "<ul>\n" .. table.concat(parts, "\n") .. "\n</ul>"
end

local FORM = [[
<form method="post" action="%s" autocomplete="off">
<input type="hidden" name="state" value="%s">
<label for="key">Restricted key</label>
<input id="key" name="key" type="password" placeholder="rk_%s_..." required autocomplete="off"
autocapitalize="none" autocorrect="off" spellcheck="false">
<button>Connect</button>
</form>]]

---@class commerce.link.KeyForm
---@field action string the address that the key is sent to
---@field cancel string the address that a cancellation is sent to
---@field state string
---@field permissions string[] that the key needs, by their names in Stripe's dashboard
---@field create string the address of Stripe's page for a new key
---@field mode "test"|"live"
---@field reader string? the operator's name
---@field wrong string? what was wrong with the key that was sent

--- The form that takes a merchant's restricted key. The key that was sent is never shown again.
---@param company_name string
---@param form commerce.link.KeyForm
---@return commerce.link.Page
function view.key(company_name, form)
  local wrong = form.wrong and ('<p class="note" role="alert">%s</p>\n'):format(
    html.escape(form.wrong)) or ""
  local which = form.mode == "test" and "in your sandbox or in test mode" or "in live mode"
  return page("Connect " .. company_name .. " with a restricted key", ([[
%s<p>A restricted key lets %s read your data, and nothing else. You can delete it in Stripe at any
time.</p>
<h2>1. Create the key</h2>
<p>Open Stripe's page for a new restricted key, %s. The permissions should be filled in. Check that
each of these is set to Read, and leave all others at None:</p>
%s
<p><a class="button quiet" href="%s" target="_blank" rel="noopener noreferrer">Open Stripe's
page</a></p>
<h2>2. Paste the key</h2>
%s
%s]]):format(wrong, form.reader and html.escape(form.reader) or "us", which,
    items(form.permissions), html.escape(form.create),
    FORM:format(html.escape(form.action), html.escape(form.state), form.mode),
    button(form.cancel, "answer", "no", "Cancel", "quiet")), form.wrong and 400 or 200)
end

local function needs(name, permissions)
  return ("%s: the key needs the permission%s %s (Read)"):format(name,
    #permissions > 1 and "s" or "", table.concat(permissions, " and "))
end

local function key_result(found)
  local readable, lacking = {}, {}
  for _, entry in ipairs(found.types) do
    local name = NAMES[entry.type] or entry.type
    if entry.readable then
      readable[#readable + 1] = name
    elseif entry.readable == false then
      lacking[#lacking + 1] = needs(name, entry.lacking)
    else
      lacking[#lacking + 1] = name .. ": this could not be checked now"
    end
  end
  if found.changes.readable == false then
    lacking[#lacking + 1] = needs("Changes as they happen", found.changes.lacking)
  end
  return readable, lacking
end

--- What a restricted key that has been taken can and cannot read.
---@param found commerce.KeyLink
---@param replace string the address at which the key can be replaced
---@param onward string the address at which the flow ends
---@return commerce.link.Page
function view.key_taken(found, replace, onward)
  local readable, lacking = key_result(found)
  local parts = { "<p>Your account is connected. The key can read:</p>", items(readable) }
  if #lacking > 0 then
    parts[#parts + 1] = '<p class="note">The key cannot read everything. You can add the '
      .. "permissions to this key in Stripe, or send another key.</p>"
    parts[#parts + 1] = items(lacking)
    parts[#parts + 1] = button(replace, "answer", "key", "Use another key", "quiet")
  end
  parts[#parts + 1] = ('<p><a class="button" href="%s">Continue</a></p>'):format(
    html.escape(onward))
  return page("Connected", table.concat(parts, "\n"))
end

return view
