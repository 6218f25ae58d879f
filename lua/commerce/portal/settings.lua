-- The frame of the settings: their tabs, the parts of forms, and what a form's failure shows.

local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"

local settings = {}

local TABS = {
  { "integrations", "Integrations" }, { "data", "Data" }, { "keys", "API keys" },
  { "webhooks", "Webhooks" }, { "profile", "Profile" }, { "users", "Users" }, { "log", "Log" },
  { "account", "Your account" },
}

--- The address of a page of the settings.
---@param context commerce.portal.Context
---@param rest string such as "users"
---@return string
function settings.address(context, rest)
  return ("%s/portal/settings/%s"):format(context.prefix, rest)
end

--- Whether the user may change settings.
---@param context commerce.portal.Context
---@return boolean
function settings.may_change(context)
  return context.session.role == "admin"
end

--- A page of the settings.
---@param context commerce.portal.Context
---@param given { tab: string, title: string, body: any, status: integer?, wrong: string?, done:
---  string? } wrong, done: what became of a form
---@return commerce.http.Response
function settings.page(context, given)
  local tabs = {}
  for i, tab in ipairs(TABS) do
    tabs[i] = { tab[2], settings.address(context, tab[1]), tab[1] == given.tab }
  end
  return layout.page(context, { title = given.title, heading = "Settings", active = "settings",
    status = given.status or given.wrong and 400 or nil, tabs = tabs, body = {
      given.wrong and layout.notice("bad", given.wrong),
      given.done and layout.notice("good", given.done),
      not settings.may_change(context) and given.tab ~= "account" and layout.notice("info",
        "Your account can look at the settings. An administrator can change them."),
      given.body } })
end

local ABOUT_INPUT = { usage = true, conflict = true, state = true, auth = true, missing = true }

--- Do what a form asks. What is wrong with it is shown on the page that it came from.
---@param work fun() raises what is wrong
---@param show fun(wrong: string): commerce.http.Response the page, with what is wrong
---@param done fun(...): commerce.http.Response gets what `work` gave
---@return commerce.http.Response
function settings.try(work, show, done)
  local results = { errors.catch(function()
    work()
    return true
  end) }
  local failure = results[3]
  if results[1] then
    return done()
  elseif failure and ABOUT_INPUT[failure.kind] then
    return show(layout.sentence(errors.public(failure)))
  end
  errors.rethrow(failure)
end

---@class commerce.portal.Input a field of a form
---@field name string
---@field label string
---@field value string|number|nil
---@field hint string?
---@field type string? of the input ("text")
---@field choices { [1]: string, [2]: string }[]? values and labels of a select
---@field rows integer? of a textarea
---@field id string? default: the name
---@field class string?
---@field required boolean?
---@field disabled boolean?
---@field placeholder string?
---@field autocomplete string? ("off")
---@field min string|number|nil
---@field max string|number|nil

--- A field of a form with its label and hint.
---@param given commerce.portal.Input
---@return commerce.portal.Node node
function settings.field(given)
  local id = given.id or given.name
  local attributes = { id = id, name = given.name, required = given.required,
    disabled = given.disabled, ["aria-describedby"] = given.hint and id .. "-hint" or nil }
  local control
  if given.choices then
    for _, choice in ipairs(given.choices) do
      attributes[#attributes + 1] = h.option { value = choice[1],
        selected = choice[1] == given.value or nil, choice[2] }
    end
    control = h.select(attributes)
  elseif given.rows then
    attributes.rows = given.rows
    attributes[1] = given.value or ""
    control = h.textarea(attributes)
  else
    attributes.type, attributes.value = given.type or "text", given.value
    attributes.placeholder, attributes.autocomplete = given.placeholder, given.autocomplete
      or "off"
    attributes.min, attributes.max = given.min, given.max
    control = h.input(attributes)
  end
  return h.div { class = "field " .. (given.class or ""),
    h.label { ["for"] = id, given.label }, control,
    given.hint and h.p { class = "hint", id = id .. "-hint", given.hint } }
end

--- A box to tick.
---@param name string
---@param label any
---@param checked boolean?
---@param disabled boolean?
---@return commerce.portal.Node node
function settings.box(name, label, checked, disabled)
  return h.label { class = "check", h.input { type = "checkbox", name = name, value = "yes",
    checked = checked or nil, disabled = disabled or nil }, h.span { label } }
end

--- A secret that can be set and never read.
---@param given { name: string, label: string, is_set: boolean, hint: string?, id: string?,
---  disabled: boolean? }
---@return commerce.portal.Node node
function settings.secret(given)
  return settings.field { name = given.name, id = given.id, label = given.label,
    type = "password", autocomplete = "off", hint = given.hint, disabled = given.disabled,
    placeholder = given.is_set and "set; leave empty to keep it" or "not set" }
end

--- A list as a table.
---@param label string for readers who do not see it
---@param headings string[]
---@param rows any[][] the cells: nodes, texts or numbers
---@return commerce.portal.Node node
function settings.table(label, headings, rows)
  local head, body = {}, {}
  for i, heading in ipairs(headings) do
    head[i] = h.th { scope = "col", heading ~= "" and heading
      or h.span { class = "visually-hidden", "Actions" } }
  end
  for i, row in ipairs(rows) do
    local cells = {}
    for j = 1, #headings do
      cells[j] = h.td { row[j] or "" }
    end
    body[i] = h.tr(cells)
  end
  return h.div { class = "table", role = "region", tabindex = "0", ["aria-label"] = label,
    h.table { h.thead { h.tr(head) }, h.tbody(body) } }
end

--- A form with one button.
---@param context commerce.portal.Context
---@param action string
---@param label string
---@param given { class: string?, name: string?, fields: table<string, string>? }? name: what the
---  button is about, for readers who do not see the row
---@return commerce.portal.Node node
function settings.button(context, action, label, given)
  given = given or {}
  local form = { action = action }
  for name, value in pairs(given.fields or {}) do
    form[#form + 1] = h.input { type = "hidden", name = name, value = value }
  end
  form[#form + 1] = h.button { class = "compact " .. (given.class or ""), label,
    given.name and h.span { class = "visually-hidden", " ", given.name } }
  return layout.form(context, form)
end

--- What is shown once: a secret that was made now.
---@param id string of the field
---@param title string
---@param text string
---@return commerce.portal.Node node
function settings.shown_once(id, title, text)
  return h.div { class = "card", h.h2(title), h.p { class = "quiet",
    "Copy it now: it is not shown again." }, h.div { class = "copy",
    h.input { id = id, value = text, readonly = true, spellcheck = "false",
      ["aria-label"] = title },
    h.button { type = "button", hidden = true, ["data-copy"] = id, "Copy" } } }
end

return settings
