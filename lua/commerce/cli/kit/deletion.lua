-- Deletes companies and connections with their data, after asking.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"

local must = errors.must

local deletion = {}

--- Add the option that answers the question beforehand.
---@param sub commerce.cli.Parser an argparse command
function deletion.yes_option(sub)
  sub:flag("--yes", "Do not ask for confirmation.")
end

--- Add the options of deleting a company or a connection.
---@param sub commerce.cli.Parser an argparse command
function deletion.options(sub)
  deletion.yes_option(sub)
  sub:flag("--keep-access", "Leave the platform's access at Stripe as it is.")
end

--- Ask for confirmation. Raises unless the answer is yes. Without a terminal, --yes is required.
---@param args commerce.cli.Arguments parsed arguments
---@param question string such as "Delete the company 'Shop' with its 1,234 records?"
function deletion.confirm(args, question)
  if args.yes then
    return
  elseif not console.is_terminal(console.STDIN) then
    errors.throw("usage", question .. " Nothing was done: standard input is not a terminal, so "
      .. "the question cannot be asked; give --yes to go ahead")
  end
  console.prompt(question .. " [y/N] ")
  local answer = ascii.lower(io.stdin:read "*l" or "")
  if answer ~= "y" and answer ~= "yes" then
    errors.throw("cancelled", "nothing was done")
  end
end

local function count_records(store, connections)
  local total, types = 0, must(store:types())
  for _, connection in ipairs(connections) do
    for _, data_type in ipairs(types) do
      total = total + must(store:count(data_type, connection.id))
    end
  end
  return total
end

local function has_live(connections)
  for _, connection in ipairs(connections) do
    if connection.integration.mode == "live" then
      return true
    end
  end
  return false
end

local function confirm(app, args, connections, question)
  deletion.confirm(args, ("%s%s with %s?"):format(
    has_live(connections) and "This is live data. " or "", question,
    format.plural(count_records(app.store, connections), "record")))
end

local function delete(thing, args, what)
  must(thing:delete { keep_access = args.keep_access })
  if args.json then
    console.json { id = thing.id, deleted = true }
  else
    console.line(what .. " is deleted")
  end
end

--- Delete a connection. Raises if nothing was deleted.
---@param app commerce.App
---@param connection commerce.Connection
---@param args commerce.cli.Arguments parsed arguments
function deletion.connection(app, connection, args)
  confirm(app, args, { connection }, ("Delete connection %s%s"):format(connection.id,
    connection.account and " of account " .. connection.account or ""))
  delete(connection, args, "connection " .. connection.id)
end

--- Delete a company. A company with live connections cannot be deleted in test mode. Raises if
--- nothing was deleted.
---@param app commerce.App
---@param company commerce.Company
---@param args commerce.cli.Arguments parsed arguments
function deletion.company(app, company, args)
  local connections, name = must(company:connections()), format.cell(company.name)
  if must(app:mode()) == "test" and has_live(connections) then
    errors.throw("usage", ("'%s' has connections in live mode, and commands work in test "
      .. "mode now: `commerce mode live` switches"):format(name))
  end
  confirm(app, args, connections, ("Delete the company '%s' and its %s"):format(name,
    format.plural(#connections, "connection")))
  delete(company, args, ("the company '%s'"):format(name))
end

return deletion
