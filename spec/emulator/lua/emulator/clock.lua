--- The emulator's clock. It stands still but for tests that move it, and for changes: each happens
--- `tick` seconds after the one before.
local events = require "emulator.events"
local state = require "emulator.state"

local clock = {}

--- Move the clock. Money settles, old events go, and what the generated objects do in that time
--- happens.
---@param seconds number not negative
function clock.advance(seconds)
  if seconds < 0 then error("the clock only moves forward", 0) end
  if seconds == 0 then return end
  local before = {}
  for _, ds in pairs(state.datasets) do before[ds] = ds.now end
  state.advance(seconds)
  if not events.listener then return end
  for ds, then_ in pairs(before) do
    if events.listener(ds) then
      for _, event in ipairs(events.between(ds, then_, ds.now)) do events.listener(ds, event) end
    end
  end
end

--- When the next change to a data set happens; the clock is there then.
---@param ds table
---@param at number? when it happens, instead: later than now takes the clock along
---@param by_test_clock boolean? Stripe's test clocks are ahead of everybody else's: it stands still
---@return number
function clock.stamp(ds, at, by_test_clock)
  if at then
    if not by_test_clock then clock.advance(math.max(0, at - ds.now)) end
    return at
  end
  if state.last_change == state.advanced then clock.advance(state.settings.tick) end
  state.last_change = state.advanced
  return ds.now
end

return clock
