-- Persons whose data was erased: it is not stored again. A connection has a list of hashes of the
-- ids of these customers and of what belongs to them (charges, refunds, disputes). Money stays: of
-- a payment, a dispute or a transaction only what tells nothing of the person is stored.

local core = require "commerce.core"
local json = require "commerce.base.json"
local protection = require "commerce.account.protection"
local record = require "commerce.model.record"
local time = require "commerce.base.time"

local erasures = {}

---@class commerce.Erasures
local methods = {}
local erasures_mt = { __name = "commerce.Erasures", __index = methods }

--- The members of objects that are read to find out whose they are.
methods.PATHS = { "customer", "charge", "source" }

--- How reports call what is not stored.
erasures.EXCLUDED = "of customers that were erased"

local SUPPLEMENTAL = "supplementalData"

-- The names in supplemental data that a reduced record keeps. Names that a script has added are not
-- among them.
local STAYS = {
  payments = { "payment_intent", "failure_code", "application_fee_amount", "amount_refunded",
    "disputed", "balance_transaction", "brand", "wallet", "status", "charge", "reason",
    "failure_reason", "failure_balance_transaction" },
  disputes = { "payment_intent", "is_charge_refundable", "balance_transactions", "charge",
    "network_reason_code", "status" },
  transactions = { "net", "fee", "exchange_rate", "available_on", "status", "reporting_category",
    "balance_type" },
}

-- Data types of which a customer's records are removed, beside those that users defined.
local REMOVED = { customers = true }

--- A hash by which an id can be found again, but not read.
---@param connection_id string
---@param id string
---@return string
function erasures.hash(connection_id, id)
  return core.sha256(connection_id .. " " .. id)
end

--- What becomes of a person's records of a data type.
---@param data_type commerce.DataType
---@return "removed"|"reduced"|nil what nil: they tell nothing of the person
function erasures.fate(data_type)
  if REMOVED[data_type.name] or data_type.own then
    return "removed"
  end
  return STAYS[data_type.name] and "reduced" or nil
end

local function stays(type_name)
  return function(text)
    local content = json.stored(text).content
    local found, kept = type(content) == "table" and content.stripe or {}, {}
    for _, name in ipairs(STAYS[type_name]) do
      kept[name] = found[name]
    end
    return next(kept) ~= nil and json.encode { content = { stripe = kept } } or nil
  end
end

--- A record without what tells of the person.
---@param type_name string of a data type whose records are "reduced"
---@param text string JSON of the record
---@return string text
function erasures.reduced(type_name, text)
  return record.edit(text, { SUPPLEMENTAL }, stays(type_name))
end

--- The erasures of a connection.
---@param store commerce.Store
---@param connection_id string
---@return commerce.Erasures? erasures nil if nobody's data was erased
function erasures.of(store, connection_id)
  if (store.lacking or {}).erasure or not store:has_erased(connection_id) then
    return nil
  end
  return setmetatable({ _store = store, _id = connection_id }, erasures_mt)
end

local function add_ids(ids, member)
  if type(member) == "string" then
    ids[#ids + 1] = member
  elseif type(member) == "table" then
    add_ids(ids, member.id)
    if type(member.customer) == "table" or type(member.customer) == "string" then
      add_ids(ids, member.customer)
    end
  end
end

--- Whether an object of Stripe's is, or belongs to, a customer that was erased. What belongs to one
--- is put on the list, since other objects name it.
---@param object commerce.StripeObject
---@return boolean
function methods:concerns(object)
  local ids, hashes = {}, {}
  add_ids(ids, object)
  for _, name in ipairs(self.PATHS) do
    add_ids(ids, object[name])
  end
  for i, id in ipairs(ids) do
    hashes[i] = erasures.hash(self._id, id)
  end
  local found = #ids > 0 and self._store:erased(self._id, hashes) or {}
  if next(found) == nil then
    return false
  elseif type(object.id) == "string" and not found[hashes[1]] then
    self._store:add_erased(self._id, { hashes[1] }, time.now())
  end
  return true
end

--- The body of a record of a customer that was erased.
---@param type_name string
---@param body string
---@return string body
function methods:body(type_name, body)
  return STAYS[type_name] and record.edit_body(body, function(text)
    return erasures.reduced(type_name, text)
  end) or body
end

--- The body of an event as it may wait.
---@param event table<string, any> decoded; changed
---@param body string
---@return string body
function methods:event(event, body)
  local data = event.data
  if type(data) ~= "table" or type(data.object) ~= "table" or not self:concerns(data.object) then
    return body
  end
  data.object, data.previous_attributes = protection.identity(data.object), nil
  return json.encode(event)
end

return erasures
