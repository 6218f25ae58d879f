-- The value functions of the mapping language: what a field of a record is made of. Users have them
-- as `commerce.values`. Called by mappings; the functions themselves stand in the folder beside it.

local values = {}

local PARTS = { "commerce.mapping.values.plain", "commerce.mapping.values.money",
  "commerce.mapping.values.compound" }

for _, part in ipairs(PARTS) do
  for name, make in pairs(require(part)) do
    values[name] = make
  end
end

return values
