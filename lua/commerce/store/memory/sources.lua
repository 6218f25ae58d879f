-- Pages and the data of a sync beside the records: checkpoints, source objects, ids seen by a full
-- read, listings, and received events that are not applied yet.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local payouts = require "commerce.store.memory.payouts"
local records = require "commerce.store.memory.records"

local sources = {}

-- ---------------------------------------------------------------- pages

-- A page of a connection that was unlinked or deleted during the sync must not be stored.
local function check_linked(self, connection_id)
  local row = self.db:table("connections"):get(connection_id)
  if not row or row.status ~= "Linked" then
    errors.throw("store", ("connection %s %s: nothing more is stored of it"):format(connection_id,
      row and "is " .. row.status or "has been deleted"), { code = "not_linked" })
  end
end

local function write_state(self, connection_id, resource, state)
  self.db:table("states", connection_id):put(resource, json.encode(state))
end

local function write_sources(self, connection_id, page)
  local kept = self.db:table("sources", connection_id, page.resource)
  for _, object in ipairs(page.sources or {}) do
    if type(object.id) ~= "string" or type(object.data) ~= "string" then
      errors.throw("store", "a source object must have an id and data")
    end
    local old = kept:get(object.id)
    if not old or old.data ~= object.data then
      kept:put(object.id, { id = object.id, parent_id = object.parent_id, data = object.data })
    end
  end
  for _, id in ipairs(page.dropped or {}) do
    kept:remove(id)
  end
end

function sources.write_page(self, connection_id, page, now)
  check_linked(self, connection_id)
  local counts, done = records.write(self, connection_id, page, now)
  write_sources(self, connection_id, page)
  for name, ids in pairs(page.seen or {}) do
    local seen = self.db:table("seen", tostring(page.sweep), name)
    for _, id in ipairs(ids) do
      seen:put(id, true)
    end
  end
  for resource, state in pairs(page.states or {}) do
    write_state(self, connection_id, resource, state)
  end
  if page.payout_links then
    payouts.write(self, connection_id, page.payout_links)
  end
  return counts, done
end

-- ---------------------------------------------------------------- checkpoints

function sources.state(self, connection_id, resource)
  local text = self.db:table("states", connection_id):get(resource)
  return text and json.stored(text) or nil
end

function sources.states(self, connection_id)
  local states = {}
  for resource, text in self.db:table("states", connection_id):each() do
    states[resource] = json.stored(text)
  end
  return states
end

-- A script's places, in a list, since not every reader takes a bare number or text for JSON.
function sources.checkpoint(self, name)
  local text = self.db:table("checkpoints"):get(name)
  return text and json.stored(text)[1]
end

function sources.save_checkpoint(self, name, value)
  self.db:table("checkpoints"):put(name, value ~= nil and json.encode { value } or nil)
  return true
end

-- ---------------------------------------------------------------- source objects

local function batch_of(kept, after, limit)
  local batch = {}
  for i, id in ipairs(kept:after(after, limit)) do
    batch[i] = { id = id, data = kept:get(id).data }
  end
  return batch
end

local function with_children(batch, kept)
  for _, parent in ipairs(batch) do
    parent.children = {}
    for i, child in ipairs(kept:where("parent_id", parent.id)) do
      parent.children[i] = child.data
    end
  end
  return batch
end

function sources.kept_sources(self, connection_id, resource, after, limit)
  return batch_of(self.db:table("sources", connection_id, resource), after, limit)
end

function sources.joined_sources(self, connection_id, resource, child_resource, after, limit)
  return with_children(sources.kept_sources(self, connection_id, resource, after, limit),
    self.db:table("sources", connection_id, child_resource))
end

function sources.find_source(self, connection_id, resource, id)
  local row = self.db:table("sources", connection_id, resource):get(id)
  return row and row.data
end

function sources.drop_sources(self, connection_id, except, limit)
  local stay, dropped = {}, 0
  for _, resource in ipairs(except) do
    stay[self.db:table("sources", connection_id, resource)] = true
  end
  for _, kept in ipairs(self.db:tables_of("sources", connection_id)) do
    if not stay[kept] then
      dropped = dropped + kept.size
      kept:clear()
    end
  end
  return limit and dropped or true
end

-- ---------------------------------------------------------------- full reads

local function forget(self, connection_id, key)
  local sweeps = self.db:table("sweeps", connection_id)
  local id = sweeps:get(key)
  if id then
    for _, seen in ipairs(self.db:tables_of("seen", tostring(id))) do
      seen:clear()
    end
    sweeps:remove(key)
  end
end

function sources.begin_sweep(self, connection_id, key, state)
  check_linked(self, connection_id)
  forget(self, connection_id, key)
  local id = self.db:number()
  self.db:table("sweeps", connection_id):put(key, id)
  state.sweep.id = id
  write_state(self, connection_id, key, state)
  return true
end

function sources.end_sweep(self, connection_id, key)
  forget(self, connection_id, key)
  return true
end

local function created_of(data)
  local values = json.stored(data)
  return type(values) == "table" and tonumber(values.created) or 0
end

function sources.unseen_sources(self, connection_id, resource, full_read, visible, after, limit)
  local seen = self.db:table("seen", tostring(full_read), "")
  return self.db:table("sources", connection_id, resource):after(after, limit, function(row, id)
    return not seen:get(id) and created_of(row.data) < visible
  end)
end

-- ---------------------------------------------------------------- listings

local function listing(self, name)
  return self.db:table("listed", "", name)
end

function sources.add_listed(self, name, entries)
  local listed, added = listing(self, name), 0
  for _, entry in ipairs(entries) do
    if not listed:get(entry.id) then
      listed:put(entry.id, { id = entry.id, parent_id = entry.parent_id, data = entry.data })
      added = added + 1
    end
  end
  return added
end

function sources.drop_listing(self, name)
  listing(self, name):clear()
  return true
end

function sources.listed_families(self, name, child_listing, after, limit)
  return with_children(batch_of(listing(self, name), after, limit), listing(self, child_listing))
end

-- ---------------------------------------------------------------- waiting events

function sources.keep_events(self, events)
  local added = 0
  for _, event in ipairs(events) do
    local inbox = self.db:table("inbox", event.connection_id)
    if not inbox:get(event.id) then
      inbox:put(event.id, { id = event.id, at = event.at, body = event.body })
      added = added + 1
    end
  end
  return added
end

function sources.waiting_events(self, connection_id, limit)
  local list = {}
  for _, event in self.db:table("inbox", connection_id):each() do
    if #list >= limit then
      break
    end
    list[#list + 1] = { id = event.id, at = event.at, body = event.body }
  end
  return list
end

function sources.drop_events(self, connection_id, ids)
  local inbox = self.db:table("inbox", connection_id)
  for _, id in ipairs(ids) do
    inbox:remove(id)
  end
  return true
end

function sources.waiting_counts(self)
  local counts = {}
  for _, inbox in ipairs(self.db:tables_of "inbox") do
    counts[inbox.owner] = inbox.size > 0 and inbox.size or nil
  end
  return counts
end

return sources
