-- `commerce coverage`: the data types that each integration provides, their Stripe resources and
-- the permissions that a restricted key needs for them; or what one connection may read.

local app_manifest = require "commerce.stripe.app_manifest"
local console = require "commerce.cli.kit.console"
local coverage = require "commerce.account.coverage"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local lookup = require "commerce.cli.kit.lookup"
local mappings = require "commerce.mapping.registry"
local opener = require "commerce.cli.kit.opener"
local stripe = require "commerce.stripe"
local views = require "commerce.cli.kit.views"

-- Both integrations read the same resources: only their mode differs.
local INTEGRATIONS = { "stripe", "stripe-test" }

local function app_permissions(permissions)
  local list = json.array {}
  for i, permission in ipairs(permissions) do
    list[i] = app_manifest.permission(permission) or permission
  end
  return list
end

local function print_types(args)
  local rows = {}
  for i, entry in ipairs(coverage.types(mappings.new(stripe.mappings))) do
    if args.json then
      entry.integrations = INTEGRATIONS
      entry.appPermissions = app_permissions(entry.permissions)
      console.json(entry)
    end
    rows[i] = { entry.type, table.concat(INTEGRATIONS, ", "), table.concat(entry.resources, ", "),
      table.concat(args.app and app_permissions(entry.permissions) or entry.permissions, ", ") }
  end
  local feed = { stripe.feed.permission }
  if args.json then
    return console.json { type = "changes", integrations = INTEGRATIONS,
      resources = { "events" }, permissions = feed, appPermissions = app_permissions(feed) }
  end
  rows[#rows + 1] = { "(changes)", table.concat(INTEGRATIONS, ", "), "events",
    table.concat(args.app and app_permissions(feed) or feed, ", ") }
  format.print({ "type", "integrations", "Stripe resources",
    args.app and "permissions of a Stripe App" or "permissions (read) of a restricted key" }, rows)
end

local READABLE = { [true] = "yes", [false] = "no" }

local function reason(entry)
  return #entry.lacking > 0 and table.concat(entry.lacking, ", ") or entry.error
end

local function print_as_json(list, changes)
  for _, entry in ipairs(list) do
    entry.lacking, entry.readable = json.array(entry.lacking), entry.readable or false
    entry.leftOut, entry.hashed = json.array(entry.left_out), json.array(entry.hashed)
    entry.left_out = nil
    console.json(entry)
  end
  console.json { type = "changes", readable = changes.readable or false,
    lacking = json.array(changes.lacking), error = changes.error }
end

-- The fields of a data type that are not stored, without the type's name.
local function fields_of(entry)
  local names = {}
  for _, group in ipairs { { entry.left_out, "" }, { entry.hashed, " (hashed)" } } do
    for _, name in ipairs(group[1]) do
      names[#names + 1] = (name:find("^" .. entry.type .. "%.") and name:sub(#entry.type + 2)
        or name) .. group[2]
    end
  end
  return table.concat(names, ", ")
end

local function print_as_table(shop, list, changes)
  local rows, columns = {}, { "type", "readable", "missing permissions (read)" }
  for i, entry in ipairs(list) do
    local fields = fields_of(entry)
    columns[4] = columns[4] or fields ~= "" and "fields that are not stored" or nil
    rows[i] = { entry.type, READABLE[entry.readable] or "not known", reason(entry) or "", fields }
  end
  console.line(views.connection_line(views.connection(shop)))
  format.print(columns, rows)
  if not changes.readable then
    console.line(("changes cannot be followed, so every sync reads the lists completely: %s")
      :format(#changes.lacking > 0 and "the permission Events (read) is missing"
        or changes.error))
  end
end

-- What an app lacks, and who must grant it: with each new permission, the merchant has to consent
-- anew (Stripe's documentation, "Permissions reference").
local function print_app_advice(shop, list, changes)
  local lacking, seen = {}, {}
  local function add(permissions)
    for _, name in ipairs(app_permissions(permissions)) do
      lacking[#lacking + 1] = not seen[name] and name or nil
      seen[name] = true
    end
  end
  for _, entry in ipairs(list) do
    add(entry.lacking)
  end
  add(changes.lacking)
  if lacking[1] then
    console.line(("the app lacks %s: add that to stripe-app.json and upload a new version of the "
      .. "app; then an administrator of the account %s must grant it, in Stripe's dashboard or by "
      .. "`commerce link --connection %s`"):format(table.concat(lacking, ", "), shop.account,
      shop.id))
  end
end

local function of_connection(app, args)
  local shop = environment.open(app, lookup.connection(app, args.connection))
  local list, changes, details = coverage.of(shop)
  shop:close()
  errors.must(list, changes, details)
  coverage.add_fields(list, app.store, shop.id)
  if args.json then
    print_as_json(list, changes)
  else
    print_as_table(shop, list, changes)
  end
  if shop.auth == "app" and not args.json then
    print_app_advice(shop, list, changes)
  end
  for _, entry in ipairs(list) do
    if entry.readable ~= true then
      return 1
    end
  end
  return 0
end

local function check(args)
  if args.app and args.connection then
    errors.throw("usage", "--app lists what an app needs: leave out --connection")
  end
  if args.store and not args.connection then
    errors.throw("usage", "unknown option '--store' without --connection: what integrations "
      .. "provide does not depend on a database")
  end
end

---@type commerce.cli.Command
return {
  name = "coverage",
  help = "Show the data types that each integration provides with the permissions they need; or "
    .. "what one connection may read (exit status 1 if not everything).",
  arguments = function(sub)
    sub:option("--connection", "Ask Stripe what this connection may read, with the key in the "
      .. "environment or the stored key."):argname "ID"
    sub:flag("--app", "Name the permissions as a Stripe App's manifest does.")
  end,
  json = "One JSON object per data type.", store = "own", check = check,
  run = function(_, args)
    if args.connection then
      return opener.with(args, "existing", of_connection)
    end
    return print_types(args)
  end,
}
