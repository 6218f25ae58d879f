-- The periods of a report, in UTC: so many spans of days, weeks, months or years, the last of which
-- contains the report's date.

local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local periods = {}

---@class commerce.figures.Period
---@field start string its first day, YYYY-MM-DD
---@field finish string its last day
---@field from string its first second, YYYY-MM-DDTHH:MM:SSZ
---@field to string the first second after it

---@class commerce.figures.Periods: commerce.figures.Period[] oldest first
---@field before commerce.figures.Period the one before the first, for comparison
---@field bounds string[] where all of them begin, the one before included, and where the last ends

---@class commerce.figures.Asked
---@field date string? YYYY-MM-DD (default today)
---@field unit "Day"|"Week"|"Month"|"Year"|nil default Month. Months are whole calendar months; a
---  year is twelve of them and a week is seven days, the last of which is the report's date
---@field length integer? units in a period (1)
---@field count integer? periods (12)

local DAY = 86400 -- seconds
local MOST = 366 -- periods, and units in a period
local EARLIEST = 1971 -- the year; dates before 1970 have no unix time

--- The units that a period may have, with their length.
---@type table<string, { days: integer?, months: integer? }>
periods.UNITS = { Day = { days = 1 }, Week = { days = 7 }, Month = { months = 1 },
  Year = { months = 12 } }

local function check_whole(name, value)
  if type(value) ~= "number" or value % 1 ~= 0 or value < 1 or value > MOST then
    errors.throw("usage", ("%s: expected a whole number from 1 to %d, got '%s'"):format(name, MOST,
      tostring(value)))
  end
end

local function checked(asked)
  local unit, length, count = asked.unit or "Month", asked.length or 1, asked.count or 12
  if not periods.UNITS[unit] then
    errors.throw("usage", ("period unit: expected Day, Week, Month or Year, got '%s'"):format(
      tostring(unit)))
  end
  check_whole("period length", length)
  check_whole("number of periods", count)
  local day = asked.date or time.now():sub(1, 10)
  local seconds = #day == 10 and time.parse(day) or nil
  if not seconds then
    errors.throw("usage", ("report date: expected a date such as 2026-09-29, got '%s'"):format(day))
  end
  return periods.UNITS[unit], length, count, seconds
end

local function month_start(months) -- since the year 0
  return ("%04d-%02d-01T00:00:00Z"):format(math.floor(months / 12), months % 12 + 1)
end

-- Where each period begins, and where the last one ends.
local function bounds_of(unit, length, count, seconds)
  local bounds = {}
  if unit.days then
    local last = seconds + DAY
    for i = 1, count + 2 do
      bounds[i] = last - (count + 2 - i) * length * unit.days * DAY
    end
  else
    local year, month = time.format(seconds):match "^(%d+)%-(%d+)"
    local last = tonumber(year) * 12 + tonumber(month) -- the month after the date's
    for i = 1, count + 2 do
      bounds[i] = last - (count + 2 - i) * length * unit.months
    end
  end
  return bounds
end

local function refuse_early()
  errors.throw("usage", ("the periods begin before the year %d: ask for fewer or for shorter ones")
    :format(EARLIEST))
end

local function period(from, to)
  return { from = from, to = to, start = from:sub(1, 10),
    finish = time.format(time.parse(to) - DAY):sub(1, 10) }
end

--- The periods that a report asks for. Raises kind "usage" for what is not possible.
---@param asked commerce.figures.Asked
---@return commerce.figures.Periods
function periods.new(asked)
  local unit, length, count, seconds = checked(asked)
  local bounds, list = bounds_of(unit, length, count, seconds), {}
  if bounds[1] < (unit.days and (EARLIEST - 1970) * 365 * DAY or EARLIEST * 12) then
    refuse_early()
  end
  for i, bound in ipairs(bounds) do
    bounds[i] = unit.days and time.format(bound) or month_start(bound)
  end
  for i = 1, count do
    list[i] = period(bounds[i + 1], bounds[i + 2])
  end
  list.before, list.bounds = period(bounds[1], bounds[2]), bounds
  return list
end

return periods
