-- Random numbers that are the same in every run and under both runtimes: one generator for each
-- subject, so that what one of them draws does not depend on when the others do.

local random = {}

local methods = {}
local random_mt = { __index = methods }

local MODULUS = 2147483647

--- A generator.
---@param seed integer
---@param subject string
---@return table
function random.new(seed, subject)
  local state = seed % MODULUS
  for i = 1, #subject do
    state = (state * 31 + subject:byte(i)) % MODULUS
  end
  local self = setmetatable({ state = state % (MODULUS - 1) + 1 }, random_mt)
  for _ = 1, 5 do -- small seeds give small first numbers
    self:next()
  end
  return self
end

--- A number from 0 up to, but without, 1.
function methods:next()
  self.state = (self.state * 16807) % MODULUS
  return (self.state - 1) / (MODULUS - 1)
end

--- A whole number between two, both included.
function methods:between(low, high)
  return low + math.floor(self:next() * (high - low + 1))
end

--- Whether something of a probability happens.
function methods:chance(probability)
  return self:next() < probability
end

--- One of a list.
function methods:pick(list)
  return list[self:between(1, #list)]
end

--- One of { { weight, value }, … }.
function methods:weighted(list)
  local total = 0
  for _, each in ipairs(list) do
    total = total + each[1]
  end
  local at = self:next() * total
  for _, each in ipairs(list) do
    at = at - each[1]
    if at < 0 then
      return each[2]
    end
  end
  return list[#list][2]
end

return random
