-- The pulls of a run in the store: one for each data type, which the API shows while it is under
-- way and afterwards.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local pulls = {}

---@class commerce.sync.Pulls
local methods = {}
local pulls_mt = { __name = "commerce.sync.pulls", __index = methods }

local COUNTS = { "read", "created", "changed", "unchanged" }
local SAVE_INTERVAL = 1 -- seconds between two writes of how far the pulls are

--- The pulls of a run, none of which has begun.
---@param store commerce.Store
---@param connection_id string
---@return commerce.sync.Pulls
function pulls.new(store, connection_id)
  return setmetatable({ _store = store, _id = connection_id, _pulls = {}, -- by data type
    _saved = core.now() }, pulls_mt)
end

local STATUS = { [401] = "AuthError", [403] = "AuthError", [429] = "RateLimitError" }
local KIND_STATUS = { mapping = "MapError", hook = "ProcessingError", cancelled = "Cancelled" }

--- The status that a data type's pull ends with.
---@param entry commerce.TypeReport
---@param details commerce.Failure? why it is not complete
---@return string
function pulls.status(entry, details)
  details = details or {}
  if entry.status == "complete" then
    return "Complete"
  elseif stripe.lacks_permission(details) then
    return "PermissionsError"
  end
  return STATUS[details.status] or KIND_STATUS[details.kind] or "FetchError"
end

--- Begin a pull for each data type. A pull that was requested and waits is the one that begins.
---@param type_names string[]
function methods:open(type_names)
  local now = time.now()
  -- a pull that still says "Fetching" was killed: this run has the lease
  self._store:end_killed_pulls(self._id, now)
  local waiting = self._store:waiting_pulls(self._id)
  for _, name in ipairs(type_names) do
    local pull = waiting[name] or { id = core.uuid(), connection_id = self._id, data_type = name,
      requested = now, read = 0, created = 0, changed = 0, unchanged = 0 }
    pull.status = "Fetching"
    self._store:save_pull(pull)
    self._pulls[name] = pull
  end
end

--- Write how far the pulls are, once a second at most. Failing to do so does not end the run.
---@param fraction_of fun(type_name: string): number 0 to 1
function methods:save_progress(fraction_of)
  if core.now() - self._saved < SAVE_INTERVAL then
    return
  end
  self._saved = core.now()
  for name, pull in pairs(self._pulls) do
    local percent = math.floor(100 * fraction_of(name))
    if pull.progress ~= percent or pull.error_message then
      pull.progress, pull.error_message = percent, nil
      errors.catch(self._store.save_pull, self._store, pull)
    end
  end
end

--- Say in the pulls what the run waits for, until it goes on. Failing to do so does not end it.
---@param message string
function methods:say(message)
  for _, pull in pairs(self._pulls) do
    pull.error_message = message
    errors.catch(self._store.save_pull, self._store, pull)
  end
end

-- The message of a data type's failure, as it is stored. Details that are not a failure have none.
local function message_of(entry, details)
  return entry.error and errors.public(errors.is_failure(details) and details or entry.error)
end

local function close(pull, entry, status, message)
  pull.status, pull.completed = status, time.now()
  pull.progress = status == "Complete" and 100 or pull.progress
  pull.error_message = message
  for _, name in ipairs(COUNTS) do
    pull[name] = entry[name]
  end
end

--- Close the pulls, and queue the messages to consumers. Events of webhooks are applied without
--- pulls; of these only data types with modified records are told.
---@param entries commerce.TypeReport[]
---@param details table<string, commerce.Failure> by data type: why it is not complete
function methods:close(entries, details)
  local reads = {}
  for _, entry in ipairs(entries) do
    local pull, status = self._pulls[entry.type], pulls.status(entry, details[entry.type])
    local modified = entry.created + entry.changed + entry.deleted > 0
    if pull then
      close(pull, entry, status, message_of(entry, details[entry.type]))
    end
    if pull or modified then
      reads[#reads + 1] = { data_type = entry.type, status = status, modified = modified,
        message = message_of(entry, details[entry.type]), pull = pull }
    end
  end
  if #reads > 0 then
    self._store:end_reads(self._id, reads)
  end
end

return pulls
