-- Checks the rules about rooms: which rooms there are, which rooms a room may use, and which code
-- may be in one room only. A room is a folder of lua/commerce or csrc. The test names rooms, never
-- modules, so that it changes only when the set of rooms does.

local rockspec = require "spec.support.rockspec"
local tree = require "spec.support.tree"

-- From the ground up. A module may use its own room and the rooms of the lines above; rooms of one
-- line do not know each other.
local LUA_ROOMS = {
  { "base" },
  { "runtime" },
  { "model" },
  { "query", "catalog" },
  { "mapping" },
  { "stripe" },
  { "store" },
  { "account" },
  { "hooks" },
  { "sync" },
  { "verify" },
  { "figures" },
  { "codat" },
  { "webhooks" },
  { "app" },
  { "http" },
  { "api", "link", "portal" },
  { "serve" },
  { "cli" },
}
local ANYTHING = "testing" -- for authors of stores; may use every room and is used by none

-- The modules that stand outside the rooms, since users' scripts and nginx.conf name them.
local DOORS = { commerce = "app", ["commerce.openresty"] = "serve",
  ["commerce.platform.stripe.orders"] = "stripe" } -- an old name, which raises

local C_ROOMS = { { "text" }, { "crypto" }, { "net" }, { "bind" } }
local C_DRIVER = "pq" -- a module of its own, commerce.pq
local KNOWS_LUA = { bind = true, pq = true }

-- ---------------------------------------------------------------- reading the tree

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

local function levels_of(rooms)
  local levels = {}
  for level, names in ipairs(rooms) do
    for _, name in ipairs(names) do
      levels[name] = level
    end
  end
  return levels
end

local LUA_LEVEL, C_LEVEL = levels_of(LUA_ROOMS), levels_of(C_ROOMS)

