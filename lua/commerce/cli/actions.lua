-- Commands that have actions, each with arguments of its own: `commerce companies list`.
-- Called by the commands.

local actions = {}

---@class commerce.cli.Action
---@field name string
---@field help string
---@field define fun(command: table)? declares its arguments, beside --help
---@field run fun(args: table): integer?, string?, commerce.Details?

--- Declare a command with its actions.
---@param parser table argparse
---@param name string
---@param help string
---@param list commerce.cli.Action[]
function actions.define(parser, name, help, list)
  local command = parser:command(name, help)
  command:command_target "action"
  for _, action in ipairs(list) do
    local sub = command:command(action.name, action.help)
    if action.define then
      action.define(sub)
    end
  end
end

--- Run the action that was named.
---@param list commerce.cli.Action[]
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function actions.run(list, args)
  for _, action in ipairs(list) do
    if action.name == args.action then
      return action.run(args)
    end
  end
end

return actions
