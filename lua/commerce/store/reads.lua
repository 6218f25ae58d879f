-- The end of a reading: its pulls are closed, and others are told. Methods of a store, part of its
-- contract. Called by the SQL stores; failures are raised as in connection.lua.

local events = require "commerce.store.events"
local model = require "commerce.model"
local pulls = require "commerce.store.pulls"

local reads = {}

-- Types of a user's own are unknown to whoever reads Codat's webhooks.
local function is_told(name)
  return model.find(name) ~= nil or model.optional(name) ~= nil
end

-- Nothing is told of what was broken off, or could not begin.
local ENDED_WITHOUT = { Cancelled = true, NotSupported = true }

local function told_of(list)
  local told, some = {}, false
  for _, read in ipairs(list) do
    if is_told(read.data_type) then
      told[#told + 1] = read
      some = some or not ENDED_WITHOUT[read.status]
    end
  end
  return some and told or nil
end

-- The first time that everything that was asked for has been read, some of it to its end.
local function first_read(db, store, connection)
  if connection.first_read or db:all("SELECT 1 AS found FROM pulls WHERE connection_id = ? "
    .. "AND status IN ('Queued', 'Fetching') LIMIT 1", connection.id)[1] then
    return nil
  end
  local list, complete = {}, false
  for name, pull in pairs(pulls.latest_pulls(store, connection.id)) do
    list[#list + 1] = { data_type = name, status = pull.status, message = pull.error_message,
      modified = (pull.created or 0) + (pull.changed or 0) > 0 }
    complete = complete or pull.status == "Complete"
  end
  table.sort(list, function(a, b)
    return a.data_type < b.data_type
  end)
  return complete and told_of(list) or nil
end

-- When all of these types had been read before; nil if one of them never was.
local function read_before(earlier, list)
  local first
  for _, read in ipairs(list) do
    local pull = earlier[read.data_type]
    local at = pull and (pull.completed or pull.requested)
    if not at then
      return nil
    end
    first = (not first or at < first) and at or first
  end
  return first
end

--- End what was read of a connection: pulls are kept as they are now, and it is told of (see
--- outbox.lua), "read.completed", and "read.completed.initial" the first time: all or nothing.
---@param connection_id string
---@param list table[] { data_type, status, modified = whether records were, message?, pull? = as
---  for `save_pull` }
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function reads:end_reads(connection_id, list)
  local db = self.db
  return db:transaction(function()
    local plain, earlier = {}, pulls.latest_complete_pulls(self, connection_id)
    for i, read in ipairs(list) do
      if read.pull then
        pulls.save_pull(self, read.pull)
      end
      plain[i] = { data_type = read.data_type, status = read.status, message = read.message,
        modified = read.modified == true }
    end
    local connection = db:all("SELECT * FROM connections WHERE id = ?", connection_id)[1]
    local told = connection and told_of(plain)
    if told then
      events.append(db, "read.completed", { connection = connection, reads = told,
        since = read_before(earlier, told) })
      local first = first_read(db, self, connection)
      if first then
        events.append(db, "read.completed.initial", { connection = connection, reads = first })
        db:run("UPDATE connections SET first_read = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') "
          .. "WHERE id = ?", connection_id)
      end
    end
    return true
  end)
end

return reads
