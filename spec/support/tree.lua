-- The files of the project, for what looks through all of them.

local lfs = require "lfs"

local tree = {}

local function collect(folder, pattern, except, found)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        collect(path, pattern, except, found)
      elseif name:find(pattern) and not (except and name:find(except)) then
        found[#found + 1] = path
      end
    end
  end
  return found
end

--- The files under a folder.
---@param folder string
---@param pattern string of the names
---@param except string? pattern of names that are left out
---@return string[] paths sorted
function tree.files(folder, pattern, except)
  local found = collect(folder, pattern, except, {})
  table.sort(found)
  return found
end

return tree
