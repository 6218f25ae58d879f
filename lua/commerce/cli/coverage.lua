-- `commerce coverage`: which data types each integration gives, from which resources, and which
-- permissions a restricted key needs for them.

local format = require "commerce.cli.format"
local json = require "commerce.json"
local model = require "commerce.model"
local stripe = require "commerce.platform.stripe"
local output = require "commerce.cli.output"
local terminal = require "commerce.cli.terminal"

local command = {}

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local coverage = parser:command("coverage",
    "Which data types each integration gives, and with which permission.")
  coverage:flag("--json", "One JSON object a data type.")
end

-- Both integrations read the same resources: they differ in mode alone.
local INTEGRATIONS = { "stripe", "stripe-test" }

local function facts()
  local mappings, list = stripe.mappings(), {}
  for _, data_type in ipairs(model.types()) do
    local mapping = mappings[data_type.name]
    if mapping then
      local permissions, seen = {}, {}
      local resources = stripe.resources_of(mapping)
      for _, name in ipairs(resources) do
        local permission = stripe.resources[name].permission
        if not seen[permission] then
          seen[permission] = true
          permissions[#permissions + 1] = permission
        end
      end
      list[#list + 1] = { type = data_type.name, key = data_type.key, resources = resources,
        permissions = permissions, integrations = INTEGRATIONS }
    end
  end
  return list
end

--- Run it.
---@param args table parsed arguments
---@return integer status
function command.run(args)
  local rows = {}
  for i, fact in ipairs(facts()) do
    if args.json then
      output.line(json.encode(fact))
    end
    rows[i] = { fact.type, table.concat(fact.integrations, ", "),
      table.concat(fact.resources, ", "), table.concat(fact.permissions, ", ") }
  end
  if not args.json then
    output.line(format.table({ "type", "integrations", "Stripe resources",
      "permissions (read) of a restricted key" }, rows, terminal.width()))
  end
  return 0
end

return command
