-- `commerce doctor`: looks at everything that a sync, a worker or a server needs, changes nothing,
-- and names the cure of what is wrong.

local checkup = require "commerce.cli.kit.checkup"
local commerce = require "commerce"
local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local coverage = require "commerce.account.coverage"
local credentials = require "commerce.account.credentials"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"
local failure = require "commerce.cli.kit.failure"
local format = require "commerce.cli.kit.format"
local keys = require "commerce.account.keys"
local mappings = require "commerce.mapping.registry"
local mode = require "commerce.account.mode"
local nginx = require "commerce.serve.nginx"
local opener = require "commerce.cli.kit.opener"
local session = require "commerce.account.session"
local shell = require "commerce.serve.shell"
local stripe = require "commerce.stripe"

local must = errors.must

-- ---------------------------------------------------------------- this program

local OLDEST_OPENSSL = 3 -- the major version; its functions for keys are used

local function look_at_versions(found)
  local versions = core.versions()
  local jit = rawget(_G, "jit")
  found:add("versions", "ok", ("lua-commerce %s, %s, libcurl %s (%s), %s"):format(versions.commerce,
    jit and jit.version or _VERSION, versions.curl, versions.tls, versions.openssl))
  local major = tonumber(versions.openssl:match "OpenSSL (%d+)%.")
  if major and major < OLDEST_OPENSSL then
    found:add("versions", "wrong", versions.openssl .. " is too old",
      "install OpenSSL 3 or later, and build lua-commerce with it")
  end
  if not versions.http2 then
    found:add("versions", "note", "libcurl has no HTTP/2: each request in flight needs a "
      .. "connection of its own")
  end
end

-- ---------------------------------------------------------------- the store

local LEAST_ROOM = 200 * 1024 -- KiB that should be free where the database is

-- As `ls -l` writes it: "-rw-------".
local function permissions_of(path)
  return shell.output_of(("LC_ALL=C ls -ld -- %s 2>/dev/null"):format(shell.quote(path)))
    :match "^%S*"
end

local function folder_of(path)
  local folder = path:match "^(.*)/[^/]*$" or "."
  return folder == "" and "/" or folder
end

local function look_at_files(found, path)
  local folder = folder_of(path)
  if not shell.succeeds(("test -w %s -a -w %s"):format(shell.quote(path), shell.quote(folder))) then
    found:add("store", "wrong", ("this user may not write %s or its folder, where SQLite keeps its "
      .. "log"):format(path), ("give both to the user that runs commerce: chown USER %s %s"):format(
      folder, path))
  end
  local permissions = permissions_of(path)
  if permissions:find "^.......[^-]" or permissions:find "^....[^-]" then
    found:add("store", "wrong", ("other users may read %s (%s)"):format(path, permissions),
      ("chmod 600 %s"):format(path))
  end
  local room = tonumber(shell.output_of(("df -Pk -- %s 2>/dev/null"):format(shell.quote(folder)))
    :match "\n%S+%s+%d+%s+%d+%s+(%d+)")
  if room and room < LEAST_ROOM then
    found:add("store", "wrong", ("only %s MB are free on the disk of %s"):format(
      format.count(math.floor(room / 1024)), path), "make room, or move the database")
  end
end

