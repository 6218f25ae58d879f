-- The value functions of the mapping language: what a field of a record is made of. Users have them
-- as `commerce.values`. Called by mappings; requires leaf helpers. The functions themselves stand
-- in the folder beside it.

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local values = {}

local PARTS = { "commerce.mapping.values.plain", "commerce.mapping.values.money",
  "commerce.mapping.values.compound" }

for _, part in ipairs(PARTS) do
  for name, make in pairs(require(part)) do
    values[name] = make
  end
end

-- A misspelt function is told as such, not as "a nil value".
return setmetatable(values, { __index = function(_, name)
  errors.refuse("there is no value function '%s'%s", tostring(name),
    suggest.text_or_all(name, values))
end })
