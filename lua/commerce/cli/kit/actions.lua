-- Commands that have actions, each with arguments of its own: `commerce companies list`.
-- Called by the commands.

local actions = {}

---@class commerce.cli.Action
---@field name string
---@field help string
---@field define fun(command: table)? declares its arguments, beside --help
---@field run fun(args: table): integer?, string?, commerce.Details?

local function define(parser, name, help, list)
  local command = parser:command(name, help)
  command:command_target "action"
  for _, action in ipairs(list) do
    local sub = command:command(action.name, action.help)
    if action.define then
      action.define(sub)
    end
  end
end

local function run(list, args)
  for _, action in ipairs(list) do
    if action.name == args.action then
      return action.run(args)
    end
  end
end

--- A command of some actions.
---@param name string
---@param help string
---@param list commerce.cli.Action[]
---@return table command { define(parser), run(args) } as every command has them
function actions.command(name, help, list)
  return {
    define = function(parser)
      define(parser, name, help, list)
    end,
    run = function(args)
      return run(list, args)
    end,
  }
end

return actions
