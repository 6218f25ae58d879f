--- `/v1/events`: the generated objects' events, computed as they are read, and those that changes
--- have written, in one list, newest first, thirty days long.
local errors = require "emulator.errors"
local ids = require "emulator.ids"
local json = require "emulator.json"
local old_shape = require "emulator.old_shape"
local params = require "emulator.params"
local streams = require "emulator.data.event_streams"
local template = require "emulator.template"
local versions = require "emulator.versions"

local events = {}

--- How long an event is kept, in seconds.
events.KEPT = 30 * 86400

local SPAN, WRITTEN = 60000000, 900000000
local RANK = #streams + 1
local PLAIN = template.style(false, false)
local RESOURCE = { filters = { type = "string", delivery_success = "boolean" },
  lists = { types = true } }

local ENVELOPE = template.new [[{"object":"list","data":@data,"has_more":$has_more,
  "url":"/v1/events"}]]
local EVENT = template.new [[{"id":$id,"object":"event",@account"api_version":$api_version,
  "created":$created,"data":{"object":@object@previous},"livemode":$livemode,
  "pending_webhooks":$pending,"request":{"id":$request,"idempotency_key":$idempotency_key},
  "type":$type}]]
local ACCOUNT = template.new [["account":$id,]]
local PREVIOUS = template.new [[,"previous_attributes":@before]]

-- The written events as one more stream.
local written = {}
function written.count(ds) return #ds.overlay.events end
function written.time(ds, k) return ds.overlay.events[k + 1].created end
function written.peek(ds, k)
  local event = ds.overlay.events[k + 1]
  return (not event.visible_at or event.visible_at <= ds.now) and event.type or nil
end
function written.first_from(ds, t)
  local list = ds.overlay.events
  local low, high = 0, #list
  while low < high do
    local middle = math.floor((low + high) / 2)
    if list[middle + 1].created >= t then high = middle else low = middle + 1 end
  end
  return low
end

local function stream_of(rank) return streams[rank] or written end

