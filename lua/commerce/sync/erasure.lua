-- Erasing what is stored of one customer or of a guest's payment, and removing what Stripe deleted
-- long ago. Both work in batches. A record that was reduced does not name the customer any more, so
-- each batch also writes which ids were found to belong to it: a killed erasure is completed by the
-- next one.

local erasures = require "commerce.account.erasures"
local json = require "commerce.base.json"
local protection = require "commerce.account.protection"
local query = require "commerce.query"
local record = require "commerce.model.record"
local retention = require "commerce.account.retention"
local time = require "commerce.base.time"
local traces = require "commerce.sync.traces"

local erasure = {}

local BATCH = 200 -- rows of one transaction
local DAY = 86400

---@class commerce.Erased
---@field removed integer records that were removed
---@field reduced integer records of which only the money stayed
---@field objects integer kept objects of Stripe's that were removed
---@field events integer waiting events that were reduced
---@field changes integer entries of the log of changes that were emptied

local function in_batches(lease, first, rewrite)
  local after = first
  repeat
    local done = rewrite(after)
    after = done.last or after
    if lease then
      lease:go_on()
    end
  until done.seen < BATCH
end

-- Whether a text names one of the ids as a value.
local function mentions(text, ids)
  for token in text:gmatch '"([%w_]+)"' do
    if ids[token] then
      return true
    end
  end
  return false
end

-- ---------------------------------------------------------------- the log of changes

-- Empty the entries of records that are not there any more, up to a number.
local function forget_changes(store, connection_id, upto, lease)
  local forgotten = 0
  in_batches(lease, 0, function(after)
    local done = store:forget_gone(connection_id, after, upto, BATCH)
    forgotten = forgotten + done.changed
    return done
  end)
  return forgotten
end

-- ---------------------------------------------------------------- one customer

---@class commerce.sync.Erasure
---@field store commerce.Store
---@field id string the connection's
---@field ids table<string, boolean> of the customer and of what belongs to it
---@field now string
---@field lease commerce.sync.Lease?
---@field written integer? how many ids the checkpoint has
---@field done commerce.Erased
---@field resumed boolean whether it completes one that was killed
---@field upto integer the last change in the log before the erasure

-- The checkpoint of an erasure that is not complete: { ids, upto }
local FOUND = "erasure"