local LUA_FILES, MODULES = {}, {} -- paths; module name -> path
for _, path in ipairs(tree.files("lua/commerce", "%.lua$")) do
  if not path:find("%.d%.lua$") then
    LUA_FILES[#LUA_FILES + 1] = path
    MODULES[path:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")] = path
  end
end

local function code_of(line)
  return (line:gsub("%-%-.*$", ""))
end

-- The modules of this library that a file names: after `require`, and in tables of module names.
local function required_by(path)
  local found = {}
  for number, line in ipairs(lines_of(path)) do
    local code = code_of(line)
    for name in code:gmatch '"(commerce[%w_%.]*)"' do
      if MODULES[name] and (name ~= "commerce" or code:find("require", 1, true)) then
        found[#found + 1] = { name = name, line = number }
      end
    end
  end
  return found
end

local function room_of(module)
  return DOORS[module] or module:match "^commerce%.(%w+)"
end

-- Depth first; gives the first circle that is found, as text.
local function circle_in(graph)
  local state, circle = {}, nil
  local function visit(node, way)
    if circle or state[node] == "done" then
      return
    elseif state[node] == "open" then
      circle = way .. " -> " .. node
      return
    end
    state[node] = "open"
    for _, to in ipairs(graph[node] or {}) do
      visit(to, way .. " -> " .. node)
    end
    state[node] = "done"
  end
  local nodes = {}
  for node in pairs(graph) do
    nodes[#nodes + 1] = node
  end
  table.sort(nodes)
  for _, node in ipairs(nodes) do
    visit(node, "")
  end
  return circle
end

-- ---------------------------------------------------------------- Lua

describe("the rooms of lua/commerce", function()
  for module, path in pairs(MODULES) do
    it(path .. " stands in a room and uses only the rooms below", function()
      assert(loadfile(path))
      local room = room_of(module)
      assert.is_truthy(LUA_LEVEL[room] or room == ANYTHING, path .. " stands in no room")
      for _, required in ipairs(required_by(path)) do
        local to = room_of(required.name)
        local allowed = room == ANYTHING or to == room
          or LUA_LEVEL[to] ~= nil and LUA_LEVEL[to] < LUA_LEVEL[room]
        assert.is_truthy(allowed, ("%s:%d: the room '%s' must not use the room '%s' (%s)")
          :format(path, required.line, room, to, required.name))
      end
    end)
  end

  it("have modules that never require each other in a circle", function()
    local graph = {}
    for module, path in pairs(MODULES) do
      graph[module] = {}
      for _, required in ipairs(required_by(path)) do
        if required.name ~= module then
          table.insert(graph[module], required.name)
        end
      end
    end
    assert.is_nil(circle_in(graph))
  end)

  it("have SQL only in store", function()
    local SQL = { "SELECT .+ FROM ", "INSERT INTO ", "UPDATE [%w_%%]+ SET ", "DELETE FROM ",
      "CREATE TABLE ", "json_extract", "json_each", " COLLATE " }
    for _, path in ipairs(LUA_FILES) do
      if not path:find "/store/" and not path:find "/testing/" then
        for number, line in ipairs(lines_of(path)) do
          local code = code_of(line)
          for _, pattern in ipairs(SQL) do
            if code:find(pattern) then
              error(("%s:%d: SQL outside the room 'store': %s"):format(path, number, line))
            end
          end
        end
      end
    end
  end)

  it("are what the rockspec installs", function()
    assert.equal(rockspec.updated(rockspec.text()), rockspec.text(),
      "the rockspec does not list what is in the tree: run `make rockspec`")
  end)
end)

-- ---------------------------------------------------------------- C

describe("the rock lua-commerce-pq", function()
  it("is built of all of csrc/pq", function()
    local text = table.concat(lines_of "rockspec/lua-commerce-pq-scm-1.rockspec", "\n")
    for _, path in ipairs(tree.files("csrc/pq", "%.c$")) do
      assert.is_truthy(text:find(path, 1, true), "the rockspec lacks " .. path)
    end
  end)

  it("has a type for every function that Lua sees", function()
    local stub = table.concat(lines_of "lua/commerce/pq.d.lua", "\n")
    for _, path in ipairs(tree.files("csrc/pq", "%.c$")) do
      for name in table.concat(lines_of(path), "\n"):gmatch '{"([%l_]+)", %l+_' do
        if not name:find "^__" then -- a metamethod
          assert.is_truthy(stub:find("[.:]" .. name .. "%("), "pq.d.lua lacks " .. name)
        end
      end
    end
  end)
end)

describe("the rooms of csrc", function()
  local units = {} -- name -> { path, … }; a unit is name.c with name.h
  local C_FILES = tree.files("csrc", "%.[ch]$")
  local room_of_header = {}
  for _, path in ipairs(C_FILES) do
    local room, unit = path:match "^csrc/(%w+)/([%w_]+)%.[ch]$"
    assert(room, path .. " stands in no room")
    room_of_header[unit .. ".h"] = room
    units[unit] = units[unit] or {}
    table.insert(units[unit], path)
  end

  local function each_include(path, visit)
    for number, line in ipairs(lines_of(path)) do
      local quoted = line:match '^%s*#%s*include%s+"([^"]+)"'
      local system = line:match "^%s*#%s*include%s+<([^>]+)>"
      visit(number, quoted and quoted:match "[^/]+$", system, line)
    end
  end

  for _, path in ipairs(C_FILES) do
    it(path .. " includes only its own room and the rooms below", function()
      local room = path:match "^csrc/(%w+)/"
      assert.is_truthy(C_LEVEL[room] or room == C_DRIVER, path .. " stands in no room")
      each_include(path, function(number, header, system, line)
        local place = ("%s:%d: "):format(path, number)
        local to = header and room_of_header[header]
        if header then
          assert.is_truthy(to, place .. "there is no header " .. header)
          assert.is_truthy(to == room or C_LEVEL[to] and C_LEVEL[to] < (C_LEVEL[room] or math.huge),
            place .. ("the room '%s' must not include %s of the room '%s'"):format(room, header,
              to))
        end
        if system and (system:find "^lua" or system == "lauxlib.h") then
          assert.is_truthy(KNOWS_LUA[room], place .. "only the bindings know Lua")
        end
        if line:find("LUA_VERSION_NUM", 1, true) then
          assert.equal("compat.h", path:match "[^/]+$",
            place .. "only compat.h asks which Lua this is")
        end
      end)
    end)
  end

  it("have units that never include each other in a circle", function()
    local graph = {}
    for unit, paths in pairs(units) do
      graph[unit] = {}
      for _, path in ipairs(paths) do
        each_include(path, function(_, header)
          local to = header and header:gsub("%.h$", "")
          if to and to ~= unit then
            table.insert(graph[unit], to)
          end
        end)
      end
    end
    assert.is_nil(circle_in(graph))
  end)
end)
