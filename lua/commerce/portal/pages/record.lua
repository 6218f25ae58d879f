-- A record: its fields, what it is linked with, when it was created, changed and deleted, and its
-- object at Stripe.

local RESOURCES = require "commerce.catalog.resources"
local csv = require "commerce.base.csv"
local errors = require "commerce.base.errors"
local fields = require "commerce.portal.fields"
local found = require "commerce.portal.found"
local h = require "commerce.portal.html"
local json = require "commerce.base.json"
local layout = require "commerce.portal.layout"
local linked = require "commerce.store.linked"
local listings = require "commerce.portal.listings"
local model = require "commerce.model"
local response = require "commerce.http.response"
local sections = require "commerce.portal.sections"
local url = require "commerce.base.url"

local PATH = "/portal/{mode}/companies/{companyId}/connections/{connectionId}/data/{dataType}"
  .. "/records/{recordId}"
local MOST_CHANGES = 50 -- that are shown
local MOST_IDS = 40 -- of a record that are looked up

-- ---------------------------------------------------------------- reading

local kind_of = listings.kind_of

local function record_of(context, connection, data_type)
  local id = context.params.recordId
  local text = context.store:find(data_type, connection.id, { id }, true)[id]
    or response.refuse(404, "There is no such record.")
  local row = { id = id, data = text, connection_id = connection.id }
  linked.add(context.store, data_type, { row })
  return row, json.stored(row.data)
end

-- A fee's row belongs to the object of its transaction.
local function object_id(id)
  return id:match "^[^:]*"
end

-- ---------------------------------------------------------------- JSON for people

local OPEN, CLOSE = { ["{"] = true, ["["] = true }, { ["}"] = true, ["]"] = true }

local QUOTE = ('"'):byte()

local function end_of_string(text, at)
  local stop = text:find('["\\]', at + 1)
  while stop and text:byte(stop) ~= QUOTE do
    stop = text:find('["\\]', stop + 2)
  end
  return stop or #text
end

