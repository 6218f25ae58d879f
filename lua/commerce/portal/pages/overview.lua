-- The overview of a merchant: what a lender looks at first. Amounts are shown by currency and never
-- added over currencies.

local ascii = require "commerce.base.ascii"
local amounts = require "commerce.portal.amounts"
local charts = require "commerce.portal.charts"
local core = require "commerce.core"
local arithmetic = require "commerce.base.arithmetic"
local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local fields = require "commerce.portal.fields"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"
local model = require "commerce.model"
local listings = require "commerce.portal.listings"
local overview = require "commerce.portal.overview"
local sections = require "commerce.portal.sections"
local url = require "commerce.base.url"

local PATH = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/overview"
local BUDGET = 1.5 -- seconds of computing, after which the rest is computed by requests of its own

-- ---------------------------------------------------------------- addresses

local NAMES = { "unit", "length", "count", "date", "compare", "currency", "part" }

local function address(view, given)
  local values, parts = { currency = view.context.query.currency }, {}
  for _, name in ipairs { "unit", "length", "count", "date", "compare" } do
    values[name] = view.context.query[name]
  end
  for name, value in pairs(given or {}) do
    values[name] = value
  end
  for _, name in ipairs(NAMES) do
    parts[#parts + 1] = values[name] and values[name] ~= "" and name .. "="
      .. url.escaped(values[name]) or nil
  end
  return sections.connection(view.context, view.connection, "overview")
    .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

-- ---------------------------------------------------------------- parts of all sections

-- A figure with its change against the range before. `better`: 1 if more is better, -1 if less is.
local function card(view, title, value, given)
  given = given or {}
  local growth, class = given.growth, "quiet"
  if growth and given.better and tonumber(growth) ~= 0 then
    class = (tonumber(growth) > 0) == (given.better > 0) and "up" or "down"
  end
  return h.div { class = "card figure", h.h3 { class = "quiet small", title },
    h.p { class = "value", value },
    growth and h.p { class = "small", h.span { class = class, tonumber(growth) < 0 and "▼ " or "▲ ",
      given.points and amounts.percent((growth:gsub("^%-", ""))):gsub("%%", " points")
        or amounts.percent((growth:gsub("^%-", ""))) }, h.span { class = "quiet",
      " vs the " .. view:range() .. " before" } } or h.p { class = "small quiet",
      given.note or "\194\160" } }
end

-- `currency`: what is lacking of other currencies alone is left out.
local function lacks(report, currency)
  local items, seen = {}, {}
  for _, absent in ipairs(report.absent) do
    local of_one = currency and absent.reason:match "%((%u%u%u)%)$"
    if not seen[absent.reason] and (not of_one or of_one == currency) then
      seen[absent.reason] = true
      items[#items + 1] = h.p { class = "small", "Not computed: " .. absent.reason .. "." }
    end
  end
  return #items > 0 and h.div { class = "notice info", items }
end

local function money(currency)
  return function(value)
    return amounts.money(value, currency)
  end
end

local function percent(value)
  return amounts.percent(value)
end

local function draw(view, chart)
  chart.labels = view:labels()
  return h.div { class = "card", h.h3(chart.title), charts.draw(chart) }
end

local function ratio_to_percent(points)
  local list = {}
  for i, point in ipairs(points) do
    list[i] = point and arithmetic.product("100", point) or false
  end
  return list
end

-- ---------------------------------------------------------------- sales

local MOST_PILLS = 8

local function currency_nav(view)
  local links = { class = "pills", ["aria-label"] = "Currency" }
  for i, each in ipairs(view.currencies) do
    local is_on = each.code == view.currency
    if i <= MOST_PILLS or is_on then
      links[#links + 1] = h.a { class = "pill choice", ["aria-current"] = is_on and "true" or nil,
        href = address(view, { currency = each.code }), each.code }
    end
  end
  return #links > 1 and h.nav(links)
end

local function by_currency(view)
  local rows = {}
  for _, each in ipairs(view.currencies) do
    local code = each.code
    local value, orders = view:sum("orders", "value", code), view:sum("orders", "orders", code)
    rows[#rows + 1] = h.tr { h.th { scope = "row", code == view.currency and h.strong(code)
      or h.a { href = address(view, { currency = code }), code } },
      h.td { class = "number", amounts.money(view:sum("revenue", "revenue", code) or "0", code) },
      h.td { class = "number", amounts.count(orders) },
      h.td { class = "number", value and orders and amounts.money(arithmetic.quotient(value, orders,
        amounts.exponent(code)), code) or "—" },
      h.td { class = "number", amounts.money(view:sum("refunds", "value", code) or "0", code) } }
  end
  return #rows > 1 and h.details { class = "disclosure card", open = #rows <= 6 or nil,
    h.summary(("All %d currencies"):format(#rows)),
    h.div { class = "table", tabindex = "0", role = "region", ["aria-label"] = "By currency",
      h.table { h.thead { h.tr { h.th { scope = "col", "Currency" },
        h.th { scope = "col", class = "number", "Revenue" },
        h.th { scope = "col", class = "number", "Payments" },
        h.th { scope = "col", class = "number", "Average" },
        h.th { scope = "col", class = "number", "Refunded" } } }, h.tbody(rows) } } }
end

local function sales(view)
  local code = view.currency
  local revenue, before = view:sum("revenue", "revenue", code),
    view.compared and view:sum("revenue", "revenue", code, true)
  local orders, value = view:sum("orders", "orders", code), view:sum("orders", "value", code)
  local orders_before = view.compared and view:sum("orders", "orders", code, true)
  local value_before = view.compared and view:sum("orders", "value", code, true)
  local function average(sum, count)
    return sum and count and arithmetic.quotient(sum, count, amounts.exponent(code))
  end
  local mean, mean_before = average(value, orders), average(value_before, orders_before)
  local what = view:report("orders").source
  local series = { { name = "Revenue", points = view:points("revenue", "revenue", code) } }
  if view.compared then
    series[2] = { name = "The " .. view:range() .. " before", kind = "line", is_before = true,
      points = view:points("revenue", "revenue", code, true) }
  end
  return { currency_nav(view), h.div { class = "cards",
    card(view, "Revenue", amounts.money(revenue or "0", code), { better = 1,
      growth = overview.growth(before, revenue) }),
    card(view, what == "orders" and "Orders" or "Payments", amounts.count(orders), { better = 1,
      growth = overview.growth(orders_before, orders) }),
    card(view, what == "orders" and "Average order" or "Average payment",
      mean and amounts.money(mean, code) or "—", { better = 1,
        growth = overview.growth(mean_before, mean) }) },
    h.div { class = "columns",
      draw(view, { id = "revenue", title = "Revenue, " .. code, series = series,
        format = money(code), description = ("Gross revenue of each %s in %s."):format(
          ascii.lower(view.unit), code) }),
      draw(view, { id = "average", title = "Average payment, " .. code, format = money(code),
        description = ("The average of the payments of each %s in %s."):format(
          ascii.lower(view.unit), code), series = { { name = "Average", kind = "line",
          points = view:points("orders", "average", code) } } }) },
    lacks(view:report "revenue"), by_currency(view) }
end

-- ---------------------------------------------------------------- risk

local MOST_REASONS = 8

local function reasons(view)
  local report, counts, list, total = view:report "failures", {}, {}, 0
  for _, row in ipairs(report.rows) do
    if row.item and row.period >= view:first() then
      counts[row.item] = (counts[row.item] or 0) + tonumber(row.values.failed)
    end
  end
  for code, count in pairs(counts) do
    list[#list + 1], total = { code = code, count = count }, total + count
  end
  table.sort(list, function(a, b)
    if a.count ~= b.count then
      return a.count > b.count
    end
    return a.code < b.code
  end)
  local rows = {}
  for i = 1, math.min(#list, MOST_REASONS) do
    rows[i] = h.tr { h.th { scope = "row", h.bdi { (list[i].code:gsub("_", " ")) } },
      h.td { class = "number", amounts.count(list[i].count) },
      h.td { charts.share(list[i].count / total) },
      h.td { class = "number", amounts.percent(list[i].count / total, 100) } }
  end
  return h.div { class = "card", h.h3 "Why payments failed",
    #rows == 0 and h.p { class = "quiet", "No payment failed, or no reason is stored." }
      or h.div { class = "table", tabindex = "0", role = "region",
        ["aria-label"] = "Why payments failed", h.table { h.thead { h.tr {
          h.th { scope = "col", "Reason" }, h.th { scope = "col", class = "number", "Payments" },
          h.th { scope = "col", h.span { class = "visually-hidden", "Share as a bar" } },
          h.th { scope = "col", class = "number", "Share" } } }, h.tbody(rows) } },
    lacks(report) }
end

-- The change of a percentage, in points.
local function points(before, now)
  return before and now and arithmetic.difference(now, before)
end

local function risk(view)
  local code = view.currency
  local function rate(name, part, whole, before)
    return overview.share(view:sum(name, part, nil, before), view:sum(name, whole, nil, before))
  end
  local function pair(name, part, whole)
    local now = rate(name, part, whole)
    return now, view.compared and points(rate(name, part, whole, true), now)
  end
  local orders, orders_before = view:sum("orders", "orders"),
    view.compared and view:sum("orders", "orders", nil, true)
  local refund = overview.share(view:sum("refunds", "refunds"), orders)
  local refund_before = view.compared and overview.share(view:sum("refunds", "refunds", nil, true),
    orders_before)
  local failure, failure_growth = pair("failures", "failed", "attempts")
  local has_disputes = view.context.store:is_complete(view.connection.id, "disputes")
  local dispute, dispute_growth
  if has_disputes then
    dispute, dispute_growth = pair("disputes", "disputes", "payments")
  end
  local series = { { name = "Refunds", kind = "line",
    points = ratio_to_percent(view:points("refunds", "rate")) },
    { name = "Failures", kind = "line", points = view:points("failures", "rate") } }
  if has_disputes then
    series[3] = { name = "Disputes", kind = "line", points = view:points("disputes", "rate") }
  end
  local disputes = has_disputes and view:sum("disputes", "disputes")
  return { h.div { class = "cards",
    card(view, "Refund rate", amounts.percent(refund), { better = -1, points = true,
      growth = points(refund_before, refund) }),
    card(view, "Refunded, " .. code, amounts.money(view:sum("refunds", "value", code) or "0", code),
      { note = amounts.count(view:sum("refunds", "refunds", code) or 0) .. " refunds" }),
    card(view, "Dispute rate", amounts.percent(dispute), { better = -1, points = true,
      growth = dispute_growth,
      note = has_disputes and amounts.count(disputes) .. " disputes"
        or "disputes have not been read" }),
    card(view, "Failure rate", amounts.percent(failure), { better = -1, points = true,
      growth = failure_growth }) },
    h.div { class = "columns", draw(view, { id = "rates", title = "Rates, all currencies",
      description = "Refunds, failed payments and disputes in percent of the payments.",
      series = series, format = percent }), reasons(view) },
    lacks(view:report "refunds"), has_disputes and lacks(view:report "disputes") }
end

-- ---------------------------------------------------------------- fees, customers

local function fees(view)
  local code = view:settled "fees"
  local paid, volume = view:sum("fees", "fees", code), view:sum("fees", "volume", code)
  local share = overview.share(paid, volume)
  local before = view.compared and overview.share(view:sum("fees", "fees", code, true),
    view:sum("fees", "volume", code, true))
  return { h.div { class = "columns", h.div { class = "cards",
    card(view, "Fees of the volume", amounts.percent(share), { better = -1, points = true,
      growth = points(before, share) }),
    card(view, "Fees, " .. code, amounts.money(paid or "0", code), {
      note = "of " .. amounts.money(volume or "0", code) .. " that settled" }) },
    draw(view, { id = "fees", title = "Fees of the volume, " .. code, format = percent,
      description = ("Stripe's fees in percent of what settled in %s."):format(code),
      series = { { name = "Fees", kind = "line", points = view:points("fees", "share", code) } } })
    }, lacks(view:report "fees") }
end

local function customers(view)
  local report = view:report "customerRetention"
  local new, total = view:sum("customerRetention", "new"), view:sum("customerRetention", "total")
  local last, word = view:last(), "last " .. ascii.lower(view.unit)
  while last > view:first() and (report:value(last, "total") or "0") == "0" do
    last = last - 1
    word = view:labels()[last - view:first() + 1]
  end
  return { h.div { class = "columns", h.div { class = "cards",
    card(view, "New customers", amounts.count(new), { better = 1, growth = view.compared
      and overview.growth(view:sum("customerRetention", "new", nil, true), new) }),
    card(view, "Retention, " .. word,
      amounts.percent(report:value(last, "retention")), { note = "of the customers of the "
        .. ascii.lower(view.unit) .. " before" }),
    card(view, "Repeat, " .. word,
      amounts.percent(report:value(last, "repeat")), { note = total and total ~= "0"
        and "had paid before" or nil }) },
    draw(view, { id = "customers", title = "New and returning customers", format = amounts.count,
      description = "Customers with a payment, by whether it was their first of all.",
      series = { { name = "New", points = view:points("customerRetention", "new") },
        { name = "Returning", points = view:points("customerRetention", "existing") } } }) },
    lacks(report) }
end

local MOST_CUSTOMERS = 10

local function top(view)
  local report, rows, total = view:report "topCustomers", {}, nil
  for _, row in ipairs(report.rows) do
    if row.currency == view.currency and row.item and #rows < MOST_CUSTOMERS then
      local has_record = listings.type_of_id(row.item) == "customers"
      rows[#rows + 1] = h.tr { h.th { scope = "row", has_record and h.a {
        href = listings.record(view.context, view.connection, "customers", row.item), row.item }
        or h.bdi { class = "clip", row.item } },
        h.td { class = "number", amounts.money(row.values.topVolume or "0", view.currency) },
        h.td { charts.share((tonumber(row.values.share) or 0) / 100) },
        h.td { class = "number", amounts.percent(row.values.share) } }
    elseif row.currency == view.currency and not row.item then
      total = row.values.share
    end
  end
  return { total and h.p { class = "quiet", ("The largest customers paid %s of the volume in %s, "
    .. "over all the time that is shown."):format(amounts.percent(total), view.currency) },
    #rows > 0 and h.div { class = "table", tabindex = "0", role = "region",
      ["aria-label"] = "Customers by what they paid", h.table { h.thead { h.tr {
        h.th { scope = "col", "Customer" }, h.th { scope = "col", class = "number", "Paid" },
        h.th { scope = "col", h.span { class = "visually-hidden", "Share as a bar" } },
        h.th { scope = "col", class = "number", "Share" } } }, h.tbody(rows) } }
      or h.p { class = "quiet", "No payment names its customer." }, lacks(report, view.currency) }
end

-- ---------------------------------------------------------------- balance

-- What Stripe said of the balance when the account was read last, by currency.
local function told(view)
  local _, data = view.context.store:records(model.find "company_info",
    { connection_id = view.connection.id, limit = 1 })()
  local record, list = data and json.stored(data) or {}, {}
  for _, balance in ipairs(record.accountBalances or {}) do
    list[balance.currency or "XXX"] = balance
  end
  return list, record.modifiedDate
end

local function text_of(value)
  return value and decimal.tostring(value) or "0"
end

-- The newest balance by what is stored, of each currency.
local function stored_balances(view)
  local report, list = view:report "balance", {}
  for _, row in ipairs(report.rows) do
    if row.period == view:last() and row.currency then
      list[row.currency] = row.values.balance
    end
  end
  return list
end

local function check_form(view)
  if view.connection.status ~= "Linked" or view.context.session.role ~= "admin" then
    return nil
  end
  return layout.form(view.context, { action = address(view) .. "#balance",
    h.button { class = "compact", "Compare with Stripe now" } })
end

local function answer(view)
  local verified = view.verified
  if not verified then
    return nil
  elseif verified.problem then
    return layout.notice("bad", "Stripe could not be asked: " .. verified.problem)
  end
  local lines = {}
  for i, check in ipairs(verified.checks) do
    lines[i] = h.li { check.error and "Not possible: " .. check.error
      or ("%s%s: stored %s, at Stripe %s"):format(check.currency,
        check.balance_type and " (" .. check.balance_type .. ")" or "",
        amounts.money(check.found or "0", check.currency),
        amounts.money(check.expected or "0", check.currency)),
      check.note and h.span { class = "quiet", " (" .. check.note .. ")" } }
  end
  return layout.notice(verified.agrees and "good" or "bad", { h.p { verified.agrees
    and "The stored transactions add up to the balance at Stripe."
    or "The stored transactions do not add up to the balance at Stripe. A refresh may read what is "
      .. "missing." }, h.ul { class = "plain small", lines } })
end

-- What the stored transactions add up to, without what Stripe said of the balance.
local function difference(stored, said)
  return arithmetic.difference(arithmetic.difference(stored, text_of(said.available)),
    text_of(said.pending))
end

local function balance(view)
  local code, stored, now_told, at = view:settled "balance", stored_balances(view), told(view)
  local rows, codes = {}, {}
  for each in pairs(stored) do
    codes[#codes + 1] = each
  end
  for each in pairs(now_told) do
    codes[#codes + 1] = not stored[each] and each or nil
  end
  ascii.sort(codes)
  for i, each in ipairs(codes) do
    local said = now_told[each]
    local apart = said and difference(stored[each] or "0", said)
    rows[i] = h.tr { h.th { scope = "row", each },
      h.td { class = "number", amounts.money(stored[each] or "0", each) },
      h.td { class = "number", said and amounts.money(text_of(said.available), each) or "—" },
      h.td { class = "number", said and amounts.money(text_of(said.pending), each) or "—" },
      h.td { class = "number", not said and "—" or apart == "0"
        and h.span { class = "pill good", "none" } or amounts.money(apart, each) } }
  end
  return { h.div { class = "stack",
    draw(view, { id = "balances",
      title = ("Balance at the end of each %s, %s"):format(ascii.lower(view.unit), code),
      format = money(code), series = { { name = "Balance", kind = "line",
        points = view:points("balance", "balance", code) } },
      description = ("Available and pending together in %s, by the stored transactions.")
        :format(code) }),
    h.div { class = "card", h.h3 "Now", h.div { class = "table", tabindex = "0", role = "region",
      ["aria-label"] = "Balance now", h.table { h.thead { h.tr { h.th { scope = "col", "Currency" },
        h.th { scope = "col", class = "number", "Stored" },
        h.th { scope = "col", class = "number", "Available" },
        h.th { scope = "col", class = "number", "Pending" },
        h.th { scope = "col", class = "number", "Difference" } } }, h.tbody(rows) } },
      h.p { class = "small quiet", "Stored: what the stored transactions add up to. Available and "
        .. "pending: what Stripe said when the account was read last",
        at and { " (changed ", layout.time(at), ")" }, "." },
      answer(view), check_form(view) } }, lacks(view:report "balance") }
end

-- ---------------------------------------------------------------- payouts

local SHOWN_PAYOUTS = 5

local function payouts(view)
  local code, rows = view:settled "payouts", {}
  local data_type = model.find "payouts"
  for id, data in view.context.store:records(data_type, { connection_id = view.connection.id,
    limit = SHOWN_PAYOUTS }) do
    local record = json.stored(data)
    rows[#rows + 1] = h.tr { h.td { h.a { href = sections.connection(view.context, view.connection,
      "payouts/" .. url.escaped(id)), amounts.day(record.arrivalDate) } },
      h.td { class = "number", amounts.money(text_of(record.amount), record.currency) },
      h.td { fields.pill(record.status or "Unknown") } }
  end
  local report = view:report "payouts"
  return { h.div { class = "columns", h.div { class = "stack", h.div { class = "cards",
    card(view, "Paid out, " .. code, amounts.money(view:sum("payouts", "value", code) or "0", code),
      { note = amounts.count(view:sum("payouts", "payouts", code) or 0) .. " payouts" }),
    card(view, "Days between payouts", report:value(view:last(), "averageGap", code) or "—",
      { note = "on average, last " .. ascii.lower(view.unit) }),
    card(view, "Failed payouts", amounts.count(view:sum("payouts", "failed", code) or 0)) } },
    h.div { class = "card", h.div { class = "card-head", h.h3 "Newest payouts",
      h.a { href = sections.connection(view.context, view.connection, "payouts"), "All payouts" } },
      #rows > 0 and h.div { class = "table", tabindex = "0", role = "region",
        ["aria-label"] = "Newest payouts", h.table { h.thead { h.tr {
          h.th { scope = "col", "Arrives" }, h.th { scope = "col", class = "number", "Amount" },
          h.th { scope = "col", "Status" } } }, h.tbody(rows) } }
        or h.p { class = "quiet", "No payout is stored." } } }, lacks(report) }
