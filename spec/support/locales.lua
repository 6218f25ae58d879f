-- A locale that changes as much as a locale can: Turkish writes 1,5, orders "a" before "B", and has
-- no I as the capital of i.

local shell = require "spec.support.shell"

local locales = {}

locales.TURKISH = "tr_TR.UTF-8"

local function is_installed(name)
  local _, output = shell.run "locale -a"
  for line in output:gmatch "[^\n]+" do
    if line:lower():gsub("%-", "") == name:lower():gsub("%-", "") then
      return true
    end
  end
  return false
end

--- The variables with which a process finds the locale. It is compiled into a folder if the machine
--- does not have it.
---@param folder string
---@return table<string, string> environment
function locales.environment(folder)
  if is_installed(locales.TURKISH) then
    return {}
  end
  local status, output, errors = shell.run(("localedef -i tr_TR -f UTF-8 %s/%s"):format(
    shell.quote(folder), locales.TURKISH))
  assert(status == 0, "localedef (Debian: locales) failed: " .. output .. errors)
  return { LOCPATH = folder }
end

return locales
