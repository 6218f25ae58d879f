-- Suggestions for error messages ("did you mean …?"): the known name nearest to a misspelt one.

local ascii = require "commerce.base.ascii"

local suggest = {}

local WORTH = 3 -- one wrong letter for so many right ones

-- How many letters must be put in, taken out, replaced or swapped with their neighbour.
local function distance(a, b)
  local before, row = {}, {}
  local earlier
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    earlier, before, row = before, row, { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], earlier[j - 2] + 1)
      end
    end
  end
  return row[#b]
end

-- Case and underscores are no difference: createdDate, created_date.
local function plain(name)
  return (ascii.lower(name):gsub("_", ""))
end

--- The nearest known name.
---@param name string
---@param known string[]|table<string, any> a list, or a table whose keys are the names
---@return string? nearest nil if none is near
function suggest.nearest(name, known)
  local best, least = nil, math.max(1, math.floor(#name / WORTH)) + 1
  local wanted = plain(name)
  for key, value in pairs(known) do
    local candidate = type(key) == "string" and key or value
    local away = distance(wanted, plain(candidate))
    if away < least or away == least and best and candidate < best then
      best, least = candidate, away
    end
  end
  return best
end

--- The end of a message about an unknown name.
---@param name string
---@param known string[]|table<string, any>
---@return string text " (did you mean 'x'?)", or "" if none is near
function suggest.text(name, known)
  local nearest = suggest.nearest(tostring(name), known)
  return nearest and (" (did you mean '%s'?)"):format(nearest) or ""
end

--- The end of a message about an unknown name, where the known ones are few.
---@param name string
---@param known table<string, any> its keys are the names
---@return string text " (did you mean 'x'?)", or all of them if none is near
function suggest.text_or_all(name, known)
  local text = suggest.text(name, known)
  if text ~= "" then
    return text
  end
  local names = ascii.keys(known)
  return names[1] and (" (known: %s)"):format(table.concat(names, ", ")) or ""
end

return suggest