end

-- ---------------------------------------------------------------- the page

local PARTS = {
  { name = "sales", title = "Sales", needs = { "payments" }, draw = sales },
  { name = "risk", title = "Refunds, disputes and failures", needs = { "payments" }, draw = risk },
  { name = "fees", title = "Fees", needs = { "payments", "transactions" }, draw = fees },
  { name = "balance", title = "Balance", needs = { "payments", "transactions" }, draw = balance },
  { name = "payouts", title = "Payouts", needs = { "payments", "payouts" }, draw = payouts },
  { name = "customers", title = "Customers", needs = { "payments" }, draw = customers },
  { name = "top", title = "Largest customers", needs = { "payments" }, draw = top },
}

local function missing(view, part)
  for _, name in ipairs(part.needs) do
    if not view.context.store:is_complete(view.connection.id, name) then
      return name
    end
  end
end

-- Every part has its place from the beginning, so that nothing jumps when it is computed.
local function part_of(view, part, stop)
  local lacking = missing(view, part)
  local asked = view.verified and "balance" or view.context.query.part
  local body
  local later = asked and asked ~= part.name
    or not asked and (view.is_large or core.now() > stop)
  if lacking then
    body = h.p { class = "quiet", ("The %s have not been read completely yet."):format(
      lacking:gsub("_", " ")) }
  elseif later then
    body = h.p { h.a { class = "button compact", href = address(view, { part = part.name })
      .. "#" .. part.name, "Compute" }, h.span { class = "quiet small",
      " This takes longer: the connection has many records." } }
  else
    view:choose_currency()
    body = part.draw(view)
  end
  return h.section { class = "stack part", id = part.name,
    ["aria-labelledby"] = part.name .. "-head",
    ["data-later"] = not lacking and later and address(view, { part = part.name }) or nil,
    h.h2 { id = part.name .. "-head", part.title }, body }