-- The checkpoint of a batch, if it has found further ids.
local function found(self)
  return function()
    local list = {}
    for id in pairs(self.ids) do
      list[#list + 1] = id
    end
    if #list == self.written then
      return {}
    end
    self.written = #list
    return { [FOUND] = { ids = list, upto = self.upto } }
  end
end

local function save(self, states)
  self.store:rewrite_events(self.id, "", 0, function() end, states)
end

-- Take up what a killed erasure has found, and where the log of changes ended before it.
local function begin(self)
  local state = self.store:state(self.id, FOUND) or {}
  for _, id in ipairs(state.ids or {}) do
    self.ids[id] = true
  end
  self.resumed, self.upto = state.upto ~= nil, state.upto or self.store:last_change(self.id)
  save(self, found(self))
end

-- If nothing was removed now, the log only has what an earlier erasure told its consumers.
local function finish(self)
  if self.resumed or self.done.removed > 0 then
    self.done.changes = forget_changes(self.store, self.id, self.upto, self.lease)
  end
  save(self, function()
    return { [FOUND] = {} }
  end)
end

local function drop_objects(self)
  for _, resource in ipairs(self.store:kept_resources(self.id)) do
    in_batches(self.lease, "", function(after)
      local done = self.store:rewrite_sources(self.id, resource, after, BATCH, function(text, id)
        if self.ids[id] or mentions(text, self.ids) then
          self.ids[id] = true
          return false
        end
      end, found(self))
      self.done.objects = self.done.objects + done.removed
      return done
    end)
  end
end

-- A record that names the customer, or what was found to belong to it, belongs to it as well.
-- Charges (ch_, py_) come before the refunds that name them (pyr_, re_), since ids are in order.
local function rewrite_records(self, data_type, fate)
  local name = data_type.name
  in_batches(self.lease, "", function(after)
    local removed, changed, before = {}, {}, nil
    local done = self.store:rewrite_records(self.id, data_type, after, BATCH, function(data, id)
      if before and id <= before then -- the transaction begins anew
        removed, changed = {}, {}
      end
      before = id
      if not self.ids[id] and not mentions(data, self.ids) then
        return nil
      elseif fate == "removed" then
        removed[#removed + 1] = id
        return false
      end
      self.ids[id] = name ~= "transactions" or nil
      local text = erasures.reduced(name, data)
      if text ~= data then
        changed[#changed + 1] = id
        return record.restamp(text, self.now)
      end
    end, found(self), function()
      return { { type = name, kind = "deleted", ids = removed },
        { type = name, kind = "changed", ids = changed } }, self.now
    end)
    self.done.removed, self.done.reduced = self.done.removed + #removed,
      self.done.reduced + #changed
    return done
  end)
end

local function reduce_events(self)
  in_batches(self.lease, "", function(after)
    local done = self.store:rewrite_events(self.id, after, BATCH, function(body)
      local event = mentions(body, self.ids) and json.decode(body)
      local data = type(event) == "table" and event.data
      if type(data) == "table" and type(data.object) == "table" then
        data.object, data.previous_attributes = protection.identity(data.object), nil
        return json.encode(event)
      end
    end)
    self.done.events = self.done.events + done.changed
    return done
  end)
end

local function note_ids(self)
  local hashes = {}
  for id in pairs(self.ids) do
    hashes[#hashes + 1] = erasures.hash(self.id, id)
  end
  self.store:add_erased(self.id, hashes, self.now)
end

--- Erase what is stored of a customer, or of a single payment whose payer is no customer, and keep
--- it from being stored again. The caller has the lease. The log of changes gets one entry for each
--- record, "deleted" or "changed", so that its consumers can follow; the earlier entries of removed
--- records go.
---@param store commerce.Store
---@param connection_id string
---@param id string "cus_..."; of a payment, "ch_..." or "py_..."
---@param lease commerce.sync.Lease? renewed between the batches
---@return commerce.Erased done
function erasure.person(store, connection_id, id, lease)
  local self = { store = store, id = connection_id, lease = lease, ids = { [id] = true },
    now = time.now(),
    done = { removed = 0, reduced = 0, objects = 0, events = 0, changes = 0 } }
  traces.expect(store)
  note_ids(self) -- first: after a kill, nothing erased comes back
  begin(self)
  drop_objects(self)
  for _, data_type in ipairs(store:types()) do
    local fate = erasures.fate(data_type)
    if fate then
      rewrite_records(self, data_type, fate)
    end
  end
  note_ids(self)
  reduce_events(self)
  finish(self)
  return self.done
end

-- ---------------------------------------------------------------- deleted records

local function ids_of(store, data_type, connection_id, tree)
  local ids = {}
  for id in store:records(data_type, { connection_id = connection_id, query = tree,
    limit = BATCH, deleted = true }) do
    ids[#ids + 1] = id
  end
  return ids
end

local STATE = "retention" -- the checkpoint: { at = unix seconds, days }
local OFTEN = 20 * 3600 -- seconds from one look to the next: it reads all records

-- Whether nothing has to be removed yet since the last look.
local function was_seen(store, connection_id, name, days, now)
  local state = store:state(connection_id, name)
  return state and state.days == days and now >= state.at and now - state.at < OFTEN
end

-- Remove records, and the objects of the same ids that are still kept.
local function remove(store, connection_id, data_type, ids, resources)
  for _, resource in ipairs(resources) do
    store:remove_sources(connection_id, resource, ids)
  end
  return store:remove_records(connection_id, data_type, ids)
end

-- The resources with kept objects that a data type's records are made of.
local function kept_of(mappings, kept, type_name)
  local made_of, list = {}, {}
  for _, source in ipairs((mappings:find(type_name) or { sources = {} }).sources) do
    made_of[source.resource] = true
  end
  for _, resource in ipairs(kept) do
    list[#list + 1] = made_of[resource] and resource or nil
  end
  return list
end

--- Remove the records that Stripe deleted longer ago than they are kept, with what is kept of their
--- objects and their entries in the log of changes. Done at most once in 20 hours. The caller has
--- the lease, and the connection is "Linked".
---@param store commerce.Store
---@param connection_id string
---@param mappings commerce.Mappings
---@param lease commerce.sync.Lease? renewed between the batches
---@return integer removed how many records
---@return integer? days for how long they are kept; nil: for ever
function erasure.expire(store, connection_id, mappings, lease)
  local days, removed, now = retention.get(store), 0, os.time()
  if not days or was_seen(store, connection_id, STATE, days, now) then
    return 0
  end
  local before = time.format(now - days * DAY)
  local kept = store:kept_resources(connection_id)
  for _, data_type in ipairs(store:types()) do
    local resources = kept_of(mappings, kept, data_type.name)
    local tree = query.parse(data_type, "metadata.isDeleted=true&&modifiedDate<" .. before)
    local ids
    repeat
      ids = ids_of(store, data_type, connection_id, tree)
      removed = removed
        + (#ids > 0 and remove(store, connection_id, data_type, ids, resources) or 0)
      if lease then
        lease:go_on()
      end
    until #ids < BATCH
  end
  if removed > 0 or erasures.of(store, connection_id) then
    forget_changes(store, connection_id, store:last_change(connection_id, before), lease)
  end
  if removed > 0 then
    traces.expect(store)
    store:finish_erasure()
  end
  store:write_page(connection_id, { states = { [STATE] = { at = now, days = days } } },
    time.format(now))
  return removed, days
end

local PRUNED = "change log" -- the checkpoint: { at = unix seconds, days }

--- Remove the entries of the log of changes that are older than they are kept, as far as every
--- consumer has read them. Done at most once in 20 hours. The caller has the lease.
---@param store commerce.Store
---@param connection_id string
---@param lease commerce.sync.Lease? renewed between the batches
---@return integer removed how many changes
---@return integer? days for how long they are kept; nil: for ever
function erasure.prune(store, connection_id, lease)
  local days, removed, now = retention.of_changes(store), 0, os.time()
  if not days or was_seen(store, connection_id, PRUNED, days, now) then
    return 0
  end
  local done
  repeat
    done = store:prune_changes(connection_id, time.format(now - days * DAY))
    removed = removed + done.removed
    if lease then
      lease:go_on()
    end
  until not done.more
  store:write_page(connection_id, { states = { [PRUNED] = { at = now, days = days } } },
    time.format(now))
  retention.note_pruning(store, now)
  return removed, days
end

return erasure
