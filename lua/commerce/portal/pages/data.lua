-- The table of a data type: filter, order, pages, columns, saved filters, export.

local ascii = require "commerce.base.ascii"
local amounts = require "commerce.portal.amounts"
local csv = require "commerce.base.csv"
local errors = require "commerce.base.errors"
local export = require "commerce.app.export"
local fields = require "commerce.portal.fields"
local filters = require "commerce.portal.filters"
local h = require "commerce.portal.html"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"
local listing = require "commerce.app.listing"
local listings = require "commerce.portal.listings"
local query = require "commerce.query"
local response = require "commerce.http.response"
local sections = require "commerce.portal.sections"

local SIZE = 50 -- records of a page
local BASE = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/data/{dataType}"

-- ---------------------------------------------------------------- the data types

-- The built-in types, and those of scripts and of the API that this connection has.
local function types_nav(list)
  local context, links = list.context, { class = "pills", ["aria-label"] = "Data types" }
  local latest = context.store:latest_pulls(list.connection.id)
  for _, data_type in ipairs(context.store:types()) do
    if not data_type.own or latest[data_type.name] then
      local is_on = data_type.name == list.data_type.name
      links[#links + 1] = h.a { class = "pill choice", ["aria-current"] = is_on and "page" or nil,
        href = sections.connection(context, list.connection, "data/" .. data_type.name),
        fields.title(data_type.name) }
    end
  end
  return h.nav(links)
end

-- ---------------------------------------------------------------- filter

local KINDS = { decimal = "number", integer = "number", datetime = "date",
  boolean = "true or false", enum = "word", currency = "code", string = "text", any = "any" }

