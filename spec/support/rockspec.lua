-- What follows from the tree in the rockspecs: the lists of C sources, Lua modules and assets, and
-- the rockspecs of the next release, which differ from the scm ones in version and tag alone.
--
--   lua5.4 spec/support/rockspec.lua          rewrites them (`make rockspec`)
--
-- The layering spec and the rockspec spec compare them with the tree.

local tree = require "spec.support.tree"

local rockspec = { PATH = "rockspec/lua-commerce-scm-1.rockspec" }

-- The rocks of a release.
local ROCKS = { "lua-commerce", "lua-commerce-pq" }

--- The C sources of `commerce.core`: all but those of the PostgreSQL driver, a rock of its own.
---@return string[] paths
function rockspec.sources()
  local list = {}
  for _, path in ipairs(tree.files("csrc", "%.c$")) do
    if not path:find("^csrc/pq/") then
      list[#list + 1] = path
    end
  end
  return list
end

--- The files that modules and editors read: LuaRocks installs them beside the modules.
---@return { [1]: string, [2]: string }[] assets a name and the path, in the order of the paths
function rockspec.assets()
  local list, paths = {}, tree.files("lua/commerce", "%.d%.lua$") -- types for editors
  for _, path in ipairs(tree.files("lua/commerce/portal/assets", "%.%w+$")) do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  for _, path in ipairs(paths) do
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
  for _, path in ipairs(tree.files("lua/commerce", "%.lua$", "%.d%.lua$")) do
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

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

--- The rockspec's text as it is.
---@return string
function rockspec.text()
  return read(rockspec.PATH)
end

--- The version of the next release, from its one place.
---@return string version such as "1.2.3"
function rockspec.version()
  return assert(read("csrc/bind/version.h"):match '#define CM_VERSION "([%d%.]+)"')
end

--- The rockspecs of the next release as they should be: those of the tree, with the version, and
--- its tag in place of the branch.
---@return { path: string, text: string }[] files one of each rock
function rockspec.releases()
  local version, files = rockspec.version(), {}
  for _, rock in ipairs(ROCKS) do
    local text = read(("rockspec/%s-scm-1.rockspec"):format(rock))
    local versions, tags
    text, versions = text:gsub('\nversion = "scm%-1"\n', ('\nversion = "%s-1"\n'):format(version))
    text, tags = text:gsub('\n  branch = "main",\n', ('\n  tag = "v%s",\n'):format(version))
    assert(versions == 1 and tags == 1, rock .. ": no version or no branch")
    files[#files + 1] = { path = ("rockspec/%s-%s-1.rockspec"):format(rock, version), text = text }
  end
  return files
end

if arg and (arg[0] or ""):find("support/rockspec%.lua$") then
  write(rockspec.PATH, rockspec.updated(rockspec.text()))
  for _, file in ipairs(rockspec.releases()) do
    write(file.path, file.text)
  end
end

return rockspec
