-- lua-commerce: a Stripe account's commerce data in your own database, in Codat's Commerce model.
-- The only module a user must know.
--
--   local commerce = require "commerce"
--   local app = assert(commerce.open { store = "sqlite:commerce.db" })
--   local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
--   print(assert(shop:sync { types = { "payments", "disputes" } }))

local company = require "commerce.app.company"
local connection = require "commerce.app.connection"
local contract = require "commerce.store.contract"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local files = require "commerce.base.files"
local handle = require "commerce.store.handle"
local hooks = require "commerce.hooks.registry"
local integrations = require "commerce.account.integrations"
local json = require "commerce.base.json"
local link = require "commerce.account.link"
local mappings = require "commerce.mapping.registry"
local migrate = require "commerce.account.link.migrate"
local mode = require "commerce.account.mode"
local records = require "commerce.app.records"
local runtime = require "commerce.runtime"
local store = require "commerce.store"
local stripe = require "commerce.stripe"
local webhook = require "commerce.webhooks.inbound"

local commerce = {
  _VERSION = core.version,
  --- The value functions that mappings are made of.
  values = require "commerce.mapping.values",
  --- Files to write records to: `commerce.csv(path, columns)`, `commerce.jsonl(path, options)`.
  csv = files.csv,
  jsonl = files.jsonl,
  --- Send JSON to another server: `commerce.post(url, value)`.
  post = require "commerce.app.post",
}

local DEFAULT_STORE = "sqlite:commerce.db"

---@class commerce.App
---@field store commerce.Store
local methods = {}
local app_mt = { __name = "commerce.App", __index = methods }

--- The store that is opened where none is named: COMMERCE_STORE, then sqlite:commerce.db.
---@return string url
function commerce.store_url()
  return os.getenv "COMMERCE_STORE" or DEFAULT_STORE
end

local OPEN_OPTIONS = { store = "any", create = "boolean", mode = "string", limits = "table",
  keep_source = "boolean" }
local LIMITS = { rate = "number", endpoint_rate = "number", concurrency = "number" }

-- What all connections share, beside the limits of each.
local function shared_limiter(limits)
  if limits then
    errors.check_options(limits, LIMITS, "limits")
    return core.limiter { rate = limits.rate or 0, endpoint_rate = limits.endpoint_rate or 0,
      concurrency = limits.concurrency or 0 }
  end
end

local function rest(seconds)
  runtime.sleep(seconds)
end

--- Open a store and with it the application.
---@param options table? store: a URL such as "sqlite:commerce.db" (default: COMMERCE_STORE, then
---  that), or a store object of your own; create: false fails if there is no such database yet;
---  mode: "test" or "live", to work in that one whatever the store is switched to; limits: rate,
---  endpoint_rate (requests a second) and concurrency (requests in flight) of all connections
---  together, beside each account's own; keep_source: all syncs keep every source object beside
---  its records, or (false) no longer
---@return commerce.App? app nil on failure
---@return string? message
---@return commerce.Details? details
function commerce.open(options)
  options = options or {}
  errors.check_options(options, OPEN_OPTIONS)
  if options.mode then
    local known, wrong, why = mode.check(options.mode)
    if not known then
      return nil, wrong, why
    end
  end
  local target = options.store or commerce.store_url()
  local app = setmetatable({ fixed_mode = options.mode, hooks = hooks.new(),
    keep_source = options.keep_source,
    mappings = mappings.new(stripe), limiter = shared_limiter(options.limits) }, app_mt)
  if type(target) == "table" then
    app.store = handle(contract.accept(target))
    return app
  end
  local opened, message, details = store.open(target, { create = options.create, pause = rest })
  if not opened then
    return nil, message, details
  end
  app.store, app.url = handle(opened), target
  return app
end

--- Run several functions at once, in a script as in OpenResty: while one waits for Stripe, the
--- others go on. Each runs to its end; what the first of them raised is raised then.
---
---     local reports = commerce.together {
---       north = function() return north:sync() end,
---       south = function() return south:sync() end,
---     }
---@param steps table<any, fun(): any> a list, or by names
---@return table<any, any> results each function's first result, under its key
function commerce.together(steps)
  return runtime.together(steps)
