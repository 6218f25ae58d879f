-- Keeps the events that several requests bring at the same time in one transaction. An event is on
-- the disk before it is acknowledged, and waiting for the disk costs the same for one event as for
-- many.

local errors = require "commerce.base.errors"
local unpack = require("commerce.base.compat").unpack

local receipts = {}

local GATHER = 0.002 -- seconds that the first request waits for others
local LOOK = 0.001 -- seconds between two looks of the others
local MOST = 50 -- events of one transaction; each may have a megabyte

--- Make a function that keeps events, to be called by several coroutines.
---@param store commerce.Store
---@param sleep fun(seconds: number) other requests go on meanwhile
---@return fun(rows: commerce.InboxRow[]): integer keep raises if they could not be kept; gives how
---  many were new, at most
function receipts.new(store, sleep)
  local open -- the batch that still takes events

  local function commit(batch)
    sleep(GATHER)
    if open == batch then
      open = nil
    end
    local added, _, failure = errors.catch(store.keep_events, store, batch.rows)
    batch.added, batch.failure = added, failure
    batch.done = true
  end

  return function(rows)
    local batch = open
    if batch and #batch.rows < MOST then
      for _, row in ipairs(rows) do
        batch.rows[#batch.rows + 1] = row
      end
      while not batch.done do
        sleep(LOOK)
      end
    else
      batch = { rows = { unpack(rows) } }
      open = batch
      errors.finally(function()
        commit(batch)
      end, function()
        batch.done = true
      end)
    end
    -- a lock or a full disk concerns each of them, and was waited for; other failures may be due to
    -- another request's event
    if batch.failure and batch.failure.retryable then
      errors.rethrow(batch.failure)
    end
    return batch.added and math.min(batch.added, #rows) or store:keep_events(rows)
  end
end

return receipts
