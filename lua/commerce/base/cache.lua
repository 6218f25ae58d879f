-- A cache of bounded size, for keys that come from callers: when it is full, the values that were
-- not used for longest go.
--
-- Two generations take constant time and no order: a value that is used is in the younger one; when
-- that is full, what is left in the older one goes, and the younger one becomes the older.

local cache = {}

---@class commerce.base.Cache
---@field private most integer of a generation
---@field private drop fun(value: any)
---@field private young table<any, any>
---@field private old table<any, any>
---@field private count integer of the younger generation
local methods = {}
local cache_mt = { __name = "commerce.base.cache", __index = methods }

--- Make a cache.
---@param most integer how many values it holds at most
---@param drop (fun(value: any))? called with each value that goes, and with none that `take` gave
---@return commerce.base.Cache
function cache.new(most, drop)
  return setmetatable({ most = math.max(math.floor(most / 2), 1), drop = drop or function() end,
    young = {}, old = {}, count = 0 }, cache_mt)
end

local function drop_all(self, values)
  for _, value in pairs(values) do
    self.drop(value)
  end
end

--- Keep a value.
---@param key any
---@param value any not nil
function methods:put(key, value)
  if self.count == self.most then
    local gone = self.old
    self.young, self.old, self.count = {}, self.young, 0
    drop_all(self, gone)
  end
  self.young[key], self.count = value, self.count + 1
end

--- The value of a key, which counts as used now.
---@param key any
---@return any? value nil if there is none (any more)
function methods:get(key)
  local value = self.young[key]
  if value == nil then
    value = self.old[key]
    if value ~= nil then
      self.old[key] = nil
      self:put(key, value)
    end
  end
  return value
end

--- Take a value out.
---@param key any
---@return any? value nil if there is none
function methods:take(key)
  local value = self.young[key]
  if value ~= nil then
    self.young[key], self.count = nil, self.count - 1
    return value
  end
  value, self.old[key] = self.old[key], nil
  return value
end

--- Drop everything.
function methods:clear()
  local young, old = self.young, self.old
  self.young, self.old, self.count = {}, {}, 0
  drop_all(self, young)
  drop_all(self, old)
end

return cache
