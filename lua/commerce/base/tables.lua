-- Copies of tables and lists.

local tables = {}

--- A new table with the fields of several ones; of two with one name the later one counts.
---@param ... table<any, any>|nil
---@return table<any, any>
function tables.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs(select(i, ...) or {}) do
      all[name] = value
    end
  end
  return all
end

--- A new list of the elements of several ones.
---@generic T
---@param ... T[]
---@return T[]
function tables.joined(...)
  local all = {}
  for i = 1, select("#", ...) do
    for _, element in ipairs((select(i, ...))) do
      all[#all + 1] = element
    end
  end
  return all
end

--- Whether a list has an element.
---@param list any[]
---@param wanted any
---@return boolean
function tables.has(list, wanted)
  for _, element in ipairs(list) do
    if element == wanted then
      return true
    end
  end
  return false
end

return tables
