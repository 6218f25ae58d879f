-- `commerce link`: links a company's account by a Stripe App or through Stripe Connect, without a
-- web server.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local link = require "commerce.account.link"
local linking = require "commerce.cli.kit.linking"
local links = require "commerce.codat.links"
local lookup = require "commerce.cli.kit.lookup"
local mode = require "commerce.account.mode"
local options = require "commerce.cli.kit.options"
local secret_option = require "commerce.cli.kit.secret_option"
local ticket = require "commerce.account.link.ticket"
local time = require "commerce.base.time"

local must = errors.must

local KEY, KEY_MEANING = "--key", "a restricted key (rk_...) of the account, which links it at "
  .. "once and is stored, sealed"

local function arguments(sub)
  sub:argument("company", "Its id, the beginning of the id, or its name; --connection names it, "
    .. "too."):args "?"
  sub:option("--integration", "stripe (live) or stripe-test (default: the integration of the mode "
    .. "that commands work in)."):choices { "stripe", "stripe-test" }
  sub:option("--connection", "The connection to link (default: the company's connection that is "
    .. "not linked, else a new one)."):argname "ID"
  sub:flag("--new", "Create a new connection even if there is one.")
  sub:option("--way", "app (Stripe App) or connect (Stripe Connect); default: the connection's "
    .. "way, then the app if it is enabled."):choices { "app", "connect" }
  sub:option("--redirect-uri", "Where Stripe sends the merchant back to: a URI from the "
    .. "platform's settings (default: the integration's)."):argname "URI"
  secret_option.define(sub, KEY, KEY_MEANING)
  sub:option("--page", "Print an address of the Link pages of the server at URL, such as "
    .. "https://data.example.com: it works once, for a day."):argname "URL"
  sub:flag("--no-wait", "Print the address and end; --finish finishes the link.")
  sub:flag("--finish", "Finish a link that was begun before: the address is read from standard "
    .. "input. With a company or --connection, only a link of theirs.")
end

local function by_key(args)
  return args.key_env or args.key_file
end

local function check_page(args)
  options.check_page(args)
  if not args.company then
    errors.throw("usage", "no company: name one; `commerce companies list` lists them")
  elseif args.finish or args.new or args.no_wait or args.redirect_uri or args.way
    or args.integration or args.connection or by_key(args) then
    errors.throw("usage", "with --page, the merchant chooses on the pages: leave out all other "
      .. "options")
  end
end

local function check(args)
  if args.page then
    return check_page(args)
  end
  if args.finish and (args.new or args.no_wait or args.redirect_uri or args.way
    or args.integration) then
    errors.throw("usage", "--finish finishes a link that was begun before: leave out --new, "
      .. "--no-wait, --way, --redirect-uri and --integration")
  elseif by_key(args) and (args.finish or args.no_wait or args.redirect_uri or args.way) then
    errors.throw("usage", "a key links the account at once: leave out --finish, --no-wait, --way "
      .. "and --redirect-uri")
  elseif not (args.finish or args.company or args.connection) then
    errors.throw("usage", "no company: name one; `commerce companies list` lists them")
  elseif args.new and args.connection then
    errors.throw("usage", "--new or --connection, not both")
  end
end

-- ---------------------------------------------------------------- the connection to link

local function integration_for(app, wanted)
  local current = must(app:mode())
  if wanted and mode.of_integration(wanted) ~= current then
    errors.throw("usage", ("%s is in %s mode, and commands work in %s mode now: `commerce "
      .. "mode %s` switches"):format(wanted, mode.of_integration(wanted), current,
      mode.of_integration(wanted)))
  end
  return wanted or mode.integrations(current)[1]
end

local function named_connection(app, company, args)
  local shop = lookup.connection(app, args.connection)
  if shop.company_id ~= company.id then
    errors.throw("usage", ("connection %s does not belong to %s"):format(shop.id, company.name))
  elseif args.integration and shop.integration.name ~= args.integration then
    errors.throw("usage", ("connection %s belongs to %s"):format(shop.id, shop.integration.name))
  end
  return shop
end

-- The company's connection that is not linked; nil if there is none. A linked connection is linked
-- again only if it is named.
local function open_connection(company, integration)
  local open, linked = {}, nil
  for _, shop in ipairs(must(company:connections { integration = integration })) do
    if shop.status == "Linked" then
      linked = shop
    else
      open[#open + 1] = shop
    end
  end
  if #open > 1 then
    errors.throw("usage", ("%s has %d connections that are not linked: name one with "
      .. "--connection (%s, ...)"):format(company.name, #open, open[1].id))
  elseif linked and not open[1] then
    errors.throw("usage", ("%s is linked already, by connection %s: --connection %s links it "
      .. "again, --new links another account"):format(company.name, linked.id, linked.id))
  end
  return open[1]
end

local function connection_for(app, company, args)
  if args.connection then
    return named_connection(app, company, args)
  end
  local integration = integration_for(app, args.integration)
  local open = not args.new and open_connection(company, integration)
  if open then
    return open
  end
  if not by_key(args) then
    -- checked first, so that no connection is created that cannot be linked
    must(link.usable(app, integration, { redirect_uri = args.redirect_uri, way = args.way,
      begins = true }))
  end
  return must(company:create_connection { integration = integration }), true
end

local function link_by_key(app, company, args)
  local key = secret_option.read(args, KEY, KEY_MEANING)
  local shop, is_new = connection_for(app, company, args)
  local _, _, failure = errors.catch(linking.by_key, app, shop, key, args)
  if failure and is_new then
    shop:delete()
  end
  return failure and errors.rethrow(failure)
end

-- Print a one-time address.
local function print_page(company, args)
  local otp, expires = ticket.make("otp", company.id)
  local url = links.new((args.page:gsub("/+$", ""))):company(company.id) .. "?otp=" .. otp
  if args.json then
    return console.json { company = company.id, url = url, expires = time.format(expires) }
  end
  console.line(url)
end

local function company_of(app, args)
  if args.company then
    return lookup.company(app, args.company)
  end
  return args.connection and must(app:company(lookup.connection(app, args.connection).company_id))
end

local function run(app, args)
  local company = company_of(app, args)
  if args.page then
    return print_page(company, args)
  end
  if args.finish then
    return linking.finish(app, args, { company = company and company.id,
      connection = args.connection and lookup.connection(app, args.connection).id })
  end
  if by_key(args) then
    return link_by_key(app, company, args)
  end
  linking.walk(app, company, (connection_for(app, company, args)), args)
end

---@type commerce.cli.Command
return {
  name = "link",
  help = "Link a company to its Stripe account (Stripe App or Connect): prints the address to send "
    .. "the merchant to, then reads the address that their browser is sent to in the end, which "
    .. "you paste. Or link it by a restricted key of the merchant's; a newer key replaces it.",
  arguments = arguments, json = "One JSON object per line.", store = "existing", check = check,
  audit = "connection.link",
  run = run,
}
