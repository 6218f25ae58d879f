-- The value functions of the mapping language, which compute the fields of a record. Users call
-- them as `commerce.values`. This file joins the parts in this folder to one table.

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

-- A misspelt function name raises an error with a suggestion, instead of "a nil value".
return setmetatable(values, { __index = function(_, name)
  errors.refuse("there is no value function '%s'%s", tostring(name),
    suggest.text_or_all(name, values))
end })
