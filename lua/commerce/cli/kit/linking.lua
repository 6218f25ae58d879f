-- The two halves of a link without a web server: print the address to send the merchant to, and
-- take the address that the merchant's browser was sent to in the end.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local failure = require "commerce.cli.kit.failure"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local time = require "commerce.base.time"
local views = require "commerce.cli.kit.views"

local must = errors.must

local linking = {}

--- Begin a link and print its address. Raises on failure.
---@param app commerce.App
---@param company commerce.Company
---@param shop commerce.Connection
---@param args commerce.cli.Arguments parsed arguments: redirect_uri, way, json
---@return commerce.BegunLink begun
function linking.begin(app, company, shop, args)
  local begun = must(app:begin_link(shop, { redirect_uri = args.redirect_uri,
    way = args.way }))
  local expires = time.format(begun.expires)
  if args.json then
    console.json { event = "begin", url = begun.url, connection = shop.id,
      integration = begun.integration.name, mode = begun.integration.mode, expires = expires }
  else
    console.note(("Send the merchant of %s to this address (%s, %s mode; valid until %s):"):format(
      company.name, begun.integration.title, begun.integration.mode, format.minutes(expires)))
    console.line(begun.url)
  end
  console.flush()
  return begun
end

local function view_of(done)
  local view = views.connection(done.connection)
  view.event, view.sharedWith = "end", json.array {}
  for i, other in ipairs(done.shared_with) do
    view.sharedWith[i] = { company = other.company, companyId = other.company_id,
      connection = other.connection_id }
  end
  return view
end

local function print_lines(done, view)
  console.line(views.connection_line(view))
  for _, other in ipairs(done.shared_with) do
    console.line(("%s is linked to another company, too: %s (connection %s)"):format(done.account,
      format.cell(other.company), other.connection_id))
  end
  console.note(("`commerce sync --connection %s` reads its data"):format(view.id))
end

local function print_finished(done, args)
  local view = view_of(done)
  if args.json then
    return console.json(view)
  end
  print_lines(done, view)
end

-- Mistakes in what a person pasted; they can try again, since the link is still valid.
local AGAIN = { bad_callback = true, no_state = true, no_code = true, other_connection = true }

local function pasted_line(asks)
  if asks then
    console.note "Paste the address that the browser was sent to in the end:"
  end
  return io.read "*l" or errors.throw("cancelled", "no address was given; `commerce link "
    .. "--finish` can still finish the link", { code = "no_answer" })
end

--- Finish a link with the address that a person pastes. Raises on failure.
---@param app commerce.App
---@param args commerce.cli.Arguments parsed arguments: json
---@param expected commerce.FinishOptions? connection, company: the one that the address must be of
function linking.finish(app, args, expected)
  local asks = console.is_terminal(console.STDIN)
  while true do
    local done, message, details = app:finish_link(pasted_line(asks), expected)
    if done or not asks or not AGAIN[details.code] then
      must(done, message, details).connection:close()
      return print_finished(done, args)
    end
    failure.print(message, details)
  end
end

--- Both halves, one after the other. Raises on failure.
---@param app commerce.App
---@param company commerce.Company
---@param shop commerce.Connection
---@param args commerce.cli.Arguments parsed arguments: redirect_uri, no_wait: print the address
---  only; json
function linking.walk(app, company, shop, args)
  local begun = linking.begin(app, company, shop, args)
  if not args.no_wait then
    linking.finish(app, args, { connection = begun.connection_id })
  end
end

local READABLE = { [true] = "yes", [false] = "no" }

local function print_coverage(types)
  local rows = {}
  for i, entry in ipairs(types) do
    rows[i] = { entry.type, READABLE[entry.readable] or "not known",
      #entry.lacking > 0 and table.concat(entry.lacking, ", ") or entry.error }
  end
  format.print({ "type", "readable", "missing permissions (read)" }, rows)
end

--- Link a connection by a restricted key and print what the key can read. Raises on failure.
---@param app commerce.App
---@param shop commerce.Connection
---@param key commerce.core.Secret
---@param args commerce.cli.Arguments parsed arguments: json
function linking.by_key(app, shop, key, args)
  local found = must(app:link_by_key(shop, key))
  local view = view_of(found)
  if args.json then
    view.types = found.types
    for _, entry in ipairs(found.types) do
      entry.lacking, entry.readable = json.array(entry.lacking), entry.readable or false
    end
    return console.json(view)
  end
  print_lines(found, view)
  print_coverage(found.types)
end

return linking
