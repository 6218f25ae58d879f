-- Copies of tables.

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

return tables
