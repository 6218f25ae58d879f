-- The result of `commerce doctor`: a list of findings, each right, worth knowing, or wrong with
-- its cure.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local failure = require "commerce.cli.kit.failure"

local checkup = {}

---@class commerce.cli.Finding
---@field check string what was looked at, such as "store"
---@field state "ok"|"note"|"wrong"
---@field text string what was found
---@field cure string? what to do

---@class commerce.cli.Checkup
---@field findings commerce.cli.Finding[]
---@field wrong integer how many of them are wrong
local methods = {}
local checkup_mt = { __name = "commerce.cli.Checkup", __index = methods }

--- Begin a checkup.
---@return commerce.cli.Checkup
function checkup.new()
  return setmetatable({ findings = {}, wrong = 0 }, checkup_mt)
end

--- Add a finding.
---@param check string what was looked at
---@param state "ok"|"note"|"wrong"
---@param text string what was found
---@param cure string? what to do
function methods:add(check, state, text, cure)
  self.findings[#self.findings + 1] = { check = check, state = state, text = text, cure = cure }
  self.wrong = self.wrong + (state == "wrong" and 1 or 0)
end

-- The name of the check under which a failure of these kinds is reported, in every check.
local CHECK_OF = { transport = "network", tls = "network" }

--- Look at something. If the function raises a failure, that is what is wrong, and its hint the
--- cure. A failure of the network is found under "network".
---@param check string what is looked at
---@param look fun(...): any
---@param ... any its arguments
---@return boolean ok whether it did not raise
---@return any result the function's
function methods:try(check, look, ...)
  local result, message, details = errors.catch(look, ...)
  if message then
    local text, cure = failure.parts(message, details)
    self:add(CHECK_OF[details.kind] or check, "wrong", text, cure)
  end
  return message == nil, result
end

local MARKS = { ok = "ok   ", note = "note ", wrong = "WRONG" }
local COLOURS = { ok = "good", wrong = "bad" }

--- Print the findings, each cure below its finding.
function methods:print()
  for _, finding in ipairs(self.findings) do
    console.write(console.paint(MARKS[finding.state], COLOURS[finding.state]))
    console.line(("  %-12s %s"):format(finding.check, finding.text))
    if finding.cure then
      console.line((" "):rep(20) .. finding.cure)
    end
  end
end

return checkup
