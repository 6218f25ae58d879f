-- The frame of every page: header, navigation, the band of test mode, and what all pages share.

local ascii = require "commerce.base.ascii"
local assets = require "commerce.portal.assets"
local h = require "commerce.portal.html"
local html = require "commerce.http.html"

local layout = {}

local HEADERS = {
  ["Referrer-Policy"] = "same-origin",
  ["Cross-Origin-Opener-Policy"] = "same-origin",
  -- nothing inline: no style attribute, no script but our own assets
  ["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; script-src 'self'; "
    .. "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    .. "frame-ancestors 'none'",
}

---@class commerce.portal.Page
---@field title string
---@field body any a node of `commerce.portal.html`, or a list of them
---@field active string? the entry of the navigation: "companies" or "settings"
---@field crumbs { [1]: string, [2]: string? }[]? where the page is: labels and addresses
---@field status integer? HTTP status; 200 if left out
---@field actions any? nodes beside the heading, such as buttons
---@field heading any? a node in place of the title in the page's h1
---@field tabs { [1]: string, [2]: string, [3]: boolean }[]? label, address, whether it is this page
---@field narrow boolean? whether the page is a form in the middle
---@field scripts string[]? assets: further modules
---@field again { seconds: integer, href: string }? where a browser without scripts goes next

--- The input that every form must have, which proves that one of our pages sent it.
---@param context commerce.portal.Context
---@return commerce.portal.Node node
function layout.csrf(context)
  return h.input { type = "hidden", name = "csrf",
    value = context.session and context.session.csrf or context.guest }
end

--- A form that is sent by POST.
---@param context commerce.portal.Context
---@param content table<string|integer, any> as for an element: attributes (action, class) and
---  children
---@return commerce.portal.Node node
function layout.form(context, content)
  local form = { method = "post", layout.csrf(context) }
  local last = 0
  for key, value in pairs(content) do
    if type(key) == "number" then
      form[key + 1] = value
      last = key > last and key or last
    else
      form[key] = value
    end
  end
  return h.form(form)
end

--- A name that somebody else has chosen: its direction does not change the text around it.
---@param text string
---@return commerce.portal.Node node
function layout.name(text)
  return h.bdi { class = "name", text }
end

--- A date and time of the store, which browsers show in the reader's time zone.
---@param text string? "2026-01-31T12:00:00Z"
---@return commerce.portal.Node node "—" if there is none
function layout.time(text)
  if not text then
    return h.span { class = "quiet", title = "never", "—" }
  end
  local shown = text:sub(1, 16):gsub("T", " ")
  return h.time { datetime = text, title = text, shown }
end

local PILLS = { Linked = "good", Deauthorized = "warn", Unlinked = "off", PendingAuth = "wait" }
local STATUS_WORDS = { PendingAuth = "Pending" }

--- The status of a connection as a coloured word.
---@param status string
---@return commerce.portal.Node node
function layout.status(status)
  return h.span { class = "pill " .. (PILLS[status] or "off"), STATUS_WORDS[status] or status }
end

--- What a page shows in place of a list that has no entries, with the next step.
---@param title string
---@param text any
---@param ... any further nodes, such as a button
---@return commerce.portal.Node node
function layout.empty(title, text, ...)
  return h.div { class = "empty", h.p { class = "empty-title", title }, h.p(text), ... }
end

--- A message above a page's content.
---@param kind "good"|"bad"|"info"
---@param text any
---@return commerce.portal.Node node
function layout.notice(kind, text)
  return h.div { class = "notice " .. kind, role = kind == "bad" and "alert" or "status", text }
end

--- A failure's message as a sentence.
---@param message string
---@return string
function layout.sentence(message)
  -- a name such as customers.phone stays as it is
  return (message:gsub("^%l(%l*[ ,:'])", function(rest)
    return ascii.upper(message:sub(1, 1)) .. rest
  end):gsub("([^%.!?])$", "%1."))
end

local LONGEST_TYPED = 60 -- bytes of a name that a user must type to confirm

-- The part of a name that is typed: of a long one, the beginning.
local function typed_name(name)
  local text = name:gsub("%s+", " ")
  return #text <= LONGEST_TYPED and text
    or (text:sub(1, LONGEST_TYPED):gsub("[\192-\255][\128-\191]*$", ""):gsub(" $", ""))
end

--- The form that deletes something after its name was typed.
---@param context commerce.portal.Context
---@param given { action: string, name: string, button: string, back: string }
---@return commerce.portal.Node node
function layout.confirmation(context, given)
  local name = typed_name(given.name)
  return layout.form(context, { class = "stack", action = given.action,
    h.div { class = "field",
      h.label { ["for"] = "confirm", name == given.name and "Type the name to confirm"
        or "Type the beginning of the name to confirm" },
      h.p { class = "hint", id = "confirm-hint", h.code { class = "name", h.bdi(name) } },
      h.input { id = "confirm", name = "confirm", required = true, autocomplete = "off",
        dir = "auto", ["aria-describedby"] = "confirm-hint" } },
    h.div { class = "actions", h.button { class = "danger", given.button },
      h.a { class = "button", href = given.back, "Cancel" } } })
end

--- Whether the form of `layout.confirmation` was sent with the right name.
---@param context commerce.portal.Context
---@param name string
---@return boolean
function layout.is_confirmed(context, name)
  local typed = (context.form.confirm or ""):gsub("%s+", " "):gsub("^ ", ""):gsub(" $", "")
  return typed ~= "" and (typed == (typed_name(name):gsub("^ ", ""):gsub(" $", "")))
end

local function nav_link(label, address, is_active)
  return h.a { href = address, class = is_active and "active" or nil,
    ["aria-current"] = is_active and "page" or nil, label }
end

local function mode_switch(context)
  local node = { class = "modes", role = "group", ["aria-label"] = "Mode" }
  for _, mode in ipairs { "test", "live" } do
    local is_on = context.mode == mode
    node[#node + 1] = h.a { href = ("%s/portal/%s/companies"):format(context.prefix, mode),
      class = "mode " .. mode, ["aria-current"] = is_on and "true" or nil,
      mode == "test" and "Test" or "Live" }
  end
  return h.div(node)
end

local BAND = "Test mode. Nothing here is real money."

local function header(context, page)
  local portal = context.prefix .. "/portal"
  local session = context.session
  return h.header { context.mode == "test" and h.p { class = "band", BAND }, h.div { class = "top",
    h.a { class = "brand", href = context.base .. "/companies", "lua-commerce" },
    h.nav { ["aria-label"] = "Main",
      nav_link("Companies", context.base .. "/companies", page.active == "companies"),
      nav_link("Settings", portal .. "/settings", page.active == "settings") },
    mode_switch(context),
    h.details { class = "menu",
      h.summary { ["aria-label"] = "Account of " .. session.user.name,
        h.span { class = "name", session.user.name } },
      h.div { class = "menu-list",
        h.p { class = "quiet", session.role == "admin" and "Administrator" or "Viewer" },
        h.a { href = portal .. "/settings/account", "Your account" },
        layout.form(context, { action = portal .. "/logout",
          h.button { class = "link", "Sign out" } }) } } } }
end

local function crumbs(page)
  local list = {}
  for i, crumb in ipairs(page.crumbs or {}) do
    list[i] = h.li { crumb[2] and h.a { href = crumb[2], layout.name(crumb[1]) }
      or layout.name(crumb[1]) }
  end
  return #list > 0 and h.nav { class = "crumbs", ["aria-label"] = "Breadcrumbs", h.ol(list) }
end

local function tabs(page)
  local list = { class = "tabs", ["aria-label"] = "Sections" }
  for _, tab in ipairs(page.tabs or {}) do
    list[#list + 1] = h.a { href = tab[2], ["aria-current"] = tab[3] and "page" or nil, tab[1] }
  end
  return #list > 0 and h.nav(list)
end

local function main(page)
  return h.main { id = "main", class = page.narrow and "narrow" or nil, tabindex = "-1",
    crumbs(page),
    h.div { class = "heading", h.h1 { page.heading or page.title },
      page.actions and h.div { class = "actions", page.actions } },
    tabs(page), page.body }
end

local function more_scripts(context, page)
  local nodes = {}
  for i, name in ipairs(page.scripts or {}) do
    nodes[i] = h.script { type = "module", src = assets.address(context.prefix, name) }
  end
  if page.again then
    nodes[#nodes + 1] = h.noscript { h.meta { ["http-equiv"] = "refresh",
      content = ("%d;url=%s"):format(page.again.seconds, page.again.href) } }
  end
  return nodes
end

local function document(context, page, body)
  return "<!DOCTYPE html>\n" .. h.render(h.html { lang = "en",
    h.head { h.meta { charset = "utf-8" },
      h.meta { name = "viewport", content = "width=device-width, initial-scale=1" },
      h.meta { name = "robots", content = "noindex" },
      h.meta { name = "color-scheme", content = "light dark" },
      h.title { page.title .. (context.mode == "test" and context.session and " (test)" or "")
        .. " · lua-commerce" },
      h.link { rel = "icon", href = assets.address(context.prefix, "icon.svg") },
      h.link { rel = "stylesheet", href = assets.address(context.prefix, "portal.css") },
      h.script { type = "module", src = assets.address(context.prefix, "portal.js") },
      more_scripts(context, page) },
    h.body { class = context.session and context.mode or nil, body } })
end

--- A page as a response.
---@param context commerce.portal.Context
---@param page commerce.portal.Page
---@return commerce.http.Response
function layout.page(context, page)
  local body = { h.a { class = "skip", href = "#main", "Skip to the content" } }
  if context.session then
    body[#body + 1] = header(context, page)
  end
  body[#body + 1] = main(page)
  return { status = page.status or 200, headers = html.headers(HEADERS),
    body = document(context, page, body) }
end

--- Send the browser to another page of the portal.
---@param address string with the prefix
---@param cookie string? the header that gives the browser its cookie
---@return commerce.http.Response
function layout.go(address, cookie)
  return { status = 303, body = "", headers = { Location = address, ["Cache-Control"] = "no-store",
    ["Set-Cookie"] = cookie } }
end

return layout
