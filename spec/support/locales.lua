-- A locale that changes as much as a locale can: Turkish writes 1,5, orders "a" before "B", and has
-- no I as the capital of i.

local shell = require "spec.support.shell"

local locales = {}

locales.TURKISH = "tr_TR.UTF-8"

--- Pashto's decimal point has two bytes.
locales.PASHTO = "ps_AF.UTF-8"

local function is_installed(name)
  local _, output = shell.run "locale -a"
  for line in output:gmatch "[^\n]+" do
    if line:lower():gsub("%-", "") == name:lower():gsub("%-", "") then
      return true
    end
  end
  return false
end

--- The variables with which a process finds a locale. It is compiled into a folder if the machine
--- does not have it.
---@param folder string
---@param name string such as `locales.TURKISH`
---@return table<string, string> environment
function locales.environment(folder, name)
  if is_installed(name) then
    return {}
  end
  local status, output, errors = shell.run(("localedef -i %s -f UTF-8 %s/%s"):format(
    name:match "^[^.]+", shell.quote(folder), name))
  assert(status == 0, "localedef (Debian: locales) failed: " .. output .. errors)
  return { LOCPATH = folder }
end

return locales
