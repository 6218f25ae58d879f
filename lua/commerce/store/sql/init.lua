-- A store over a SQL database: the contract's methods, one file a subject, written once over a
-- dialect. store.d.lua documents them. Inside, failures are raised; a method returns them.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"

local sql = {}

---@class commerce.sql.Store: commerce.Store
---@field db commerce.sql.Database
---@field schema { is_reserved: fun(name: string): boolean } whether the store itself has a table or
---  index of this name

local SUBJECTS = {
  "commerce.store.sql.pages",
  "commerce.store.sql.records",
  "commerce.store.sql.browsing",
  "commerce.store.sql.payouts",
  "commerce.store.sql.figures",
  "commerce.store.sql.types",
  "commerce.store.sql.sources",
  "commerce.store.sql.erasure",
  "commerce.store.sql.sweeps",
  "commerce.store.sql.changes",
  "commerce.store.sql.listings",
  "commerce.store.sql.accounts",
  "commerce.store.sql.pulls",
  "commerce.store.sql.leases",
  "commerce.store.sql.shares",
  "commerce.store.sql.copying",
  "commerce.store.sql.stripe_reads",
  "commerce.store.sql.inbox",
  "commerce.store.sql.outbox",
  "commerce.store.sql.settings",
  "commerce.store.sql.secrets",
  "commerce.store.sql.apps",
  "commerce.store.sql.users",
}

local methods = {}
local store_mt = { __name = "commerce.store.sql", __index = methods }

local in_contract = contract.methods()

local function durable(method)
  return function(self, ...)
    return self.db:durably(method, self, ...)
  end
end

-- Other functions of a subject are for other subjects, in a transaction.
for _, subject in ipairs(SUBJECTS) do
  for name, method in pairs(require(subject)) do
    if in_contract[name] then
      methods[name] = errors.protect(contract.LASTING[name] and durable(method) or method)
    end
  end
end

--- Close the store; a second close does nothing.
function methods:close()
  self.db:close()
end

--- Make the store of an open database, whose schema is current.
---@param db commerce.sql.Database
---@param schema { is_reserved: fun(name: string): boolean }
---@param path string
---@return commerce.sql.Store
function sql.new(db, schema, path)
  return setmetatable({ db = db, schema = schema, path = path }, store_mt)
end

return sql
