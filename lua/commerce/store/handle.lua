-- A store as the rooms hold it: its methods raise their failures instead of returning them.

local errors = require "commerce.base.errors"

local handles = setmetatable({}, { __mode = "kv" }) -- store -> its handle

-- Gives nil and a message, without details, where the name is unknown, which is not a failure.
local GIVES_REASON = { find_type = true }

local Handle = { __name = "commerce.StoreHandle" }

local function raising(store, name, method)
  local check = GIVES_REASON[name] and errors.must or function(...)
    local value, message, details = ...
    if value == nil and message ~= nil and details == nil then
      errors.throw("store", tostring(message))
    end
    return errors.must(...)
  end
  return function(_, ...)
    return check(method(store, ...))
  end
end

-- Methods may be exchanged while a handle is in use, so each is looked up anew.
function Handle:__index(name)
  local store, made = rawget(self, "_store"), rawget(self, "_made")
  local value = store[name]
  if type(value) ~= "function" then
    return value
  end
  if not made[value] then
    made[value] = raising(store, name, value)
  end
  return made[value]
end

function Handle:__newindex(name, value)
  rawget(self, "_store")[name] = value
end

--- Make the handle of a store, of which there is one.
---@param store commerce.Store its methods return nil, message, details where they fail
---@return commerce.Store handle its methods raise
return function(store)
  if getmetatable(store) == Handle then
    return store
  end
  local handle = handles[store]
  if not handle then
    handle = setmetatable({ _store = store, _made = {} }, Handle)
    handles[store] = handle
  end
  return handle
end
