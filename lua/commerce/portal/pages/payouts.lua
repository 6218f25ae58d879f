-- Payouts with their transactions: in which bank deposit is this payment?

local amounts = require "commerce.portal.amounts"
local csv = require "commerce.base.csv"
local decimal = require "commerce.base.decimal"
local fields = require "commerce.portal.fields"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"
local linked = require "commerce.store.linked"
local listing = require "commerce.app.listing"
local listings = require "commerce.portal.listings"
local model = require "commerce.model"
local paid_in = require "commerce.app.paid_in"
local response = require "commerce.http.response"
local sections = require "commerce.portal.sections"
local url = require "commerce.base.url"

local BASE = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/payouts"
local SIZE = 50 -- payouts of a page
local BATCH = 100 -- transactions of a page

local PAYOUTS = model.find "payouts"

local function money(value, currency)
  return value ~= nil and value ~= json.null and amounts.money(type(value) == "string" and value
    or decimal.tostring(value), currency) or "—"
end

local function payout_path(context, connection, id)
  return sections.connection(context, connection, "payouts"
    .. (id and "/" .. url.escaped(id) or ""))
end

-- ---------------------------------------------------------------- the list

local function row_of(context, connection, row)
  local record = json.stored(row.data)
  return h.tr { h.td { h.a { href = payout_path(context, connection, row.id),
    amounts.day(record.arrivalDate or record.createdDate) } },
    h.td { class = "number", money(record.amount, record.currency) },
    h.td { fields.pill(record.status or "Unknown") },
    h.td { class = "number", amounts.count(record.transactionCount and ("%.0f"):format(
      record.transactionCount)) },
    h.td { class = "number", money(record.fees, record.currency) },
    h.td { h.code(row.id) } }
end

local function find_form(context, connection, said)
  return h.form { method = "get", action = payout_path(context, connection), role = "search",
    class = "field",
    h.label { ["for"] = "find", "In which payout is this payment?" },
    h.div { class = "row", h.div { class = "grow", h.input { id = "find", name = "find",
      type = "search", value = context.query.find, placeholder = "ch_… or txn_…", maxlength = 255,
      autocomplete = "off", spellcheck = "false",
      ["aria-describedby"] = said and "find-said" or nil } },
      h.button "Find" },
    said and h.p { class = "notice info", id = "find-said", role = "status", said } }
end

local function link(label, href)
  return href and h.a { class = "button compact", href = href, label }
    or h.span { class = "button compact", ["aria-disabled"] = "true", label }
end

local function pager(context, connection, page)
  local function at(place, backward)
    return place and payout_path(context, connection) .. "?from=" .. url.escaped(
      listings.place_text(place)) .. (backward and "&back=1" or "")
  end
  return h.nav { class = "pages", ["aria-label"] = "Pages", h.div { class = "actions",
    link("First", page.previous and payout_path(context, connection)),
    link("Previous", at(page.previous, true)), link("Next", at(page.next)),
    link("Last", page.next and payout_path(context, connection) .. "?back=1") } }
end

local function table_of(context, connection, rows)
  local body = {}
  for i, row in ipairs(rows) do
    body[i] = row_of(context, connection, row)
  end
  return h.div { class = "table", tabindex = "0", role = "region", ["aria-label"] = "Payouts",
    h.table { h.thead { h.tr { h.th { scope = "col", "Arrives" },
      h.th { scope = "col", class = "number", "Amount" }, h.th { scope = "col", "Status" },
      h.th { scope = "col", class = "number", "Transactions" },
      h.th { scope = "col", class = "number", "Fees" }, h.th { scope = "col", "ID" } } },
      h.tbody(body) } }
end

-- Where the payment of the search was paid out: the payout's page, or why there is none.
local function find(context, connection, text)
  local payout, transaction, reason = paid_in.find(context.store, connection.id, text)
  if payout then
    return layout.go(payout_path(context, connection, payout) .. "?find="
      .. url.escaped(transaction or text) .. "#found")
  end
  return nil, reason
end

local function list(context)
  local connection, company = found.connection(context)
  local text, said = (context.query.find or ""):match "^%s*(.-)%s*$", nil
  if text ~= "" then
    local answer
    answer, said = find(context, connection, text)
    if answer then
      return answer
    end
  end
  local page = listing.page(context.store, PAYOUTS, { connection_id = connection.id, limit = SIZE,
    order = { field = "createdDate", descending = true },
    from = listings.place_of(context.query.from), backward = context.query.back == "1" })
  local body
  if #page.rows > 0 then
    body = { table_of(context, connection, page.rows), pager(context, connection, page) }
  elseif context.store:is_complete(connection.id, "payouts") then
    body = layout.empty("No payouts", "The account has not paid out anything.")
  else
    body = layout.empty("Not read yet", "The payouts have not been read completely.",
      h.a { class = "button primary", href = sections.connection(context, connection, "refresh"),
        "Refresh" })
  end
  return sections.page(context, { company = company, connection = connection, title = "Payouts",
    active = "payouts", body = { h.h2 { class = "visually-hidden", "Payouts" },
      find_form(context, connection, said), body } })
