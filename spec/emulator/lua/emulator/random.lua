--- Deterministic numbers: the n-th one is computed, not drawn, so any object can be made alone.
local bit = require "bit"
local tobit, lshift, rshift, bxor = bit.tobit, bit.lshift, bit.rshift, bit.bxor

local random = {}

-- Bob Jenkins' 32-bit integer mix: additions, shifts and exclusive-ors only.
local function mix(a)
  a = tobit(tobit(a + 0x7ed55d16) + lshift(a, 12))
  a = bxor(bxor(a, tobit(0xc761c23c)), rshift(a, 19))
  a = tobit(tobit(a + 0x165667b1) + lshift(a, 5))
  a = bxor(tobit(a + tobit(0xd3a2646c)), lshift(a, 9))
  a = tobit(tobit(a + tobit(0xfd7046c5)) + lshift(a, 3))
  return bxor(bxor(a, tobit(0xb55a4f09)), rshift(a, 16))
end

--- A 32-bit number (0 .. 2^32-1) that depends only on its three arguments.
---@param seed number
---@param i number index of the object
---@param salt number tells apart the uses of one (seed, i)
---@return number
function random.hash(seed, i, salt)
  return mix(mix(mix(tobit(seed)) + tobit(i)) + tobit(salt * 40503)) % 4294967296
end

--- A seed made from a text, for accounts and modes.
---@param text string
---@return number
function random.seed(text)
  local h = 5381
  for k = 1, #text do h = mix(h + text:byte(k)) end
  return h % 4294967296
end

--- The element of `list` that hash `h` falls on.
---@generic T
---@param list T[]
---@param h number
---@return T
function random.pick(list, h)
  return list[h % #list + 1]
end

return random
