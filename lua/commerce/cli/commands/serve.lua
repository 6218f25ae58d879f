-- `commerce serve`: nginx with the API, and one worker, on this machine until Ctrl-C.

local auth = require "commerce.http.auth"
local commerce = require "commerce"
local console = require "commerce.cli.kit.console"
local child = require "commerce.serve.child"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local leftovers = require "commerce.serve.leftovers"
local nginx = require "commerce.serve.nginx"
local opener = require "commerce.cli.kit.opener"
local options = require "commerce.cli.kit.options"
local ownership = require "commerce.serve.ownership"
local users = require "commerce.account.users"

local must = errors.must

local function arguments(sub)
  sub:option("--listen", "Address and port.", "127.0.0.1:8080"):argname "ADDRESS:PORT"
  sub:option("--public-url", "The server's address as merchants reach it, used in links.")
    :argname "URL"
  sub:option("--trust-proxy", "Address or network of a proxy in front, whose X-Forwarded-For tells "
    .. "the client's address. May be given several times."):argname "ADDRESS":count "*"
  sub:option("--user", "Give nginx, the worker and the store's files to this user (as root).")
    :argname "NAME"
  options.concurrency(sub)
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
  options.check_concurrency(args)
  if args.user then
    ownership.check(args.user)
  end
  for _, proxy in ipairs(args.trust_proxy) do
    local network = proxy:match "^([%x%.:]+)/?%d*$"
    if not network or core.is_public_address(network) == nil then
      errors.throw("usage", ("--trust-proxy %s: expected an address or a network, such as "
        .. "10.0.0.0/8"):format(proxy))
    end
  end
end

-- A first key if there is no key. It is made when it can be shown.
local function first_key(app)
  if #must(app.store:api_keys()) == 0 then
    return must(auth.create(app.store, { name = "made by commerce serve" })).key
  end
end

-- The token with which the portal's first administrator is made, as long as there is none.
local function setup_token(app)
  return users.setup_token(app.store)
end

-- The address of the store, which is created if it is missing.
local function prepare(args)
  local url = nginx.absolute(args.store or commerce.store_url())
  if args.user then
    ownership.check_folder(url, args.user)
  end
  opener.with(args, "create", function() end)
  if args.user then
    ownership.give(url, args.user)
  end
  return { store = url }
end

local function shown_host(listen)
  return (listen:gsub("^0%.0%.0%.0:", "127.0.0.1:"))
end

local function base_of(args)
  return args.public_url or "http://" .. shown_host(args.listen)
end

-- Its reader may have ended: the server serves none the less.
local function tell(text)
  core.log_line(console.STDOUT, text)
end

local function print_welcome(args, prepared)
  local base = base_of(args)
  tell(("serving %s on %s"):format(prepared.store, base))
  tell(("  API         %s/companies (and what %s/openapi.json says)"):format(base, base))
  tell(("  portal      %s/portal"):format(base))
  if prepared.setup then
    tell(("              nobody can sign in yet; begin at %s/portal/setup?token=%s"):format(base,
      prepared.setup))
  end
  tell(("  Stripe      %s/oauth/callback is a redirect URI for linking,"):format(base))
  tell(("              %s/webhooks/stripe-test (or stripe) takes webhooks"):format(base))
  tell(("  state       %s/health  %s/ready  %s/metrics"):format(base, base, base))
  if prepared.key then
    tell(("  first key   %s"):format(prepared.key))
    tell "              shown this once; `commerce keys create` makes others"
    tell(('  try         curl -H "Authorization: Basic $(printf %%s %s | base64)" '
      .. "%s/companies"):format(prepared.key, base))
  else
    tell "  keys        `commerce keys list` shows them, `commerce keys create` makes one"
  end
  tell "Ctrl-C stops it."
end

local function say(text)
  core.log_line(console.STDERR, "commerce: " .. text)
end

-- The worker's rights are those of nginx's workers. A terminal's Ctrl-C reaches neither: this
-- process ends them.
local function worker_child(args, prepared)
  local words = nginx.own_words()
  for _, word in ipairs { "worker", "--store", prepared.store, "--public-url", base_of(args),
    "--concurrency", tostring(args.concurrency or 1) } do
    words[#words + 1] = word
  end
  return child.new("the worker", words, args.user)
end

-- Until Ctrl-C, a supervisor's SIGTERM or the end of the terminal.
local function watch(children)
  while not core.interrupted() do
    for _, each in ipairs(children) do
      each:keep_running(say)
    end
    core.sleep(0.5)
  end
end

local function serve(args, prepared, server)
  local children = { server:start(core.interrupted) }
  errors.finally(function()
    if core.interrupted() then
      return
    end
    if not args.no_worker then
      children[2] = worker_child(args, prepared)
      must(children[2]:start())
    end
    prepared.key = opener.with(args, "existing", first_key)
    prepared.setup = opener.with(args, "existing", setup_token)
    print_welcome(args, prepared)
    watch(children)
  end, function()
    for i = #children, 1, -1 do
      children[i]:stop()
    end
  end)
end

local function run(_, args)
  core.own_output()
  if not args.user and nginx.is_root() then
    say "warning: this runs as root; --user NAME gives nginx, the worker and the store to NAME"
  end
  if leftovers.take_over() > 0 then
    say "an nginx of a server that was killed was still there, and has been ended"
  end
  local prepared = prepare(args)
  local server = nginx.new { listen = args.listen, store = prepared.store, user = args.user,
    public_url = args.public_url, trusted = args.trust_proxy }
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
