-- A company's connections: its page, and a page for each of them, where it is linked, unlinked and
-- deleted, and shows what happened to it and what it may read.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local coverage = require "commerce.account.coverage"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local integrations = require "commerce.account.integrations"
local layout = require "commerce.portal.layout"
local modes = require "commerce.account.mode"
local profile = require "commerce.account.profile"
local qr = require "commerce.portal.qr"
local sections = require "commerce.portal.sections"
local ticket = require "commerce.account.link.ticket"
local view = require "commerce.codat.company"

local must = errors.must

local function is_admin(context)
  return context.session.role == "admin"
end

-- The mode's integration: Stripe or Stripe Test.
local function integration_of(context)
  return must(context.app:integration(modes.integrations(context.mode)[1]))
end

local WAYS = { connect = "Stripe Connect", app = "the Stripe App", key = "its own key" }

local function name_of(connection)
  return connection.name or connection.account or connection.integration.title
end

-- ---------------------------------------------------------------- an address to send

-- An address of this server with its copy button and QR code.
local function address_card(context, given)
  local is_whole = given.address:find "^https?://" ~= nil
  local code = is_whole and qr.svg(given.address, "QR code of the address")
  return h.div { class = "card", h.h2(given.title), h.p { class = "quiet", given.text },
    h.div { class = code and "side" or "stack", code or nil,
      h.div { class = "stack",
        h.div { class = "field", h.label { ["for"] = given.id, "Address" },
          h.div { class = "copy", h.input { id = given.id, value = given.address, readonly = true,
            spellcheck = "false" },
            h.button { type = "button", hidden = true, ["data-copy"] = given.id, "Copy" } } },
        is_whole and h.p { h.a { href = given.address, target = "_blank", rel = "noopener",
          "Open the page as the merchant sees it" } },
        not is_whole and layout.notice("info", { "Merchants reach this only under the server's "
          .. "public address, which is not known: start the server with ",
          h.code "--public-url https://…", ", or set ", h.code "public_url", "." }),
        not context.links:callback() and given.consent and h.p { class = "hint",
          "Without it, Stripe cannot send merchants back either." },
        given.more } } }
end

local function lacks_https(context, integration)
  local app = integration.app
  return app and app.enabled and not app.redirect_uri
    and not (context.links:callback() or ""):find "^https://"
end

-- The reason why merchants cannot link now; nil if they can.
local function obstacle(context, integration)
  local settings = context.prefix .. "/portal/settings/integrations/" .. integration.name
  if not integrations.by_consent(integration) and not integration.restricted_keys then
    return layout.notice("info", { integration.title, " is not set up for merchants yet: enable a "
      .. "Stripe App, Stripe Connect or restricted keys in the ",
      h.a { href = settings, "settings" }, ". With a key of your own you can link right now." })
  elseif lacks_https(context, integration) then
    return layout.notice("info", { "Stripe sends merchants back from a Stripe App over https only: "
      .. "start the server with ", h.code "--public-url https://…", ", or set a redirect URI in "
      .. "the ", h.a { href = settings, "settings" }, "." })
  elseif integration.mode == "test" and must(context.app:stored_mode()) == "live" then
    return layout.notice("info", { "The database is switched to live mode, in which the Link pages "
      .. "do not offer Stripe Test: ", h.code "commerce mode test", " changes that." })
  end
end

-- ---------------------------------------------------------------- the company's page

local function connection_row(context, connection)
  return h.tr {
    h.td { class = "name-cell", h.a { href = sections.connection(context, connection),
      layout.name(name_of(connection)) },
      connection.account and connection.name and h.div { class = "quiet small",
        h.code(connection.account) } },
    h.td { layout.status(connection.status) },
    h.td(connection.status == "PendingAuth" and "" or WAYS[connection.auth] or ""),
    h.td { layout.time(connection.last_sync) }, h.td { layout.time(connection.linked) } }
end

