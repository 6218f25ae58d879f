-- A backoff: the pauses between tries of something that has failed, each twice as long as the one
-- before it.

local backoff = {}

---@class commerce.Backoff
---@field first number seconds
---@field longest number seconds
local methods = {}
local backoff_mt = { __name = "commerce.Backoff", __index = methods }

--- Make one.
---@param first number seconds: the first pause
---@param longest number seconds: no pause is longer
---@return commerce.Backoff
function backoff.new(first, longest)
  return setmetatable({ first = first, longest = longest, _next = first }, backoff_mt)
end

--- The pause before the next try.
---@return number seconds
function methods:next()
  local pause = self._next
  self._next = math.min(2 * pause, self.longest)
  return pause
end

--- Begin again with the first pause: a try has succeeded.
function methods:reset()
  self._next = self.first
end

return backoff
