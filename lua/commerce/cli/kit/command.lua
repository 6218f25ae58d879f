-- The shape of every command: a table with its name, its arguments and its function. An action
-- ("list" in `commerce companies list`) has the same shape, nested.

local audit = require "commerce.account.audit"
local console = require "commerce.cli.kit.console"
local opener = require "commerce.cli.kit.opener"

local command = {}

---@class commerce.cli.Arguments: table<string, any> what argparse has parsed, by option name
---@class commerce.cli.Parser an argparse parser or command

---@class commerce.cli.Command
---@field name string the word on the command line
---@field help string shown by --help
---@field arguments fun(sub: commerce.cli.Parser)? declares arguments and options on an argparse
---  command
---@field json string? help of the flag --json; without this field the command has no such flag
---@field store "existing"|"create"|"own"|nil the command has the option --store, and its store is
---  opened before `run` and closed after it: "existing" fails if there is no database yet, "create"
---  makes one; "own": the command calls `opener.with` itself; nil: it has no store
---@field check fun(args: commerce.cli.Arguments)? checks the arguments before the store is opened;
---  may complete them
---@field run (fun(app: commerce.App?, args: commerce.cli.Arguments): integer?)? does the work;
---  `app` is nil unless
---  `store` is "existing" or "create"; returns the exit status, 0 if nothing; failures are raised
---@field audit string? what the command does, for the log of who did what: "key.create". The
---  target is the first of `TARGETS` among the arguments
---@field actions commerce.cli.Command[]? in place of `run`: the command's actions
---@field stops_cleanly boolean? Ctrl-C ends the command after the page in hand is stored

--- Declare a command and its actions.
---@param parser commerce.cli.Parser an argparse parser or command
---@param entry commerce.cli.Command
function command.declare(parser, entry)
  local sub = parser:command(entry.name, entry.help)
  if entry.arguments then
    entry.arguments(sub)
  end
  if entry.json then
    sub:flag("--json", entry.json)
  end
  if entry.store then
    opener.option(sub)
  end
  if entry.actions then
    sub:command_target "action"
    for _, action in ipairs(entry.actions) do
      command.declare(sub, action)
    end
  end
end

local function chosen(entry, args)
  for _, action in ipairs(entry.actions or {}) do
    if action.name == args.action then
      return action
    end
  end
  return entry
end

-- Arguments that name what a command changes; none is a secret.
local TARGETS = { "name", "company", "connection", "integration", "consumer", "url", "id" }

-- The person is what the shell says, so it is a help and no proof.
local function actor()
  local person = os.getenv "SUDO_USER" or os.getenv "USER" or os.getenv "LOGNAME"
  return "command line" .. (person and person ~= "" and (" (%s)"):format(person) or "")
end

--- Write into the log of who did what. `command.run` does it for a command with a store; one that
--- opens its store by itself calls this.
---@param app commerce.App
---@param action string as in the field `audit`
---@param args commerce.cli.Arguments
function command.note(app, action, args)
  local target, i = nil, 0
  while not target and i < #TARGETS do
    i = i + 1
    target = args[TARGETS[i]]
  end
  audit.note(app.store, { actor = actor(), action = action, detail = args.role or args.mode,
    target = type(target) == "string" and target or nil }, console.note)
end

--- Run a command, or the action that the arguments name. Raises on failure.
---@param entry commerce.cli.Command
---@param args commerce.cli.Arguments parsed arguments
---@return integer status exit status
function command.run(entry, args)
  local found = chosen(entry, args)
  if found.check then
    found.check(args)
  end
  if found.store == "existing" or found.store == "create" then
    return opener.with(args, found.store, function(app)
      local status = found.run(app, args) or 0
      if found.audit and status == 0 then
        command.note(app, found.audit, args)
      end
      return status
    end)
  end
  return found.run(nil, args) or 0
end

return command