end

local function option(value, label, selected)
  return h.option { value = value, selected = value == selected or nil, label }
end

local function period_form(view)
  return h.form { method = "get", action = sections.connection(view.context, view.connection,
    "overview"), class = "row card range",
    h.div { class = "field", h.label { ["for"] = "count", "Periods" },
      h.input { id = "count", name = "count", type = "number", min = 1, max = 183,
        value = view.count } },
    h.div { class = "field", h.label { ["for"] = "unit", "of" }, h.select { id = "unit",
      name = "unit", option("Day", "Days", view.unit), option("Week", "Weeks", view.unit),
      option("Month", "Months", view.unit), option("Year", "Years", view.unit) } },
    h.div { class = "field", h.label { ["for"] = "length", "Length" },
      h.input { id = "length", name = "length", type = "number", min = 1, max = 366,
        value = view.length } },
    h.div { class = "field", h.label { ["for"] = "date", "Up to" },
      h.input { id = "date", name = "date", type = "date", value = view.date } },
    h.div { class = "field", h.label { ["for"] = "compare", "Compare with" }, h.select {
      id = "compare", name = "compare",
      option("", "the range before", view.compared and "" or "none"),
      option("none", "nothing", view.compared and "" or "none") } },
    view.context.query.currency and h.input { type = "hidden", name = "currency",
      value = view.context.query.currency },
    h.button { class = "primary", "Show" } }
