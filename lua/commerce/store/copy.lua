-- Copies the whole content of a store into another, empty one, of the same kind of database or of
-- another: records, checkpoints, sealed secrets, the log of changes and its consumers' places,
-- pulls, webhooks and their deliveries, settings. A copy that was killed is continued; at the end
-- every row of both is read and compared.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local model = require "commerce.model"

local copy = {}

local BATCH = 500 -- rows of one transaction

local function check(from, to)
  for _, each in ipairs { from, to } do
    if (each.lacking or {}).copying or type(each.read_part) ~= "function" then
      errors.throw("usage", "a store in memory, or of your own, cannot be copied; copy from and to "
        .. "databases")
    end
  end
  local busy = {}
  for connection_id in pairs(from:leases()) do
    busy[#busy + 1] = connection_id
  end
  ascii.sort(busy)
  if busy[1] then
    errors.throw("state", ("connection %s%s is being read: stop all workers and syncs of the store "
      .. "that is copied, and try again"):format(busy[1], #busy > 1
      and (" (and %d more)"):format(#busy - 1) or ""), { code = "busy", retryable = true })
  end
end

-- The state of this copy in the destination: that of one that was killed, or of a new one.
local function begin(to, name)
  local state = to:copy_state()
  if state and state.from ~= name then
    errors.throw("state", ("a copy of another store, %s, has not ended in the destination; end it, "
      .. "or name an empty destination"):format(state.from), { code = "not_empty" })
  elseif not state then
    if to:has_copied_rows() then
      errors.throw("state", "the destination is not empty; name an empty database, or a new one",
        { code = "not_empty" })
    end
    state = { from = name }
    to:save_copy_state(state)
  end
  return state
end

local function define_types(from, to)
  for _, data_type in ipairs(from:types()) do
    if not model.find(data_type.name) then
      to:define_type(data_type)
    end
  end
end

local function copy_part(from, to, name, state, tell)
  local after, copied = state.part == name and state.after or nil, 0
  repeat
    local page = from:read_part(name, after, BATCH)
    after = page.last
    if after then
      state.part, state.after = name, after
      copied = copied + to:write_part(name, page.rows, state)
      tell { event = "copied", part = name, rows = copied }
    end
  until #page.rows < BATCH
  return copied
end

-- ---------------------------------------------------------------- comparing

local function differing(one, other)
  for column, value in pairs(one) do
    if other[column] ~= value then
      return column
    end
  end
  for column in pairs(other) do
    if one[column] == nil then
      return column
    end
  end
end

-- The values by which a person finds a row.
local function label_of(row)
  local texts = {}
  for _, column in ipairs { "connection_id", "id", "name", "resource", "number" } do
    texts[#texts + 1] = row[column] ~= nil and tostring(row[column]) or nil
  end
  return table.concat(texts, " ")
end

local function refuse(name, row, column)
  errors.throw("store", ("%s, row %s: not the same in both stores (%s): the store that is copied "
    .. "was written meanwhile. Stop all processes that use it, and copy it again into an empty "
    .. "database"):format(name, label_of(row), column), { code = "differs" })
end

local function compare_part(from, to, name, tell)
  local after_one, after_other, compared = nil, nil, 0
  repeat
    local one = from:read_part(name, after_one, BATCH)
    local other = to:read_part(name, after_other, BATCH)
    for i = 1, math.max(#one.rows, #other.rows) do
      local column = not (one.rows[i] and other.rows[i]) and "missing"
        or differing(one.rows[i], other.rows[i])
      if column then
        refuse(name, one.rows[i] or other.rows[i], column)
      end
    end
    after_one, after_other, compared = one.last, other.last, compared + #one.rows
    tell { event = "compared", part = name, rows = compared }
  until #one.rows < BATCH
  return compared
end

--- Copy a store. Raises if it is being written, if the destination is not empty and not this copy
--- begun before, or if the two differ in the end.
---@param from commerce.Store its methods raise
---@param to commerce.Store its methods raise
---@param name string of the store that is copied, without a password: a killed copy is known by it
---@param tell (fun(event: { event: "copied"|"compared", part: string, rows: integer }))?
---@return { parts: table<string, integer>, rows: integer, copied: integer } result rows by part and
---  in all, and how many of them this run copied
function copy.run(from, to, name, tell)
  tell = tell or function() end
  check(from, to)
  from:finish_removals()
  local state = begin(to, name)
  define_types(from, to)
  local result, reached = { parts = {}, rows = 0, copied = 0 }, state.part == nil
  local parts = from:copied_parts()
  for _, part in ipairs(parts) do
    reached = reached or part == state.part
    if reached then
      result.copied = result.copied + copy_part(from, to, part, state, tell)
    end
  end
  for _, part in ipairs(parts) do
    result.parts[part] = compare_part(from, to, part, tell)
    result.rows = result.rows + result.parts[part]
  end
  to:save_copy_state(nil)
  return result
end

return copy
