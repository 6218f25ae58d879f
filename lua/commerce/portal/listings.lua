-- What an address of a list says: data type, filter, order, place; and the addresses of the pages
-- around it.

local IDS = require "commerce.catalog.ids"
local errors = require "commerce.base.errors"
local found = require "commerce.portal.found"
local json = require "commerce.base.json"
local listing = require "commerce.app.listing"
local query = require "commerce.query"
local response = require "commerce.http.response"
local sections = require "commerce.portal.sections"
local tables = require "commerce.base.tables"
local url = require "commerce.base.url"

local listings = {}

---@class commerce.portal.Listing
---@field context commerce.portal.Context
---@field company commerce.Company
---@field connection commerce.Connection
---@field data_type commerce.DataType
---@field text string the filter as it was sent
---@field query commerce.Query? the filter, if it is one
---@field problem string? why the filter is not one
---@field order commerce.Order
---@field orders commerce.ListingOrder[]
---@field unsorted string? a field by which so long a list cannot be ordered without an index
---@field total integer all records of the data type; if there are many and nobody asked for their
---  number, how many were counted
---@field is_total boolean whether it is the number of all
---@field from commerce.Place?
---@field backward boolean
local methods = {}
local listing_mt = { __index = methods }

-- ---------------------------------------------------------------- places in an address

--- A place as a parameter of an address.
---@param place commerce.Place
---@return string
function listings.place_text(place)
  return json.encode(json.array { place.id, place.value })
end

--- The place that a parameter names.
---@param text string?
---@return commerce.Place? place nil without one; a text that is not one is refused
function listings.place_of(text)
  if not text or text == "" then
    return nil
  end
  local list = json.decode(text)
  local kind = type(list) == "table" and type(list[2])
  if type(list) ~= "table" or type(list[1]) ~= "string"
    or not (kind == "nil" or kind == "string" or kind == "number") then
    response.refuse(400, "This address is not complete. Go back to the list's first page.")
  end
  return { id = list[1], value = list[2] }
end

-- ---------------------------------------------------------------- reading

--- The data type of an address.
---@param context commerce.portal.Context with `dataType` in its address
---@return commerce.DataType data_type raises a 404 if there is none
function listings.data_type(context)
  return context.store:find_type(context.params.dataType)
    or response.refuse(404, "There is no such data type.")
end

local function default_order(orders)
  for _, order in ipairs(orders) do
    if order.field == "createdDate" then
      return { field = "createdDate", descending = true }
    end
  end
  return { field = orders[1].field, descending = orders[1].field ~= "id" }
end

local function take_order(self, text)
  local minus, field = (text or ""):match "^(%-?)([%w_%.]+)$"
  for _, order in ipairs(self.orders) do
    if order.field == field then
      if order.indexed or self.total <= listing.SORTED_AT_ONCE then
        return { field = field, descending = minus == "-" }
      end
      self.unsorted = field
    end
  end
  return default_order(self.orders)
end

local function take_query(self, text)
  self.text = text or ""
  if self.text:find "%S" then
    local tree, message = query.parse(self.data_type, self.text)
    self.query, self.problem = tree, message and (message:gsub("^Error parsing query %- ", ""))
  end
end

local COUNTED = 100000 -- records, in some 20 ms

-- All records of a long list are counted where somebody asks for it, and for a search.
local function count(self, exact)
  local store, data_type, id = self.context.store, self.data_type, self.connection.id
  self.total = store:count_upto(data_type, id, COUNTED)
  self.is_total = self.total < COUNTED
  if exact and not self.is_total then
    self.total, self.is_total = store:count(data_type, id), true
  end
end

--- Read the address of a list.
---@param context commerce.portal.Context
---@return commerce.portal.Listing
function listings.new(context)
  local connection, company = found.connection(context)
  local self = setmetatable({ context = context, company = company, connection = connection,
    data_type = listings.data_type(context) }, listing_mt)
  count(self, context.query.total == "1" or (context.query.q or "") ~= "")
  self.orders = listing.orders(context.store, self.data_type)
  self.order = take_order(self, context.query.sort)
  take_query(self, context.query.q)
  self.from, self.backward = listings.place_of(context.query.from), context.query.back == "1"
  return self
end

--- What the store is asked.
---@param limit integer
---@return commerce.ListingAsked
function methods:asked(limit)
  return { connection_id = self.connection.id, order = self.order, query = self.query,
    from = self.from, backward = self.backward, limit = limit }
end

--- Refuse a list whose filter is wrong.
function methods:check()
  if self.problem then
    errors.throw("usage", self.problem)
  end
end

-- ---------------------------------------------------------------- addresses

--- The text of an order, as in an address.
---@param order commerce.Order
---@return string
function listings.order_text(order)
  return (order.descending and "-" or "") .. order.field
end

local ORDER = { "q", "sort", "from", "back", "seen", "stop", "total", "format" }

--- An address of this data type with the same filter and order.
---@param given table<string, string|false>? other parameters; false leaves one out
---@param rest string? what follows the data type, such as "export"
---@return string
function methods:address(given, rest)
  local values = tables.merged({ q = self.text ~= "" and self.text or nil,
    sort = listings.order_text(self.unsorted and { field = self.unsorted,
      descending = self.context.query.sort:find "^%-" ~= nil } or self.order) }, given)
  local parts = {}
  for _, name in ipairs(ORDER) do
    parts[#parts + 1] = values[name] and name .. "=" .. url.escaped(values[name]) or nil
  end
  return sections.connection(self.context, self.connection, "data/" .. self.data_type.name
    .. (rest and "/" .. rest or "")) .. (#parts > 0 and "?" .. table.concat(parts, "&") or "")
end

--- What a Stripe id says of its object; see catalog.ids.
---@param id any
---@return commerce.IdKind?
function listings.kind_of(id)
  return type(id) == "string" and IDS[id:match "^(%l+)_" or ""] or nil
end

--- The data type that has the record of a Stripe id.
---@param id any
---@return string? name nil if the value is not an id, or the model has no such type
function listings.type_of_id(id)
  local kind = listings.kind_of(id)
  return kind and kind.type
end

--- The address of a record.
---@param type_name string
---@param id string
---@return string
function methods:record(type_name, id)
  return listings.record(self.context, self.connection, type_name, id)
end

--- The address of a record.
---@param context commerce.portal.Context
---@param connection commerce.Connection
---@param type_name string
---@param id string
---@return string
function listings.record(context, connection, type_name, id)
  return sections.connection(context, connection, ("data/%s/records/%s"):format(type_name,
    url.escaped(id)))
end

return listings
