-- Fresh records against stored ones: which fields of a record differ, by name. Their values are
-- personal data and are never reported.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"
local record = require "commerce.model.record"

local compare = {}

local DEPTH = 4 -- names below supplementalData.content.stripe.X may be a merchant's own

-- A record that is the same in every field and yet not the same text.
local FORM = "(its form)"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

local function keys_of(a, b)
  local keys, seen = {}, {}
  for _, part in ipairs { a, b } do
    for key in pairs(part) do
      if not seen[key] then
        seen[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  ascii.sort(keys)
  return keys
end

local function is_object(value)
  return type(value) == "table" and value[1] == nil
end

local function add_names(names, stored, fresh, prefix, depth)
  for _, key in ipairs(keys_of(stored, fresh)) do
    local a, b = stored[key], fresh[key]
    if not same(a, b) then
      if depth < DEPTH and is_object(a) and is_object(b) then
        add_names(names, a, b, prefix .. key .. ".", depth + 1)
      else
        names[#names + 1] = prefix .. key
      end
    end
  end
  return names
end

--- The fields of a whole record that differ.
---@param data string as it is stored
---@param body string from `model.encode`
---@return string[]? fields nil if no field differs
function compare.whole(data, body)
  -- an event may have dated the stored record; a fresh object does not know of it
  body = record.keep_newest(body, data)
  if record.same(data, body) then
    return nil
  end
  local stored, fresh = json.decode(data), record.decode(body)
  if type(stored) ~= "table" then
    return { FORM }
  end
  stored.modifiedDate = nil
  local names = add_names({}, stored, fresh, "", 1)
  return #names > 0 and names or { FORM }
end

-- ---------------------------------------------------------------- money

--- Whether an object of Stripe's has an amount that can be compared.
---@param object any
---@return boolean
function compare.is_money(object)
  return type(object) == "table" and type(object.amount) == "number"
    and type(object.currency) == "string"
end

--- A transaction's amount, digit by digit, and its currency.
---@param text string as it is stored, or a body
---@return string amount in major units
---@return string currency
function compare.money(text)
  -- as text: a double would round amounts of more than 15 digits
  local amount = record.member(text, "totalAmount") or "0"
  if not amount:find "^%-?[%d%.]+$" then
    amount = decimal.tostring(tonumber(amount) or 0) or "0"
  end
  local currency = record.member(text, "currency")
  return amount, tostring(currency and json.decode(currency))
end

local function member_of(supplemental, name)
  local content = type(supplemental) == "table" and supplemental.content
  local stripe = type(content) == "table" and content.stripe
  return type(stripe) == "table" and stripe[name] or nil
end

--- The balance that a transaction moves if it does not say.
compare.PAYMENTS = "payments"

--- The balance that a transaction moves.
---@param text string as it is stored, or a body
---@return string? balance_type nil if it does not say
function compare.balance_type(text)
  local supplemental = text:find('"balance_type"', 1, true)
    and record.member(text, "supplementalData")
  local kind = supplemental and member_of(json.decode(supplemental), "balance_type")
  return type(kind) == "string" and kind or nil
end

local function money_fields(entry, data)
  local amount, currency = compare.money(data)
  local names = {}
  if amount ~= decimal.tostring(entry.record.totalAmount or 0) then
    names[1] = "totalAmount"
  end
  if currency ~= entry.record.currency then
    names[#names + 1] = "currency"
  end
  if (compare.balance_type(data) or compare.PAYMENTS)
    ~= (member_of(entry.record.supplementalData, "balance_type") or compare.PAYMENTS) then
    names[#names + 1] = "supplementalData"
  end
  return #names > 0 and names or nil
end

-- ---------------------------------------------------------------- parts

local function ids_of(list)
  local ids = {}
  for _, element in ipairs(type(list) == "table" and list or {}) do
    if type(element) == "table" and type(element.id) == "string" then
      ids[element.id] = true
    end
  end
  return ids
end

-- The ids that only one of two lists has.
local function parts_between(stored, fresh)
  local a, b, parts = ids_of(stored), ids_of(fresh), {}
  for _, key in ipairs(keys_of(a, b)) do
    if a[key] ~= b[key] then
      parts[#parts + 1] = key
    end
  end
  return parts
end

local function variant_fields(entry, data)
  local stored = json.decode(data) or {}
  local parts = parts_between(stored.variants, entry.record.variants)
  if #parts > 0 then
    return { "variants" }, parts
  end
end

-- ---------------------------------------------------------------- what is compared

--- The fields that are compared when not everything is: money where sums are made of it (of a
--- transaction's supplemental data only the balance that it moves), and the parts that Stripe lists
--- by themselves. All else is known by its id.
---@type table<string, { fields: string[], differing: function? }>
local PLAIN = {
  transactions = { fields = { "id", "totalAmount", "currency", "supplementalData" },
    differing = money_fields },
  products = { fields = { "id", "variants" }, differing = variant_fields },
}
local BY_ID = { fields = { "id" } }

--- The fields of a data type that `differing` looks at.
---@param data_type commerce.DataType
---@return string[]
function compare.fields(data_type)
  return (PLAIN[data_type.name] or BY_ID).fields
end

--- The fields of a fresh record that differ from the stored one.
---@param data_type commerce.DataType
---@param entry commerce.verify.Entry with a body, all fields are compared
---@param data string as it is stored
---@return string[]? fields nil if no field differs
---@return string[]? parts ids of the parts that only one of them has
function compare.differing(data_type, entry, data)
  if entry.body then
    return compare.whole(data, entry.body)
  end
  local differing = (PLAIN[data_type.name] or BY_ID).differing
  if differing then
    return differing(entry, data)
  end
end

return compare
