-- `commerce serve`: nginx with the API and one worker, on this machine, until Ctrl-C. Called by
-- cli.

local auth = require "commerce.http.auth"
local commerce = require "commerce"
local common = require "commerce.cli.kit.common"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local nginx = require "commerce.serve.nginx"
local output = require "commerce.cli.kit.output"

local command = {}

--- Declare the command.
---@param parser table argparse parser
function command.define(parser)
  local found = parser:command("serve", "Serve the HTTP API from this machine: an nginx of its own "
    .. "and one worker, until Ctrl-C.")
  common.store_options(found)
  found:option("--listen", "Address and port.", "127.0.0.1:8080"):argname "ADDRESS:PORT"
  found:option("--public-url", "How merchants reach this server; it stands in links.")
    :argname "URL"
  found:flag("--no-worker", "Serve only; `commerce worker` runs somewhere else.")
end

local function check(args)
  local address, port = args.listen:match "^([%d%.]+):(%d+)$"
  if not address then
    address, port = args.listen:match "^(%[[%x:]+%]):(%d+)$"
  end
  if not address or tonumber(port) < 1 or tonumber(port) > 65535 then
    return errors.fail("usage", ("--listen %s: expected ADDRESS:PORT, such as 127.0.0.1:8080")
      :format(args.listen))
  end
  return common.check_public_url(args)
end

-- Makes the store if there is none, and a first key if there is no key.
local function prepare(args)
  local app, message, details = commerce.open { store = args.store }
  if not app then
    return nil, message, details
  end
  local keys, key
  keys, message, details = app.store:api_keys()
  if keys and #keys == 0 then
    key, message, details = auth.create(app.store, { name = "made by commerce serve" })
  end
  app:close()
  if message then
    return nil, message, details
  end
  return { store = app.url, key = key and key.key }
end

local function shown_host(listen)
  return (listen:gsub("^0%.0%.0%.0:", "127.0.0.1:"))
end

local function base_of(args)
  return args.public_url or "http://" .. shown_host(args.listen)
end

local function print_welcome(args, prepared)
  local base = base_of(args)
  output.line(("serving %s on %s"):format(prepared.store, base))
  output.line(("  API         %s/companies (and what %s/openapi.json says)"):format(base, base))
  output.line(("  Stripe      %s/oauth/callback is a redirect URI for linking,"):format(base))
  output.line(("              %s/webhooks/stripe-test (or stripe) takes webhooks"):format(base))
  output.line(("  state       %s/health  %s/ready  %s/metrics"):format(base, base, base))
  if prepared.key then
    output.line(("  first key   %s"):format(prepared.key))
    output.line "              shown this once; `commerce keys create` makes others"
    output.line(('  try         curl -H "Authorization: Basic $(printf %%s %s | base64)" '
      .. "%s/companies"):format(prepared.key, base))
  else
    output.line "  keys        `commerce keys list` shows them, `commerce keys create` makes one"
  end
  output.line "Ctrl-C stops it."
  output.flush()
end

-- Waits for Ctrl-C, a supervisor's SIGTERM, or the end of a child; or until something is so.
local function watch(children, enough)
  while not core.interrupted() and not (enough and enough()) do
    for _, child in ipairs(children) do
      if not child:alive() and not core.interrupted() then
        return errors.fail("output", child.name
          .. " has ended by itself; what it said stands above")
      end
    end
    core.sleep(enough and 0.05 or 0.5)
  end
  return true
end

local function run_children(args, prepared, server)
  local children = { server:start() }
  local ok, message, details = watch(children, function()
    return server:listens()
  end)
  if ok and not args.no_worker then
    children[2] = nginx.child("the worker", nginx.own_command() .. " worker --store "
      .. nginx.quote(prepared.store) .. " --public-url " .. nginx.quote(base_of(args)),
      server.folder)
  end
  if ok then
    print_welcome(args, prepared)
    ok, message, details = watch(children)
  end
  for _, child in ipairs(children) do
    child:stop()
  end
  return ok, message, details
end

--- Run it.
---@param args table
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local ok, message, details = check(args)
  local prepared, server
  if ok then
    prepared, message, details = prepare(args)
  end
  if prepared then
    prepared.store = nginx.absolute(prepared.store)
    server, message, details = nginx.new { listen = args.listen, store = prepared.store,
      public_url = args.public_url }
  end
  if not server then
    return nil, message, details
  end
  core.hold_interrupts()
  ok, message, details = run_children(args, prepared, server)
  core.release_interrupts()
  server:remove()
  if not ok then
    return nil, message, details
  end
  return 0
end

return command