end

-- ---------------------------------------------------------------- mode

--- The mode that the application works in: the one it was opened in, else the one that the store is
--- switched to, which is test to begin with.
---@return "test"|"live"|nil mode nil on failure
---@return string origin "opened", "set" or "default"; or the message
---@return commerce.Details? details
function methods:mode()
  if self.fixed_mode then
    return self.fixed_mode, "opened"
  end
  return self:stored_mode()
end

--- The mode that the store is switched to, whatever the application was opened in.
---@return "test"|"live"|nil mode nil on failure
---@return string origin "set" or "default"; or the message
---@return commerce.Details? details
function methods:stored_mode()
  return mode.stored(self.store)
end

--- Switch the store to a mode, for everybody who opens it without naming one.
---@param name "test"|"live"
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:set_mode(name)
  return mode.switch(self.store, name)
end

-- ---------------------------------------------------------------- integrations

--- Stripe and Stripe Test, as they were set up.
---@return commerce.Integration[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function methods:integrations()
  return integrations.list(self.store)
end

--- One integration.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@return commerce.Integration? integration nil on failure
---@return string? message
---@return commerce.Details? details
function methods:integration(name)
  return integrations.find(self.store, name)
end

--- Set up an integration; what is left out stays as it is.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param options table see `commerce.account.integrations.set`
---@return commerce.Integration? integration as it is now; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:set_integration(name, options)
  return integrations.set(self.store, name, options)
end

--- Keep one more signing secret of an integration's webhooks; webhooks that any of them signed are
--- taken in.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param secret commerce.core.Secret|string "whsec_…"
---@param options table? account: whose own endpoint signs with it ("acct_…"); left out: a Connect
---  endpoint does
---@return commerce.WebhookSecret? kept { id, account?, added }; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:add_webhook_secret(name, secret, options)
  return integrations.add_webhook_secret(self.store, name, secret, options)
end

--- Forget a signing secret of an integration's webhooks.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param id string as the integration's `webhook_secrets` have it
---@return boolean? ok nil on failure, also if there is none of this id
---@return string? message
---@return commerce.Details? details
function methods:remove_webhook_secret(name, id)
  return integrations.remove_webhook_secret(self.store, name, id)
end

-- ---------------------------------------------------------------- connections and records

-- An application opened in a mode takes no key of the other one.
local function within(self, options)
  if not self.fixed_mode or type(options) ~= "table" then
    return options
  end
  local all = { integration = mode.integrations(self.fixed_mode)[1] }
  for name, value in pairs(options) do
    all[name] = value
  end
  if mode.of_integration(all.integration) ~= self.fixed_mode then
    return errors.fail("usage", ("integration '%s' is not of %s mode, which this application was "
      .. "opened in"):format(tostring(all.integration), self.fixed_mode))
  end
  return all
end

--- Connect a Stripe account by its secret or restricted key. The key's prefix decides the mode; an
--- application that was opened in a mode takes only keys of that one.
---@param options table see `commerce.app.connection.connect`
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function methods:connect(options)
  mappings.check_self(self, "connect", "app")
  local allowed, message, details = within(self, options)
  if message then
    return nil, message, details
  end
  return connection.connect(self, allowed)
end

--- A connection by its id. It is opened with its stored credentials when it is first used.
---@param id string
---@param options table? how to talk to Stripe, see `commerce.app.connection.connect`: base_url, rate,
---  ...
---@return commerce.Connection? connection nil on failure; details.kind is "missing" if there is
---  none
---@return string? message
---@return commerce.Details? details
function methods:connection(id, options)
  return connection.find(self, id, options)
end

--- Connections, oldest first.
---@param given table? company_id, status, integration, account, auth: only those; limit; offset
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function methods:connections(given)
  return connection.list(self, given)
end

--- Create a company.
---@param fields table name; description; tags: table of text to text
---@return commerce.Company? company nil on failure
---@return string? message
---@return commerce.Details? details
function methods:create_company(fields)
  return company.create(self, fields)
end

--- A company by its id.
---@param id string
---@return commerce.Company? company nil on failure; details.kind is "missing" if there is none
---@return string? message
---@return commerce.Details? details
function methods:company(id)
  return company.find(self, id)
end

--- Companies, oldest first.
---@param given table? name: only those of this name; limit; offset
---@return commerce.Company[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function methods:companies(given)
  return company.list(self, given)
end

--- Begin to link a connection to a merchant's account: gives the address to send the merchant to.
---@param shop commerce.Connection
---@param options table? see `commerce.account.link.begin`
---@return commerce.BegunLink? begun { url, expires, connection_id, integration }; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:begin_link(shop, options)
  return link.begin(self, shop, options)
end

--- Finish a link with what the merchant's browser brought back.
---@param answer string|table the address, its query string, or its decoded parameters
---@param options table? see `commerce.account.link.finish`
---@return commerce.FinishedLink? finished { connection, account, shared_with }; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:finish_link(answer, options)
  return link.finish(self, answer, options)
end

--- Declare a hook of every connection: a function that is called at a named place of each sync.
---@param name string "payments", "payments:change", "after_sync", …; see `commerce.hooks.registry`
---@param run function
---@param options table? on_error: "skip" or "stop"; source: see `commerce.hooks.registry`
function methods:on(name, run, options)
  mappings.check_self(self, "on", "app")
  self.hooks:add(self.mappings, name, run, options)
end

--- Move a connection from its account's own key to Stripe Connect, with its id and its data.
---@param shop commerce.Connection
---@param options table? see `commerce.account.link.migrate.run`
---@return commerce.Connection? shop nil on failure, and nothing has changed; details.code
---  "no_access" if the account's owner has to consent first: `begin_link` of this connection
---@return string? message
---@return commerce.Details? details
function methods:migrate(shop, options)
  return migrate.run(self, shop, options)
end

--- Take in a webhook that Stripe sent: verify it, keep it, and say for whom it is.
---@param body string as it came, byte for byte
---@param signature string? the Stripe-Signature header
---@param options table see `commerce.webhooks.inbound.receive`
---@return commerce.Received? received nil if it was refused or could not be stored
---@return string? message
---@return commerce.Details? details
function methods:receive_webhook(body, signature, options)
  return webhook.receive(self, body, signature, options)
end

--- Iterate over stored records of all connections of the application's mode.
---@param type_name string
---@param options table? see `commerce.app.records`; mode: another one than the application's
---@return fun(): table? next
function methods:records(type_name, options)
  mappings.check_self(self, "records", "app")
  local all = records.options(options, {})
  if not all.mode then
    all.mode = errors.placed(function()
      return (errors.must(self:mode()))
    end)()
  end
  return records.read(self.store, type_name, all, self.mappings)
end

-- ---------------------------------------------------------------- mappings

--- Extend a data type's mapping for all connections, see `commerce.Connection:extend`.
---@param type_name string
---@param fields table<string, any>
---@param options table?
function methods:extend(type_name, fields, options)
  mappings.check_self(self, "extend", "app")
  self.mappings:extend(type_name, fields, options)
end

--- Define a data type of one's own for all connections, see `commerce.Connection:define`.
---@param name string
---@param declaration table
function methods:define(name, declaration)
  mappings.check_self(self, "define", "app")
  self.mappings:define(name, declaration, self.store)
end

--- What a script keeps under a name: how far it has come with something.
---@param name string
---@return any? value nil if there is nothing, and on failure
---@return string? message
---@return commerce.Details? details
function methods:checkpoint(name)
  return self.store:checkpoint(name)
end

--- Keep a value under a name.
---@param name string
---@param value any what JSON can carry: a text, a number, a boolean, a table; nil forgets it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:set_checkpoint(name, value)
  local ok, wrong = errors.try(json.encode, { value })
  if type(name) ~= "string" then
    errors.refuse("a checkpoint's name expected, got %s", type(name))
  elseif not ok then
    errors.refuse("checkpoint '%s': %s", name, wrong)
  end
  return self.store:save_checkpoint(name, value)
end

--- Close the store.
function methods:close()
  self.store:close()
end

errors.protect_methods(methods,
  { on = true, records = true, extend = true, define = true })

return commerce
