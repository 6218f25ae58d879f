-- The application, which `commerce.open` returns: a store, the mappings and hooks of all
-- connections, and the methods that find companies, connections and records.

local apps = require "commerce.account.apps"
local Company = require "commerce.app.company"
local Connection = require "commerce.app.connection"
local core = require "commerce.core"
local coverage = require "commerce.account.coverage"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"
local field_lists = require "commerce.account.fields"
local hooks = require "commerce.hooks.registry"
local integrations = require "commerce.account.integrations"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local link = require "commerce.account.link"
local mappings = require "commerce.mapping.registry"
local migrate = require "commerce.account.link.migrate"
local mode = require "commerce.account.mode"
local own_key = require "commerce.account.link.own_key"
local protections = require "commerce.account.protection"
local records = require "commerce.app.records"
local retention = require "commerce.account.retention"
local sessions = require "commerce.account.session"
local stripe = require "commerce.stripe"
local tables = require "commerce.base.tables"
local webhook_endpoint = require "commerce.account.webhook_endpoint"
local webhook = require "commerce.webhooks.inbound"

---@class commerce.AppSettings
---@field url string? that the store was opened by
---@field mode "test"|"live"|nil the mode that it is opened in
---@field keep_source boolean? whether syncs keep source objects, where they are not told
---@field limiter commerce.core.Limiter? what all connections share

---@class commerce.App
---@field store commerce.Store its methods raise their failures
---@field url string? that the store was opened by
---@field fixed_mode "test"|"live"|nil the mode that it was opened in
---@field keep_source boolean? whether syncs keep source objects, where they are not told
---@field hooks commerce.hooks.Registry of all connections
---@field mappings commerce.Mappings of all connections
---@field limiter commerce.core.Limiter? what all connections share, beside the limits of each
local App = { __name = "commerce.App" }
App.__index = App

--- Make an application.
---@param store commerce.Store a handle that raises
---@param options commerce.AppSettings
---@return commerce.App
function App.new(store, options)
  return setmetatable({ store = store, url = options.url, fixed_mode = options.mode,
    keep_source = options.keep_source, limiter = options.limiter, hooks = hooks.new(),
    mappings = mappings.new(stripe.mappings) }, App)
end

--- Close the store.
function App:close()
  self.store:close()
end

-- ---------------------------------------------------------------- mode

-- The mode that the application works in.
local function mode_of(self)
  if self.fixed_mode then
    return self.fixed_mode, "opened"
  end
  return mode.stored(self.store)
end

--- The mode that the application works in: the one it was opened in, else the one that the store is
--- switched to, which is test to begin with.
---@return "test"|"live"|nil mode nil on failure
---@return string origin "opened", "set" or "default"; or the message
---@return commerce.Failure? failure
function App:mode()
  return mode_of(self)
end

--- The mode that the store is switched to, independent of the mode that the application uses.
---@return "test"|"live"|nil mode nil on failure
---@return string origin "set" or "default"; or the message
---@return commerce.Failure? failure
function App:stored_mode()
  return mode.stored(self.store)
end

--- Switch the store to a mode, for everybody who opens it without naming one.
---@param name "test"|"live"
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_mode(name)
  return mode.switch(self.store, name)
end

-- ---------------------------------------------------------------- integrations

