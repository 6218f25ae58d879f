-- The pages of the Link flow as HTML: every text that a merchant reads.

local html = require "commerce.http.html"
local model = require "commerce.model"
local stripe = require "commerce.stripe"

local view = {}

---@class commerce.link.Page
---@field status integer
---@field title string a text
---@field body string HTML

local function page(title, body, status)
  return { status = status or 200, title = title, body = body }
end

local function button(action, name, value, label, class)
  return ('<form method="post" action="%s"><button%s name="%s" value="%s">%s</button></form>')
    :format(html.escape(action), class and (' class="%s"'):format(class) or "", name,
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

--- The choice of an integration.
---@param company_name string
---@param choices table[] { key, title, linked: whether an account is connected already }
---@param action string the address that the choice is sent to
---@return commerce.link.Page
function view.choice(company_name, choices, action)
  if #choices == 0 then
    return page("Nothing can be connected yet", "<p>The sender of this link has not set up an "
      .. "integration. Ask them, and come back later.</p>")
  end
  local parts = { "<p>Choose what you use.</p>" }
  for _, choice in ipairs(choices) do
    if choice.linked then
      parts[#parts + 1] = ("<p>%s is connected already.</p>"):format(html.escape(choice.title))
    end
    parts[#parts + 1] = button(action, "integration", choice.key,
      (choice.linked and "Connect another %s account" or "Connect %s"):format(choice.title))
  end
  return page("Connect " .. company_name, table.concat(parts, "\n"))
end

local NAMES = { company_info = "Company details and balance", customers = "Customers",
  payments = "Payments and refunds", disputes = "Disputes", products = "Products and prices",
  transactions = "Balance transactions and fees", payouts = "Payouts",
  payment_methods = "Payment methods", tax_components = "Tax rates" }

local function list_of_types()
  local items, mappings = {}, stripe.mappings()
  for _, data_type in ipairs(model.types()) do
    if mappings[data_type.name] then
      items[#items + 1] = "<li>" .. html.escape(NAMES[data_type.name] or data_type.title) .. "</li>"
    end
  end
  return "<ul>\n" .. table.concat(items, "\n") .. "\n</ul>"
end

--- The consent: which data will be read, how often, and by whom.
---@param company_name string
---@param integration table its settings
---@param reader string? the operator's name
---@param action string the address that the answer is sent to
---@return commerce.link.Page
function view.consent(company_name, integration, reader, action)
  local often = integration.sync_on_link == "once" and "It is read once."
    or "It is read now, and again from time to time, until you disconnect."
  local change = integration.scope == "read_write"
    and "Stripe will also let it make changes; none are made."
    or "Nothing can be changed in your account."
  return page(("Connect %s to %s"):format(company_name, integration.title),
    ("<p>%s from your Stripe account:</p>\n%s\n<p>%s %s</p>\n%s\n%s"):format(
      reader and html.escape(reader) .. " will read this" or "This will be read",
      list_of_types(), often, change, button(action, "answer", "yes", "Continue to Stripe"),
      button(action, "answer", "no", "Cancel", "quiet")))
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

--- The end of the flow, if the account is connected.
---@param title string the integration's
---@return commerce.link.Page
function view.connected(title)
  return page("Connected", ("<p>Your account at %s is connected. You may close this page.</p>")
    :format(html.escape(title)))
end

return view
