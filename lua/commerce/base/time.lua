-- Dates in the model's form: YYYY-MM-DDTHH:MM:SSZ, whole seconds, UTC.

local time = {}

local floor, date = math.floor, os.date

-- The fields of one record ask for the same time again and again.
local last_seconds, last_text

--- A unix time as a date.
---@param seconds number?
---@return string? text nil for nil and 0, which Stripe uses for "not known"
function time.format(seconds)
  if type(seconds) == "number" and seconds > 0 then
    if seconds ~= last_seconds then
      last_seconds, last_text = seconds, date("!%Y-%m-%dT%H:%M:%SZ", floor(seconds))
    end
    return last_text
  end
end

--- The present as a date.
---@return string
function time.now()
  return time.format(os.time())
end

-- Days since 1970-01-01, without the local time zone that os.time would bring in. Years begin in
-- March, so that the leap day is the last one.
local function days_of(year, month, day)
  local y = month <= 2 and year - 1 or year
  local since_march = (month + 9) % 12
  return 365 * y + floor(y / 4) - floor(y / 100) + floor(y / 400)
    + floor((153 * since_march + 2) / 5) + day - 1 - 719468
end

--- A date as a unix time.
---@param text string|number YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ (UTC), or unix seconds already
---@return number? seconds nil if the text is not a date
---@return string? message
function time.parse(text)
  if type(text) == "number" then
    return floor(text)
  end
  local year, month, day, rest = tostring(text):match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  local hour, minute, second = "0", "0", "0"
  if rest and rest ~= "" then
    hour, minute, second = rest:match("^T(%d%d):(%d%d):(%d%d)Z?$")
  end
  if year and hour and tonumber(hour) < 24 and tonumber(minute) < 60 and tonumber(second) < 60 then
    local seconds = days_of(tonumber(year), tonumber(month), tonumber(day)) * 86400
      + tonumber(hour) * 3600 + tonumber(minute) * 60 + tonumber(second)
    -- a day that does not exist (2026-02-30) comes back as another one
    if date("!%Y-%m-%d", seconds) == ("%s-%s-%s"):format(year, month, day) then
      return seconds
    end
  end
  return nil, ("expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, got '%s'"):format(tostring(text))
end

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }

--- The header `Date` of an HTTP answer as a unix time.
---@param text string? such as "Sun, 06 Nov 1994 08:49:37 GMT"
---@return number? seconds nil for anything else
function time.parse_http(text)
  local day, name, year, clock = (text or "")
    :match "^%a%a%a, (%d%d) (%a%a%a) (%d%d%d%d) (%d%d:%d%d:%d%d) GMT$"
  local month = MONTHS[name]
  return month and (time.parse(("%s-%02d-%sT%sZ"):format(year, month, day, clock))) or nil
end

return time