-- Indents a JSON text. Its tokens stay as they are, digit by digit.
local function pretty(text)
  local out, depth, at = {}, 0, 1
  local function line()
    out[#out + 1] = "\n" .. ("  "):rep(depth)
  end
  while at <= #text do
    local char = text:sub(at, at)
    if char == '"' then
      local stop = end_of_string(text, at)
      out[#out + 1], at = text:sub(at, stop), stop
    elseif OPEN[char] then
      out[#out + 1] = char
      if not CLOSE[text:sub(at + 1, at + 1)] then
        depth = depth + 1
        line()
      end
    elseif CLOSE[char] then
      if not OPEN[text:sub(at - 1, at - 1)] then
        depth = depth - 1
        line()
      end
      out[#out + 1] = char
    elseif char == "," then
      out[#out + 1] = char
      line()
    else
      out[#out + 1] = char == ":" and ": " or char
    end
    at = at + 1
  end
  return table.concat(out)
end

-- ---------------------------------------------------------------- sections of the page

local function facts(data_type, record)
  local list = {}
  for _, column in ipairs(fields.all(data_type)) do
    if csv.at(record, column.path) ~= nil then
      list[#list + 1] = h.dt(column.heading)
      list[#list + 1] = h.dd { fields.cell(column, record) }
    end
  end
  return h.dl { class = "facts", list }
end

-- The ids in a record, each once, its own not among them.
local function ids_in(value, own, list)
  if type(value) == "table" then
    local keys = {}
    for key in pairs(value) do
      keys[#keys + 1] = key
    end
    table.sort(keys, function(a, b)
      return tostring(a) < tostring(b)
    end)
    for _, key in ipairs(keys) do
      ids_in(value[key], own, list)
    end
  elseif type(value) == "string" and #value < 100 and kind_of(value) and value ~= own
    and not list[value] and #list < MOST_IDS then
    list[#list + 1], list[value] = value, true
  end
  return list
end

local TITLES = { payments = "Payment", customers = "Customer", disputes = "Dispute",
  products = "Product", transactions = "Transaction", tax_components = "Tax", payouts = "Payout" }

local function links(context, connection, record, own)
  local by_type, items = {}, {}
  for _, id in ipairs(ids_in(record, own, {})) do
    local name = kind_of(id).type
    if name then
      by_type[name] = by_type[name] or {}
      table.insert(by_type[name], id)
    end
  end
  for _, data_type in ipairs(model.types()) do
    local ids = by_type[data_type.name]
    local stored = ids and context.store:find(data_type, connection.id, ids, true)
    for _, id in ipairs(ids or {}) do
      items[#items + 1] = stored[id] and h.li { TITLES[data_type.name], " ",
        h.a { href = data_type.name == "payouts"
          and sections.connection(context, connection, "payouts/" .. url.escaped(id))
          or listings.record(context, connection, data_type.name, id), h.code(id) } }
    end
  end
  local transactions = by_type.transactions or {}
  if kind_of(own) == kind_of "txn_" then
    transactions[#transactions + 1] = object_id(own)
  end
  local payouts, seen = context.store:payouts_of(connection.id, transactions), {}
  for _, id in ipairs(transactions) do
    local payout = payouts[id]
    if payout and not seen[payout] and not (by_type.payouts and by_type.payouts[1] == payout) then
      seen[payout] = true
      items[#items + 1] = h.li { "Paid out in ", h.a { h.code(payout),
        href = sections.connection(context, connection, "payouts/" .. url.escaped(payout)) } }
    end
  end
  return #items > 0 and h.section { class = "card", h.h2 "Linked records",
    h.ul { class = "plain", items } }
end

local VERBS = { created = { "Stored for the first time", "good" }, changed = { "Changed", "" },
  deleted = { "Deleted at Stripe", "bad" } }

local function history(context, connection, data_type, record, id)
  local items = {}
  for i, change in ipairs(context.store:changes_of(data_type, connection.id, id, MOST_CHANGES)) do
    local verb = VERBS[change.kind] or { change.kind, "" }
    items[i] = h.li { class = verb[2], verb[1], " ", layout.time(change.at),
      h.span { class = "quiet small", (" (change %d)"):format(change.number) } }
  end
  if record.createdDate then
    items[#items + 1] = h.li { "Created at Stripe ", layout.time(record.createdDate) }
  end
  return h.section { class = "card", h.h2 "History",
    #items > 0 and h.ul { class = "timeline", items } or h.p "Nothing is known." }
end

-- The page of an object in Stripe's dashboard, in the account and the mode that it is of.
local function dashboard_of(connection, id)
  local kind = kind_of(id)
  local page = kind and kind.page and kind.page .. "/" .. url.escaped(object_id(id))
  if not page or not connection.account then
    return nil
  end
  return ("https://dashboard.stripe.com/%s/%s%s"):format(url.escaped(connection.account),
    connection.integration.livemode and "" or "test/", page)
end

-- The object as Stripe gives it now.
local function fetched(connection, kind, id)
  local resource = RESOURCES[kind.resource]
  return errors.finally(function()
    return json.encode(errors.must(connection:get(("%s/%s"):format(resource.path,
      url.escaped(id)))))
  end, function()
    connection:close()
  end)
end

local function source(context, connection, row)
  local id = object_id(row.id)
  local kind = kind_of(id)
  local kept = kind and context.store:find_source(connection.id, kind.resource, id)
  local now, _, failure
  if kind and context.query.source == "fetch" then
    now, _, failure = errors.catch(fetched, connection, kind, id)
  end
  local text = now or kept
  local can_fetch = kind and connection.status == "Linked"
  return h.section { class = "card", id = "source", h.h2 "Object at Stripe",
    failure and layout.notice("bad", "Stripe did not give the object: "
      .. errors.public(failure)),
    text and h.p { class = "quiet small", now and "As Stripe gave it just now."
      or "As it was kept when it was read." },
    text and h.pre { tabindex = "0", pretty(text) },
    not text and not failure and h.p { class = "quiet", kind
      and "The object itself is not kept: only its record is."
      or "This record is not one object of Stripe's." },
    can_fetch and not now and h.div { class = "actions", h.a { class = "button compact",
      href = context.path .. "?source=fetch#source", "Fetch it from Stripe" } } }
end

local function show(context)
  local connection, company = found.connection(context)
  local data_type = listings.data_type(context)
  local row, record = record_of(context, connection, data_type)
  local dashboard = dashboard_of(connection, row.id)
  local deleted = csv.at(record, "metadata.isDeleted") == true
  local list_path = sections.connection(context, connection, "data/" .. data_type.name)
  return sections.page(context, { company = company, connection = connection, active = "data",
    title = row.id, crumbs = { { fields.title(data_type.name),
      list_path },
      { #row.id > 60 and row.id:sub(1, 60) .. "…" or row.id } },
    body = { h.div { class = "card-head", h.h2 { class = "name", h.code(row.id) },
      h.div { class = "actions", dashboard and h.a { class = "button compact", href = dashboard,
        rel = "noopener noreferrer", target = "_blank", "Open in Stripe",
        h.span { ["aria-hidden"] = "true", " ↗" } } } },
      deleted and layout.notice("bad", "This record was deleted at Stripe."),
      h.div { class = "columns",
        h.section { class = "card", h.h2 "Fields", facts(data_type, record) },
        h.div { class = "stack", links(context, connection, record, row.id),
          history(context, connection, data_type, record, row.id) } },
      h.section { class = "card", h.h2 "Record", h.pre { tabindex = "0", pretty(row.data) } },
      source(context, connection, row) } })
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = PATH, run = show },
}
