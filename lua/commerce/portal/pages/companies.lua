-- The list of the companies; making, changing and deleting one.

local errors = require "commerce.base.errors"
local filters = require "commerce.portal.filters"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"
local modes = require "commerce.account.mode"
local sections = require "commerce.portal.sections"
local url = require "commerce.base.url"
local view = require "commerce.codat.company"

local must = errors.must

local SIZE = 50 -- companies of a page
local MOST_PILLS = 3 -- of a company; more are counted
local LONGEST_SEARCH = 200 -- characters

-- ---------------------------------------------------------------- columns

-- Connections that need attention are not hidden behind the count of the others.
local RANK = { Deauthorized = 1, Linked = 2, PendingAuth = 3, Unlinked = 4 }

local function by_rank(a, b)
  local one, other = RANK[a.status] or 9, RANK[b.status] or 9
  if one ~= other then
    return one < other
  end
  return a.id < b.id
end

local function pills(company)
  local list = { class = "pills" }
  for i, connection in ipairs(company.connections) do
    if i <= MOST_PILLS then
      list[i] = layout.status(connection.status)
    end
  end
  local more = #company.connections - MOST_PILLS
  list[#list + 1] = more > 0 and h.span { class = "pill off", title = more .. " more connections",
    ("+%d"):format(more) }
  return #company.connections > 0 and h.div(list) or h.span { class = "quiet", "no connection" }
end

