-- Collects every string that Lua can reach: through tables, metatables, upvalues, locals of all
-- stacks, environments and userdata. A secret that is not among them never got into Lua, or was
-- released.

local reachable = {}

local function environment_of(value)
  return ((debug.getuservalue or debug.getfenv)(value)) -- luacheck: ignore (5.4 and LuaJIT)
end

local function each_upvalue(f, add)
  local i, name, value = 1, debug.getupvalue(f, 1)
  while name do
    add(value)
    i = i + 1
    name, value = debug.getupvalue(f, i)
  end
end

local function each_local(thread, level, add)
  local i = 1
  local name, value = debug.getlocal(thread, level, i)
  while name do
    add(value)
    i = i + 1
    name, value = debug.getlocal(thread, level, i)
  end
end

local function each_frame(thread, add)
  local level = 0
  local info = debug.getinfo(thread, level, "f")
  while info do
    add(info.func)
    each_local(thread, level, add)
    level = level + 1
    info = debug.getinfo(thread, level, "f")
  end
end

--- All strings.
---@param extra any[] values to start from, besides the registry and the running stack
---@return string[]
function reachable.strings(extra)
  local seen, queue, found = {}, {}, {}
  local function add(value)
    local kind = type(value)
    if value == nil or kind == "number" or kind == "boolean" or seen[value] then
      return
    end
    seen[value] = true
    if kind == "string" then
      found[#found + 1] = value
    else
      queue[#queue + 1] = value
    end
  end
  add(debug.getregistry())
  add(coroutine.running() or nil)
  for _, value in ipairs(extra) do
    add(value)
  end
  each_frame(coroutine.running() or coroutine.create(print), add)
  while #queue > 0 do
    local value = table.remove(queue)
    local kind = type(value)
    add(debug.getmetatable(value))
    if kind == "table" then
      for key, item in next, value do
        add(key)
        add(item)
      end
    elseif kind == "function" then
      each_upvalue(value, add)
    elseif kind == "userdata" then
      add(environment_of(value))
    elseif kind == "thread" then
      each_frame(value, add)
    end
  end
  return found
end

return reachable
