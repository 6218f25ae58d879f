-- The rules for webhook events that every store shares: which changes make an event, and which
-- consumers receive it.

local ascii = require "commerce.base.ascii"
local model = require "commerce.model"
local set = require "commerce.base.set"
local time = require "commerce.base.time"

local rules = {}

--- The setting that says for how many days an event is kept that no consumer waits for: a whole
--- number, "" for ever.
rules.RETENTION = "webhooks_retention"

--- Days without that setting.
rules.KEPT = 30

--- For how many days an event is kept that no consumer waits for.
---@param setting string? the value of `rules.RETENTION`
---@return integer? days nil: for ever
function rules.days_kept(setting)
  if setting ~= "" then
    return tonumber(setting) or rules.KEPT
  end
end

--- The date before which events that no consumer waits for are deleted.
---@param setting string? the value of `rules.RETENTION`
---@param now number unix seconds
---@return string? date nil: none are deleted
function rules.kept_since(setting, now)
  local days = rules.days_kept(setting)
  return days and time.format(now - days * 86400)
end

--- Seconds: a webhook that is due later than this counts as due now, since a clock that was ahead
--- has dated it.
rules.LONGEST_DELAY = 86400

--- Whether a consumer wants an event.
---@param consumer { event_types: string[], company_tags: string[] } empty lists want all
---@param type_name string
---@param tags table<string, string> the company's
---@return boolean
function rules.wanted(consumer, type_name, tags)
  if #consumer.event_types > 0 and not set.of(consumer.event_types)[type_name] then
    return false
  elseif #consumer.company_tags == 0 then
    return true
  end
  for _, tag in ipairs(consumer.company_tags) do
    local name, value = tag:match "^([^:]*):(.*)$"
    if tags[name] == value and value then
      return true -- one that fits is enough
    end
  end
  return false
end

--- The event that a change of a connection's status is.
---@param before string
---@param after string
---@return string? type nil if consumers are not told of it
function rules.status_event(before, after)
  if after == "Linked" and before ~= "Linked" then
    return before == "PendingAuth" and "connection.connected" or "connection.reconnected"
  elseif before == "Linked" and after ~= "Linked" then
    return "connection.disconnected"
  end
end

--- The status of the pulls that a connection's end closes.
---@param status string the connection's
---@return string status "AuthError" if Stripe or the merchant has ended the access
---@return string message of the pulls
function rules.closed_by(status)
  return status == "Deauthorized" and "AuthError" or "Cancelled", "the connection became " .. status
end

-- A reader of Codat's webhooks does not know custom data types.
local function is_known(name)
  local data_type = model.find(name) or model.optional(name)
  return data_type ~= nil and not data_type.custom
end

-- Consumers are not told of a read that was broken off or could not begin.
local ENDED_WITHOUT = { Cancelled = true, NotSupported = true }

--- The reads that consumers get events of.
---@param list commerce.ReadRow[]
---@return commerce.ReadRow[]? reads nil if there is no event
function rules.reads(list)
  local reads, some = {}, false
  for _, read in ipairs(list) do
    if is_known(read.data_type) then
      reads[#reads + 1] = read
      some = some or not ENDED_WITHOUT[read.status]
    end
  end
  return some and reads or nil
end

--- The reads of "read.completed.initial", from the latest pull of each type.
---@param latest table<string, commerce.PullRow> by data type name
---@return commerce.ReadRow[]? reads nil if there is no event yet
function rules.first_reads(latest)
  local list, complete = {}, false
  for name, pull in pairs(latest) do
    list[#list + 1] = { data_type = name, status = pull.status, message = pull.error_message,
      modified = (pull.created or 0) + (pull.changed or 0) > 0 }
    complete = complete or pull.status == "Complete"
  end
  table.sort(list, function(a, b)
    return ascii.before(a.data_type, b.data_type)
  end)
  return complete and rules.reads(list) or nil
end

--- When all of some types had been read before.
---@param earlier table<string, commerce.PullRow> the latest complete pulls by data type name
---@param reads commerce.ReadRow[]
---@return string? date nil if one of them never was
function rules.read_before(earlier, reads)
  local first
  for _, read in ipairs(reads) do
    local pull = earlier[read.data_type]
    local at = pull and (pull.completed or pull.requested)
    if not at then
      return nil
    end
    first = (not first or at < first) and at or first
  end
  return first
end

return rules
