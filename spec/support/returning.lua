-- A module or an object of the library as a spec wants it: its functions return their failures.

local errors = require "commerce.base.errors"

---@param given string|table a module's name, or an object
---@return table
return function(given)
  local module = type(given) == "string" and require(given) or given
  return setmetatable({}, { __index = function(_, key)
    local value = module[key]
    return type(value) == "function" and errors.protect(value) or value
  end })
end
