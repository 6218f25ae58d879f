-- The lists in the rockspec that follow from the tree: C sources, Lua modules and assets.
--
--   lua5.4 spec/support/rockspec.lua          rewrites them (`make rockspec`)
--
-- The layering spec compares them with the tree.

local lfs = require "lfs"

local rockspec = { PATH = "rockspec/lua-commerce-scm-1.rockspec" }

local function files_under(folder, pattern, found)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        files_under(path, pattern, found)
      elseif name:find(pattern) and not name:find("%.d%.lua$") then
        found[#found + 1] = path
      end
    end
  end
  table.sort(found)
  return found
end

--- The C sources of `commerce.core`: all but those of the PostgreSQL driver, a rock of its own.
---@return string[] paths
function rockspec.sources()
  local list = {}
  for _, path in ipairs(files_under("csrc", "%.c$", {})) do
    if not path:find("^csrc/pq/") then
      list[#list + 1] = path
    end
  end
  return list
end

-- The types for editors lie beside the modules.
local function definitions()
  local list = {}
  for name in lfs.dir "lua/commerce" do
    list[#list + 1] = name:find "%.d%.lua$" and "lua/commerce/" .. name or nil
  end
  table.sort(list)
  return list
end

--- The files that modules and editors read: LuaRocks installs them beside the modules.
---@return { [1]: string, [2]: string }[] assets a name and the path, in the order of the paths
function rockspec.assets()
  local list = {}
  for _, path in ipairs(files_under("lua/commerce/portal/assets", "%.%w+$", definitions())) do
    -- the dots before the last part are folders, the last part only has to be different
    local folder, name = path:match "^lua/(.*)/([^/]+)$"
    list[#list + 1] = { folder:gsub("/", ".") .. "." .. name:gsub("%.", "_"), path }
  end
  return list
end

--- The Lua modules.
---@return { [1]: string, [2]: string }[] modules name and path, in the order of the paths
function rockspec.modules()
  local list = {}
  for _, path in ipairs(files_under("lua/commerce", "%.lua$", {})) do
    if path ~= "lua/commerce/cli/main.lua" then -- the program, installed as bin/commerce
      list[#list + 1] = { (path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", "")
        :gsub("/", ".")), path }
    end
  end
  return list
end

local function filled(items, indent)
  local lines, line = {}, indent
  for _, item in ipairs(items) do
    if #line + #item > 98 then
      lines[#lines + 1] = (line:gsub("%s+$", ""))
      line = indent
    end
    line = line .. item .. ", "
  end
  lines[#lines + 1] = (line:gsub("%s+$", ""))
  return table.concat(lines, "\n")
end

--- The rockspec's text as it should be.
---@param text string as it is
---@return string
function rockspec.updated(text)
  local sources, modules, assets = {}, {}, {}
  for i, path in ipairs(rockspec.sources()) do
    sources[i] = ('"%s"'):format(path)
  end
  for i, module in ipairs(rockspec.modules()) do
    modules[i] = ('    ["%s"] = "%s",'):format(module[1], module[2])
  end
  for i, asset in ipairs(rockspec.assets()) do
    assets[i] = ('      ["%s"] = "%s",'):format(asset[1], asset[2])
  end
  local function with(list)
    return function(before, after)
      return before .. list .. after
    end
  end
  local replaced
  text, replaced = text:gsub("(sources = {\n).-(\n      },\n)",
    with(filled(sources, "        ")), 1)
  assert(replaced == 1, "no list of sources")
  text, replaced = text:gsub("(libdirs = {[^\n]*\n    },\n).-(\n  },\n  install)",
    with(table.concat(modules, "\n")), 1)
  assert(replaced == 1, "no list of modules")
  text, replaced = text:gsub("(    lua = {\n).-(\n    },\n)", with(table.concat(assets, "\n")), 1)
  assert(replaced == 1, "no list of assets")
  return text
end

--- The rockspec's text as it is.
---@return string
function rockspec.text()
  local file = assert(io.open(rockspec.PATH, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

if arg and (arg[0] or ""):find("support/rockspec%.lua$") then
  local text = rockspec.updated(rockspec.text())
  local file = assert(io.open(rockspec.PATH, "wb"))
  assert(file:write(text))
  assert(file:close())
end

return rockspec
