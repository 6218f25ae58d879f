-- `commerce companies`: the merchants.

local console = require "commerce.cli.kit.console"
local deletion = require "commerce.cli.kit.deletion"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local lookup = require "commerce.cli.kit.lookup"
local views = require "commerce.cli.kit.views"

local must = errors.must

local function print_company(company, as_json)
  local view = views.company(company)
  if as_json then
    console.json(view)
    return
  end
  console.line(format.cell(view.name))
  console.line("company " .. view.id .. ", created " .. format.minutes(view.created))
  if view.description then
    console.line(format.cell(view.description))
  end
  for _, connection in ipairs(view.connections) do
    console.line(views.connection_line(connection))
  end
  if #view.connections == 0 then
    console.line(("no connections in %s mode yet"):format(view.mode))
  end
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

local function list(app, args)
  local rows = {}
  for i, company in ipairs(must(app:companies())) do
    local view = views.company(company)
    if args.json then
      console.json(view)
    end
    rows[i] = { lookup.short(view.id), view.name, summary(view.connections),
      format.minutes(view.lastSync), format.minutes(view.created) }
  end
  if args.json then
    return
  elseif #rows == 0 then
    console.line "no companies yet: `commerce companies create NAME` or `commerce sync` creates one"
    return
  end
  format.print({ "id", "name", "connections", "last sync", "created" }, rows)
  console.line(("(with their connections in %s mode)"):format(must(app:mode())))
end

local function create(app, args)
  print_company(must(app:create_company { name = args.name, description = args.description }),
    args.json)
end

local function show(app, args)
  print_company(lookup.company(app, args.company), args.json)
end

local function rename(app, args)
  local company = lookup.company(app, args.company)
  must(company:rename(args.name))
  print_company(company, args.json)
end

local function delete(app, args)
  deletion.company(app, lookup.company(app, args.company), args)
end

-- ---------------------------------------------------------------- the actions

local function company_argument(sub)
  sub:argument("company", "Its id, the beginning of the id, or its name.")
end

local JSON = "One JSON object per company."

---@type commerce.cli.Command
return {
  name = "companies",
  help = "Manage companies: the merchants, with their connections.",
  actions = {
    { name = "list", help = "List all companies.", json = JSON, store = "existing", run = list },
    { name = "create", help = "Create a company.",
      arguments = function(sub)
        sub:argument("name", "The company's name.")
        sub:option("--description", "A note about the company."):argname "TEXT"
      end,
      json = JSON, store = "create", audit = "company.create", run = create },
    { name = "show", help = "Show a company with its connections.", arguments = company_argument,
      json = JSON, store = "existing", run = show },
    { name = "rename", help = "Rename a company.",
      arguments = function(sub)
        company_argument(sub)
        sub:argument("name", "The new name.")
      end,
      json = JSON, store = "existing", audit = "company.change", run = rename },
    { name = "delete", help = "Delete a company, its connections and all their stored data.",
      arguments = function(sub)
        company_argument(sub)
        deletion.options(sub)
      end,
      json = JSON, store = "existing", audit = "company.delete", run = delete },
  },
}
