--- What changes are made of: documents, lists, balance transactions, events. A change is a table:
---   ds         the data set
---   at         when it happens
---   told_at    when its events are: later, where an object is imported with its old date
---   lag        seconds until what it makes is listed
---   silent     no events
---   api_version, automatic   of its events
---   record     what it did, see record.lua
local json = require "emulator.json"
local dataset = require "emulator.dataset"
local events = require "emulator.events"
local record = require "emulator.record"
local settle = require "emulator.settle"
local template = require "emulator.template"
local transactions = require "emulator.data.balance_transactions"

local change = {}

local PLAIN = template.style(false, false)

--- What a document keeps of what is only shown when asked for.
change.INLINE = { currency_options = {}, tiers = {}, tax_ids = {},
  line_items = { data = { taxes = {}, discounts = {} } } }

--- A number as documents have it.
function change.number(value)
  return setmetatable({ text = ("%.15g"):format(value) }, json.Number)
end

--- A document's member as a plain value; nil for null.
function change.value(doc, key) return json.to_lua(doc.map[key]) end

--- A node as a document.
function change.decoded(node) return assert(json.decode(template.render(node, PLAIN))) end

--- A resource by its name or its objects' name.
function change.resource(name)
  for _, resource in pairs(dataset.resources) do
    if resource.name == name or resource.object == name then return resource end
  end
  error("unknown type: " .. tostring(name), 0)
end

--- The events that tell of a resource's objects: { created = type or false, updated = types }.
function change.event_types(resource)
  return resource.event_types
    or { created = resource.object .. ".created", updated = { resource.object .. ".updated" } }
end

--- A number for the next object.
function change.next(c)
  local o = c.ds.overlay
  o.next = o.next + 1
  return o.next
end

local BY_OBJECT = {}
for _, resource in pairs(dataset.resources) do BY_OBJECT[resource.object] = resource end

--- The resource a document belongs to.
function change.resource_of_doc(doc) return BY_OBJECT[doc.map.object] end

--- Put a document into its list, in the order of creation. Returns its id.
function change.insert(c, resource, doc)
  local ds, o = c.ds, c.ds.overlay
  local created = change.value(doc, "created")
  local extra = { id = doc.map.id, doc = doc, created = created, resource = resource.name,
    pos = resource.first_from(ds, created + 1),
    visible_at = c.lag > 0 and created + c.lag or nil }
  local list = o.extras[resource.name] or {}
  o.extras[resource.name] = list
  local at = #list + 1
  while at > 1 and list[at - 1].created > created do at = at - 1 end
  table.insert(list, at, extra)
  o.inserted[extra.id] = extra
  record.note(c.record, "created", resource.name, extra.id)
  if resource == transactions then
    settle.move(ds, doc, 1)
    settle.watch(ds, doc)
  end
  return extra.id
end

--- Post a balance transaction: amount, fee, currency, type, category, source, description?, rate?,
--- status?, days? until available (2). Returns its id.
function change.post(c, t)
  local ds = c.ds
  local id = ds.codec:encode("balance_transaction", change.next(c))
  local fee, lines = t.fee or 0, {}
  if fee ~= 0 then
    lines[1] = { amount = fee, currency = t.currency, type = "stripe_fee",
      description = t.fee_text or "Stripe processing fees" }
  end
  local available_on = c.at + (t.days or 2) * 86400
  local pending = available_on > ds.now
  if t.status == "pending" and not pending then
    available_on, pending = ds.now + 86400, true
  elseif t.status == "available" then
    available_on, pending = math.min(available_on, ds.now), false
  end
  change.insert(c, transactions, change.decoded {
    tpl = transactions.template, id = json.quote(id), amount = t.amount,
    available_on = available_on, balance_type = json.quote(t.balance_type or "payments"),
    created = c.at,
    currency = json.quote(t.currency), description = json.text(t.description),
    exchange_rate = t.rate or "null", fee = fee, fee_details = transactions.lines(ds, lines),
    net = t.amount - fee, category = json.quote(t.category), source = json.text(t.source),
    status = pending and '"pending"' or '"available"', type = json.quote(t.type),
  })
  return id
end

--- The document of an object, made from the generated one at its first change, and its resource.
function change.document(c, id)
  local ds, o = c.ds, c.ds.overlay
  local extra = o.inserted[id]
  local name, i
  if extra then name = extra.resource else name, i = ds:find(tostring(id)) end
  if not extra and not i then error("no such object: " .. tostring(id), 0) end
  local deleted = o.deleted[name]
  if deleted and deleted[id] then error("already deleted: " .. id, 0) end
  local resource = dataset.resources[name]
  if extra then return extra.doc, resource end
  local patched = o.patched[name] or {}
  o.patched[name] = patched
  local doc = patched[i]
  if not doc then
    doc = change.decoded(resource.values(ds, i, change.INLINE))
    -- from here on it changes only when told to
    doc.frozen_at = ds.now
    patched[i] = doc
    if resource == transactions then settle.watch(ds, doc) end
  end
  return doc, resource
end

--- Take an object out of its list; a balance transaction out of the balance as well.
function change.delete(c, resource, doc)
  local all = c.ds.overlay.deleted
  local deleted = all[resource.name] or {}
  all[resource.name] = deleted
  deleted[doc.map.id] = true
  if resource == transactions then settle.move(c.ds, doc, -1) end
  record.note(c.record, "deleted", resource.name, doc.map.id)
end

local function same(a, b)
  return a == b or a ~= nil and b ~= nil and json.encode(a) == json.encode(b)
end

local function is_object(value)
  return type(value) == "table" and getmetatable(value) == json.Object
end

-- What a merge of `patch` will change in `doc`: the members as they are before.
local function before_of(doc, patch)
  local before = json.object()
  for _, key in ipairs(patch.keys) do
    local old, new = doc.map[key], patch.map[key]
    if is_object(old) and is_object(new) then
      local inner = before_of(old, new)
      if #inner.keys > 0 then before:set(key, inner) end
    elseif not same(old, new) then
      before:set(key, old == nil and json.null or old)
    end
  end
  return before
end

--- Merge a patch into a document. Returns the previous values of what changed, nil when nothing
--- did.
function change.edit(c, doc, patch)
  local before = json.decode(json.encode(before_of(doc, patch)))
  local is_transaction = doc.map.object == "balance_transaction"
  if is_transaction then settle.move(c.ds, doc, -1) end
  json.merge(doc, patch)
  if is_transaction then
    settle.move(c.ds, doc, 1)
    settle.watch(c.ds, doc)
  end
  if #before.keys == 0 then return nil end
  local resource = change.resource_of_doc(doc)
  if resource then record.note(c.record, "updated", resource.name, doc.map.id) end
  return before
end

--- Merge `{ key, value, … }` into a document, plain values.
function change.set(c, doc, ...)
  local patch = json.object()
  for k = 1, select("#", ...), 2 do
    local key, value = select(k, ...)
    if type(value) == "number" then value = change.number(value) end
    patch:set(key, value)
  end
  return change.edit(c, doc, patch)
end

--- Write an event with the object as it is now.
---@param c table
---@param type string
---@param doc table
---@param before table? previous attributes
function change.event(c, type, doc, before)
  if c.silent then return end
  local resource = change.resource_of_doc(doc)
  local object = resource and c.ds:doc_node(resource, doc).doc or doc
  local event = events.write(c.ds, { type = type, object = object, before = before,
    created = c.told_at, lag = c.lag, api_version = c.api_version, automatic = c.automatic })
  table.insert(c.record.events, event.id)
end

return change
