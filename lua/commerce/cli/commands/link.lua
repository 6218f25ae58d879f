-- `commerce link`: link a company's account without a web server: prints the address to send the
-- merchant to, and takes the one that the merchant's browser was sent to.

local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"
local explain = require "commerce.cli.kit.explain"
local facts = require "commerce.cli.kit.facts"
local find = require "commerce.cli.kit.find"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local link = require "commerce.account.link"
local mode = require "commerce.account.mode"
local output = require "commerce.cli.kit.output"
local terminal = require "commerce.cli.kit.terminal"
local time = require "commerce.base.time"

local command = {}

local STDIN = 0

--- Declare the command's arguments.
---@param parser table argparse
function command.define(parser)
  local sub = parser:command("link", "Link a company to its account at Stripe (Connect): prints "
    .. "the address to send the merchant to, and waits for the one that their browser is sent to "
    .. "in the end, to be pasted.")
  sub:argument("company", "Its id, the beginning of it, or its name."):args "?"
  sub:option("--integration", "stripe (live) or stripe-test; default: the one of the mode that "
    .. "commands work in."):choices { "stripe", "stripe-test" }
  sub:option("--connection", "Link this one of the company's connections (default: the one that "
    .. "is not linked, else a new one)."):argname "ID"
  sub:flag("--new", "Make a new connection, though there is one.")
  sub:option("--redirect-uri", "Where Stripe sends the merchant back to: one of those in the "
    .. "platform's settings (default: the integration's)."):argname "URI"
  sub:flag("--no-wait", "Print the address and end; the link is finished with --finish.")
  sub:flag("--finish", "Finish a link that was begun before: the address is read from standard "
    .. "input.")
  sub:flag("--json", "One JSON object a line.")
  common.store_options(sub)
end

-- ---------------------------------------------------------------- what is to be linked

local function integration_for(app, wanted)
  local current, message, details = app:mode()
  if not current then
    return nil, message, details
  elseif wanted and mode.of_integration(wanted) ~= current then
    return errors.fail("usage", ("%s is of %s mode, and commands work in %s mode now: `commerce "
      .. "mode %s` switches"):format(wanted, mode.of_integration(wanted), current,
      mode.of_integration(wanted)))
  end
  return wanted or mode.integrations(current)[1]
end

local function named_connection(app, company, args)
  local shop, message, details = find.connection(app, args.connection)
  if not shop then
    return nil, message, details
  elseif shop.company_id ~= company.id then
    return errors.fail("usage", ("connection %s is not one of %s"):format(shop.id, company.name))
  elseif args.integration and shop.integration.name ~= args.integration then
    return errors.fail("usage", ("connection %s is one of %s"):format(shop.id,
      shop.integration.name))
  end
  return shop
end

-- One that waits, or has ended, is linked (again); a linked one is left alone unless it is named.
local function connection_for(app, company, args)
  if args.connection then
    return named_connection(app, company, args)
  end
  local integration, message, details = integration_for(app, args.integration)
  local list
  if integration then
    list, message, details = company:connections { integration = integration }
  end
  if not list then
    return nil, message, details
  end
  local open, linked = {}, nil
  for _, shop in ipairs(list) do
    if shop.status == "Linked" then
      linked = shop
    else
      open[#open + 1] = shop
    end
  end
  if not args.new and #open > 1 then
    return errors.fail("usage", ("%s has %d connections that are not linked: name one with "
      .. "--connection (%s, ...)"):format(company.name, #open, open[1].id))
  elseif not args.new and open[1] then
    return open[1]
  elseif not args.new and linked then
    return errors.fail("usage", ("%s is linked already, by connection %s: --connection %s links it "
      .. "again, --new another account"):format(company.name, linked.id, linked.id))
  end
  local usable
  usable, message, details = link.usable(app, integration, { redirect_uri = args.redirect_uri })
  if not usable then
    return nil, message, details -- before a connection is made that nobody can link
  end
  return company:create_connection { integration = integration }
end

-- ---------------------------------------------------------------- the two halves

local function tell(text)
  io.stderr:write(text, "\n")
end

local function begin(app, args)
  local company, message, details = find.company(app, args.company)
  local shop, begun
  if company then
    shop, message, details = connection_for(app, company, args)
  end
  if shop then
    begun, message, details = app:begin_link(shop, { redirect_uri = args.redirect_uri })
  end
  if not begun then
    return nil, message, details
  end
  local until_when = time.format(begun.expires)
  if args.json then
    output.line(json.encode { event = "begin", url = begun.url, connection = shop.id,
      integration = begun.integration.name, mode = begun.integration.mode, expires = until_when })
  else
    tell(("Send the merchant of %s to this address (%s, %s mode; good until %s):"):format(
      company.name, begun.integration.title, begun.integration.mode, format.minutes(until_when)))
    output.line(begun.url)
  end
  output.flush()
  return begun
end

local function print_finished(done, args)
  local all, message, details = facts.connection(done.connection)
  if not all then
    return nil, message, details
  elseif args.json then
    all.event, all.sharedWith = "end", json.array {}
    for i, other in ipairs(done.shared_with) do
      all.sharedWith[i] = { company = other.company, companyId = other.company_id,
        connection = other.connection_id }
    end
    output.line(json.encode(all))
    return 0
  end
  output.line(facts.connection_line(all))
  for _, other in ipairs(done.shared_with) do
    output.line(("%s is linked to another company, too: %s (connection %s)"):format(done.account,
      format.cell(other.company), other.connection_id))
  end
  tell(("`commerce sync --connection %s` reads it"):format(all.id))
  return 0
end

-- What a person may have pasted wrongly; the link is as good as before.
local AGAIN = { bad_callback = true, no_state = true, no_code = true, other_connection = true }

local function finish(app, args, connection_id)
  local asks = terminal.is_terminal(STDIN)
  while true do
    if asks then
      tell "Paste the address that the browser was sent to in the end:"
    end
    local line = io.read "*l"
    if not line then
      return errors.fail("cancelled", "no address was given: the link can still be finished, with "
        .. "`commerce link --finish`", { code = "no_answer" })
    end
    local done, message, details = app:finish_link(line, { connection = connection_id })
    if done then
      done.connection:close()
      return print_finished(done, args)
    elseif not asks or not AGAIN[details.code] then
      return nil, message, details
    end
    tell("commerce: " .. explain.failure(message, details))
  end
end

--- Walk through a link, from the address to the pasted one.
---@param app commerce.App
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.walk(app, args)
  if args.finish then
    return finish(app, args)
  end
  local begun, message, details = begin(app, args)
  if not begun then
    return nil, message, details
  elseif args.no_wait then
    return 0
  end
  return finish(app, args, begun.connection_id)
end

--- Run it.
---@param args table parsed arguments
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  if args.finish and (args.company or args.connection or args.new) then
    return errors.fail("usage", "--finish stands alone: what is linked follows from the address")
  elseif not args.finish and not args.company then
    return errors.fail("usage", "which company? `commerce companies list` shows what there is")
  elseif args.new and args.connection then
    return errors.fail("usage", "--new or --connection, not both")
  end
  return common.with_app(command.walk)(args)
end

return command
