-- `commerce connections`: companies' accounts at Stripe, and their life.

local actions = require "commerce.cli.kit.actions"
local common = require "commerce.cli.kit.common"
local connect = require "commerce.cli.kit.connect"
local deletion = require "commerce.cli.kit.deletion"
local facts = require "commerce.cli.kit.facts"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local link = require "commerce.cli.commands.link"
local output = require "commerce.cli.kit.output"
local secret_option = require "commerce.cli.kit.secret_option"
local terminal = require "commerce.cli.kit.terminal"

local KEY, WHAT = "--key", "the account's own key (default: STRIPE_SECRET_KEY)"

-- ---------------------------------------------------------------- showing

local function print_lists(all)
  for _, entry in ipairs(all.errors) do
    output.line(("%s  error %s %s: %s%s"):format(format.minutes(entry.at), entry.statusCode,
      entry.statusText, format.cell(entry.message),
      entry.resolved and " (resolved " .. format.minutes(entry.resolved) .. ")" or ""))
  end
  for _, step in ipairs(all.history) do
    output.line(("%s  %s%s"):format(format.minutes(step.at), step.status,
      step.reason and ": " .. format.cell(step.reason) or ""))
  end
end

local function print_connection(connection, as_json)
  local all, message, details = facts.connection(connection, true)
  if not all then
    return nil, message, details
  elseif as_json then
    output.line(json.encode(all))
    return 0
  end
  output.line(facts.connection_line(all))
  if all.name then
    output.line("account name: " .. format.cell(all.name))
  end
  output.line("company " .. all.companyId)
  print_lists(all)
  return 0
end

local function names_of_companies(app)
  local companies, message, details = app:companies()
  if not companies then
    return nil, message, details
  end
  local names = {}
  for _, company in ipairs(companies) do
    names[company.id] = company.name
  end
  return names
end

local function print_table(app, connections)
  local names, message, details = names_of_companies(app)
  if not names then
    return nil, message, details
  end
  local rows = {}
  for i, connection in ipairs(connections) do
    rows[i] = { find.short(connection.id), names[connection.company_id], facts.mode(connection),
      connection.account, connection.status, connection.auth,
      format.minutes(connection.last_sync) }
  end
  output.line(format.table({ "id", "company", "mode", "account", "status", "by", "last sync" },
    rows, terminal.width()))
  return 0
end

local function list_connections(app, args)
  local company, message, details
  if args.company then
    company, message, details = find.company(app, args.company)
    if not company then
      return nil, message, details
    end
  end
  local connections
  connections, message, details = find.connections(app, { status = args.status,
    integration = args.integration, company_id = company and company.id })
  if not connections then
    return nil, message, details
  elseif args.json then
    for _, connection in ipairs(connections) do
      output.line(json.encode(facts.connection(connection)))
    end
    return 0
  elseif #connections == 0 then
    output.line(("no connections in %s mode"):format(app:mode()))
    return 0
  end
  return print_table(app, connections)
end

-- ---------------------------------------------------------------- changing

local function add_connection(app, args)
  local options = { relink = true, name = args.name, keep_key = args.keep_key }
  for name, finder in pairs { company = find.company, connection = find.connection } do
    if args[name] then
      local found, message, details = finder(app, args[name])
      if not found then
        return nil, message, details
      end
      options[name] = found.id
    end
  end
  local key, message, details = secret_option.read(args, KEY, WHAT)
  if not key and not message then
    key, message, details = connect.key()
  end
  if message then
    return nil, message, details
  elseif not key then
    return connect.no_key()
  end
  local shop
  shop, message, details = connect.by_key(app, key, options)
  if not shop then
    return nil, message, details
  end
  shop:close()
  return print_connection(shop, args.json)
end

-- Where the owner has not let the platform in yet, they are asked to: the end of that link moves
-- the connection.
local function migrate_connection(connection, args, app)
  local moved, message, details = app:migrate(connection)
  if moved then
    return print_connection(moved, args.json)
  elseif type(details) ~= "table" or details.code ~= "no_access" then
    return nil, message, details
  end
  io.stderr:write(message, ".\n")
  return link.walk(app, { company = connection.company_id, connection = connection.id,
    redirect_uri = args.redirect_uri, no_wait = args.no_wait, json = args.json })
end

-- ---------------------------------------------------------------- the actions

local function json_flag(sub)
  sub:flag("--json", "One JSON object a connection.")
  common.store_options(sub)
end

local function connection_argument(sub)
  sub:argument("connection", "Its id, the beginning of it, or its account's id.")
  json_flag(sub)
end

local function on_connection(work)
  return find.with(find.connection, "connection", work)
end

local ACTIONS = {
  { name = "list", help = "All connections.",
    define = function(sub)
      sub:option("--company", "Only this company's."):argname "COMPANY"
      sub:option("--status", "Only those that are PendingAuth, Linked, Unlinked or Deauthorized.")
        :choices { "PendingAuth", "Linked", "Unlinked", "Deauthorized" }
      sub:option("--integration", "Only those of stripe (live) or stripe-test.")
        :choices { "stripe", "stripe-test" }
      json_flag(sub)
    end,
    run = common.with_app(list_connections) },
  { name = "show", help = "One connection, with what happened to it.",
    define = connection_argument,
    run = on_connection(function(connection, args)
      return print_connection(connection, args.json)
    end) },
  { name = "add", help = "Link an account by its own key, for the first time or again.",
    define = function(sub)
      secret_option.define(sub, KEY, WHAT)
      sub:flag("--keep-key", "Keep the key, sealed under COMMERCE_MASTER_KEY, so that `commerce "
        .. "sync` needs none.")
      sub:option("--company", "The company it belongs to (default: the one that has this account, "
        .. "else a new one)."):argname "COMPANY"
      sub:option("--connection", "The connection that is to be linked."):argname "ID"
      sub:option("--name", "What a new company is called (default: as the account)."):argname "TEXT"
      json_flag(sub)
    end,
    run = common.with_app(add_connection, { create = true }) },
  { name = "migrate",
    help = "Move one from its account's own key to Stripe Connect, with its id and its data: at "
      .. "once if the account has let the platform in, else by a link.",
    define = function(sub)
      connection_argument(sub)
      sub:option("--redirect-uri", "As for `commerce link`."):argname "URI"
      sub:flag("--no-wait", "As for `commerce link`.")
    end,
    run = on_connection(migrate_connection) },
  { name = "unlink", help = "End one: it is not synced any more; what is stored stays.",
    define = function(sub)
      connection_argument(sub)
      sub:flag("--keep-access", "Leave the platform's access at Stripe as it is.")
    end,
    run = on_connection(function(connection, args)
      local ok, message, details = connection:unlink(nil, { keep_access = args.keep_access })
      if not ok then
        return nil, message, details
      end
      return print_connection(connection, args.json)
    end) },
  { name = "delete", help = "Delete one and all that is stored of it.",
    define = function(sub)
      connection_argument(sub)
      deletion.options(sub)
    end,
    run = on_connection(function(connection, args, app)
      return deletion.connection(app, connection, args)
    end) },
}

return actions.command("connections", "Companies' accounts at Stripe.", ACTIONS)
