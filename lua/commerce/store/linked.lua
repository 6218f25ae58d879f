-- Adds to records what a store keeps beside them: a transaction's payout, a payout's totals. They
-- are not part of a record's stored bytes.

local json = require "commerce.base.json"

local linked = {}

-- A fee's row belongs to the payout of its transaction.
local function transaction_of(id)
  return id:match "^[^:]*"
end

local function with(text, members)
  return (text:gsub("}%s*$", "")) .. members .. "}"
end

-- By id: the payout of each transaction of a connection, as a member in JSON.
local function payouts_of(store, connection_id, ids)
  local wanted, members = {}, {}
  for i, id in ipairs(ids) do
    wanted[i] = transaction_of(id)
  end
  local payouts = store:payouts_of(connection_id, wanted)
  for _, id in ipairs(ids) do
    local payout = payouts[transaction_of(id)]
    members[id] = payout and ',"payout":' .. json.string(payout)
  end
  return members
end

-- By id: the totals of each payout of a connection, as members in JSON.
local function totals_of(store, connection_id, ids)
  local members = {}
  for id, totals in pairs(store:payout_totals(connection_id, ids)) do
    members[id] = (',"transactionCount":%d,"grossAmount":%s,"fees":%s'):format(
      totals.transaction_count, totals.gross_amount, totals.fees)
  end
  return members
end

local MEMBERS = { transactions = payouts_of, payouts = totals_of } -- by data type

---@class commerce.LinkedRow
---@field id string
---@field data string the record's JSON
---@field connection_id string

--- Whether a store keeps something beside the records of a data type.
---@param data_type commerce.DataType
---@return boolean
function linked.has(data_type)
  return #data_type.linked.fields > 0
end

--- Add it to some records.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@param rows commerce.LinkedRow[] their `data` is changed
function linked.add(store, data_type, rows)
  local of_type = MEMBERS[data_type.name]
  local ids = {} -- by connection
  for _, row in ipairs(of_type and rows or {}) do
    ids[row.connection_id] = ids[row.connection_id] or {}
    table.insert(ids[row.connection_id], row.id)
  end
  local members = {}
  for connection_id, list in pairs(ids) do
    members[connection_id] = of_type(store, connection_id, list)
  end
  for _, row in ipairs(rows) do
    local added = members[row.connection_id] and members[row.connection_id][row.id]
    row.data = added and with(row.data, added) or row.data
  end
end

local BATCH = 100 -- records that are looked up at once

--- The rows of a list with what lies beside them.
---@param store commerce.Store its methods raise
---@param data_type commerce.DataType
---@param next_row fun(): string?, string?, string? see `store:records`
---@return fun(): string?, string? next id and data
function linked.rows(store, data_type, next_row)
  if not linked.has(data_type) then
    return next_row
  end
  local batch, at, ended = {}, 0, false
  local function fill()
    batch, at = {}, 1
    while #batch < BATCH and not ended do
      local id, data, connection_id = next_row()
      ended = id == nil
      batch[#batch + 1] = id and { id = id, data = data, connection_id = connection_id } or nil
    end
    linked.add(store, data_type, batch)
  end
  return function()
    at = at + 1
    if not batch[at] then
      fill()
    end
    local row = batch[at]
    return row and row.id, row and row.data
  end
end

return linked