local function connection_table(context, list)
  local rows = {}
  for i, connection in ipairs(list) do
    rows[i] = connection_row(context, connection)
  end
  return h.div { class = "table", role = "region", tabindex = "0", ["aria-label"] = "Connections",
    h.table { h.thead { h.tr { h.th { scope = "col", "Account" }, h.th { scope = "col", "Status" },
      h.th { scope = "col", "Linked by" }, h.th { scope = "col", "Last data sync" },
      h.th { scope = "col", "Linked" } } }, h.tbody(rows) } }
end

local function add_button(context, company, label, class)
  return layout.form(context, { action = sections.company(context, company.id, "connections"),
    h.button { class = class, label } })
end

local NO_CONNECTION = "Add one, and you get an address that you send the merchant, or link the "
  .. "account yourself with a key of it."

local function summary(company, list)
  local tags, text = {}, company.description
  for name, value in pairs(company.tags) do
    tags[#tags + 1] = name .. ": " .. value
  end
  ascii.sort(tags)
  for i, tag in ipairs(tags) do
    tags[i] = h.span { class = "pill off", layout.name(tag) }
  end
  return h.div { class = "card", h.dl { class = "facts",
    text and { h.dt "Description", h.dd(layout.name(text)) },
    h.dt "Last data sync", h.dd { layout.time(view.last_sync(list)) },
    h.dt "Created", h.dd { layout.time(company.created) },
    #tags > 0 and { h.dt "Tags", h.dd { h.div { class = "pills", tags } } },
    h.dt "Id", h.dd { h.code(company.id) } } }
end

local function request_card(context, company, otp)
  local needs_otp = profile.read(context.store).oneTimeLinks
  if otp then
    return address_card(context, { id = "company-link", title = "A one-time address",
      address = context.links:company(company.id) .. "?otp=" .. otp, consent = true,
      text = "It works once and for one day. The merchant chooses what to connect, and sees what "
        .. "is connected. It is shown here once." })
  end
  local one_time = is_admin(context) and layout.form(context, {
    action = sections.company(context, company.id, "address"),
    h.button { class = "compact", "Make a one-time address" } })
  if needs_otp then
    return h.div { class = "card", h.h2 "Request data", h.p { class = "quiet", "Your profile asks "
      .. "for one-time addresses, which work once and for one day." }, one_time }
  end
  return address_card(context, { id = "company-link", title = "Request data",
    address = context.links:company(company.id), consent = true, more = one_time,
    text = "Send this address to the merchant, who chooses what to connect and agrees at "
      .. "Stripe." })
end

local function company_page(context, company, otp)
  local list = found.connections(context, company)
  local admin, integration = is_admin(context), integration_of(context)
  return sections.page(context, { company = company, title = "Connections",
    active = "connections",
    actions = admin and { h.a { class = "button compact", "Schedules",
      href = sections.company(context, company.id, "schedules") },
      h.a { class = "button compact", "Edit",
      href = sections.company(context, company.id, "edit") },
      h.a { class = "button compact danger", "Delete",
        href = sections.company(context, company.id, "delete") } } or nil,
    body = { h.div { class = "card-head", h.h2 "Connections",
      admin and #list > 0 and add_button(context, company, "Add a connection", "compact") },
      #list > 0 and connection_table(context, list) or layout.empty(
        ("No connection in %s mode"):format(context.mode), NO_CONNECTION,
        admin and add_button(context, company, "Add a connection", "primary")),
      obstacle(context, integration), request_card(context, company, otp),
      summary(company, list) } })
end

local function make_address(context)
  local company = found.company(context)
  credentials.check_master()
  context.target = company.name
  return company_page(context, company, (ticket.make("otp", company.id)))
end

local function add(context)
  local company = found.company(context)
  local connection = must(company:create_connection {
    integration = integration_of(context).name })
  context.target, context.detail = company.name, connection.id
  return layout.go(sections.connection(context, connection))
end

-- ---------------------------------------------------------------- one connection

local function facts(connection)
  local linked = connection.status ~= "PendingAuth"
  return h.dl { class = "facts",
    h.dt "Status", h.dd { layout.status(connection.status) },
    h.dt "Integration", h.dd(connection.integration.title),
    connection.account and { h.dt "Account", h.dd { h.code(connection.account) } },
    linked and connection.auth and { h.dt "Linked by", h.dd(WAYS[connection.auth]) },
    connection.scope and { h.dt "Scope", h.dd { h.code(connection.scope) } },
    connection.linked and { h.dt "Linked", h.dd { layout.time(connection.linked) } },
    h.dt "Last data sync", h.dd { layout.time(connection.last_sync) },
    h.dt "Created", h.dd { layout.time(connection.created) },
    h.dt "Id", h.dd { h.code(connection.id) } }
end

local TONES = { Linked = "good", Deauthorized = "bad", Unlinked = "warn" }
local WORDS = { PendingAuth = "Created, waits for the merchant", Linked = "Linked",
  Unlinked = "Unlinked", Deauthorized = "Deauthorized: the access ended at Stripe" }

-- The history of a connection, the latest first.
local function timeline(connection)
  local list, items = {}, {}
  for i, row in ipairs(must(connection:history())) do
    list[#list + 1] = { at = row.at, place = i, tone = TONES[row.status],
      text = { h.strong(WORDS[row.status] or row.status), row.reason and ": ",
        row.reason and layout.name(row.reason) } }
  end
  for i, row in ipairs(must(connection:errors())) do
    list[#list + 1] = { at = row.at, place = i + 0.5, tone = row.resolved and "warn" or "bad",
      text = { h.strong "Error", " ", h.code(("%s %s"):format(row.status_code, row.status_text)),
        ": ", layout.name(row.message), row.resolved and h.span { class = "quiet",
          " (resolved ", layout.time(row.resolved), ")" } } }
  end
  table.sort(list, function(a, b)
    if a.at ~= b.at then
      return a.at > b.at
    end
    return a.place > b.place
  end)
  for i, entry in ipairs(list) do
    items[i] = h.li { class = entry.tone, h.div(entry.text), h.div { class = "quiet small",
      layout.time(entry.at) } }
  end
  return h.div { class = "card", h.h2 "Timeline", #items > 0 and h.ol { class = "timeline", items }
    or h.p { class = "quiet", "Nothing has happened yet." } }
end

local function active_errors(connection)
  local list = {}
  for _, row in ipairs(must(connection:errors())) do
    if not row.resolved then
      list[#list + 1] = h.li { layout.name(row.message), " ", h.span { class = "quiet small",
        layout.time(row.at) } }
    end
  end
  return #list > 0 and layout.notice("bad", { h.strong "This connection has errors.",
    h.ul { class = "plain", list } })
