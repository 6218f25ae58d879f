-- Standard output, checked: a full disk behind a redirection is an error, not silence.
-- Called by the commands.

local errors = require "commerce.base.errors"

local output = {}

local function check(ok, message)
  if not ok then
    local _, _, details = errors.fail("output", "standard output: " .. tostring(message))
    error(details, 0)
  end
end

--- Write texts. Raises if they cannot be written.
---@param ... string
function output.write(...)
  check(io.stdout:write(...))
end

--- Write a line.
---@param text any
function output.line(text)
  output.write(tostring(text), "\n")
end

--- Make sure that all is written. Raises if it cannot be.
function output.flush()
  check(io.stdout:flush())
end

return output
