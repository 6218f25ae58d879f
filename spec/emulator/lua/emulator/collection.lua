--- Lists: generated objects and inserted ones in one order, newest first, from a cursor, within
--- bounds. An inserted object knows how many generated ones come before it (`pos`), so both
--- sequences merge as they are read.
local collection = {}

--- What a resource's list is made of.
local function parts(ds, resource)
  local o = ds.overlay
  return o.extras[resource.name] or {}, o.patched[resource.name] or {},
    o.deleted[resource.name] or {}
end

-- The first place in sorted `extras` whose created is at least `t`.
local function first_extra(extras, t)
  for k, extra in ipairs(extras) do
    if extra.created >= t then return k end
  end
  return #extras + 1
end

-- "The response will not include customers with test clocks if this parameter is not set" (API
-- reference, list customers); the same of subscriptions.
local HIDDEN = { customer = true, subscription = true }

local function doc_matches(doc, filter)
  if HIDDEN[doc.map.object] and type(doc.map.test_clock) == "string" and not filter.test_clock then
    return false
  end
  for name, want in pairs(filter) do
    local value = doc
    for key in name:gmatch "[^%.]+" do value = value.map and value.map[key] end
    local is = tostring(value)
    if want:sub(1, 1) == "!" and is == want:sub(2)
      or want:sub(1, 1) ~= "!" and is ~= want then return false end
  end
  return true
end

--- Where a cursor stands: { base = i } or { extra = k }; nil when there is no such visible object.
---@param ds table
---@param resource table
---@param id string
function collection.locate(ds, resource, id)
  local extras, _, deleted = parts(ds, resource)
  if deleted[id] then return nil end
  for k, extra in ipairs(extras) do
    if extra.id == id then
      return (extra.visible_at or 0) <= ds.now and { extra = k } or nil
    end
  end
  local name, i = ds:find(id)
  if name == resource.name and i then return { base = i } end
end

--- One page.
---@param ds table
---@param resource table
---@param q table limit, starting_after, ending_before (from locate), from, to (created, inclusive),
---filter
---@return table { items = {...}, has_more = boolean }
function collection.page(ds, resource, q)
  local extras, patched, deleted = parts(ds, resource)
  local filter = q.filter or {}
  local filtered = next(filter) ~= nil
  local any_deleted = next(deleted) ~= nil
  local low, high = 0, resource.count(ds) - 1
  local elow, ehigh = 1, #extras
  if filtered and resource.range then
    local first, last = resource.range(ds, filter)
    if first then low, high = first, last end
  end
  if q.from then
    low = math.max(low, resource.first_from(ds, q.from))
    elow = first_extra(extras, q.from)
  end
  if q.to then
    high = math.min(high, resource.first_from(ds, q.to + 1) - 1)
    ehigh = first_extra(extras, q.to + 1) - 1
  end

  local items = {}
  local function visible(i)
    if any_deleted and deleted[resource.id(ds, i)] then return false end
    local doc = patched[i]
    if doc then
      -- a balance transaction's payout is not in its document
      return filter.payout and resource.matches(ds, i, filter)
        or not filter.payout and doc_matches(doc, filter)
    end
    return not filtered or resource.matches(ds, i, filter)
  end
  local function take(i, extra)
    if extra then
      local listed = not deleted[extra.id] and (extra.visible_at or 0) <= ds.now
      if listed and doc_matches(extra.match or extra.doc, filter) then
        items[#items + 1] = { resource = resource, extra = extra }
      end
    elseif visible(i) then
      items[#items + 1] = { resource = resource, index = i }
    end
  end

  local wanted = q.limit + 1
  local before = q.ending_before
  if before then
    local i, e
    if before.extra then
      e, i = before.extra + 1, extras[before.extra].pos
    else
      i, e = before.base + 1, 1
      while extras[e] and extras[e].pos <= before.base do e = e + 1 end
    end
    i, e = math.max(i, low), math.max(e, elow)
    while #items < wanted do
      local has_extra = e <= ehigh
      if has_extra and (i > high or extras[e].pos <= i) then
        take(nil, extras[e])
        e = e + 1
      elseif i <= high then
        take(i)
        i = i + 1
      else
        break
      end
    end
  else
    local i, e = high, ehigh
    local after = q.starting_after
    if after then
      if after.extra then
        e, i = math.min(e, after.extra - 1), math.min(i, extras[after.extra].pos - 1)
      else
        i = math.min(i, after.base - 1)
        while e > 0 and extras[e].pos > after.base do e = e - 1 end
      end
    end
    while #items < wanted do
      local has_extra = e >= elow
      if has_extra and (i < low or extras[e].pos > i) then
        take(nil, extras[e])
        e = e - 1
      elseif i >= low then
        take(i)
        i = i - 1
      else
        break
      end
    end
  end

  local has_more = #items == wanted
  if has_more then items[wanted] = nil end
  if before then
    local n = #items
    for k = 1, math.floor(n / 2) do items[k], items[n + 1 - k] = items[n + 1 - k], items[k] end
  end
  return { items = items, has_more = has_more }
end

--- The node of an item of a page.
---@param ds table
---@param item table
---@param ex table?
function collection.node(ds, item, ex)
  if item.extra then return ds:doc_node(item.resource, item.extra.doc, ex) end
  return ds:node(item.resource.name, item.index, ex)
end

return collection
