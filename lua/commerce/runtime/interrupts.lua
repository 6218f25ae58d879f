-- Ctrl-C at a good moment: while work is held, a signal is only noted, and the work stops where
-- everything that it has read is stored.

local errors = require "commerce.base.errors"

local interrupts = {}

local signals, holders = nil, 0

--- Hold interrupts back during held work. For programs that are in charge of their process.
---@param core { hold_interrupts: fun(), release_interrupts: fun(), interrupted: fun(): integer? }
---  `commerce.core`
function interrupts.stop_cleanly(core)
  signals = core
end

--- Whether interrupts are held back during held work, which then stops by itself.
---@return boolean
function interrupts.are_caught()
  return signals ~= nil
end

--- Begin work that must end at a good moment only.
function interrupts.hold()
  holders = holders + 1
  if signals then
    signals.hold_interrupts()
  end
end

--- End such work. Raises the interpreter's own answer to Ctrl-C if a signal came meanwhile.
function interrupts.release()
  holders = holders - 1
  if signals then
    local interrupted = signals.interrupted()
    signals.release_interrupts()
    if interrupted then
      error("interrupted!", 0)
    end
  end
end

--- Whether held work may go on. Called at good moments to stop.
---@return boolean? go_on nil if a signal came
---@return string? message
---@return commerce.Details? details
function interrupts.go_on()
  if signals and holders > 0 and signals.interrupted() then
    return errors.fail("cancelled", "interrupted", { fatal = true })
  end
  return true
end

return interrupts