end

local KEY_HINT = "A restricted key (rk_…) with read permissions is best. The key is tried at "
  .. "Stripe, stored sealed, and never shown again."

local function key_card(context, connection, wrong)
  local sealed, why = errors.catch(credentials.check_master)
  local can_seal = sealed ~= nil or why == nil
  return h.div { class = "card", h.h2(connection.status == "Linked" and "Replace the key"
      or "Link with a key of the account"),
    not can_seal and layout.notice("info", { "Keys cannot be stored: the server has no master key "
      .. "in ", h.code "COMMERCE_MASTER_KEY", "." }),
    wrong and layout.notice("bad", wrong),
    can_seal and layout.form(context, { class = "stack",
      action = sections.connection(context, connection, "key"),
      h.div { class = "field", h.label { ["for"] = "key", "Secret or restricted key" },
        h.input { id = "key", name = "key", type = "password", required = true,
          autocomplete = "off", placeholder = connection.integration.mode == "test" and "rk_test_…"
            or "rk_live_…", ["aria-describedby"] = "key-hint", autofocus = wrong ~= nil },
        h.p { class = "hint", id = "key-hint", KEY_HINT } },
      h.div { class = "actions", h.button { class = "primary",
        connection.status == "Linked" and "Replace the key" or "Link" } } }) }