--- A test of an event's type: one name or a wildcard such as `charge.*`, any of them when several.
---@param wanted string[]
---@return fun(type: string): boolean
function events.matcher(wanted)
  local exact, prefixes = {}, {}
  for _, name in ipairs(wanted) do
    local prefix = name:match "^(.*)%*$"
    if prefix then prefixes[#prefixes + 1] = prefix else exact[name] = true end
  end
  return function(type)
    if exact[type] then return true end
    for _, prefix in ipairs(prefixes) do
      if type:sub(1, #prefix) == prefix then return true end
    end
    return false
  end
end

local function any(list, match)
  for _, item in ipairs(list) do
    if match(item) then return true end
  end
  return false
end

-- Where an event stands: { rank, k, time }, whether it is listed or not.
local function locate(ds, id)
  if ids.kind(id) ~= "event" then return nil end
  local number = ds.codec:decode("event", id)
  if not number or ds.codec:encode("event", number) ~= id then return nil end
  local found
  if number >= WRITTEN then
    local event = ds.overlay.event_numbers[number]
    if not event then return nil end
    local k = written.first_from(ds, event.created)
    while ds.overlay.events[k + 1] ~= event do k = k + 1 end
    found = { rank = RANK, k = k, time = event.created }
  else
    local rank, k = math.floor(number / SPAN) + 1, number % SPAN
    local stream = streams[rank]
    if not stream or k >= stream.count(ds) or not stream.peek(ds, k) then return nil end
    found = { rank = rank, k = k, time = stream.time(ds, k) }
  end
  if found.time < ds.now - events.KEPT or found.time > ds.now and found.rank ~= RANK then
    return nil
  end
  return found
end

-- The places { rank, k } of at most `wanted` events in [from, to], from newest to oldest, or, with
-- `before`, from the one after it to newer ones.
local function walk(ds, q, wanted)
  local step = q.ending_before and 1 or -1
  local cursor = q.ending_before or q.starting_after
  local heads = {}
  local function advance(head)
    local stream, k = stream_of(head.rank), head.k
    while k >= head.low and k <= head.high do
      local type = stream.peek(ds, k)
      if type and q.match(type) and (not q.test or q.test(head.rank, k)) then
        head.k, head.time = k, stream.time(ds, k)
        return true
      end
      k = k + step
    end
    return false
  end
  for rank = 1, RANK do
    local stream = stream_of(rank)
    if not stream.types or any(stream.types, q.match) then
      -- what a test clock wrote is ahead of the clock, and listed
      local to = stream == written and q.written_to or q.to
      local head = { rank = rank, low = stream.first_from(ds, q.from),
        high = stream.first_from(ds, to + 1) - 1 }
      local at
      if cursor and cursor.rank == rank then
        at = cursor.k + step
      elseif cursor then
        -- in the cursor's second, a stream of a higher rank is newer
        at = stream.first_from(ds, rank < cursor.rank and cursor.time + 1 or cursor.time)
        if step < 0 then at = at - 1 end
      else
        at = head.high
      end
      head.k = step < 0 and math.min(at, head.high) or math.max(at, head.low)
      if advance(head) then heads[#heads + 1] = head end
    end
  end
  local out = {}
  while #out < wanted and #heads > 0 do
    local best = 1
    for n = 2, #heads do
      local a, b = heads[n], heads[best]
      local order = (a.time - b.time) * step
      if order == 0 then order = (a.rank - b.rank) * step end
      if order < 0 then best = n end
    end
    local head = heads[best]
    out[#out + 1] = { rank = head.rank, k = head.k, time = head.time }
    head.k = head.k + step
    if not advance(head) then table.remove(heads, best) end
  end
  return out
end

local OPENING = { under_review = "needs_response", lost = "needs_response", won = "needs_response",
  warning_under_review = "warning_needs_response", warning_closed = "warning_needs_response" }

-- What the generator cannot know of an earlier state.
local function earlier(type, values)
  if type == "charge.dispute.created" or type == "charge.dispute.funds_withdrawn" then
    local status = OPENING[values.status:match '"(.*)"']
    if status then
      values.status, values.has_evidence, values.submissions = '"' .. status .. '"', "false", 0
      values.due_by = values.created + 14 * 86400
    end
  elseif type == "product.created" then
    values.updated = values.created
  end
end

local function computed(ds, at)
  local stream = streams[at.rank]
  local type, number = stream.peek(ds, at.k), (at.rank - 1) * SPAN + at.k
  local what, view = stream.describe(ds, at.k)
  local object = ds.resources[what.resource].values(view, what.index)
  earlier(type, object)
  if not versions.is_known(ds.events_api_version) then
    local doc = json.decode(template.render(object, PLAIN))
    object = { doc = old_shape.of(doc) }
  end
  local by_hand = not stream.automatic
    and not type:find "^charge%.dispute" and not type:find "^payout"
  return {
    id = ds.codec:encode("event", number), created = at.time, type = type, object = object,
    before = what.before, pending = 0, api_version = ds.events_api_version,
    request = by_hand and "req_" .. ids.text(14, ds.seed, number) or nil,
  }
end

--- An event as a node.
---@param ds table
---@param event table id, created, type, object (node), before (JSON text), pending, api_version,
---request
---@param account string? the connected account to name in it
function events.node(ds, event, account)
  return {
    tpl = EVENT, id = json.quote(event.id),
    account = account and { tpl = ACCOUNT, id = json.quote(account) } or "",
    api_version = json.text(event.api_version), created = event.created, object = event.object,
    previous = event.before and { tpl = PREVIOUS, before = { doc = json.decode(event.before) } }
      or "",
    livemode = ds.livemode, pending = event.pending, request = json.text(event.request),
    idempotency_key = json.text(event.idempotency_key), type = json.quote(event.type),
  }
end

local function at_place(ds, at)
  if at.rank == RANK then return ds.overlay.events[at.k + 1] end
  return computed(ds, at)
end

-- Check what is particular to events in a list's parameters.
local function types_of(q)
  local one, many = q.filter.type, q.types
  if one and many then
    return nil, errors.param("You may only specify one of these parameters: type, types.", "type")
  end
  if many and #many > 20 then
    return nil, errors.param("You may only specify up to 20 event types.", "types")
  end
  return many or { one or "*" }
end

--- A page of the list.
---@return table? node, number expansions; or nil, error
function events.page(ds, query)
  local q, problem = params.list(query, RESOURCE)
  if not q then return nil, problem end
  if #q.expand > 0 then
    return nil, errors.param(("This property cannot be expanded (%s)."):format(q.expand[1]),
      "expand[0]")
  end
  local wanted
  wanted, problem = types_of(q)
  if not wanted then return nil, problem end
  q.match = events.matcher(wanted)
  for _, name in ipairs { "starting_after", "ending_before" } do
    local id = q[name]
    if id then
      q[name] = locate(ds, id)
      if not q[name] then return nil, errors.missing("event", id, name, 400) end
    end
  end
  local success = q.filter.delivery_success
  if success then
    q.test = function(rank, k)
      local pending = rank == RANK and ds.overlay.events[k + 1].pending or 0
      return (pending == 0) == (success == "true")
    end
  end
  q.from = math.max(q.from or 0, ds.now - events.KEPT)
  q.written_to = q.to or math.huge
  q.to = math.min(q.to or ds.now, ds.now)
  local places = walk(ds, q, q.limit + 1)
  local has_more = #places > q.limit
  if has_more then places[#places] = nil end
  local nodes, n = {}, #places
  for k, at in ipairs(places) do
    nodes[q.ending_before and n + 1 - k or k] = events.node(ds, at_place(ds, at))
  end
  return { tpl = ENVELOPE, data = { list = nodes }, has_more = has_more and "true" or "false" }, 0
end

--- An event by its id.
---@return table? event nil if there is none, or none any more
function events.find(ds, id)
  local at = locate(ds, id)
  return at and at_place(ds, at)
end

--- One event.
function events.retrieve(ds, id, query)
  local paths, problem = params.retrieve(query)
  if not paths then return nil, problem end
  local event = events.find(ds, id)
  if not event then return nil, errors.missing("event", id) end
  return events.node(ds, event), 0
end

--- The generated objects' events in (after, to], oldest first: what a moving clock brings about.
function events.between(ds, after, to)
  local q = { from = after + 1, to = to, match = events.matcher { "*" },
    test = function(rank) return rank < RANK end }
  local places = walk(ds, q, math.huge)
  local out, n = {}, #places
  for k, at in ipairs(places) do out[n + 1 - k] = computed(ds, at) end
  return out
end

--- Write an event. `events.listener(ds, event)`, when set, is told.
---@param ds table
---@param e table type, object (a document), created, before? (a document), lag?, api_version?,
---automatic? (not by a request)
---@return table event
function events.write(ds, e)
  local o = ds.overlay
  local version = e.api_version or ds.events_api_version
  local number = WRITTEN + o.event_count
  o.event_count = o.event_count + 1
  local object = json.decode(json.encode(e.object))
  if not versions.is_known(version) then object = old_shape.of(object) end
  local event = {
    id = ds.codec:encode("event", number), number = number, created = e.created, type = e.type,
    object = { doc = object }, before = e.before and json.encode(e.before), pending = 0,
    api_version = version, visible_at = e.lag and e.lag > 0 and e.created + e.lag or nil,
    request = not e.automatic and "req_" .. ids.text(14, ds.seed, number) or nil,
  }
  local list = o.events
  local at = #list + 1
  while at > 1 and list[at - 1].created > e.created do at = at - 1 end
  table.insert(list, at, event)
  o.event_numbers[number] = event
  if events.listener then events.listener(ds, event) end
  return event
end

return events