local function values_of(column, shape)
  local field = not column.path:find(".", 1, true) and shape.by_name[column.path]
  local names = {}
  for value in pairs(field and field.values or {}) do
    names[#names + 1] = value
  end
  ascii.sort(names)
  return #names > 0 and table.concat(names, ", ") or nil
end

local EXAMPLES = { payments = { "status=Failed", "amount>100&&currency=USD",
  "createdDate>=2026-01-01&&{status=Pending||status=Failed}", "paymentMethodRef.name~card" },
  disputes = { "status=EvidenceRequired", "totalAmount>100" },
  customers = { "emailAddress~example.com", "customerName~anna" },
  transactions = { "type=Refund", "totalAmount<0&&currency=EUR" },
  payouts = { "status=Failed", "amount>1000", "automatic=true" },
  products = { "status=Published" } }

local function help(list)
  local rows, examples = {}, {}
  for _, scalar in ipairs(list.data_type.scalars) do
    local column = fields.all(list.data_type)[scalar.field]
    rows[#rows + 1] = h.tr { h.td { h.code(scalar.field) }, h.td(KINDS[scalar.kind] or scalar.kind),
      h.td { values_of(column, list.data_type.shape) or "" } }
  end
  for i, text in ipairs(EXAMPLES[list.data_type.name] or { "modifiedDate>=2026-01-01" }) do
    examples[i] = h.li { h.a { href = list:address { q = text }, h.code(text) } }
  end
  return h.details { class = "disclosure", h.summary "How to filter",
    h.p { "A condition is a field, an operator and a value. Operators: ",
      h.code "=", " ", h.code "!=", " ", h.code ">", " ", h.code "<", " ", h.code ">=", " ",
      h.code "<=", ", and ", h.code "~", " for “contains”. Join conditions with ", h.code "&&",
      " (and) or ", h.code "||", " (or); braces group: ", h.code "{a=1||b=2}&&c>3", "." },
    h.ul { class = "plain", examples },
    h.div { class = "table small", tabindex = "0", role = "region", ["aria-label"] = "Fields",
      h.table { h.thead { h.tr { h.th { scope = "col", "Field" }, h.th { scope = "col", "Value" },
        h.th { scope = "col", "Words" } } }, h.tbody(rows) } } }
end

local function filter_form(list)
  local problem = list.problem
  return h.form { method = "get", action = list:address { q = false, sort = false },
    class = "stack filter", role = "search",
    h.input { type = "hidden", name = "sort", value = listings.order_text(list.order) },
    h.div { class = "field",
      h.label { ["for"] = "q", "Filter" },
      h.div { class = "row",
        h.div { class = "grow", h.input { id = "q", name = "q", type = "search", value = list.text,
          placeholder = (EXAMPLES[list.data_type.name] or { "id=…" })[1], maxlength = 2048,
          autocomplete = "off", spellcheck = "false", autocapitalize = "off",
          ["aria-invalid"] = problem and "true" or nil,
          ["aria-describedby"] = problem and "q-problem" or nil } },
        h.button { class = "primary", "Filter" },
        list.text ~= "" and h.a { class = "button", href = list:address { q = false }, "Clear" } },
      problem and h.p { class = "field-error", id = "q-problem", role = "alert", problem } },
    help(list) }
end

local function saved(list)
  local context, links = list.context, {}
  for i, filter in ipairs(filters.of(context, list.data_type.name)) do
    links[i] = h.li { h.a { href = list:address { q = filter.q, sort = filter.sort },
      layout.name(filter.name) },
      layout.form(context, { action = list:address({ q = false, sort = false }, "filters/delete"),
        h.input { type = "hidden", name = "name", value = filter.name },
        h.button { class = "link", ["aria-label"] = "Delete the filter " .. filter.name, "✕" } }) }
  end
  local can_save = list.query and not list.problem
  return (#links > 0 or can_save) and h.div { class = "saved",
    #links > 0 and h.ul { class = "chips", ["aria-label"] = "Saved filters", links },
    can_save and h.details { class = "disclosure", h.summary "Save this filter",
      layout.form(context, { class = "row",
        action = list:address({ q = false, sort = false }, "filters"),
        h.input { type = "hidden", name = "q", value = list.text },
        h.input { type = "hidden", name = "sort", value = listings.order_text(list.order) },
        h.div { class = "grow field", h.label { ["for"] = "filter-name", "Name" },
          h.input { id = "filter-name", name = "name", required = true, maxlength = 60 } },
        h.button "Save" }) } }
end

-- ---------------------------------------------------------------- columns

local function chooser(list, columns)
  local chosen, boxes = {}, {}
  for _, column in ipairs(columns) do
    chosen[column.field] = true
  end
  for i, column in ipairs(fields.all(list.data_type)) do
    boxes[i] = h.label { class = "check", h.input { type = "checkbox", name = "c." .. column.field,
      value = "1", checked = chosen[column.field] or nil }, column.heading }
  end
  return h.details { class = "menu chooser", h.summary { class = "button compact", "Columns" },
    h.div { class = "menu-list", h.form { method = "get",
      action = list:address({ q = false, sort = false }, "columns"), class = "stack",
      h.input { type = "hidden", name = "q", value = list.text },
      h.input { type = "hidden", name = "sort", value = listings.order_text(list.order) },
      h.fieldset { class = "boxes", h.legend "Columns", boxes },
      h.div { class = "actions", h.button { class = "primary compact", "Show these" },
        h.button { class = "compact", name = "reset", value = "1", "The usual ones" } } } } }
end

-- ---------------------------------------------------------------- the table

local function head_cell(list, column)
  local order
  for _, each in ipairs(list.orders) do
    order = each.field == column.field and each or order
  end
  local is_on = order and list.order.field == column.field
  local class = fields.is_number(column) and "number" or nil
  if not order then
    return h.th { scope = "col", class = class, column.heading }
  end
  local descending = not is_on or not list.order.descending
  return h.th { scope = "col", class = class,
    ["aria-sort"] = is_on and (list.order.descending and "descending" or "ascending") or nil,
    h.a { href = list:address { sort = listings.order_text { field = column.field,
      descending = descending }, from = false, back = false },
      column.heading, is_on and h.span { ["aria-hidden"] = "true",
        list.order.descending and " ↓" or " ↑" } } }
end

local function row_of(list, columns, row)
  local record, cells = json.stored(row.data), {}
  for i, column in ipairs(columns) do
    local cell, value = fields.cell(column, record), csv.at(record, column.path)
    local other = i > 1 and column.field ~= "id" and listings.type_of_id(value)
    if i == 1 then
      cell = h.a { href = list:record(list.data_type.name, row.id), cell }
    elseif other then
      cell = h.a { href = list:record(other, value), cell }
    end
    cells[i] = h.td { class = fields.is_number(column) and "number" or nil, cell }
  end
  return h.tr(cells)
end

local function table_of(list, columns, rows)
  local head, body = {}, { id = "rows" }
  for i, column in ipairs(columns) do
    head[i] = head_cell(list, column)
  end
  for i, row in ipairs(rows) do
    body[i] = row_of(list, columns, row)
  end
  return h.div { class = "table", tabindex = "0", role = "region",
    ["aria-label"] = fields.title(list.data_type.name),
    h.table { h.thead { h.tr(head) }, h.tbody(body) } }
end

-- ---------------------------------------------------------------- search and pages

-- How many records the search has looked at, the pages before this one included.
local function seen_before(list)
  local text = list.context.query.seen or ""
  return text:find "^%d+$" and #text < 12 and tonumber(text) or 0
end

local function count(n, word)
  return ("%s %s%s"):format(amounts.count(n), word, n == 1 and "" or "s")
end

-- What a search has found so far. The search goes on by itself, in a browser without scripts only
-- while it has found nothing.
local function progress(list, page)
  local seen = math.min(seen_before(list) + page.looked, list.total)
  local more = page.more and list:address { from = listings.place_text(page.more),
    back = list.backward and "1" or nil, seen = ("%d"):format(seen) }
  local text = page.more and ("Searched %s of %s: %s so far."):format(amounts.count(seen),
    amounts.count(list.total), #page.rows == 0 and "nothing found" or count(#page.rows, "record")
    .. " found") or ("%s found on this page."):format(count(#page.rows, "record"))
  local node = h.div { id = "search", class = "search", ["data-more"] = more or nil,
    ["data-size"] = SIZE,
    h.p { role = "status", id = "search-said", text },
    h.progress { max = list.total, value = seen, ["aria-label"] = "Searched",
      class = not more and "done" or nil },
    more and h.div { class = "actions", h.a { class = "button compact", href = more,
      ["data-continue"] = true, "Continue" },
      h.a { class = "button compact", ["data-stop"] = true,
        href = list:address { stop = "1", from = list.context.query.from, back = list.context.query
          .back, seen = list.context.query.seen }, "Stop" } } }
  local goes_on = more and #page.rows == 0 and list.context.query.stop ~= "1"
  return node, goes_on and { seconds = 1, href = more } or nil, seen
end

-- The number of all records of a long list comes later.
local function total_of(list)
  local text = count(list.total, "record")
  if list.is_total then
    return h.p { class = "quiet small", id = "total", list.query and "Of " .. text .. "." or text }
  end
  local exact = list:address { total = "1", from = list.context.query.from,
    back = list.context.query.back }
  return h.p { class = "quiet small", id = "total", ["data-later"] = exact,
    h.a { href = exact, "More than " .. text } }
end

local function pager(list, page, seen)
  local function link(label, is_there, place, backward)
    if not is_there then
      return h.span { class = "button compact", ["aria-disabled"] = "true", label }
    end
    return h.a { class = "button compact", label, href = list:address {
      from = place and listings.place_text(place) or nil, back = backward and "1" or nil,
      seen = list.query and place and not backward and ("%d"):format(seen) or nil } }
  end
  local at_first = not list.from and not list.backward
  local at_last = list.backward and not list.from or not page.next and not page.more
  return h.nav { class = "pages", ["aria-label"] = "Pages",
    h.div { class = "actions",
      link("First", not at_first), link("Previous", page.previous, page.previous, true),
      link("Next", page.next, page.next), link("Last", not at_last, nil, true) },
    total_of(list) }
end

local function index_notice(list)
  if not list.unsorted then
    return nil
  end
  local may = list.context.session.role == "admin"
  return h.div { class = "notice info stack", role = "status",
    h.p { ("Ordering so many records by %s needs an index, which this data type does not have "
      .. "yet. They are shown newest first."):format(fields.heading(list.unsorted)) },
    h.p { class = "small", may and "Making it takes some seconds for each million, in which nobody "
      .. "can write to the database, and makes each sync a little slower from then on."
      or "An administrator can make it on this page." },
    may and layout.form(list.context, {
      action = list:address({ q = false, sort = false }, "orders"),
      h.input { type = "hidden", name = "field", value = list.unsorted },
      h.input { type = "hidden", name = "q", value = list.text },
      h.button { class = "compact", "Make the index" } }) }
end

local function exports(list)
  return { h.a { class = "button compact", href = list:address({ format = "csv" }, "export"),
    download = true, "CSV" }, h.a { class = "button compact", download = true,
    href = list:address({ format = "jsonl" }, "export"), "JSON Lines" } }
end

local function nothing(list)
  if list.query then
    return layout.empty("No record matches this filter",
      "Take a condition off, or clear the filter.",
      h.a { class = "button", href = list:address { q = false }, "Clear the filter" })
  elseif list.context.store:is_complete(list.connection.id, list.data_type.name) then
    return layout.empty(("No %s"):format(ascii.lower(fields.title(list.data_type.name))),
      "The account has none.")
  end
  return layout.empty("Not read yet", "This data type has not been read completely.",
    h.a { class = "button primary", href = sections.connection(list.context, list.connection,
      "refresh"), "Refresh" })
end

local function body_of(list, page)
  local columns = fields.columns(list.data_type, filters.columns(list.context,
    list.data_type.name))
  local search, again, seen
  if list.query then
    search, again, seen = progress(list, page)
  end
  local is_empty = #page.rows == 0 and not page.more
  return { h.div { class = "card-head", saved(list) or h.span {},
      h.div { class = "actions", chooser(list, columns), exports(list) } },
    index_notice(list), not (is_empty and not list.from) and search,
    is_empty and not list.from and nothing(list)
      or is_empty and layout.empty("No more records", "The list ends here.")
      or table_of(list, columns, page.rows),
    not (is_empty and not list.from) and pager(list, page, seen) }, again
end

local function show(context)
  local list = listings.new(context)
  local body, again
  if not list.problem then
    body, again = body_of(list, listing.page(context.store, list.data_type, list:asked(SIZE)))
  end
  return sections.page(context, { company = list.company, connection = list.connection,
    title = fields.title(list.data_type.name), active = "data",
    status = list.problem and 400 or nil,
    scripts = { list.query and "search.js" or "later.js" }, again = again,
    body = { types_nav(list), h.h2 { class = "visually-hidden", fields.title(list.data_type.name) },
      filter_form(list), body } })
end

-- ---------------------------------------------------------------- actions

local function choose_columns(context)
  local list, names = listings.new(context), {}
  for _, column in ipairs(fields.all(list.data_type)) do
    names[#names + 1] = not context.query.reset and context.query["c." .. column.field]
      and column.field or nil
  end
  return layout.go(list:address(), filters.cookie(context, list.data_type.name, names))
end

local function save_filter(context)
  local list, form = listings.new(context), context.form
  errors.must(query.parse(list.data_type, form.q or ""))
  filters.add(context, { type = list.data_type.name, name = form.name or "", q = form.q,
    sort = form.sort })
  return layout.go(list:address { q = form.q, sort = form.sort })
end

local function delete_filter(context)
  local list = listings.new(context)
  filters.remove(context, list.data_type.name, context.form.name or "")
  return layout.go(list:address())
end

local function make_index(context)
  local list, field = listings.new(context), context.form.field
  for _, order in ipairs(list.orders) do
    if order.field == field then
      context.store:index_order(list.data_type.name, field)
      return layout.go(list:address { sort = "-" .. field, q = context.form.q ~= ""
        and context.form.q or nil })
    end
  end
  response.refuse(400, "This data type cannot be ordered by that field.")
end

local function send_export(context)
  local list, name = listings.new(context), context.query.format or "csv"
  list:check()
  local format = export.FORMATS[name] or response.refuse(400, "The formats are csv and jsonl.")
  local asked = list:asked(1)
  asked.from, asked.backward = nil, nil
  return export.response(export.parts(context.store, list.data_type, asked, format),
    format, list.data_type.name, name)
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = BASE, run = show },
  { method = "GET", path = BASE .. "/columns", run = choose_columns },
  { method = "GET", path = BASE .. "/export", run = send_export },
  { method = "POST", path = BASE .. "/filters", run = save_filter, role = "viewer" },
  { method = "POST", path = BASE .. "/filters/delete", run = delete_filter, role = "viewer" },
  { method = "POST", path = BASE .. "/orders", audit = "data.index", run = make_index },
}
