-- Hooks: a user's functions at named places of a sync. This file knows their names, keeps them in
-- the order of their declaration, and is the one place where they are called: what one raises goes
-- no further than `hooks.call`. Called by commerce (init), connection and sync.

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local hooks = {}

--- The places, in the order in which a sync comes by, and what a hook there gets. `whole`: it
--- concerns the run as a whole, so that it takes no data type.
hooks.EVENTS = {
  { name = "before_sync", arguments = { "context" }, whole = true },
  { name = "before_type", arguments = { "type", "context" } },
  { name = "before_record", arguments = { "record", "source", "context" } },
  { name = "before_page", arguments = { "records", "context" } },
  { name = "change", arguments = { "record", "kind", "context" } },
  { name = "delete", arguments = { "record", "context" } },
  { name = "after_record", arguments = { "record", "context" } },
  { name = "after_page", arguments = { "records", "context" } },
  { name = "after_type", arguments = { "entry", "context" } },
  { name = "error", arguments = { "failure", "context" } },
  { name = "after_sync", arguments = { "report", "context" }, whole = true },
}

local DEFAULT_EVENT = "before_record" -- of a name that is a data type alone

local events, event_names = {}, {}
for i, event in ipairs(hooks.EVENTS) do
  events[event.name], event_names[i] = event, event.name
end

---@class commerce.Hook
---@field name string as it was declared
---@field event string
---@field type string? the data type; nil for all
---@field run function
---@field at string "file:line" of the function
---@field order integer
---@field stop boolean whether the run stops when it fails
---@field source boolean|string[] of a before_record hook: whether it gets the source object, or
---  which of its paths

-- ---------------------------------------------------------------- declaring

local function type_names(types)
  local names = {}
  for i, data_type in ipairs(types) do
    names[i] = data_type.name
  end
  return names
end

local function split(name)
  if events[name] then
    return nil, name
  end
  local type_name, event = name:match("^([^:]*):(.*)$")
  return type_name or name, event or DEFAULT_EVENT
end

-- The data type and the event that a name stands for; nil and what is wrong with it.
local function parse(name, mappings)
  if type(name) ~= "string" then
    return nil, "a hook's name expected, such as \"payments\" or \"payments:change\", got "
      .. type(name)
  end
  local type_name, event = split(name)
  local data_type = type_name and mappings:find_type(type_name)
  local known = type_names(mappings:types())
  if not events[event] then
    return nil, ("hook '%s': there is no event '%s'%s; the events are %s"):format(name, event,
      suggest.text(event, event_names), table.concat(event_names, ", "))
  elseif type_name and not data_type then
    local all = type_names(mappings:types())
    for _, each in ipairs(name:find(":", 1, true) and {} or event_names) do
      all[#all + 1] = each
    end
    return nil, ("hook '%s': there is no data type '%s'%s; the data types are %s"):format(name,
      type_name, suggest.text(type_name, all), table.concat(known, ", "))
  elseif type_name and events[event].whole then
    return nil, ("hook '%s': %s is about all data types at once; name it '%s'"):format(name, event,
      event)
  end
  return { name = name, event = event, type = data_type and data_type.name }
end

local OPTIONS = { on_error = "string", source = "any" }
local ON_ERROR = { skip = true, stop = true }

local function check_source(source, event)
  if source ~= nil and event ~= "before_record" then
    return "option 'source' is for before_record hooks"
  elseif source ~= nil and type(source) ~= "boolean" and type(source) ~= "table" then
    return "bad option 'source': true, false or a list of paths expected, got " .. type(source)
  end
  for _, path in ipairs(type(source) == "table" and source or {}) do
    if type(path) ~= "string" then
      return "bad option 'source': a list of paths expected, such as { \"metadata\" }"
    end
  end
end

-- A hook that names its second parameter wants the source object. Whoever does not, spares its
-- decoding.
local function wants_source(run, source)
  if source ~= nil then
    return source
  end
  local info = debug.getinfo(run, "u")
  return info.isvararg or (info.nparams or 2) >= 2
end

local function place_of(run)
  local info = debug.getinfo(run, "S")
  return ("%s:%d"):format((info.source:gsub("^[@=]", "")), info.linedefined)
end

local methods = {}
local registry_mt = { __name = "commerce.hooks.registry", __index = methods }

local declared = 0 -- hooks of all registries, so that their order is that of their declaration

--- Hooks of one connection, or of all.
---@param above table? the registry whose hooks count here, too
---@return table registry
function hooks.new(above)
  return setmetatable({ above = above, list = {} }, registry_mt)
end

--- Declare a hook. Raises at the user's line for what cannot be one.
---@param mappings commerce.Mappings knows the data types there are
---@param name string "payments", "payments:change", "change", "after_sync", …
---@param run function
---@param options table? on_error: "skip" (what failed is left out and counted) or "stop" (so is
---  the run); source, of before_record: true (the default where the function has a second
---  parameter), false, or a list of the paths it reads, which is faster
function methods:add(mappings, name, run, options)
  local hook, wrong = parse(name, mappings)
  if not hook then
    errors.refuse("%s", wrong)
  elseif type(run) ~= "function" then
    errors.refuse("hook '%s': a function expected, got %s", name, type(run))
  end
  options = options or {}
  errors.check_options(options, OPTIONS, ("hook '%s'"):format(name))
  if not ON_ERROR[options.on_error or "skip"] then
    errors.refuse("hook '%s': bad option 'on_error': 'skip' or 'stop' expected, got '%s'", name,
      options.on_error)
  end
  wrong = check_source(options.source, hook.event)
  if wrong then
    errors.refuse("hook '%s': %s", name, wrong)
  end
  declared = declared + 1
  hook.run, hook.order, hook.stop = run, declared, options.on_error == "stop"
  hook.at = place_of(run)
  hook.source = hook.event == "before_record" and wants_source(run, options.source)
  self.list[#self.list + 1] = hook
end

--- Every hook that counts here, in the order of declaration.
---@return commerce.Hook[]
function methods:all()
  local all = {}
  local registry = self
  while registry do
    for _, hook in ipairs(registry.list) do
      all[#all + 1] = hook
    end
    registry = registry.above
  end
  table.sort(all, function(a, b)
    return a.order < b.order
  end)
  return all
end

local ALTERING = { before_record = true, before_page = true }

--- A hook that may leave records of a data type out, or change them.
---@param type_name string
---@return commerce.Hook? hook nil if there is none
function methods:altering(type_name)
  for _, hook in ipairs(self:all()) do
    if ALTERING[hook.event] and (not hook.type or hook.type == type_name) then
      return hook
    end
  end
end

-- ---------------------------------------------------------------- calling

--- How messages call a hook: its name, and where its function is.
---@param hook commerce.Hook
---@return string
function hooks.title(hook)
  return ("hook '%s' (%s)"):format(hook.name, hook.at)
end

--- Call a hook. Nothing that it raises gets past here but Ctrl-C.
---@param hook commerce.Hook
---@param ... any what its event gives
---@return boolean ok
---@return any result the function's first result; or a message, if it raised
---@return any more its second result
function hooks.call(hook, ...)
  local ok, result, more = pcall(hook.run, ...)
  if ok then
    return true, result, more
  elseif errors.is_interrupt(result) then
    error(result, 0)
  end
  return false, ("%s: %s"):format(hooks.title(hook), (tostring(result):gsub("%s*\n.*", "")))
end

return hooks
