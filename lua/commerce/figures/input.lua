-- The input of a report: sums over one connection's records. The store is asked for each sum once.

local decimal = require "commerce.base.decimal"
local errors = require "commerce.base.errors"
local fields = require "commerce.account.fields"
local json = require "commerce.base.json"
local model = require "commerce.model"
local query = require "commerce.query"

---@class commerce.figures.Input
---@field store commerce.Store its methods raise their failures
---@field connection_id string
---@field periods commerce.figures.Periods
---@field private known table<string, any>
local Input = { __name = "commerce.figures.Input" }
Input.__index = Input

local PAYMENTS, DISPUTES = model.find "payments", model.find "disputes"
local TRANSACTIONS, PAYOUTS = model.find "transactions", model.find "payouts"

-- The first bound of all that happened before the periods.
local BEGINNING = "0001-01-01T00:00:00Z"

--- A sale is a payment of this query; a refund is one with a negative amount.
Input.SALES = assert(query.parse(PAYMENTS, "status=Paid&&amount>=0"))

--- Prepare to read.
---@param store commerce.Store
---@param connection_id string
---@param of_periods commerce.figures.Periods
---@return commerce.figures.Input
function Input.new(store, connection_id, of_periods)
  return setmetatable({ store = store, connection_id = connection_id, periods = of_periods,
    known = {} }, Input)
end

local function once(self, name, read)
  if self.known[name] == nil then
    self.known[name] = read()
  end
  return self.known[name]
end

-- The rows of `store:sums`. Period 1 is the one before the report's first.
local function sums(self, data_type, asked)
  asked.periods = asked.periods or self.periods.bounds
  return self.store:sums(data_type, self.connection_id, asked)
end

--- Fail unless a data type has been read completely once.
---@param name string
function Input:need(name)
  if not self.store:is_complete(self.connection_id, name) then
    errors.throw("state", ("%s: the data type has not been read completely yet, so a report "
      .. "would be wrong; sync it first"):format(name))
  end
end

--- Why a field or fact is not stored, if a setting leaves it out.
---@param data_type commerce.DataType
---@param ... string names, "customer", "orderLineItems.unitPrice"
---@return string? reason nil if all of them are stored
function Input:left_out(data_type, ...)
  local lists = once(self, "fields", function()
    return fields.of(self.store, self.connection_id)
  end)
  for _, name in ipairs { ... } do
    local path = model.place(data_type, name) or name
    for _, text in ipairs(lists.leave_out) do
      local rule = fields.rule(text)
      local left = table.concat(rule.keys, ".")
      if rule.type == data_type.name
        and (path == left or path:sub(1, #left + 1) == left .. ".") then
        return text .. " is left out by a setting"
      end
    end
  end
end

--- The type of orders, if a script defined it and it has been read.
---@return commerce.DataType? orders nil: the payments are the sales
function Input:orders()
  return once(self, "orders", function()
    local found = self.store:find_type "orders"
    return found and self.store:is_complete(self.connection_id, "orders") and found or false
  end) or nil
end

--- The payments of each period by currency, status, failure code and sign.
---@return commerce.Sum[]
function Input:payments()
  return once(self, "payments", function()
    return sums(self, PAYMENTS, { sum = "amount", by = { "currency", "status", "failureCode" },
      signs = true })
  end)
end

--- The disputes of each period by currency and status.
---@return commerce.Sum[]
function Input:disputes()
  return sums(self, DISPUTES, { sum = "totalAmount", by = { "currency", "status" } })
end

-- The periods' bounds, but period 1 is all that was before the report's first.
local function bounds_from_beginning(self)
  local bounds = { BEGINNING }
  for i = 2, #self.periods.bounds do
    bounds[i] = self.periods.bounds[i]
  end
  return bounds
end

--- The transactions of each period, of the balance of payments, by currency and type. Period 1 is
--- all that was before the report's first.
---@return commerce.Sum[]
function Input:transactions()
  return once(self, "transactions", function()
    local rows = {}
    for _, row in ipairs(sums(self, TRANSACTIONS, { sum = "totalAmount",
      periods = bounds_from_beginning(self), by = { "currency", "type", "balanceType" } })) do
      if row.balanceType == nil or row.balanceType == "payments" then
        rows[#rows + 1] = row
      end
    end
    return rows
  end)
end

--- The payouts by day of arrival, currency and status. Period 1 is all that was before the report's
--- first.
---@return commerce.Sum[]
function Input:payouts()
  return sums(self, PAYOUTS, { sum = "amount", periods = bounds_from_beginning(self),
    date = "arrivalDate", by = { "currency", "status", "arrivalDate" } })
end

--- The account's own currency, or the one of most payments; "XXX" if there is none.
---@return string
function Input:currency()
  return once(self, "currency", function()
    local _, data = self.store:records(model.find "company_info",
      { connection_id = self.connection_id, limit = 1 })()
    local own = data and json.stored(data).baseCurrency
    if own and own ~= "XXX" then
      return own
    end
    local counts, most = {}, nil
    for _, row in ipairs(self:payments()) do
      local code = row.currency or "XXX"
      counts[code] = (counts[code] or 0) + row.count
    end
    for code, count in pairs(counts) do
      if not most or count > counts[most] or count == counts[most] and code < most then
        most = code
      end
    end
    return most or "XXX"
  end)
end

--- Add a decimal number to the sum under a key.
---@param list table<any, commerce.DecimalSum> sums, see `decimal.sum`
---@param key any
---@param text string
function Input.add(list, key, text)
  list[key] = list[key] or decimal.sum()
  list[key]:add(text)
end

return Input
