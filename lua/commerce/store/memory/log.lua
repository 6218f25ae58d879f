-- The log of changes: its numbers, its consumers, and what is kept of it.

local change_log = require "commerce.store.change_log"
local errors = require "commerce.base.errors"

local log = {}

local NUMBERS = "numbers" -- the key of the only row of a table "change_numbers"

-- The number of the last change that was pruned, 0 if none was, and before which day they were.
local function pruned(self, connection_id)
  local row = self.db:table("change_numbers", connection_id):get(NUMBERS)
  return row and row.pruned or 0, row and row.pruned_before
end

-- The log is pruned from its beginning, so the numbers have no gaps.
local function last_number(self, connection_id)
  return (pruned(self, connection_id)) + self.db:table("changes", connection_id).size
end

--- The numbers of the first change that is kept and of the last one.
---@param self commerce.MemoryStore the store
---@param connection_id string
---@return integer first
---@return integer last `first - 1` if there is none
function log.kept(self, connection_id)
  return (pruned(self, connection_id)) + 1, last_number(self, connection_id)
end

--- Log changes.
---@param self commerce.MemoryStore the store
---@param connection_id string
---@param done commerce.PageChange[] { type, kind, ids }
---@param now string
function log.append(self, connection_id, done, now)
  local rows, last = self.db:table("changes", connection_id), last_number(self, connection_id)
  for _, entry in ipairs(done) do
    for _, id in ipairs(entry.ids) do
      last = last + 1
      rows:put(last, { type = entry.type, kind = entry.kind, id = id, at = now })
    end
  end
end

function log.last_change(self, connection_id, before)
  local first, last = log.kept(self, connection_id)
  local rows = self.db:table("changes", connection_id)
  for number = last, first, -1 do
    if not before or rows:get(number).at < before then
      return number
    end
  end
  return before and change_log.pruned_upto(before, pruned(self, connection_id)) or last
end

function log.consumer(self, connection_id, name)
  local row = self.db:table("consumers", connection_id):get(name)
  return row and row.position
end

function log.acknowledge(self, connection_id, name, from, to)
  local consumers = self.db:table("consumers", connection_id)
  local row = consumers:get(name)
  if (row and row.position) ~= from then
    errors.throw("store", ("consumer '%s': another process reads the same changes under this name")
      :format(name))
  end
  consumers:put(name, { position = to })
  return true
end

local PRUNED_AT_ONCE = 10000 -- changes

function log.prune_changes(self, connection_id, date)
  local first, last = log.kept(self, connection_id)
  local rows = self.db:table("changes", connection_id)
  for _, consumer in self.db:table("consumers", connection_id):each() do
    last = math.min(last, consumer.position)
  end
  local number, stop = first, math.min(last, first + PRUNED_AT_ONCE - 1)
  while number <= stop and rows:get(number).at < date do
    rows:remove(number)
    number = number + 1
  end
  if number > first then
    self.db:table("change_numbers", connection_id):put(NUMBERS, { pruned = number - 1,
      pruned_before = date })
  end
  return { removed = number - first, more = number > stop and stop < last }
end

function log.change_consumers(self)
  local found, list = {}, {}
  for id in self.db:table "connections":each() do
    local _, last = log.kept(self, id)
    for name, consumer in self.db:table("consumers", id):each() do
      local row = found[name] or { name = name, connections = 0, behind = 0, unread = 0 }
      row.connections = row.connections + 1
      row.behind = row.behind + (last > consumer.position and 1 or 0)
      row.unread = row.unread + math.max(last - consumer.position, 0)
      list[#list + 1] = not found[name] and row or nil
      found[name] = row
    end
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  return list
end

function log.oldest_change(self)
  local oldest
  for id in self.db:table "connections":each() do
    local row = self.db:table("changes", id):get((log.kept(self, id)))
    oldest = row and (not oldest or row.at < oldest) and row.at or oldest
  end
  return oldest
end

function log.drop_change_consumer(self, name)
  local dropped = 0
  for id in self.db:table "connections":each() do
    dropped = dropped + (self.db:table("consumers", id):remove(name) and 1 or 0)
  end
  return dropped
end

return log
