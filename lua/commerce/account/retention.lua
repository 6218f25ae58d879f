-- For how long records are kept that Stripe deleted, entries of the log of changes, and webhook
-- events. A sync removes the first two (`commerce.sync.erasure`); events are removed by the store,
-- with the next event, and by the worker that sends them.

local errors = require "commerce.base.errors"
local event_rules = require "commerce.store.event_rules"
local time = require "commerce.base.time"

local retention = {}

local MOST = 36500 -- days

-- The name of a setting in the store, and how errors call it.
local DELETED, CHANGES = "deleted_retention", "changes_retention"

local function get(store, name)
  local text = store:setting(name)
  return text and text ~= "" and tonumber(text) or nil
end

local function set(store, name, days)
  if days and (type(days) ~= "number" or days % 1 ~= 0 or days < 1 or days > MOST) then
    errors.throw("usage", ("%s: whole days from 1 to %d expected, got %s"):format(name, MOST,
      tostring(days)))
  end
  store:save_setting(name, days and ("%d"):format(days) or "")
end

--- For how many days records are kept that Stripe deleted.
---@param store commerce.Store
---@return integer? days nil: for ever
function retention.get(store)
  return get(store, DELETED)
end

--- Set for how many days records are kept that Stripe deleted. Raises for anything but whole days.
---@param store commerce.Store
---@param days integer? nil: for ever
function retention.set(store, days)
  set(store, DELETED, days)
end

--- For how many days entries of the log of changes are kept that all consumers have read.
---@param store commerce.Store
---@return integer? days nil: for ever
function retention.of_changes(store)
  return get(store, CHANGES)
end

--- Set for how many days entries of the log of changes are kept that all consumers have read.
--- Raises for anything but whole days.
---@param store commerce.Store
---@param days integer? nil: for ever
function retention.set_of_changes(store, days)
  set(store, CHANGES, days)
end

local PRUNED = "changes_pruned" -- a setting: unix seconds

--- Note that entries of the log of changes were looked for that are no longer kept.
---@param store commerce.Store
---@param now number unix seconds
function retention.note_pruning(store, now)
  store:save_setting(PRUNED, ("%d"):format(now))
end

---@class commerce.ChangeLogState
---@field days integer? for how many days changes are kept that all have read; nil: for ever
---@field oldest string? when the oldest change happened that is kept
---@field pruned string? when older ones were last looked for and removed
---@field consumers commerce.ChangeConsumer[]

--- The state of the log of changes: since when its entries are kept, and who reads it.
---@param store commerce.Store
---@return commerce.ChangeLogState
function retention.change_log(store)
  return { days = retention.of_changes(store), oldest = store:oldest_change(),
    pruned = time.format(tonumber(store:setting(PRUNED) or "")),
    consumers = store:change_consumers() }
end

--- For how many days webhook events are kept that were sent to all consumers or given up.
---@param store commerce.Store
---@return integer? days nil: for ever
function retention.of_webhooks(store)
  return event_rules.days_kept(store:setting(event_rules.RETENTION))
end

--- Set for how many days webhook events are kept that were sent to all consumers or given up.
--- Raises for anything but whole days.
---@param store commerce.Store
---@param days integer? nil: for ever
function retention.set_of_webhooks(store, days)
  set(store, event_rules.RETENTION, days)
end

--- What a user is told whose event is gone.
---@param store commerce.Store
---@return string words such as "events are kept for 30 days"
function retention.of_webhooks_in_words(store)
  local days = retention.of_webhooks(store)
  return days and ("events are kept for %d %s"):format(days, days == 1 and "day" or "days")
    or "events are kept for ever"
end

return retention
