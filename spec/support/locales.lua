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

-- Where compiled locales are kept: to compile one takes seconds.
local KEPT = "build/locales"

--- The variables with which a process finds a locale. It is compiled, once, if the machine does not
--- have it.
---@param name string such as `locales.TURKISH`
---@return table<string, string> environment
function locales.environment(name)
  if is_installed(name) then
    return {}
  end
  local _, here = shell.run "pwd"
  local kept = here:gsub("%s+$", "") .. "/" .. KEPT
  if shell.run(("test -d %s/%s"):format(shell.quote(kept), name)) ~= 0 then
    local folder = shell.temporary_folder()
    local status, output, errors = shell.run(("localedef -i %s -f UTF-8 %s/%s"):format(
      name:match "^[^.]+", shell.quote(folder), name))
    assert(status == 0, "localedef (Debian: locales) failed: " .. output .. errors)
    -- whole or not at all, since another spec may look for it; that one's is as good
    shell.run(("mkdir -p $kept; cp -r $made $kept/$name.$$ && mv -T $kept/$name.$$ $kept/$name "
      .. "|| rm -r $kept/$name.$$"):gsub("$(%l+)", { kept = shell.quote(kept), name = name,
      made = shell.quote(folder .. "/" .. name) }))
    shell.remove_folder(folder)
  end
  return { LOCPATH = kept }
end

return locales
