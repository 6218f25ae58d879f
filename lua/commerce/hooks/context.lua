-- The context that a hook gets beside its record: its place in the sync, access to Stripe through
-- the same session, and access to other stores.

local errors = require "commerce.base.errors"
local fetch = require "commerce.account.fetch"
local handle = require "commerce.store.handle"

local context = {}

---@class commerce.HookContext
---@field connection commerce.Connection
---@field account string Stripe's account id
---@field mode "test"|"live"
---@field options commerce.SyncOptions of the sync
---@field type string? the data type at hand
---@field resource string? the Stripe resource at hand
local methods = {}
local context_mt = { __name = "commerce.HookContext", __index = methods }

--- Make the context of a run.
---@param connection commerce.Connection
---@param options commerce.SyncOptions of the sync
---@param router commerce.hooks.Router carries what `route` and `copy` send
---@return commerce.HookContext
function context.new(connection, options, router)
  return setmetatable({
    connection = connection, account = connection.account, options = options,
    mode = connection.integration.mode, _router = router,
  }, context_mt)
end

local function check_self(self, name)
  if getmetatable(self) ~= context_mt then
    errors.refuse("%s: it is called with a colon: context:%s(…), not context.%s(…)", name, name,
      name)
  end
end

--- Fetch an object from Stripe, with the key, the limits and the retries of this connection.
---@param path string such as "/v1/customers/cus_123"
---@param query table<string, any>? parameters; a list stands for several values: { expand = {…} }
---@return commerce.StripeObject? object as Stripe gives it, but without its nulls; nil on failure
---@return string? message
---@return commerce.Details? details
function methods:get(path, query)
  check_self(self, "get")
  return errors.catch(fetch.one, self.connection, path, query)
end

--- Fetch several objects at once: a page's worth takes little longer than one.
---@param paths string[]
---@param query table<string, any>? parameters of all of them
---@return table<string, commerce.StripeObject> objects by path, without those that failed
---@return table<string, commerce.Details> failures by path
function methods:get_all(paths, query)
  check_self(self, "get_all")
  return fetch.many(self.connection, paths, query)
end

local function store_of(target)
  local store = type(target) == "table" and (target.store or target)
  if type(store) ~= "table" or type(store.write_page) ~= "function" then
    errors.refuse("another application expected, from commerce.open { store = … }, got %s",
      type(target))
  end
  return handle(store)
end

--- In a before_record hook: store the record at hand in another store instead of this one.
---@param target commerce.App|commerce.Store
function methods:route(target)
  check_self(self, "route")
  self._router:send(store_of(target), true)
end

--- In a before_record hook: store the record at hand in another store, too.
---@param target commerce.App|commerce.Store
function methods:copy(target)
  check_self(self, "copy")
  self._router:send(store_of(target), false)
end

return context
