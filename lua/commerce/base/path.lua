-- Dotted paths: "paymentMethodRef.name" is the member `name` of the member `paymentMethodRef`.

local path = {}

--- The names of a path.
---@param dotted string
---@return string[] keys
function path.keys(dotted)
  local keys = {}
  for key in dotted:gmatch "[^%.]+" do
    keys[#keys + 1] = key
  end
  return keys
end

--- The value at a path.
---@param value any
---@param dotted string
---@return any value nil if a member of the path is missing
function path.at(value, dotted)
  for key in dotted:gmatch "[^%.]+" do
    if type(value) ~= "table" then
      return nil
    end
    value = value[key]
  end
  return value
end

return path
