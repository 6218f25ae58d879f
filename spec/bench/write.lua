-- Writes the records of one database into another, through the same store and in pages of 100: what
-- SQLite alone costs. Reading them is not counted; the figures are per source object.
--   write.lua FROM TO OBJECTS

package.path = "spec/bench/?.lua;" .. package.path
local common = require "common"
local core = require "commerce.core"
local model = require "commerce.model"
local store = require "commerce.store"

local from = assert(store.open("sqlite:" .. arg[1]))
local to = assert(store.open("sqlite:" .. arg[2]))
for _, row in ipairs(assert(from:connections())) do
  assert(to:add_connection(row, { company = from:companies({ id = row.company_id })[1] }))
end

local cpu, wall = 0, 0

local function write(name, connection_id, records)
  local cpu_before, before = os.clock(), core.now()
  assert(to:write_page(connection_id, { resource = name, records = { [name] = records },
    states = { [name] = { cursor = records[#records].id } } }, "2026-01-01T00:00:00Z"))
  cpu, wall = cpu + os.clock() - cpu_before, wall + core.now() - before
end

for _, name in ipairs { "payments", "transactions" } do
  local records, connection_id = {}, nil
  for id, data, connection in assert(from:records(model.find(name), {})) do
    records[#records + 1] = { id = id, body = data:gsub(',"modifiedDate":"[^"]*"}$', "") }
    connection_id = connection
    if #records == 100 then
      write(name, connection_id, records)
      records = {}
    end
  end
  if #records > 0 then
    write(name, connection_id, records)
  end
end
common.print(tonumber(arg[3]), wall, cpu)