end

-- ---------------------------------------------------------------- one payout

-- A transaction's own row, its fees together, and what is left.
local function parts_of(transaction)
  local own, fee, total = nil, decimal.sum(), decimal.sum()
  for _, text in ipairs(transaction.records) do
    local record = json.stored(text)
    local amount = decimal.tostring(record.totalAmount or 0)
    total:add(amount)
    if record.id == transaction.id then
      own = record
    else
      fee:add(amount)
    end
  end
  return own, tostring(fee), tostring(total)
end

local function transaction_row(context, connection, transaction)
  local own, fee, total = parts_of(transaction)
  local is_found = context.query.find == transaction.id
  own = own or {}
  local source = csv.at(own, "transactionSourceRef.id")
  local kind = listings.type_of_id(source)
  return h.tr { id = is_found and "found" or nil, class = is_found and "found" or nil,
    h.td { layout.time(own.createdDate) }, h.td { class = "nowrap", own.type or "Unknown" },
    h.td { class = "number", money(own.totalAmount, own.currency) },
    h.td { class = "number", fee == "0" and "—" or money(fee, own.currency) },
    h.td { class = "number", money(total, own.currency) },
    h.td { class = "nowrap", kind and h.a { source,
      href = listings.record(context, connection, kind, source) } or source or "—" },
    h.td { class = "nowrap", h.a { transaction.id,
      href = listings.record(context, connection, "transactions", transaction.id) } } }
end

local function transactions(context, connection, id)
  local after = context.query.after or ""
  local find_id = context.query.find
  if after == "" and find_id and find_id:find "^txn_" then
    -- begin the page with the transaction that was looked for
    after = find_id:sub(1, -2)
  end
  local batch, rows = context.store:paid_transactions(connection.id, id, after, BATCH), {}
  for i, transaction in ipairs(batch) do
    rows[i] = transaction_row(context, connection, transaction)
  end
  if #rows == 0 then
    return layout.empty("No transactions", after ~= "" and "The list ends here."
      or "Which transactions were paid out in it is not known. Stripe tells it of automatic "
        .. "payouts, some time after they are paid.")
  end
  local path = payout_path(context, connection, id)
  return { h.div { class = "table", tabindex = "0", role = "region",
    ["aria-label"] = "Transactions", h.table { h.thead { h.tr { h.th { scope = "col", "Created" },
      h.th { scope = "col", "Type" }, h.th { scope = "col", class = "number", "Amount" },
      h.th { scope = "col", class = "number", "Fees" },
      h.th { scope = "col", class = "number", "Net" }, h.th { scope = "col", "Source" },
      h.th { scope = "col", "Transaction" } } }, h.tbody(rows) } },
    (after ~= "" or #batch == BATCH) and h.nav { class = "pages", ["aria-label"] = "Pages",
      h.div { class = "actions", link("First", after ~= "" and path),
        link("Next", #batch == BATCH and path .. "?after=" .. url.escaped(batch[#batch].id)) } } }
end

local function fact(title, node)
  return node and { h.dt(title), h.dd { node } }
end

local function facts(context, connection, id, record)
  local currency = record.currency
  return h.dl { class = "facts",
    fact("Amount", money(record.amount, currency)),
    fact("Transactions before fees", record.grossAmount and money(record.grossAmount, currency)),
    fact("Fees", record.fees and money(record.fees, currency)),
    fact("Transactions", record.transactionCount and amounts.count(("%.0f"):format(
      record.transactionCount))),
    fact("Arrives", amounts.day(record.arrivalDate)),
    fact("Created", layout.time(record.createdDate)),
    fact("Schedule", record.automatic == true and "automatic" or record.automatic == false
      and "by hand"),
    fact("Bank statement", record.statementDescriptor and layout.name(record.statementDescriptor)),
    fact("Trace ID", record.traceId and h.bdi(record.traceId)),
    fact("Bank account", record.destination and h.code(record.destination)),
    fact("Failure", (record.failureMessage or record.failureCode)
      and layout.name(record.failureMessage or record.failureCode)),
    fact("Record", h.a { href = listings.record(context, connection, "payouts", id),
      "All fields" }) }
end

local function one(context)
  local connection, company = found.connection(context)
  local id = context.params.payoutId
  local text = context.store:find(PAYOUTS, connection.id, { id }, true)[id]
    or response.refuse(404, "There is no such payout.")
  local row = { id = id, data = text, connection_id = connection.id }
  linked.add(context.store, PAYOUTS, { row })
  local record = json.stored(row.data)
  return sections.page(context, { company = company, connection = connection, active = "payouts",
    title = id, crumbs = { { "Payouts", payout_path(context, connection) }, { id } },
    body = { h.div { class = "card-head", h.h2 { money(record.amount, record.currency), " ",
      fields.pill(record.status or "Unknown") } },
      h.section { class = "card", facts(context, connection, id, record) },
      h.section { class = "stack", h.h2 "Transactions", transactions(context, connection, id) } } })
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = BASE, run = list },
  { method = "GET", path = BASE .. "/{payoutId}", run = one },
}
