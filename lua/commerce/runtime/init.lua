-- The room's old face: each name stands in the part that it forwards to.

local interrupts = require "commerce.runtime.interrupts"
local jobs = require "commerce.runtime.jobs"

return {
  await = jobs.await, behind = jobs.behind, breathe = jobs.breathe,
  every_second = jobs.every_second, is_step = jobs.is_step, pause = jobs.pause, sleep = jobs.sleep,
  together = jobs.together, wait = jobs.wait,
  hold = jobs.hold, release = jobs.release,
  go_on = interrupts.go_on, stop_cleanly = interrupts.stop_cleanly,
}
