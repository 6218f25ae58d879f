-- Asking before something is lost for good. Called by the commands.

local errors = require "commerce.base.errors"
local terminal = require "commerce.cli.kit.terminal"

local confirm = {}

local STDIN = 0

--- Add the option that answers beforehand.
---@param command table an argparse command
function confirm.option(command)
  command:flag("--yes", "Do it without asking.")
end

--- Ask. Without a terminal nobody can answer: then only --yes will do.
---@param args table parsed arguments
---@param question string such as "Delete the company 'Shop' with its 1,234 records?"
---@return boolean? yes nil if not, with nothing done
---@return string? message
---@return commerce.Details? details
function confirm.ask(args, question)
  if args.yes then
    return true
  elseif not terminal.is_terminal(STDIN) then
    return errors.fail("usage", question .. " Nothing was done: standard input is no terminal to "
      .. "ask at; --yes does it without asking")
  end
  io.stderr:write(question, " [y/N] ")
  io.stderr:flush()
  local answer = (io.stdin:read "*l" or ""):lower()
  if answer == "y" or answer == "yes" then
    return true
  end
  return errors.fail("cancelled", "nothing was done")
end

return confirm
