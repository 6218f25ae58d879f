-- `commerce connections`: companies' accounts at Stripe, from linking to deletion.

local console = require "commerce.cli.kit.console"
local deletion = require "commerce.cli.kit.deletion"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local integrations = require "commerce.account.integrations"
local linking = require "commerce.cli.kit.linking"
local lookup = require "commerce.cli.kit.lookup"
local mode = require "commerce.account.mode"
local secret_option = require "commerce.cli.kit.secret_option"
local views = require "commerce.cli.kit.views"

local must = errors.must

local KEY, KEY_MEANING = "--key", "the account's own key (default: STRIPE_SECRET_KEY)"

-- ---------------------------------------------------------------- showing

local function print_lists(view)
  for _, entry in ipairs(view.errors) do
    console.line(("%s  error %s %s: %s%s"):format(format.minutes(entry.at), entry.statusCode,
      entry.statusText, format.cell(entry.message),
      entry.resolved and " (resolved " .. format.minutes(entry.resolved) .. ")" or ""))
  end
  for _, step in ipairs(view.history) do
    console.line(("%s  %s%s"):format(format.minutes(step.at), step.status,
      step.reason and ": " .. format.cell(step.reason) or ""))
  end
end

local function print_connection(connection, as_json)
  local view = views.connection(connection, true)
  if as_json then
    console.json(view)
    return
  end
  console.line(views.connection_line(view))
  if view.name then
    console.line("account name: " .. format.cell(view.name))
  end
  console.line("company " .. view.companyId)
  print_lists(view)
end

local function print_table(app, connections)
  local names, rows = {}, {}
  for _, company in ipairs(must(app:companies())) do
    names[company.id] = company.name
  end
  for i, connection in ipairs(connections) do
    rows[i] = { lookup.short(connection.id), names[connection.company_id],
      connection.integration.mode, connection.account, connection.status, connection.auth,
      format.minutes(connection.last_sync) }
  end
  format.print({ "id", "company", "mode", "account", "status", "by", "last sync" }, rows)
end

local function list(app, args)
  local connections = lookup.connections(app, { status = args.status,
    integration = args.integration,
    company_id = args.company and lookup.company(app, args.company).id })
  if args.json then
    for _, connection in ipairs(connections) do
      console.json(views.connection(connection))
    end
  elseif #connections == 0 then
    console.line(("no connections in %s mode"):format(must(app:mode())))
  else
    print_table(app, connections)
  end
end

local function show(app, args)
  print_connection(lookup.connection(app, args.connection), args.json)
end

-- ---------------------------------------------------------------- changing

-- The key that was given; without one, an organisation's key that is stored as the integration's.
local function key_to_add(app, args)
  local key = secret_option.read(args, KEY, KEY_MEANING) or environment.key()
  if key then
    return key, args.keep_key
  end
  local integration = mode.integrations(must(app:mode()))[1]
  return integrations.organisation_key(app.store, integration) or environment.no_key()
end

local function check_add(args)
  if #args.account > 1 and (args.connection or args.name) then
    errors.throw("usage", "several accounts: leave out --connection and --name, which are of one")
  end
end

local function add(app, args)
  check_add(args)
  local key, keep = key_to_add(app, args)
  local options = { relink = true, name = args.name, keep_key = keep,
    company = args.company and lookup.company(app, args.company).id,
    connection = args.connection and lookup.connection(app, args.connection).id }
  return environment.each_account(args.account, function(account)
    options.account = account
    local shop = environment.connect(app, key, options)
    shop:close()
    print_connection(shop, args.json)
  end)
end

-- If the account's owner has not consented to Stripe Connect yet, a link asks for it; the end of
-- that link moves the connection.
local function migrate(app, args)
  local connection = lookup.connection(app, args.connection)
  local moved, message, details = app:migrate(connection)
  if moved or type(details) ~= "table" or details.code ~= "no_access" then
    print_connection(must(moved, message, details), args.json)
    return
  end
  console.note(message .. ".")
  linking.walk(app, must(app:company(connection.company_id)), connection, args)
end

local function unlink(app, args)
  local connection = lookup.connection(app, args.connection)
  must(connection:unlink(nil, { keep_access = args.keep_access }))
  print_connection(connection, args.json)
end

local function delete(app, args)
  deletion.connection(app, lookup.connection(app, args.connection), args)
end

-- ---------------------------------------------------------------- the actions

local function connection_argument(sub)
  sub:argument("connection", "Its id, the beginning of the id, or its account's id.")
end

local function list_arguments(sub)
  sub:option("--company", "Only this company's."):argname "COMPANY"
  sub:option("--status", "Only those with this status: PendingAuth, Linked, Unlinked or "
    .. "Deauthorized."):choices { "PendingAuth", "Linked", "Unlinked", "Deauthorized" }
  sub:option("--integration", "Only those of stripe (live) or stripe-test.")
    :choices { "stripe", "stripe-test" }
end

local function add_arguments(sub)
  secret_option.define(sub, KEY, KEY_MEANING)
  sub:flag("--keep-key", "Store the key, sealed under COMMERCE_MASTER_KEY, so that `commerce "
    .. "sync` needs none.")
  environment.account_option(sub)
  sub:option("--company", "The company that owns the account (default: the company that has this "
    .. "account already, else a new one)."):argname "COMPANY"
  sub:option("--connection", "The connection to link."):argname "ID"
  sub:option("--name", "The name of a new company (default: the account's)."):argname "TEXT"
end

local JSON = "One JSON object per connection."

---@type commerce.cli.Command
return {
  name = "connections",
  help = "Manage connections: companies' accounts at Stripe.",
  actions = {
    { name = "list", help = "List all connections.", arguments = list_arguments, json = JSON,
      store = "existing", run = list },
    { name = "show", help = "Show a connection with its errors and its history.",
      arguments = connection_argument, json = JSON, store = "existing", run = show },
    { name = "add", help = "Link an account by its own key, for the first time or again.",
      arguments = add_arguments, json = JSON, store = "create",
      audit = "connection.key", run = add },
    { name = "migrate",
      help = "Move a connection from its account's own key to Stripe Connect; its id and its data "
        .. "stay. Without the account's consent, this starts a link.",
      arguments = function(sub)
        connection_argument(sub)
        sub:option("--redirect-uri", "As for `commerce link`."):argname "URI"
        sub:flag("--no-wait", "As for `commerce link`.")
      end,
      json = JSON, store = "existing", audit = "connection.migrate", run = migrate },
    { name = "unlink", help = "End a connection: it is not synced any more; its data stays.",
      arguments = function(sub)
        connection_argument(sub)
        sub:flag("--keep-access", "Leave the platform's access at Stripe as it is.")
      end,
      json = JSON, store = "existing", audit = "connection.unlink", run = unlink },
    { name = "delete", help = "Delete a connection and all its stored data.",
      arguments = function(sub)
        connection_argument(sub)
        deletion.options(sub)
      end,
      json = JSON, store = "existing", audit = "connection.delete", run = delete },
  },
}
