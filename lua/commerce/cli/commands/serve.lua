-- `commerce serve`: nginx with the API, and one worker, on this machine until Ctrl-C.

local auth = require "commerce.http.auth"
local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local nginx = require "commerce.serve.nginx"
local opener = require "commerce.cli.kit.opener"
local options = require "commerce.cli.kit.options"

local must = errors.must

local function arguments(sub)
  sub:option("--listen", "Address and port.", "127.0.0.1:8080"):argname "ADDRESS:PORT"
  sub:option("--public-url", "The server's address as merchants reach it, used in links.")
    :argname "URL"
  sub:option("--trust-proxy", "Address or network of a proxy in front, whose X-Forwarded-For tells "
    .. "the client's address. May be given several times."):argname "ADDRESS":count "*"
  sub:flag("--no-worker", "Do not start a worker; `commerce worker` runs elsewhere.")
end

local function check(args)
  local address, port = args.listen:match "^([%d%.]+):(%d+)$"
  if not address then
    address, port = args.listen:match "^(%[[%x:]+%]):(%d+)$"
  end
  if not address or tonumber(port) < 1 or tonumber(port) > 65535 then
    errors.throw("usage", ("--listen %s: expected ADDRESS:PORT, such as 127.0.0.1:8080")
      :format(args.listen))
  end
  options.check_public_url(args)
  for _, proxy in ipairs(args.trust_proxy) do
    local address = proxy:match "^([%x%.:]+)/?%d*$"
    if not address or core.is_public_address(address) == nil then
      errors.throw("usage", ("--trust-proxy %s: expected an address or a network, such as "
        .. "10.0.0.0/8"):format(proxy))
    end
  end
end

-- Creates the store if it is missing, and a first key if there is no key.
local function prepare(app)
  local key
  if #must(app.store:api_keys()) == 0 then
    key = must(auth.create(app.store, { name = "made by commerce serve" })).key
  end
  return { store = nginx.absolute(app.url), key = key }
end

local function shown_host(listen)
  return (listen:gsub("^0%.0%.0%.0:", "127.0.0.1:"))
end

local function base_of(args)
  return args.public_url or "http://" .. shown_host(args.listen)
end

local function print_welcome(args, prepared)
  local base = base_of(args)
  console.line(("serving %s on %s"):format(prepared.store, base))
  console.line(("  API         %s/companies (and what %s/openapi.json says)"):format(base, base))
  console.line(("  Stripe      %s/oauth/callback is a redirect URI for linking,"):format(base))
  console.line(("              %s/webhooks/stripe-test (or stripe) takes webhooks"):format(base))
  console.line(("  state       %s/health  %s/ready  %s/metrics"):format(base, base, base))
  if prepared.key then
    console.line(("  first key   %s"):format(prepared.key))
    console.line "              shown this once; `commerce keys create` makes others"
    console.line(('  try         curl -H "Authorization: Basic $(printf %%s %s | base64)" '
      .. "%s/companies"):format(prepared.key, base))
  else
    console.line "  keys        `commerce keys list` shows them, `commerce keys create` makes one"
  end
  console.line "Ctrl-C stops it."
  console.flush()
end

-- Waits for Ctrl-C, a supervisor's SIGTERM or the condition; raises if a child ends.
local function watch(children, condition)
  while not core.interrupted() and not (condition and condition()) do
    for _, child in ipairs(children) do
      if not child:alive() and not core.interrupted() then
        errors.throw("output", child.name .. " ended unexpectedly; its messages stand above")
      end
    end
    core.sleep(condition and 0.05 or 0.5)
  end
end

local function run_children(children, args, prepared, server)
  watch(children, function()
    return server:listens()
  end)
  if not args.no_worker then
    children[2] = nginx.child("the worker", nginx.own_command() .. " worker --store "
      .. nginx.quote(prepared.store) .. " --public-url " .. nginx.quote(base_of(args)),
      server.folder)
  end
  print_welcome(args, prepared)
  watch(children)
end

local function serve(args, prepared, server)
  local children = { server:start() }
  errors.finally(function()
    run_children(children, args, prepared, server)
  end, function()
    for _, child in ipairs(children) do
      child:stop()
    end
  end)
end

local function run(_, args)
  local prepared = opener.with(args, "create", prepare)
  local server = must(nginx.new { listen = args.listen, store = prepared.store,
    public_url = args.public_url, trusted = args.trust_proxy })
  core.hold_interrupts()
  errors.finally(function()
    serve(args, prepared, server)
  end, function()
    core.release_interrupts()
    server:remove()
  end)
end

---@type commerce.cli.Command
return {
  name = "serve",
  help = "Serve the HTTP API from this machine with an nginx of its own and one worker, until "
    .. "Ctrl-C.",
  arguments = arguments, store = "own", check = check, run = run,
}