end

local function empty(context, connection)
  return layout.empty("Nothing to show yet",
    "The payments of this connection have not been read completely.",
    h.a { class = "button primary", href = sections.connection(context, connection, "refresh"),
      "Refresh" })
end

local function page(context, verified)
  local connection, company = found.connection(context)
  local view = overview.new(context, connection)
  local body
  view.verified = verified
  if not context.store:is_complete(connection.id, "payments") then
    body = empty(context, connection)
  else
    local stop, from, to = core.now() + BUDGET, view:days()
    body = { period_form(view), h.p { class = "quiet", amounts.day(from), " – ",
      amounts.day(to), ", UTC" } }
    for _, part in ipairs(PARTS) do
      body[#body + 1] = part_of(view, part, stop)
    end
  end
  return sections.page(context, { company = company, connection = connection, title = "Overview",
    active = "overview", scripts = { "later.js" }, body = body })
end

local function show(context)
  return page(context)
end

-- Asks Stripe for the balance, and says whether the stored transactions add up to it.
local function compare(context)
  local connection = found.connection(context)
  local report, _, failure = errors.catch(function()
    return errors.finally(function()
      return errors.must(connection:verify { balance = true })
    end, function()
      connection:close()
    end)
  end)
  return page(context, report or { problem = errors.public(failure) })
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = PATH, run = show },
  { method = "POST", path = PATH, audit = "data.verify", run = compare },
}