local function tags(company)
  local list = { class = "pills" }
  for name, value in pairs(company.row.tags and json.stored(company.row.tags) or {}) do
    list[#list + 1] = h.span { class = "pill off", layout.name(name .. ": " .. value) }
  end
  table.sort(list, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return #list > 0 and h.div(list) or ""
end

local function description(company)
  return h.span { class = "clip", layout.name(company.row.description or "") }
end

-- The first one cannot be hidden. `sort`: the order that its heading gives first.
local COLUMNS = {
  { "name", "Name", sort = "name" },
  { "connections", "Connections", cell = pills },
  { "lastSync", "Last data sync", sort = "-lastSync", cell = function(company)
    return layout.time(view.last_sync(company.connections))
  end },
  { "created", "Created", sort = "-created", cell = function(company)
    return layout.time(company.row.created)
  end },
  { "description", "Description", cell = description, hidden = true },
  { "tags", "Tags", cell = tags, hidden = true },
  { "id", "Id", hidden = true, cell = function(company)
    return h.code(company.row.id)
  end },
}

local REMEMBERED = "companies" -- the name under which a browser remembers its columns

local function shown_columns(context)
  local kept, names = false, {}
  for _, name in ipairs(filters.columns(context, REMEMBERED)) do
    names[name], kept = true, kept or name == COLUMNS[1][1]
  end
  local list = {}
  for i, column in ipairs(COLUMNS) do
    if i == 1 or kept and names[column[1]] or not kept and not column.hidden then
      list[#list + 1] = column
    end
  end
  return list
end

local function chooser(context, shown)
  local is_on, boxes = {}, {}
  for _, column in ipairs(shown) do
    is_on[column[1]] = true
  end
  for i = 2, #COLUMNS do
    local name, label = COLUMNS[i][1], COLUMNS[i][2]
    boxes[#boxes + 1] = h.label { class = "check", h.input { type = "checkbox",
      name = "c." .. name, value = "1", checked = is_on[name] or nil }, label }
  end
  return h.details { class = "menu chooser", h.summary { class = "button compact", "Columns" },
    h.div { class = "menu-list", h.form { method = "get", class = "stack",
      action = context.base .. "/companies/columns",
      h.fieldset { h.legend "Columns", boxes },
      h.div { class = "actions", h.button { class = "primary compact", "Show these" },
        h.button { class = "compact", name = "reset", value = "1", "The usual ones" } } } } }
end

local function choose_columns(context)
  local names = {}
  for _, column in ipairs(COLUMNS) do
    if not context.query.reset and context.query["c." .. column[1]] then
      names[#names + 1] = column[1]
    end
  end
  if not context.query.reset then
    table.insert(names, 1, "name")
  end
  return layout.go(context.base .. "/companies", filters.cookie(context, REMEMBERED, names))
end

-- ---------------------------------------------------------------- the list

local SORTS = { name = true, ["-name"] = true, created = true, ["-created"] = true,
  ["-lastSync"] = true }

-- The list that the address asks for.
local function asked_of(context)
  local query = context.query
  return { q = (query.q or ""):sub(1, LONGEST_SEARCH):gsub("[\192-\255][\128-\191]*$", ""),
    sort = SORTS[query.sort] and query.sort or "-created",
    page = input.whole(query, "page", 1, 1000000) }
end

local function address(context, asked, changes)
  local parts = {}
  for _, name in ipairs { "q", "sort", "page" } do
    local value = changes[name]
    value = value == nil and asked[name] or value
    if value and value ~= "" and not (name == "page" and value == 1)
      and not (name == "sort" and value == "-created") then
      parts[#parts + 1] = name .. "=" .. url.escaped(tostring(value))
    end
  end
  return context.base .. "/companies" .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

-- Companies whose name contains a text, or whose id it is.
local function search(text)
  if text == "" then
    return nil
  end
  local by_name = { field = "name", kind = "string", operator = "~", value = text }
  local id = input.uuid(text)
  return id and { join = "or", parts = { by_name,
    { field = "id", kind = "string", operator = "=", value = id } } } or by_name
end

local function read(context, asked)
  local page = context.store:find_companies { query = search(asked.q), limit = SIZE,
    offset = (asked.page - 1) * SIZE, integrations = modes.integrations(context.mode),
    order_by = { field = asked.sort:gsub("^%-", ""), descending = asked.sort:sub(1, 1) == "-" } }
  local list = {}
  for i, row in ipairs(page.rows) do
    local company = { row = row, connections = {} }
    for _, connection in ipairs(context.store:connections { company_id = row.id }) do
      if modes.of_integration(connection.integration) == context.mode then
        table.insert(company.connections, connection)
      end
    end
    table.sort(company.connections, by_rank)
    list[i] = company
  end
  return list, page.total
end

local function head_cell(context, asked, column)
  if not column.sort then
    return h.th { scope = "col", column[2] }
  end
  local field = column.sort:gsub("^%-", "")
  local is_on = asked.sort:gsub("^%-", "") == field
  local descending = asked.sort:sub(1, 1) == "-"
  local other = (descending and "" or "-") .. field
  return h.th { scope = "col", ["aria-sort"] = is_on and (descending and "descending"
      or "ascending") or nil,
    h.a { href = address(context, asked, { page = 1, sort = is_on and SORTS[other] and other
      or column.sort }), column[2], is_on and h.span { ["aria-hidden"] = "true",
      descending and " ↓" or " ↑" } } }
end

local function table_of(context, asked, columns, companies)
  local head, rows = {}, {}
  for i, column in ipairs(columns) do
    head[i] = head_cell(context, asked, column)
  end
  for i, company in ipairs(companies) do
    local cells = { h.td { class = "name-cell", h.a {
      href = sections.company(context, company.row.id), layout.name(company.row.name) } } }
    for j = 2, #columns do
      cells[j] = h.td { columns[j].cell(company) }
    end
    rows[i] = h.tr(cells)
  end
  return h.div { class = "table", role = "region", tabindex = "0", ["aria-label"] = "Companies",
    h.table { h.thead { h.tr(head) }, h.tbody(rows) } }
end

local function pager(context, asked, total)
  local last = math.max(math.ceil(total / SIZE), 1)
  local function link(label, page)
    local is_there = page >= 1 and page <= last and page ~= asked.page
    return is_there and h.a { class = "button compact", label,
      href = address(context, asked, { page = page }) }
      or h.span { class = "button compact", ["aria-disabled"] = "true", label }
  end
  local count = ("%d %s"):format(total, total == 1 and "company" or "companies")
  return h.nav { class = "pages", ["aria-label"] = "Pages",
    last > 1 and h.div { class = "actions", link("First", 1), link("Previous", asked.page - 1),
      link("Next", asked.page + 1), link("Last", last) },
    h.p { class = "quiet small", last > 1 and ("%s, page %d of %d"):format(count, asked.page, last)
      or count } }
end

local function is_admin(context)
  return context.session.role == "admin"
end

local function new_button(context)
  return is_admin(context) and h.a { class = "button primary",
    href = context.base .. "/companies/new", "New company" } or nil
end

local function empty(context, asked)
  if asked.q ~= "" then
    return layout.empty("No company matches", { "The search looks for a part of the name, or "
      .. "for an id, among the companies of ", context.mode, " mode." },
      h.p { h.a { class = "button", href = context.base .. "/companies", "Show all companies" } })
  end
  return layout.empty(("No companies in %s mode yet"):format(context.mode), "A company is a "
    .. "merchant of yours. Make one, then connect its Stripe account: by a link that you send the "
    .. "merchant, or by a key.", new_button(context) and h.p { new_button(context) })
end

local function list(context)
  local asked = asked_of(context)
  local companies, total = read(context, asked)
  local columns = shown_columns(context)
  local is_empty = total == 0
  return layout.page(context, { title = "Companies", active = "companies",
    actions = (not is_empty or asked.q ~= "") and new_button(context) or nil, body = {
      (not is_empty or asked.q ~= "") and h.div { class = "row",
        h.form { class = "grow row", role = "search", method = "get",
          action = context.base .. "/companies",
          asked.sort ~= "-created" and h.input { type = "hidden", name = "sort",
            value = asked.sort },
          h.div { class = "grow", h.label { ["for"] = "q", "Search" },
            h.input { id = "q", name = "q", type = "search", value = asked.q,
              maxlength = LONGEST_SEARCH, placeholder = "Name or id" } },
          h.button "Search" }, chooser(context, columns) },
      is_empty and empty(context, asked) or table_of(context, asked, columns, companies),
      not is_empty and pager(context, asked, total) } })
end

-- ---------------------------------------------------------------- one company

local function fields(context, company)
  local name, text = context.form.name, context.form.description
  return {
    h.div { class = "field", h.label { ["for"] = "name", "Name" },
      h.input { id = "name", name = "name", required = true, maxlength = "1000", dir = "auto",
        autofocus = not company, value = name or company and company.name } },
    h.div { class = "field", h.label { ["for"] = "description", "Description" },
      h.textarea { id = "description", name = "description", rows = "3", maxlength = "5000",
        dir = "auto", text or company and company.description or "" },
      h.p { class = "hint", "A note for yourself. The merchant does not see it." } },
  }
end

local function form_page(context, given)
  local crumbs = { { "Companies", context.base .. "/companies" } }
  if given.company then
    crumbs[2] = { given.company.name, sections.company(context, given.company.id) }
  end
  crumbs[#crumbs + 1] = { given.title }
  return layout.page(context, { title = given.title, active = "companies", narrow = true,
    crumbs = crumbs, status = given.status, body = {
      given.wrong and layout.notice("bad", given.wrong),
      h.div { class = "card", layout.form(context, { class = "stack", action = given.action,
        fields(context, given.company),
        h.div { class = "actions", h.button { class = "primary", given.label },
          h.a { class = "button", href = given.company and sections.company(context,
            given.company.id) or context.base .. "/companies", "Cancel" } } }) } } })
end

local function new_page(context, wrong)
  return form_page(context, { title = "New company", label = "Create the company", wrong = wrong,
    status = wrong and 400 or nil, action = context.base .. "/companies" })
end

local function text_of(form, name)
  return (form[name] or ""):find "%S" and form[name] or nil
end

local function is_wrong(failure)
  return failure and failure.kind == "usage"
end

local function create(context)
  local company, message, failure = context.app:create_company { name = context.form.name or "",
    description = text_of(context.form, "description") }
  if is_wrong(failure) then
    return new_page(context, layout.sentence(message))
  end
  must(company, message, failure)
  context.target = company.name
  return layout.go(sections.company(context, company.id))
end

local function edit_page(context, company, wrong)
  return form_page(context, { title = "Edit", label = "Save", wrong = wrong, company = company,
    status = wrong and 400 or nil, action = sections.company(context, company.id, "edit") })
end

local function edit(context)
  local company = found.company(context)
  local ok, message, failure = company:update { name = context.form.name or "",
    description = text_of(context.form, "description") or false }
  if is_wrong(failure) then
    return edit_page(context, company, layout.sentence(message))
  end
  must(ok, message, failure)
  context.target = company.name
  return layout.go(sections.company(context, company.id))
end

-- ---------------------------------------------------------------- deleting

local function delete_page(context, company, wrong)
  local all = must(company:connections())
  return layout.page(context, { title = "Delete " .. company.name, active = "companies",
    heading = { "Delete ", layout.name(company.name) }, narrow = true,
    status = wrong and 400 or nil,
    crumbs = { { "Companies", context.base .. "/companies" },
      { company.name, sections.company(context, company.id) }, { "Delete" } },
    body = { wrong and layout.notice("bad", wrong), h.div { class = "card",
      h.p { ("This deletes the company, its %d connection%s in test and in live mode, and all "
        .. "data that is stored of them. It cannot be undone. Stripe keeps its data; access that "
        .. "the merchant granted ends."):format(#all, #all == 1 and "" or "s") },
      layout.confirmation(context, { action = sections.company(context, company.id, "delete"),
        name = company.name, button = "Delete the company",
        back = sections.company(context, company.id) }) } } })
end

local function delete(context)
  local company = found.company(context)
  if not layout.is_confirmed(context, company.name) then
    return delete_page(context, company, "The name is not the same. Nothing was deleted.")
  end
  context.target, context.detail = company.name, company.id
  must(company:delete())
  return layout.go(context.base .. "/companies")
end

local ONE = "/portal/{mode}/companies/{companyId}"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = "/portal/{mode}/companies", run = list },
  { method = "GET", path = "/portal/{mode}/companies/columns", run = choose_columns },
  { method = "GET", path = "/portal/{mode}/companies/new", role = "admin", run = function(context)
    return new_page(context)
  end },
  { method = "POST", path = "/portal/{mode}/companies", audit = "company.create", run = create },
  { method = "GET", path = ONE .. "/edit", role = "admin", run = function(context)
    return edit_page(context, found.company(context))
  end },
  { method = "POST", path = ONE .. "/edit", audit = "company.change", run = edit },
  { method = "GET", path = ONE .. "/delete", role = "admin", run = function(context)
    return delete_page(context, found.company(context))
  end },
  { method = "POST", path = ONE .. "/delete", audit = "company.delete", run = delete },
}
