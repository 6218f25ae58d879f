-- Looking through a connection's records, page after page; see sql/browsing.lua.

local ascii = require "commerce.base.ascii"
local json = require "commerce.base.json"
local log = require "commerce.store.memory.log"
local model = require "commerce.model"
local paths = require "commerce.base.path"
local query = require "commerce.query"
local records = require "commerce.store.memory.records"

local browsing = {}

-- Every order is as good as another one here: a list is sorted once and kept until the next write.
function browsing.record_orders(_, data_type)
  local fields = {}
  for _, scalar in ipairs(data_type.scalars) do
    fields[#fields + 1] = scalar.field
  end
  for _, fact in ipairs(data_type.facts) do
    fields[#fields + 1] = fact.name
  end
  return fields
end

function browsing.index_order()
  return true
end

local function place_of(path, id, data)
  return { id = id, value = path ~= "id" and paths.at(json.stored(data), path) or nil }
end

-- Whether a place comes after another one in the direction of the walk.
local function is_after(place, from, descending)
  local order = query.compare(place.value, from.value)
  if order == 0 then
    order = place.id == from.id and 0 or ascii.before(place.id, from.id) and -1 or 1
  end
  return descending and order < 0 or not descending and order > 0
end

local function matches(tree, data)
  local values = json.stored(data)
  return query.matches(tree, function(field)
    return paths.at(values, field)
  end)
end

-- The page's rows in the direction of the walk.
local function read(asked, path, descending, next_row)
  local page, at_place = { rows = {}, looked = 0 }, asked.from == nil
  for id, data in next_row do
    local place = place_of(path, id, data)
    at_place = at_place or is_after(place, asked.from, descending)
    if at_place then
      page.looked = page.looked + 1
      if not asked.query or matches(asked.query, data) then
        page.rows[#page.rows + 1] = { id = id, data = data, place = place }
      end
      if #page.rows == asked.limit or asked.query and page.looked == asked.look then
        page.more = place
        break
      end
    end
  end
  return page
end

function browsing.record_page(self, data_type, asked)
  local order = asked.order
  local path = order.field == "id" and "id" or assert((model.place(data_type, order.field)),
    "BUG: an order by a field that the data type does not have")
  local descending = order.descending ~= (asked.backward == true)
  local page = read(asked, path, descending, records.records(self, data_type, {
    connection_id = asked.connection_id, order_by = { field = path, descending = descending },
    deleted = query.is_about_deleted(asked.query) }))
  if asked.backward then
    local rows = page.rows
    for i = 1, math.floor(#rows / 2) do
      rows[i], rows[#rows + 1 - i] = rows[#rows + 1 - i], rows[i]
    end
  end
  return page
end

function browsing.count_upto(self, data_type, connection_id, most)
  return math.min(most, records.count(self, data_type, connection_id))
end

function browsing.changes_of(self, data_type, connection_id, id, limit)
  local rows, list = self.db:table("changes", connection_id), {}
  local first, last = log.kept(self, connection_id)
  for number = last, first, -1 do
    local change = rows:get(number)
    if #list < limit and change.id == id and change.type == data_type.name then
      list[#list + 1] = { at = change.at, kind = change.kind, number = number }
    end
  end
  return list
end

return browsing
