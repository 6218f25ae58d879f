-- The store in memory, `memory:`: the contract of stores in plain Lua tables, for scripts and
-- specs. It lives in one process and ends with it.
--
-- Its methods stand in the files beside this one, by subject. A method that writes is a transaction
-- as a whole, so they do not begin any: what it has changed is undone if it fails.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local tables = require "commerce.store.memory.tables"

local memory = {}

---@class commerce.MemoryStore: commerce.Store
---@field db commerce.MemoryDatabase
local methods = {}
local store_mt = { __name = "commerce.store.memory", __index = methods }

local SUBJECTS = {
  require "commerce.store.memory.sources",
  require "commerce.store.memory.records",
  require "commerce.store.memory.log",
  require "commerce.store.memory.browsing",
  require "commerce.store.memory.erasure",
  require "commerce.store.memory.payouts",
  require "commerce.store.memory.figures",
  require "commerce.store.memory.accounts",
  require "commerce.store.memory.pulls",
  require "commerce.store.memory.leases",
  require "commerce.store.memory.stripe_reads",
  require "commerce.store.memory.settings",
  require "commerce.store.memory.apps",
  require "commerce.store.memory.users",
  require "commerce.store.memory.outbox",
}

local function database_of(self)
  return self.db or errors.throw("store", "the store 'memory:' is closed")
end

local function reading(method)
  return errors.protect(function(self, ...)
    database_of(self)
    return method(self, ...)
  end)
end

local function writing(method)
  return errors.protect(function(self, ...)
    return database_of(self):transaction(method, self, ...)
  end)
end

for name, kind in pairs(contract.methods()) do
  for _, subject in ipairs(SUBJECTS) do
    if subject[name] then
      methods[name] = kind == "reads" and reading(subject[name]) or writing(subject[name])
    end
  end
end

--- Close the store, which is the end of what it holds; a second close does nothing.
function methods:close()
  self.db, self.lists = nil, nil
end

--- Open an empty store.
---@return commerce.MemoryStore store
function memory.open()
  return setmetatable({ db = tables.new() }, store_mt)
end

return memory