--- Stripe and Stripe Test, as they were set up.
---@return commerce.Integration[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:integrations()
  return integrations.list(self.store)
end

--- An integration by its name or key.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@return commerce.Integration? integration nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:integration(name)
  return integrations.find(self.store, name)
end

--- Set up an integration. Options that are left out are not changed.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param options commerce.IntegrationOptions
---@return commerce.Integration? integration as it is now; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_integration(name, options)
  return integrations.set(self.store, name, options)
end

--- Set up the Stripe App of an integration. Options that are left out are not changed.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param options commerce.StripeAppOptions
---@return commerce.StripeApp? app as it is now; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_stripe_app(name, options)
  return apps.set(self.store, integrations.find(self.store, name), options)
end

--- Keep one more signing secret of an integration's webhooks; webhooks that any of them signed are
--- accepted.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param secret commerce.core.Secret|string "whsec_…"
---@param options { account: string? }? the account whose endpoint signs with it; left out: a
---  Connect endpoint does
---@return commerce.WebhookSecret? kept { id, account?, added }; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:add_webhook_secret(name, secret, options)
  return integrations.add_webhook_secret(self.store, name, secret, options)
end

--- Make an integration's webhook endpoint at Stripe, unless it exists, and store its signing
--- secret.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param options commerce.WebhookEndpointOptions
---@return commerce.MadeEndpoint? endpoint { id, url, existed, enabled, events, lacking, account?,
---  thin, secret_stored }; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:create_webhook_endpoint(name, options)
  return webhook_endpoint.create(self, name, options)
end

--- Forget a signing secret of an integration's webhooks.
---@param name string "stripe" or "stripe-test", or Codat's key of it
---@param id string as the integration's `webhook_secrets` have it
---@return boolean? ok nil on failure, also if there is no secret with this id
---@return string? message
---@return commerce.Failure? failure
function App:remove_webhook_secret(name, id)
  return integrations.remove_webhook_secret(self.store, name, id)
end

-- ---------------------------------------------------------------- connections

-- An application that was opened in a mode takes no key of the other one.
local function within_mode(self, options)
  if not self.fixed_mode or type(options) ~= "table" then
    return options
  end
  local all = tables.merged({ integration = mode.integrations(self.fixed_mode)[1] }, options)
  if mode.of_integration(all.integration) ~= self.fixed_mode then
    errors.throw("usage", ("integration '%s' is not of %s mode, which this application was opened "
      .. "in"):format(tostring(all.integration), self.fixed_mode))
  end
  return all
end

--- Connect a Stripe account by its secret or restricted key. The key's prefix decides the mode; an
--- application that was opened in a mode takes only keys of that one.
---@param options commerce.ConnectOptions see `commerce.app.lifecycle.connect`
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:connect(options)
  mappings.check_self(self, "connect", "app")
  return Connection.connect(self, within_mode(self, options))
end

--- A connection by its id. It is opened with its stored credentials when it is first used.
---@param id string
---@param options commerce.ConnectOptions? how to talk to Stripe, see
---  `commerce.app.lifecycle.connect`: base_url,
---  rate, ...
---@return commerce.Connection? connection nil on failure, of kind "missing" if there is none
---@return string? message
---@return commerce.Failure? failure
function App:connection(id, options)
  return Connection.find(self, id, options)
end

--- Connections, oldest first.
---@param given commerce.ConnectionFilter?
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:connections(given)
  return Connection.list(self, given)
end

--- Create a company.
---@param fields commerce.CompanyFields
---@return commerce.Company? company nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:create_company(fields)
  return Company.create(self, fields)
end

--- A company by its id.
---@param id string
---@return commerce.Company? company nil on failure, of kind "missing" if there is none
---@return string? message
---@return commerce.Failure? failure
function App:company(id)
  return Company.find(self, id)
end

--- Companies, oldest first.
---@param given commerce.CompanyFilter?
---@return commerce.Company[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:companies(given)
  return Company.list(self, given)
end

--- Begin to link a connection to a merchant's account: gives the address to send the merchant to.
---@param shop commerce.Connection
---@param options commerce.LinkOptions?
---@return commerce.BegunLink? begun { url, expires, connection_id, integration }; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:begin_link(shop, options)
  return link.begin(self, shop.row, options)
end

--- Finish a link with what the merchant's browser brought back.
---@param answer string|table<string, string> the address, its query string, or its decoded
---  parameters
---@param options commerce.FinishOptions?
---@return commerce.FinishedLink? finished { connection, account, shared_with, parameters }; nil on
---  failure
---@return string? message
---@return commerce.Failure? failure
function App:finish_link(answer, options)
  local done = link.finish(self, answer, options)
  return { connection = Connection.wrap(self, done.row, done.network), account = done.account,
    shared_with = done.shared_with, parameters = done.parameters }
end

-- The connection's mappings, with the data types that were configured over the API.
local function mappings_of(shop)
  errors.must(shop:configure())
  return shop.mappings
end

---@class commerce.KeyLink
---@field connection commerce.Connection "Linked"
---@field account string "acct_..."
---@field types commerce.TypeCoverage[] which data types the key may read, and why not
---@field changes commerce.FeedCoverage whether the event feed can be read
---@field shared_with commerce.SharedWith[] every other connection that is Linked to this account

--- Link a connection by a restricted key that its account's owner has made, or replace its key. The
--- key is tried, and sealed under the master key.
---@param shop commerce.Connection
---@param key commerce.core.Secret|string "rk_..."
---@param options commerce.SessionOptions? see `commerce.account.session`: base_url, timeout, ...
---@return commerce.KeyLink? found nil on failure, and nothing has changed; see
---  `commerce.account.link.own_key.link` for the codes
---@return string? message
---@return commerce.Failure? failure
function App:link_by_key(shop, key, options)
  errors.check_options(options or {}, sessions.OPTIONS)
  local secret = type(key) == "string" and errors.must(core.secret(key)) or key
  local found = errors.finally(function()
    return own_key.link(self, shop.row, secret, mappings_of(shop), options)
  end, function()
    if secret ~= key then
      secret:close()
    end
  end)
  shop:close() -- its session is with an earlier key
  found.connection = shop
  return found
end

--- Link a connection by its account's own secret or restricted key, or replace its key, as the
--- account's owner does. The key is tried at Stripe, and sealed under the master key.
---@param shop commerce.Connection in any status
---@param key commerce.core.Secret
---@return commerce.Connection? shop "Linked"; nil on failure, and nothing has changed
---@return string? message
---@return commerce.Failure? failure
function App:authorize(shop, key)
  credentials.check_master()
  local opened = errors.must(self:connect { secret_key = key, connection = shop.id,
    integration = shop.row.integration, relink = true })
  opened:close()
  keys.keep(self, opened.row, key)
  return opened
end

--- Begin a link by a restricted key in a merchant's browser, if the integration allows it.
---@param shop commerce.Connection
---@param options { browser: string, parameters: table<string, string>? } browser: a secret that the
---  browser keeps in a cookie; parameters: texts by name that come back
---@return { state: string, permissions: string[] }? begun state: for `take_key_link`; permissions:
---  the key's, by their names in Stripe's dashboard; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:begin_key_link(shop, options)
  errors.check_options(options, { browser = "string", parameters = "table" })
  return { state = own_key.begin(self, shop.row, options),
    permissions = coverage.permissions(mappings_of(shop)) }
end

--- Check and use up a link that `begin_key_link` has begun: it lets one key be tried.
---@param shop commerce.Connection
---@param state string?
---@param browser string? the secret in the browser's cookie
---@return table<string, string>? parameters nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:take_key_link(shop, state, browser)
  return own_key.take(self, shop.row, state, browser)
end

--- Move a connection from its account's own key to Stripe Connect, with its id and its data.
---@param shop commerce.Connection
---@param options commerce.SessionOptions?
---@return commerce.Connection? shop nil on failure, and nothing has changed; code "no_access": the
---  account's owner has to consent first, `begin_link` of this connection
---@return string? message
---@return commerce.Failure? failure
function App:migrate(shop, options)
  migrate.run(self, shop.row, options)
  shop:close() -- its session is with the account's own key
  return shop
end

--- Receive a webhook that Stripe sent: verify it, keep it, and say which connections it is for.
---@param body string as it came, byte for byte
---@param signature string? the Stripe-Signature header
---@param options commerce.ReceiveOptions
---@return commerce.Received? received nil if it was refused or could not be stored
---@return string? message
---@return commerce.Failure? failure
function App:receive_webhook(body, signature, options)
  return webhook.receive(self, body, signature, options)
end

-- ---------------------------------------------------------------- fields that are never stored

--- Leave out or hash fields of all connections from now on. The next run of each connection scrubs
--- what is stored; `connection:scrub` does so at once.
---@param given commerce.FieldChanges
---@return boolean? changed nil on failure: a field is unknown, or must be stored
---@return string? message
---@return commerce.Failure? failure
function App:protect(given)
  mappings.check_self(self, "protect", "app")
  return protections.change(self.store, self.mappings, nil, given)
end

--- The fields that are left out and hashed of all connections.
---@return commerce.FieldLists? lists nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:fields()
  return field_lists.get(self.store)
end

--- Set for how many days records are kept that Stripe deleted. Once a day, a sync removes those
--- that were marked as deleted longer ago, with their entries in the log of changes.
---@param days integer? nil: for ever
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_deleted_retention(days)
  mappings.check_self(self, "set_deleted_retention", "app")
  retention.set(self.store, days)
  return true
end

--- For how many days records are kept that Stripe deleted.
---@return integer? days nil: for ever; or on failure
---@return string? message
---@return commerce.Failure? failure
function App:deleted_retention()
  return retention.get(self.store)
end

--- Set for how many days entries of the log of changes are kept. Once a day, a sync removes older
--- ones that every consumer has read; a reader that begins before them is told so.
---@param days integer? nil: for ever
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_changes_retention(days)
  mappings.check_self(self, "set_changes_retention", "app")
  retention.set_of_changes(self.store, days)
  return true
end

--- For how many days entries of the log of changes are kept.
---@return integer? days nil: for ever; or on failure
---@return string? message
---@return commerce.Failure? failure
function App:changes_retention()
  return retention.of_changes(self.store)
end

--- Set for how many days webhook events are kept that were sent to all consumers or given up.
--- Older ones are removed, and can not be sent again.
---@param days integer? nil: for ever
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_webhooks_retention(days)
  mappings.check_self(self, "set_webhooks_retention", "app")
  retention.set_of_webhooks(self.store, days)
  return true
end

--- For how many days webhook events are kept that were sent to all consumers or given up.
---@return integer? days nil: for ever; or on failure
---@return string? message
---@return commerce.Failure? failure
function App:webhooks_retention()
  return retention.of_webhooks(self.store)
end

--- The consumers of the logs of changes (`connection:changes { consumer = NAME }`). What one of
--- them has not read is not removed.
---@return commerce.ChangeConsumer[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:change_consumers()
  return self.store:change_consumers()
end

--- Forget a consumer that does not read any more.
---@param name string
---@return integer? count of the connections whose log it read; nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:forget_change_consumer(name)
  mappings.check_self(self, "forget_change_consumer", "app")
  if type(name) ~= "string" then
    errors.refuse("forget_change_consumer: a consumer's name expected, got %s", type(name))
  end
  return self.store:drop_change_consumer(name)
end

-- ---------------------------------------------------------------- records, mappings, hooks

--- Iterate over stored records of all connections of the application's mode.
---@param type_name string
---@param options commerce.RecordsOptions? mode: another one than the application's
---@return fun(): commerce.RecordFields? next
function App:records(type_name, options)
  mappings.check_self(self, "records", "app")
  local all = records.options(options, {})
  all.mode = all.mode or (mode_of(self))
  return records.read(self.store, type_name, all, self.mappings)
end

--- Declare a hook of every connection: a function that is called at a named place of each sync.
---@param name string "payments", "payments:change", "after_sync", …; see `commerce.hooks.registry`
---@param run function
---@param options commerce.HookOptions? on_error: "skip" or "stop"; source: see
---  `commerce.hooks.registry`
function App:on(name, run, options)
  mappings.check_self(self, "on", "app")
  self.hooks:add(self.mappings, name, run, options)
end

--- Extend a data type's mapping for all connections, see `commerce.Connection:extend`.
---@param type_name string
---@param fields table<string, any>
---@param options commerce.ExtendOptions?
function App:extend(type_name, fields, options)
  mappings.check_self(self, "extend", "app")
  self.mappings:extend(type_name, fields, options)
end

--- Define a data type of one's own for all connections, see `commerce.Connection:define`.
---@param name string
---@param declaration commerce.Definition
function App:define(name, declaration)
  mappings.check_self(self, "define", "app")
  self.mappings:define(name, declaration, self.store)
end

--- The value that a script keeps under a name, such as how far it has come.
---@param name string
---@return any? value nil if there is none, and on failure
---@return string? message
---@return commerce.Failure? failure
function App:checkpoint(name)
  return self.store:checkpoint(name)
end

--- Keep a value under a name.
---@param name string
---@param value any a text, a number, a boolean or a table that JSON can hold; nil forgets it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function App:set_checkpoint(name, value)
  local ok, wrong = errors.try(json.encode, { value })
  if type(name) ~= "string" then
    errors.refuse("a checkpoint's name expected, got %s", type(name))
  elseif not ok then
    errors.refuse("checkpoint '%s': %s", name, wrong)
  end
  return self.store:save_checkpoint(name, value)
end

errors.protect_methods(App, { new = true, on = true, extend = true, define = true,
  records = true })
App.records = errors.placed(App.records)

return App