local function look_at_store(found, app)
  local records, connections = 0, must(app.store:connections())
  for _, row in ipairs(connections) do
    for _, data_type in ipairs(must(app.store:types())) do
      records = records + must(app.store:count(data_type, row.id))
    end
  end
  found:add("store", "ok", ("%s: %s, %s, %s mode"):format(app.url,
    format.plural(#connections, "connection"), format.plural(records, "record"), must(app:mode())))
end

-- ---------------------------------------------------------------- stored secrets

local function is_set(variable)
  return (os.getenv(variable) or "") ~= ""
end

-- A new master key would not open what an earlier one has sealed.
local function say_no_master(found, rows)
  if #rows == 0 then
    return found:add("master key", "note", "COMMERCE_MASTER_KEY is not set; only storing secrets, "
      .. "such as a merchant's key, needs it", "`openssl rand -base64 32` makes one; keep a copy "
      .. "apart from the database")
  end
  found:add("master key", "wrong", ("COMMERCE_MASTER_KEY is not set, so the %s cannot be opened")
    :format(format.plural(#rows, "stored secret")), ("set it to the master key that sealed them, "
    .. "whose id is %s"):format(rows[1].key_id))
end

local function look_at_secrets(found, app)
  local rows = app and must(app.store:secrets_of "") or {}
  if not is_set "COMMERCE_MASTER_KEY" and not is_set "COMMERCE_MASTER_KEY_FILE" then
    return say_no_master(found, rows)
  end
  if not found:try("master key", credentials.check_master) then
    return
  end
  local opened = 0
  for _, row in ipairs(rows) do
    local ok, secret = found:try("master key", credentials.open_row, row)
    if ok then
      secret:close()
      opened = opened + 1
    end
  end
  if opened == #rows then
    found:add("master key", "ok", ("it opens the %s"):format(format.plural(#rows, "stored secret")))
  end
end

-- ---------------------------------------------------------------- connections

local NEEDS_LINK = { Deauthorized = "its key was revoked or its access ended" }

local function look_at_connections(found, app)
  for _, row in ipairs(must(app.store:connections())) do
    local reason = NEEDS_LINK[row.status]
    if reason then
      found:add("connection", "wrong", ("%s of account %s is %s: %s"):format(row.id,
        row.account or "-", row.status, reason),
        ("commerce link --connection %s"):format(row.id))
    end
  end
  for _, row in ipairs(keys.missing(app)) do
    found:add("connection", "note", ("no key is kept for connection %s, so that only a command "
      .. "with STRIPE_SECRET_KEY syncs it"):format(row.id),
      "commerce connections add --keep-key keeps it")
  end
end

-- ---------------------------------------------------------------- Stripe

local ROUNDING, WORTH_TELLING, TOO_FAR = 2, 30, 240 -- seconds; webhooks are refused after 300

local function look_at_clock(found, stripe_now)
  local ahead = stripe_now and os.time() - stripe_now()
  if not ahead then
    return found:add("clock", "note", "Stripe's answer does not tell the time")
  end
  local far = math.abs(ahead)
  local told = ("is %s %s Stripe's"):format(format.plural(far, "second"),
    ahead > 0 and "ahead of" or "behind")
  if far <= WORTH_TELLING then
    return found:add("clock", "ok", far <= ROUNDING and "agrees with Stripe's" or told)
  end
  found:add("clock", far > TOO_FAR and "wrong" or "note", told, "set this machine's clock, for "
    .. "example with chrony or systemd-timesyncd; webhooks are refused from 300 seconds on")
end

local function look_at_permissions(found, parts)
  local list, changes = coverage.of { session = parts.session, transport = parts.transport,
    mappings = mappings.new(stripe.mappings) }
  local before = found.wrong
  for _, entry in ipairs(list) do
    if entry.readable ~= true then
      found:add("permissions", "wrong", ("%s cannot be read"):format(entry.type),
        #entry.lacking > 0 and ("give the key the permission %s (read), in Stripe's dashboard "
        .. "under Developers, API keys"):format(table.concat(entry.lacking, ", ")) or entry.error)
    end
  end
  if changes.readable ~= true then
    found:add("permissions", "wrong", "changes cannot be followed, so that every sync reads the "
      .. "lists completely", #changes.lacking > 0 and "give the key the permission Events (read)"
      or changes.error)
  end
  if found.wrong == before then
    found:add("permissions", "ok", ("the key can read all %s, and the events"):format(
      format.plural(#list, "data type")))
  end
end

-- The request for the account also shows whether the network, the key and the clock are right.
local function look_at_stripe(found, app)
  local ok, key = found:try("key", environment.key)
  if not key then
    return ok and found:add("key", "note", "STRIPE_SECRET_KEY is not set: nothing was asked of "
      .. "Stripe", "set it to the secret key or a restricted key (Stripe's dashboard, Developers, "
      .. "API keys)")
  end
  local known, integration = found:try("key", stripe.integration_of, key)
  if not known then
    return
  end
  local account = os.getenv "STRIPE_ACCOUNT"
  account = account ~= "" and account or nil
  local opened, parts = found:try("key", session.open, {}, key, integration, { account = account,
    header = account ~= nil }, {})
  if not opened then
    return
  end
  found:add("network", "ok", ("%s answers"):format(stripe.api_base()))
  found:add("key", "ok", ("of account %s in %s mode"):format(parts.account.id, integration.mode))
  if app and must(mode.stored(app.store)) ~= integration.mode then
    found:add("key", "note", ("the store is switched to %s mode; without this key, commands and "
      .. "workers work in that mode"):format((mode.stored(app.store))), "commerce mode "
      .. integration.mode .. " switches it")
  end
  look_at_clock(found, parts.stripe_now)
  found:try("permissions", look_at_permissions, found, parts)
  parts.close()
end

-- ---------------------------------------------------------------- the server

local function look_at_nginx(found, url)
  local ok, message, details = errors.catch(function()
    nginx.new({ listen = "127.0.0.1:8080", store = nginx.absolute(url) }):remove()
    return true
  end)
  if ok then
    found:add("nginx", "ok", "`commerce serve` can start it")
  elseif message:find("not installed", 1, true) then
    found:add("nginx", "note", "it is not installed; only `commerce serve` needs it",
      "install nginx and libnginx-mod-http-lua (Debian), or OpenResty")
  else
    found:add("nginx", "wrong", failure.parts(message, details))
  end
end

local function look_at_no_file(found, path)
  local folder = folder_of(path)
  if not shell.succeeds("test -d " .. shell.quote(folder)) then
    return found:add("store", "wrong", ("%s: there is no folder %s"):format(path, folder),
      "make the folder, or name another database with COMMERCE_STORE or --store")
  elseif not shell.succeeds("test -w " .. shell.quote(folder)) then
    return found:add("store", "wrong", ("%s: this user may not write into the folder %s"):format(
      path, folder), "name another database with COMMERCE_STORE or --store, or give the folder to "
      .. "the user that runs commerce: chown USER " .. folder)
  end
  found:add("store", "note", path .. ": there is no such database yet",
    "`commerce sync` and `commerce companies create` make it")
end

local function opened(found, url)
  local path = url:match "^sqlite:(.+)$"
  if path and not core.file_id(path) then
    return look_at_no_file(found, path)
  elseif path and shell.succeeds("test -d " .. shell.quote(path)) then
    return found:add("store", "wrong", path .. " is a folder", "name a file in it")
  elseif path then
    look_at_files(found, path)
  end
  return select(2, found:try("store", commerce.open, { store = url, create = false,
    mode = environment.key_mode() }))
end

local function run(_, args)
  local found = checkup.new()
  local url = args.store or commerce.store_url()
  look_at_versions(found)
  local app = opened(found, url)
  errors.finally(function()
    if app then
      look_at_store(found, app)
      look_at_connections(found, app)
    end
    look_at_secrets(found, app)
    look_at_stripe(found, app)
  end, function()
    if app then
      app:close()
    end
  end)
  look_at_nginx(found, url)
  if args.json then
    for _, finding in ipairs(found.findings) do
      console.json(finding)
    end
  else
    found:print()
  end
  return found.wrong > 0 and 1 or 0
end

---@type commerce.cli.Command
return {
  name = "doctor",
  help = "Check what a sync, a worker and a server need: versions, store, secrets, key, network, "
    .. "clock, permissions, nginx. Changes nothing; exit status 1 if something is wrong.",
  arguments = opener.option,
  json = "One JSON object per finding.",
  run = run,
}