end

local function link_cards(context, connection, wrong)
  local row, integration = connection.row, integration_of(context)
  local cards = {}
  if connection.status ~= "Linked" and row.link_id then
    cards[1] = { obstacle(context, integration), address_card(context, { id = "link",
      title = connection.status == "PendingAuth" and "Let the merchant link it"
        or "Let the merchant link it again", address = context.links:connection(row.link_id),
      consent = true, text = "Send this address to the merchant only: everybody who knows it can "
        .. "link an account here." }) }
  end
  if is_admin(context) and (connection.status ~= "Linked" or connection.auth == "key") then
    cards[2] = key_card(context, connection, wrong)
  end
  return cards
end

local function actions(context, connection)
  if not is_admin(context) then
    return nil
  end
  return { connection.status == "Linked" and h.a { class = "button compact", "Unlink",
      href = sections.connection(context, connection, "unlink") },
    h.a { class = "button compact danger", "Delete",
      href = sections.connection(context, connection, "delete") } }
end

local function page(context, connection, company, given)
  return sections.page(context, { company = company, connection = connection,
    active = "connections", title = name_of(connection), status = given.status,
    crumbs = { { name_of(connection), sections.connection(context, connection) },
      given.crumb and { given.crumb } or nil },
    actions = given.actions, body = given.body })
end

local function show(context, connection, company, wrong)
  return page(context, connection, company, { status = wrong and 400 or nil,
    actions = actions(context, connection), body = {
      active_errors(connection),
      h.div { class = "card", h.h2(layout.name(name_of(connection))), facts(connection),
        connection.status == "Linked" and h.div { class = "actions",
          h.a { class = connection.last_sync and "button" or "button primary",
            href = sections.connection(context, connection, "refresh"), "Sync its data" },
          h.a { class = "button", href = sections.connection(context, connection, "permissions"),
            "Check what it may read" } } },
      link_cards(context, connection, wrong), timeline(connection) } })
end

local function show_one(context)
  local connection, company = found.connection(context)
  return show(context, connection, company)
end

-- ---------------------------------------------------------------- linking by a key

-- Failures that say what is wrong with the key, or with using it here.
local ABOUT_KEY = { usage = true, auth = true, state = true, conflict = true }

local function link_by_key(context)
  local connection, company = found.connection(context)
  local text = (context.form.key or ""):gsub("^%s+", ""):gsub("%s+$", "")
  context.form.key = nil
  local secret, message, failure = errors.catch(function()
    return must(core.secret(text))
  end)
  if secret then
    secret, message, failure = errors.finally(function()
      return context.app:authorize(connection, secret)
    end, function()
      secret:close()
    end)
  end
  if not secret then
    local refused = failure and (ABOUT_KEY[failure.kind] or failure.status == 401)
    if not refused then
      errors.must(nil, message, failure)
    end
    return show(context, connection, company, layout.sentence(core.scrub(errors.public(failure))))
  end
  context.target, context.detail = company.name, connection.id
  return layout.go(sections.connection(context, connection))
end

-- ---------------------------------------------------------------- permissions

-- Why something may not be read.
local function reason(message)
  return message and layout.name(core.scrub(errors.public(message))) or ""
end

local function permission_row(entry)
  local state = entry.readable == true and { "good", "may be read" }
    or entry.readable == false and { "bad", "may not be read" } or { "warn", "not known" }
  return h.tr { h.td { h.code(entry.type) }, h.td { h.span { class = "pill " .. state[1],
    state[2] } }, h.td { reason(entry.error) },
    h.td { class = "small", table.concat(entry.permissions, ", ") } }
end

