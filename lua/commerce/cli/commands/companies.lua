-- `commerce companies`: the merchants.

local actions = require "commerce.cli.kit.actions"
local common = require "commerce.cli.kit.common"
local deletion = require "commerce.cli.kit.deletion"
local facts = require "commerce.cli.kit.facts"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"
local terminal = require "commerce.cli.kit.terminal"

local function print_company(company, as_json)
  local all, message, details = facts.company(company)
  if not all then
    return nil, message, details
  elseif as_json then
    output.line(json.encode(all))
    return 0
  end
  output.line(("%s"):format(format.cell(all.name)))
  output.line("company " .. all.id .. ", created " .. format.minutes(all.created))
  if all.description then
    output.line(format.cell(all.description))
  end
  for _, connection in ipairs(all.connections) do
    output.line(facts.connection_line(connection))
  end
  if #all.connections == 0 then
    output.line(("no connections in %s mode yet"):format(all.mode))
  end
  return 0
end

-- "2 Linked, 1 PendingAuth"
local function summary(connections)
  local counts, order, parts = {}, {}, {}
  for _, connection in ipairs(connections) do
    if not counts[connection.status] then
      order[#order + 1] = connection.status
    end
    counts[connection.status] = (counts[connection.status] or 0) + 1
  end
  for i, status in ipairs(order) do
    parts[i] = counts[status] .. " " .. status
  end
  return table.concat(parts, ", ")
end

local function list_companies(app, args)
  local companies, message, details = app:companies()
  if not companies then
    return nil, message, details
  end
  local rows = {}
  for i, company in ipairs(companies) do
    local all
    all, message, details = facts.company(company)
    if not all then
      return nil, message, details
    elseif args.json then
      output.line(json.encode(all))
    end
    rows[i] = { find.short(all.id), all.name, summary(all.connections),
      format.minutes(all.lastSync), format.minutes(all.created) }
  end
  if args.json then
    return 0
  elseif #rows == 0 then
    output.line("no companies yet: `commerce companies create NAME` makes one, and so does "
      .. "`commerce sync`")
    return 0
  end
  output.line(format.table({ "id", "name", "connections", "last sync", "created" }, rows,
    terminal.width()))
  output.line(("(their connections in %s mode)"):format(app:mode()))
  return 0
end

local function json_flag(sub)
  sub:flag("--json", "One JSON object a company.")
  common.store_options(sub)
end

local function company_argument(sub)
  sub:argument("company", "Its id, the beginning of it, or its name.")
  json_flag(sub)
end

local function on_company(work)
  return find.with(find.company, "company", work)
end

local ACTIONS = {
  { name = "list", help = "All companies.", define = json_flag,
    run = common.with_app(list_companies) },
  { name = "create", help = "Make one.",
    define = function(sub)
      sub:argument("name", "What it is called.")
      sub:option("--description", "A note about it."):argname "TEXT"
      json_flag(sub)
    end,
    run = common.with_app(function(app, args)
      local company, message, details = app:create_company { name = args.name,
        description = args.description }
      if not company then
        return nil, message, details
      end
      return print_company(company, args.json)
    end, { create = true }) },
  { name = "show", help = "One company with its connections.", define = company_argument,
    run = on_company(function(company, args)
      return print_company(company, args.json)
    end) },
  { name = "rename", help = "Give one another name.",
    define = function(sub)
      sub:argument("company", "Its id, the beginning of it, or its name.")
      sub:argument("name", "The new name.")
      json_flag(sub)
    end,
    run = on_company(function(company, args)
      local ok, message, details = company:rename(args.name)
      if not ok then
        return nil, message, details
      end
      return print_company(company, args.json)
    end) },
  { name = "delete", help = "Delete one, its connections and all that is stored of them.",
    define = function(sub)
      company_argument(sub)
      deletion.options(sub)
    end,
    run = on_company(function(company, args, app)
      return deletion.company(app, company, args)
    end) },
}

return actions.command("companies", "The merchants, with their connections.", ACTIONS)
