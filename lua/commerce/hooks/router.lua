-- Records for other stores: notes the destinations that before_record hooks send a record to, and
-- writes these records page by page. They are written before this store's checkpoint; if a page is
-- read again after a kill, the same records are written twice, which changes nothing.

local erasures = require "commerce.account.erasures"
local errors = require "commerce.base.errors"
local protections = require "commerce.account.protection"
local time = require "commerce.base.time"

local router = {}

---@class commerce.hooks.Destination
---@field stores table<commerce.Store, boolean> a set
---@field instead boolean whether the record is not stored here

---@class commerce.hooks.Router
local methods = {}
local router_mt = { __name = "commerce.hooks.router", __index = methods }

--- Make the router of a run.
---@param store commerce.Store the run's own
---@param connection commerce.ConnectionRow the connection whose records are sent
---@param mappings commerce.Mappings the connection's
---@return commerce.hooks.Router
function router.new(store, connection, mappings)
  return setmetatable({
    _store = store, _connection = connection, _mappings = mappings,
    _destination = nil, -- of the record at hand; nil outside of before_record hooks
    _pages = {}, -- store -> data type name -> encoded records that wait to be written
    _introduced = {}, -- stores that know the connection
    _rules = {}, -- store -> what is never stored in it
  }, router_mt)
end

--- Begin to take down where a record is sent.
function methods:begin()
  self._destination = { stores = {}, instead = false }
end

--- Send the record at hand to a store.
---@param store commerce.Store
---@param instead boolean whether it is not stored here
function methods:send(store, instead)
  local destination = self._destination
  if not destination then
    errors.refuse("a record can be sent to another store by a before_record hook only")
  end
  destination.stores[store] = true
  destination.instead = destination.instead or instead
end

--- End it.
---@return commerce.hooks.Destination? destination nil if the record was not sent anywhere
function methods:finish()
  local destination = self._destination
  self._destination = nil
  return next(destination.stores) and destination or nil
end

--- Queue an encoded record for the stores of its destination.
---@param destination commerce.hooks.Destination
---@param type_name string
---@param record commerce.Record
function methods:add(destination, type_name, record)
  for store in pairs(destination.stores) do
    local page = self._pages[store] or {}
    self._pages[store] = page
    page[type_name] = page[type_name] or {}
    table.insert(page[type_name], record)
  end
end

-- A store stands on its own: the connection of the records must be in it, with its company.
local function introduce(self, store)
  local row = self._connection
  if not errors.must(store:connections { id = row.id })[1] then
    local companies = errors.must(self._store:companies { id = row.company_id })
    errors.must(store:add_connection(row, { company = companies[1] }))
  end
  self._introduced[store] = true
end

-- Data types of the user's own must be defined in it as well.
local function define(self, store, records)
  for name in pairs(records) do
    if not store:find_type(name) then
      errors.must(store:define_type(assert(self._store:find_type(name))))
    end
  end
end

-- The records as a store may have them: it has lists of its own of what is never stored.
local function allowed(self, store, records)
  local id, rules = self._connection.id, self._rules[store]
  if not rules then
    rules = { protection = protections.of(store, id, self._mappings),
      erasures = erasures.of(store, id) }
    self._rules[store] = rules
  end
  local all = {}
  for name, list in pairs(records) do
    local fate = rules.erasures and erasures.fate(store:find_type(name))
    all[name] = {}
    for _, each in ipairs(list) do
      local body = rules.protection:body(name, each.body)
      local erased = fate and rules.erasures:concerns { id = each.id }
      if not (erased and fate == "removed") then
        body = erased and rules.erasures:body(name, body) or body
        table.insert(all[name], { id = each.id, body = body })
      end
    end
  end
  return all
end

--- Write what is queued. Raises if a store fails.
function methods:write()
  local pages = self._pages
  self._pages = {}
  for store, records in pairs(pages) do
    if not self._introduced[store] then
      introduce(self, store)
    end
    define(self, store, records)
    errors.must(store:write_page(self._connection.id,
      { records = allowed(self, store, records) }, time.now()))
  end
end

return router
