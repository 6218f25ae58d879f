--- When things happened: a business day's rhythm with quiet nights, weekends and bursts, over two
--- years up to `now`. `created(i)` is monotone in i, has groups of equal seconds, and is found by a
--- search in a small table.
local random = require "emulator.random"

local curve = {}

-- Business by hour of the day, UTC.
local HOURS = { 0, 0, 0, 0, 0, 1, 3, 6, 9, 11, 12, 14,
  15, 13, 12, 12, 13, 15, 18, 20, 17, 11, 5, 1 }

-- Slots of a block of 100 that share their second with the slot before them.
local TIES = {}
for _, group in ipairs { { 10, 12 }, { 27, 28 }, { 40, 44 }, { 66, 68 }, { 86, 87 } } do
  for slot = group[1], group[2] do TIES[slot] = group[1] end
end

local Curve = {}
Curve.__index = Curve

--- The rhythm of one account.
---@param seed number
---@param now number the end of the data, unix seconds
---@param days number its length
function curve.new(seed, now, days)
  local start = now - days * 86400
  local sums, total = { [0] = 0 }, 0
  for day = 0, days - 1 do
    local weekday = math.floor((start + day * 86400) / 86400) % 7
    -- 1 January 1970 was a Thursday: 2, 3 = Saturday, Sunday
    local weight = (weekday == 2 or weekday == 3) and 0.4 or 1
    weight = weight * (0.6 + 0.8 * day / days)
    local h = random.hash(seed, day, 11)
    if h % 29 == 0 then weight = weight * 6 elseif h % 31 == 0 then weight = 0.05 end
    for hour = 1, 24 do
      local clock = math.floor((start + day * 86400) / 3600 + hour) % 24
      local luck = 0.5 + random.hash(seed, day * 24 + hour, 12) / 4294967296
      total = total + weight * HOURS[clock + 1] * luck
      sums[day * 24 + hour] = total
    end
  end
  return setmetatable({ seed = seed, start = start, now = now, sums = sums, hours = days * 24,
    total = total }, Curve)
end

--- The second that lies at share `u` (0 <= u < 1) of all activity.
---@param u number
---@return number
function Curve:at(u)
  local sums, target = self.sums, math.min(u, 0.999999999) * self.total
  local low, high = 0, self.hours
  while high - low > 1 do
    local middle = math.floor((low + high) / 2)
    if sums[middle] <= target then low = middle else high = middle end
  end
  local inside = (target - sums[low]) / (sums[high] - sums[low])
  return self.start + low * 3600 + math.floor(inside * 3600)
end

local Series = {}
Series.__index = Series

--- The creation times of `count` objects.
---@param count number
---@param salt number
---@param ties boolean? groups of equal seconds
---@param tie_size number? make groups of this size as well
function Curve:series(count, salt, ties, tie_size)
  return setmetatable({ curve = self, count = count, salt = salt, ties = ties,
    tie_size = tie_size }, Series)
end

--- When object `i` was created.
---@param i number 0 .. count-1
---@return number
function Series:created(i)
  local anchor = i
  if self.tie_size then
    local inside = i % (4 * self.tie_size)
    if inside < self.tie_size then anchor = i - inside end
  end
  if anchor == i and self.ties then
    local slot = i % 100
    local first = TIES[slot]
    if first then anchor = i - slot + first end
  end
  local jitter = random.hash(self.curve.seed, anchor, self.salt) / 4294967296
  return self.curve:at((anchor + jitter) / self.count)
end

--- The first index created at `t` or later (`count` when there is none).
---@param t number
---@return number
function Series:first_from(t)
  local low, high = 0, self.count
  while low < high do
    local middle = math.floor((low + high) / 2)
    if self:created(middle) >= t then high = middle else low = middle + 1 end
  end
  return low
end

return curve
