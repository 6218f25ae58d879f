-- Traces: copies that rows left in the unused space of the database's file when they moved.
-- Writing the file anew removes them, which takes seconds for each gigabyte: a command does that, a
-- run does not. The store remembers that it is due, so a killed command, or a run, leaves it to the
-- next one.

local traces = {}

local SETTING, DUE = "traces", "due"

--- Note that something was erased and has left traces.
---@param store commerce.Store
function traces.expect(store)
  if store:setting(SETTING) ~= DUE then
    store:save_setting(SETTING, DUE)
  end
end

--- Write the file anew if that is due.
---@param store commerce.Store
function traces.remove(store)
  if store:setting(SETTING) == DUE then
    store:finish_erasure(true)
    store:save_setting(SETTING, "")
  end
end

return traces
