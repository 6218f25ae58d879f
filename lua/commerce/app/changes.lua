-- The feed of changes: the records that syncs created, changed and deleted, in order, for a
-- consumer such as a queue, another database or a mail.
--
-- The store keeps a consumer's position under its name. Asking for the next change acknowledges the
-- one before it. If the process dies or leaves the loop, the unacknowledged change comes again,
-- with the same number.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local time = require "commerce.base.time"

---@class commerce.ChangesOptions
---@field consumer string? a name to keep the place under, so that the next loop goes on there
---@field since string|integer|nil where to begin if nothing is kept under the name: "now", a date,
---  or the number of the last change that is known already (the first change if left out)
---@field types string[]? only these data types
---@field batch integer? gives lists of so many changes at most, acknowledged together
---@field limit integer? at most so many changes

local OPTIONS = { consumer = "string", since = "any", types = "table", batch = "number",
  limit = "number" }

local AT_ONCE = 100 -- changes read from the store at a time

---@class commerce.RecordChange
---@field number integer of this connection's changes, one higher than the one before it
---@field kind "created"|"changed"|"deleted"
---@field type string the data type
---@field id string the record's
---@field at string when, YYYY-MM-DDTHH:MM:SSZ
---@field record commerce.RecordFields? as it is now; of a deleted one, as it was, with
---  metadata.isDeleted

local methods = {}
local reader_mt = { __index = methods }

-- The position at which a new consumer begins.
local function starting_place(self, since)
  if since == nil then
    return 0
  elseif since == "now" then
    return self.store:last_change(self.connection_id)
  elseif type(since) == "number" then
    return since
  end
  local seconds, wrong = time.parse(since)
  if not seconds then
    errors.refuse("since: a date, a change's number or \"now\" expected; %s", wrong)
  end
  return self.store:last_change(self.connection_id, time.format(math.max(seconds, 1)))
end

local function acknowledge(self)
  if self.given > self.acknowledged then
    if self.consumer then
      self.store:acknowledge(self.connection_id, self.consumer, self.acknowledged, self.given)
    end
    self.acknowledged = self.given
  end
end

--- The next change of a wanted type.
---@return commerce.RecordChange? change nil at the end
function methods:next()
  while true do
    self.at = self.at + 1
    if self.at > #self.list then
      self.list = self.store:changes(self.connection_id, self.read, AT_ONCE)
      self.at = 1
      if #self.list == 0 then
        self.given = self.read
        return nil
      end
    end
    local change = self.list[self.at]
    self.read = change.number
    if not self.types or self.types[change.type] then
      change.record, change.data = change.data and json.stored(change.data), nil
      return change
    end
  end
end

--- Acknowledge the change that was given last, and give the next one.
---@return commerce.RecordChange? change nil at the end
function methods:one()
  acknowledge(self)
  if self.left == 0 then
    return nil
  end
  self.left = self.left - 1
  local change = self:next()
  if change then
    self.given = change.number
  else
    acknowledge(self)
  end
  return change
end

--- Acknowledge the batch that was given last, and give the next one.
---@return commerce.RecordChange[]? changes nil at the end
function methods:several()
  acknowledge(self)
  local list = {}
  while #list < self.batch and self.left > 0 do
    self.left = self.left - 1
    local change = self:next()
    if not change then
      break
    end
    list[#list + 1] = change
  end
  if #list == 0 then
    acknowledge(self)
    return nil
  end
  self.given = math.max(self.given, list[#list].number)
  return list
end

local function set_of(store, names)
  local set = names and {}
  for _, name in ipairs(names or {}) do
    local data_type, unknown = store:find_type(name)
    if not data_type then
      errors.refuse("%s", unknown)
    end
    set[data_type.name] = true
  end
  return set
end

local function check_count(options, name)
  local count = options[name]
  if count and (count < 1 or count % 1 ~= 0) then
    errors.refuse("bad option '%s': a whole number from 1 on expected", name)
  end
end

--- Iterate over the changes of a connection's records, oldest first. Raises on failure.
---@param store commerce.Store
---@param connection_id string
---@param options commerce.ChangesOptions?
---@return fun(): commerce.RecordChange|commerce.RecordChange[]|nil next
local function changes(store, connection_id, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  check_count(options, "batch")
  check_count(options, "limit")
  local self = setmetatable({
    store = store, connection_id = connection_id, consumer = options.consumer,
    types = set_of(store, options.types), batch = options.batch,
    left = options.limit or math.huge, list = {}, at = 0,
  }, reader_mt)
  local place = options.consumer and store:consumer(connection_id, options.consumer)
  if not place then
    place = starting_place(self, options.since)
    if options.consumer then
      store:changes(connection_id, place, 1) -- fails where the log was pruned: keeps no place
      store:acknowledge(connection_id, options.consumer, nil, place)
    end
  end
  self.read, self.given, self.acknowledged = place, place, place
  return errors.placed(self.batch and function()
    return self:several()
  end or function()
    return self:one()
  end)
end

return errors.placed(changes)
