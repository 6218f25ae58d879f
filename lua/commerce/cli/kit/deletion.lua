-- Deleting companies and connections with their data, after asking. Called by the commands.

local confirm = require "commerce.cli.kit.confirm"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local output = require "commerce.cli.kit.output"

local deletion = {}

--- Declare the options.
---@param sub table an argparse command
function deletion.options(sub)
  confirm.option(sub)
  sub:flag("--keep-access", "Leave the platform's access at Stripe as it is.")
end

local function count_records(store, connections)
  local total, known, failure, about = 0, store:types()
  if not known then
    return nil, failure, about
  end
  for _, connection in ipairs(connections) do
    for _, data_type in ipairs(known) do
      local count, message, details = store:count(data_type, connection.id)
      if not count then
        return nil, message, details
      end
      total = total + count
    end
  end
  return total
end

local function plural(count, word)
  return ("%s %s%s"):format(format.count(count), word, count == 1 and "" or "s")
end

local function has_live(connections)
  for _, connection in ipairs(connections) do
    if connection.integration.mode == "live" then
      return true
    end
  end
  return false
end

local function ask(app, args, connections, question)
  local records, message, details = count_records(app.store, connections)
  if not records then
    return nil, message, details
  end
  return confirm.ask(args, ("%s%s with %s?"):format(
    has_live(connections) and "This is live data. " or "", question, plural(records, "record")))
end

-- What was asked about goes, and is said to be gone.
local function delete(thing, args, what)
  local ok, message, details = thing:delete { keep_access = args.keep_access }
  if not ok then
    return nil, message, details
  end
  if args.json then
    output.line(json.encode { id = thing.id, deleted = true })
  else
    output.line(what .. " is deleted")
  end
  return 0
end

--- Delete a connection.
---@param app commerce.App
---@param connection commerce.Connection
---@param args table parsed arguments
---@return integer? status nil if nothing was done
---@return string? message
---@return commerce.Details? details
function deletion.connection(app, connection, args)
  local ok, message, details = ask(app, args, { connection }, ("Delete connection %s%s"):format(
    connection.id, connection.account and " of account " .. connection.account or ""))
  if not ok then
    return nil, message, details
  end
  return delete(connection, args, "connection " .. connection.id)
end

--- Delete a company. In test mode one with live connections is left alone.
---@param app commerce.App
---@param company commerce.Company
---@param args table parsed arguments
---@return integer? status nil if nothing was done
---@return string? message
---@return commerce.Details? details
function deletion.company(app, company, args)
  local mode, message, details = app:mode()
  local connections
  if mode then
    connections, message, details = company:connections()
  end
  if not connections then
    return nil, message, details
  elseif mode == "test" and has_live(connections) then
    return errors.fail("usage", ("'%s' has connections in live mode, and commands work in test "
      .. "mode now: `commerce mode live` switches"):format(format.cell(company.name)))
  end
  local ok
  ok, message, details = ask(app, args, connections, ("Delete the company '%s' and its %s"):format(
    format.cell(company.name), plural(#connections, "connection")))
  if not ok then
    return nil, message, details
  end
  return delete(company, args, ("the company '%s'"):format(format.cell(company.name)))
end

return deletion