local function permissions(context)
  local connection, company = found.connection(context)
  local rows = {}
  local list, changes = coverage.of_closed(connection)
  for i, entry in ipairs(list) do
    rows[i] = permission_row(entry)
  end
  rows[#rows + 1] = h.tr { h.td "changes (events)", h.td { h.span { class = "pill "
    .. (changes.readable and "good" or "bad"), changes.readable and "may be read"
    or "may not be read" } }, h.td { reason(changes.error) },
    h.td { class = "small", table.concat(changes.lacking or {}, ", ") } }
  return page(context, connection, company, { crumb = "Permissions", body = {
    h.h2 "What this connection may read",
    h.p { class = "quiet", "Stripe was asked just now for one object of each kind." },
    h.div { class = "table", role = "region", tabindex = "0", ["aria-label"] = "Permissions",
      h.table { h.thead { h.tr { h.th { scope = "col", "Data type" }, h.th { scope = "col",
        "State" }, h.th { scope = "col", "Reason" }, h.th { scope = "col",
        "Permissions of a restricted key" } } }, h.tbody(rows) } } } })
end

-- ---------------------------------------------------------------- ending

local UNLINK = "Nothing is read any more, and access that the merchant granted ends at Stripe, "
  .. "too. What is stored stays readable, and the account can be linked again."

local function unlink_page(context)
  local connection, company = found.connection(context)
  return page(context, connection, company, { crumb = "Unlink", body = h.div { class = "card",
    h.h2 { "Unlink ", layout.name(name_of(connection)) }, h.p(UNLINK),
    layout.form(context, { class = "stack",
      action = sections.connection(context, connection, "unlink"),
      h.div { class = "actions", h.button { class = "danger", "Unlink" },
        h.a { class = "button", href = sections.connection(context, connection),
          "Cancel" } } }) } })
end

local function unlink(context)
  local connection, company = found.connection(context)
  must(connection:unlink "in the portal")
  context.target, context.detail = company.name, connection.id
  return layout.go(sections.connection(context, connection))
end

local DELETE = "This deletes the connection and all data that is stored of it. It cannot be "
  .. "undone. Stripe keeps its data; access that the merchant granted ends."

local function delete_page(context, connection, company, wrong)
  return page(context, connection, company, { crumb = "Delete", status = wrong and 400 or nil,
    body = { wrong and layout.notice("bad", wrong), h.div { class = "card",
      h.h2 { "Delete ", layout.name(name_of(connection)) }, h.p(DELETE),
      layout.confirmation(context, { name = name_of(connection), button = "Delete the connection",
        action = sections.connection(context, connection, "delete"),
        back = sections.connection(context, connection) }) } } })
end

local function delete(context)
  local connection, company = found.connection(context)
  if not layout.is_confirmed(context, name_of(connection)) then
    return delete_page(context, connection, company,
      "The name is not the same. Nothing was deleted.")
  end
  context.target, context.detail = company.name, connection.id
  must(connection:delete())
  return layout.go(sections.company(context, company.id))
end

local ONE = "/portal/{mode}/companies/{companyId}"
local CONNECTION = ONE .. "/connections/{connectionId}"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = ONE, run = function(context)
    return company_page(context, found.company(context))
  end },
  { method = "POST", path = ONE .. "/address", audit = "company.address", run = make_address },
  { method = "POST", path = ONE .. "/connections", audit = "connection.create", run = add },
  { method = "GET", path = CONNECTION, run = show_one },
  { method = "POST", path = CONNECTION .. "/key", audit = "connection.key", run = link_by_key },
  { method = "GET", path = CONNECTION .. "/permissions", run = permissions },
  { method = "GET", path = CONNECTION .. "/unlink", role = "admin", run = unlink_page },
  { method = "POST", path = CONNECTION .. "/unlink", audit = "connection.unlink", run = unlink },
  { method = "GET", path = CONNECTION .. "/delete", role = "admin", run = function(context)
    return delete_page(context, found.connection(context))
  end },
  { method = "POST", path = CONNECTION .. "/delete", audit = "connection.delete", run = delete },
}
