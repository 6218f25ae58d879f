-- `make soak`: runs the soak and tells what it did.
--   main.lua SECONDS CHARGES [SEED]    any seed, if none is given

package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
local runtime = rawget(_G, "jit") and "luajit" or "lua5.4"
package.cpath = ("build/%s/?.so;"):format(runtime) .. package.cpath
local soak = require "spec.soak.soak"

local function installed()
  local found = {}
  for _, name in ipairs { "lua5.4", "luajit" } do
    local core = io.open(("build/%s/commerce/core.so"):format(name))
    if core then
      core:close()
      found[name] = name
    end
  end
  return found
end

local function number(i, name, least)
  local value = tonumber(arg[i])
  if not value or value < least or value % 1 ~= 0 then
    io.stderr:write(("soak: %s=%s: a whole number from %d on was expected\n"):format(name,
      tostring(arg[i]), least))
    os.exit(2)
  end
  return math.floor(value)
end

local seconds, charges = number(1, "SECONDS", 1), number(2, "CHARGES", 1)
local seed = arg[3] and number(3, "SEED", 0) or os.time() % 100000
print(("seed %d, %d seconds, %d charges"):format(seed, seconds, charges))
local failures, counts, told, folder = soak.run { seconds = seconds, seed = seed, charges = charges,
  runtimes = installed(), serve = true, say = print, keep = true }

local names = {}
for name in pairs(counts) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  print(("%8.0f  %s"):format(counts[name], name))
end
print "what the commands said:"
for _, line in ipairs(told) do
  print("  " .. line:sub(1, 300):gsub("%s+$", ""))
end
for _, failure in ipairs(failures) do
  print(("\nFAILED (seed %d; the databases are in %s)\n%s"):format(seed, tostring(folder), failure))
end
os.exit(#failures == 0 and 0 or 1, true)
