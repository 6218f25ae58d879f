-- `commerce mode`: shows or switches the mode that commands work in.

local command = require "commerce.cli.kit.command"
local console = require "commerce.cli.kit.console"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local opener = require "commerce.cli.kit.opener"

local must = errors.must

local function print_mode(args, set, by)
  local key = environment.key_mode()
  if args.json then
    console.json { mode = key or set, by = key and "key" or by, switchedTo = set }
  elseif key then
    console.line(("%s mode, the mode of the key in STRIPE_SECRET_KEY; without a key: %s mode")
      :format(key, set))
  elseif args.mode then
    console.line(set .. " mode from now on")
  else
    console.line(("%s mode; `commerce mode %s` switches"):format(set,
      set == "test" and "live" or "test"))
  end
end

local function switch(app, args)
  must(app:set_mode(args.mode))
  command.note(app, "mode.switch", args)
  print_mode(args, args.mode, "setting")
end

local function show(app, args)
  local set, origin, details = app:stored_mode()
  must(set, origin, details)
  print_mode(args, set, origin == "set" and "setting" or origin)
end

local function run(_, args)
  if args.mode then
    return opener.with(args, "create", switch)
  end
  local _, _, failure = errors.catch(opener.with, args, "existing", show)
  if failure and failure.code == "no_database" then
    print_mode(args, "test", "default")
  elseif failure then
    errors.rethrow(failure)
  end
end

---@type commerce.cli.Command
return {
  name = "mode",
  help = "Show or switch the mode that commands work in: test (the default) or live. Commands "
    .. "ignore the data of the other mode. A key in STRIPE_SECRET_KEY states its own mode, which "
    .. "takes precedence.",
  arguments = function(sub)
    sub:argument("mode", "The mode to switch to: test or live."):args "?"
      :choices { "test", "live" }
  end,
  json = "As a JSON object.", store = "own", run = run,
}
