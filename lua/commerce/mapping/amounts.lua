-- Values that only the library's own mappings use: questions about amounts and ids, asked in the
-- core for each object of a list.

local value = require "commerce.mapping.value"

local amounts = {}

local function of_one(word)
  return function(of)
    local from = value.of(of, word)
    return value.new(("%s(%s)"):format(word, from.sign), "string", from.paths, { word, from })
  end
end

--- The sign of a number: "-", "0" or "+". A missing one is 0; any other value fails the record.
---@param of any path or value
---@return commerce.Value
amounts.sign = of_one "sign"

--- The letters before the underscore of a Stripe id: "ch" of "ch_1"; left out if there are none.
---@param of any path or value
---@return commerce.Value
amounts.prefix = of_one "prefix"

--- An array if a number in its elements adds up to a total, or if the total is missing; another
--- value if it does not. What is not a number counts as 0.
---@param total any path or value
---@param array any path or value
---@param name string the elements' member
---@param otherwise any path or value
---@return commerce.Value
function amounts.complete(total, array, name, otherwise)
  local list, paths, signs = value.collect("complete", total, array, otherwise)
  return value.new(("complete(%s,%s)"):format(signs, name), "any", paths,
    { "remainder", list[1], list[2], name, list[3] })
end

return amounts
