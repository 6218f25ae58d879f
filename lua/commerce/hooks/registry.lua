-- The hooks that users declare: functions that are called at named events of a sync. Checks the
-- declarations, keeps them in their order, and calls a hook (`hooks.call`, which catches all errors
-- of a hook).

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local hooks = {}

--- The places in the order in which a sync reaches them, and the arguments of a hook there.
--- `whole`: the event concerns the whole run, not one data type.
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

local DEFAULT_EVENT = "before_record" -- of a name that is only a data type

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
---@field stop boolean whether the run ends when the hook fails
---@field source boolean|string[] of a before_record hook: whether it gets the source object, or the
---  paths that it gets of it

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

-- The data type and the event of a hook's name; nil and what is wrong with the name.
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

---@class commerce.HookOptions
---@field on_error "skip"|"stop"|nil
---@field source boolean|string[]|nil

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

-- A hook without a second parameter does not get the source object, which saves its decoding.
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

---@class commerce.hooks.Registry
local methods = {}
local registry_mt = { __name = "commerce.hooks.registry", __index = methods }

local declared = 0 -- counts the hooks of all registries: their order is that of declaration

--- Make a registry, of one connection or of all.
---@param above commerce.hooks.Registry? the registry of all connections; its hooks run as well
---@return commerce.hooks.Registry
function hooks.new(above)
  return setmetatable({ above = above, list = {} }, registry_mt)
end

--- Declare a hook. Raises at the user's line if the declaration is wrong.
---@param mappings commerce.Mappings knows the data types
---@param name string "payments", "payments:change", "change", "after_sync", …
---@param run function
---@param options commerce.HookOptions? on_error: "skip" (the failed record is left out and counted)
---  or "stop"
---  (the run ends, too); source, of before_record: true (the default if the function has a second
---  parameter), false, or a list of the paths that it reads, which is faster
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

--- All hooks that count here, in the order of declaration.
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

local FILTERS = { before_record = true, before_page = true }

--- A hook that may leave out or change records of a data type.
---@param type_name string
---@return commerce.Hook?
function methods:altering(type_name)
  for _, hook in ipairs(self:all()) do
    if FILTERS[hook.event] and (not hook.type or hook.type == type_name) then
      return hook
    end
  end
end

-- ---------------------------------------------------------------- calling

--- The title of a hook in messages: its name, and the place of its function.
---@param hook commerce.Hook
---@return string
function hooks.title(hook)
  return ("hook '%s' (%s)"):format(hook.name, hook.at)
end

--- Call a hook. Nothing that the hook raises passes on, except Ctrl-C.
---@param hook commerce.Hook
---@param ... any the arguments of its event
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
