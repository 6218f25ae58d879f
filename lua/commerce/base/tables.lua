-- Copies of tables and lists.

local tables = {}

--- A new table with the fields of several ones; of two with one name the later one counts.
---@param ... table<any, any>
---@return table<any, any>
function tables.merged(...)
  local all = {}
  for i = 1, select("#", ...) do
    for name, value in pairs((select(i, ...))) do
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

return tables
