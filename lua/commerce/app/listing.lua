-- Looking through a connection's records: a page at a place of an order, with a search that goes on
-- in steps and stops after a given time, and all of a list one by one.

local core = require "commerce.core"
local linked = require "commerce.store.linked"
local model = require "commerce.model"
local query = require "commerce.query"

local listing = {}

local STEP = 20000 -- records that a search looks at in one call of the store: some 30 ms
local BATCH = 500 -- records that are read at once where all are wanted

--- So many records are sorted at once; a longer list needs an index of its order.
listing.SORTED_AT_ONCE = 20000

-- The fields by which people order lists, where a data type has them.
local FIELDS = { "createdDate", "modifiedDate", "amount", "totalAmount", "status", "customer",
  "customerRef.id", "arrivalDate", "id" }

---@class commerce.ListingOrder
---@field field string
---@field indexed boolean whether an index has it

--- The orders of a data type.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@return commerce.ListingOrder[]
function listing.orders(store, data_type)
  local indexed, list = {}, {}
  for _, field in ipairs(store:record_orders(data_type)) do
    indexed[field] = true
  end
  for _, field in ipairs(FIELDS) do
    if model.place(data_type, field) then
      list[#list + 1] = { field = field, indexed = indexed[field] == true }
    end
  end
  if #list == 0 then
    list[1] = { field = "id", indexed = true }
  end
  return list
end

---@class commerce.ListingAsked
---@field connection_id string
---@field order commerce.Order
---@field limit integer records of the page
---@field query commerce.Query?
---@field from commerce.Place? the record before the page, or after it if backward
---@field backward boolean? towards the beginning of the list; without `from`, the last page
---@field seconds number? with a query: how long to search (0.25)

---@class commerce.ListingPage
---@field rows { id: string, data: string, place: commerce.Place }[]
---@field looked integer how many records were looked at
---@field more commerce.Place? where the search goes on, if the time was over before it was complete
---@field next commerce.Place? the next page is after it
---@field previous commerce.Place? the previous page is before it

-- A query about deleted records reads the list in the order of ids: no other index has them.
local function order_of(asked)
  if query.is_about_deleted(asked.query) then
    return { field = "id", descending = asked.order.descending }
  end
  return asked.order
end

local function append(rows, found, backward)
  if not backward then
    for _, row in ipairs(found) do
      rows[#rows + 1] = row
    end
    return rows
  end
  return append(found, rows)
end

-- In steps, until there are so many records, the list ends, or the time is over.
local function search(store, data_type, asked, order)
  local page, from = { rows = {}, looked = 0 }, asked.from
  local stop = core.now() + (asked.seconds or 0.25)
  repeat
    local found = store:record_page(data_type, { connection_id = asked.connection_id,
      order = order, query = asked.query, from = from, backward = asked.backward,
      limit = asked.limit - #page.rows, look = STEP })
    page.rows = append(page.rows, found.rows, asked.backward)
    page.looked, from = page.looked + found.looked, found.more
  until not from or #page.rows == asked.limit or core.now() >= stop
  return page, from
end

-- The places of the pages around a page. `more`: whether the list goes on in its direction.
local function turn(page, asked, more)
  local first, last = page.rows[1], page.rows[#page.rows]
  local before, after = first and first.place, last and last.place
  if asked.backward then
    page.previous, page.next = more and before or nil, asked.from and (after or asked.from) or nil
  else
    page.next, page.previous = more and after or nil, asked.from and (before or asked.from) or nil
  end
  return page
end

-- Without a query: one record more is read, to know whether the list goes on.
local function plain(store, data_type, asked, order)
  local found = store:record_page(data_type, { connection_id = asked.connection_id, order = order,
    from = asked.from, backward = asked.backward, limit = asked.limit + 1 })
  local more = #found.rows > asked.limit
  if more then
    table.remove(found.rows, asked.backward and 1 or #found.rows)
  end
  return turn({ rows = found.rows, looked = #found.rows }, asked, more)
end

--- A page of a connection's records, with what is kept beside them.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@param asked commerce.ListingAsked
---@return commerce.ListingPage
function listing.page(store, data_type, asked)
  local order = order_of(asked)
  local page, more = (asked.query and search or plain)(store, data_type, asked, order)
  if asked.query then
    local is_full = #page.rows == asked.limit
    turn(page, asked, is_full and more)
    page.more = not is_full and more or nil
  end
  for _, row in ipairs(page.rows) do
    row.connection_id = asked.connection_id
  end
  linked.add(store, data_type, page.rows)
  return page
end

--- All records of a list, in its order, one batch after the other: an iterator that gives batches.
--- A record that is written meanwhile comes once, or not at all if its place in the order moves.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@param asked commerce.ListingAsked its limit and place do not matter
---@return fun(): { id: string, data: string }[]? next a batch, which may be empty; nil at the end
function listing.batches(store, data_type, asked)
  local order, from, ended = order_of(asked), nil, false
  return function()
    if ended then
      return nil
    end
    local found = store:record_page(data_type, { connection_id = asked.connection_id,
      order = order, query = asked.query, from = from, limit = BATCH,
      look = asked.query and STEP or nil })
    from = found.more
    ended = from == nil
    for _, row in ipairs(found.rows) do
      row.connection_id = asked.connection_id
    end
    linked.add(store, data_type, found.rows)
    return found.rows
  end
end

return listing
