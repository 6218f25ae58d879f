-- lua-commerce: a Stripe account's commerce data in your own database, in Codat's Commerce model.
-- The only module a user must know.
--
--   local commerce = require "commerce"
--   local app = assert(commerce.open { store = "sqlite:commerce.db" })
--   local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
--   print(assert(shop:sync { types = { "payments", "disputes" } }))

local company = require "commerce.company"
local connection = require "commerce.connection"
local core = require "commerce.core"
local errors = require "commerce.errors"
local read_records = require "commerce.connection.records"
local store = require "commerce.store"

local commerce = { _VERSION = core.version }

local DEFAULT_STORE = "sqlite:commerce.db"

---@class commerce.App
---@field store commerce.Store
local methods = {}
local app_mt = { __name = "commerce.App", __index = methods }

--- Open a store and with it the application.
---@param options table? store: a URL such as "sqlite:commerce.db" (default: COMMERCE_STORE, then
---  that), or a store object of your own; create: false fails if there is no such database yet
---@return commerce.App? app nil on failure
---@return string? message
---@return commerce.Details? details
function commerce.open(options)
  options = options or {}
  errors.check_options(options, { store = "any", create = "boolean" })
  local target = options.store or os.getenv "COMMERCE_STORE" or DEFAULT_STORE
  if type(target) == "table" then
    return setmetatable({ store = target }, app_mt)
  end
  local opened, message, details = store.open(target, { create = options.create })
  if not opened then
    return nil, message, details
  end
  return setmetatable({ store = opened, url = target }, app_mt)
end

--- Connect a Stripe account by its secret or restricted key.
---@param options table see `commerce.connection.connect`
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function methods:connect(options)
  return connection.connect(self, options)
end

--- A connection by its id. It is opened with its stored credentials when it is first used.
---@param id string
---@param options table? how to talk to Stripe, see `commerce.connection.connect`: base_url, rate,
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

--- Iterate over stored records of all connections.
---@param type_name string
---@param options table? see `commerce.connection.records`
---@return fun(): table? next
function methods:records(type_name, options)
  return read_records(self.store, type_name, options)
end

--- Close the store.
function methods:close()
  self.store:close()
end

return commerce
