-- lua-commerce: a Stripe account's commerce data in your own database, in Codat's Commerce model.
-- The only module that a user must know.
--
--   local commerce = require "commerce"
--   local app = assert(commerce.open { store = "sqlite:commerce.db" })
--   local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
--   print(assert(shop:sync { types = { "payments", "disputes" } }))

-- It comes first because it refuses a locale in which Lua cannot even read the numbers of a file.
local json = require "commerce.base.json"

local App = require "commerce.app"
local contract = require "commerce.store.contract"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local files = require "commerce.base.files"
local handle = require "commerce.store.handle"
local jobs = require "commerce.runtime.jobs"
local mode = require "commerce.account.mode"
local store = require "commerce.store"

local commerce = {
  _VERSION = core.version,
  --- The value functions that mappings are made of.
  values = require "commerce.mapping.values",
  --- Files to write records to: `commerce.csv(path, columns)`, `commerce.jsonl(path, options)`.
  csv = files.csv,
  jsonl = files.jsonl,
  --- Send JSON to another server: `commerce.post(url, value)`.
  post = require "commerce.app.post",
  --- Print, in nginx into the answer of the request: `commerce.print(report)`.
  print = require "commerce.app.print",
}

local DEFAULT_STORE = "sqlite:commerce.db"

--- The store that is opened where none is named: COMMERCE_STORE, then sqlite:commerce.db.
---@return string url
function commerce.store_url()
  return os.getenv "COMMERCE_STORE" or DEFAULT_STORE
end

---@class commerce.OpenOptions
---@field store string|commerce.Store|nil a URL such as "sqlite:commerce.db" (default:
---  COMMERCE_STORE, then that), or a store object of your own
---@field create boolean? false: fail if there is no such database yet
---@field mode "test"|"live"|nil default: the mode that the store is switched to
---@field limits commerce.LimitOptions?
---@field keep_source boolean? whether all syncs keep every source object beside its records
---@field leave_out string[]? fields that are never stored ("customers.phone"), added to those of
---  the store, see `app:protect`
---@field hash string[]? fields of which only a hash is stored, added likewise
---@field deleted_retention number? for how many days records are kept that Stripe deleted, see
---  `app:set_deleted_retention`
---@field changes_retention number? for how many days the log of changes is kept, see
---  `app:set_changes_retention`
---@field webhooks_retention number? for how many days webhook events are kept that were sent, see
---  `app:set_webhooks_retention`

---@class commerce.LimitOptions of all connections together, beside each account's own limits
---@field rate number? requests a second
---@field endpoint_rate number? requests a second of one endpoint
---@field concurrency integer? requests in flight

local OPEN_OPTIONS = { store = "any", create = "boolean", mode = "string", limits = "table",
  keep_source = "boolean", leave_out = "table", hash = "table",
  changes_retention = "number", deleted_retention = "number", webhooks_retention = "number" }
local LIMITS = { rate = "number", endpoint_rate = "number", concurrency = "number" }

-- The limiter that all connections share. Each account has its own limits as well.
local function shared_limiter(limits)
  if limits then
    errors.check_options(limits, LIMITS, "limits")
    return core.limiter { rate = limits.rate or 0, endpoint_rate = limits.endpoint_rate or 0,
      concurrency = limits.concurrency or 0 }
  end
end

local function rest(seconds)
  jobs.sleep(seconds)
end

local function open_store(target, create)
  if type(target) == "table" then
    return handle(contract.accept(target))
  end
  return handle(errors.must(store.open(target, { create = create, pause = rest })))
end

local function open(options)
  errors.check_options(options, OPEN_OPTIONS)
  json.follow_locale()
  local target = options.store or commerce.store_url()
  local settings = { url = type(target) == "string" and target or nil,
    mode = options.mode and mode.check(options.mode), keep_source = options.keep_source,
    limiter = shared_limiter(options.limits) }
  local app = App.new(open_store(target, options.create), settings)
  if options.leave_out or options.hash then
    local ok, message, failure = app:protect { leave_out = options.leave_out, hash = options.hash }
    if ok == nil then
      app:close()
      errors.must(nil, message, failure)
    end
  end
  if options.deleted_retention then
    errors.must(app:set_deleted_retention(options.deleted_retention))
  end
  if options.changes_retention then
    errors.must(app:set_changes_retention(options.changes_retention))
  end
  if options.webhooks_retention then
    errors.must(app:set_webhooks_retention(options.webhooks_retention))
  end
  return app
end

--- Open a store and with it the application.
---@param options commerce.OpenOptions?
---@return commerce.App? app nil on failure
---@return string? message
---@return commerce.Failure? failure
function commerce.open(options)
  return errors.catch(open, options or {})
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
  return jobs.together(steps)
end

return commerce
