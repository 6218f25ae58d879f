-- The common part of requests for reports: their parameters, and the report itself.

local ascii = require "commerce.base.ascii"
local figures = require "commerce.figures"
local input = require "commerce.http.input"
local pulls = require "commerce.api.pulls"
local response = require "commerce.http.response"
local set = require "commerce.base.set"

local report = {}

--- The parameters that say which periods.
report.PARAMETERS = { "reportDate", "periodLength", "numberOfPeriods", "periodUnit" }

local MOST = 366 -- periods, and units in a period

-- Codat's reference has dd-mm-yyyy, its older pages YYYY-MM-DD or a date with a time.
local function date_of(text)
  local day, month, year = text:match "^(%d%d)%-(%d%d)%-(%d%d%d%d)$"
  if day then
    return ("%s-%s-%s"):format(year, month, day)
  end
  return text:match "^(%d%d%d%d%-%d%d%-%d%d)$" or text:match "^(%d%d%d%d%-%d%d%-%d%d)T"
    or response.refuse(400, "reportDate must be a date such as 29-09-2020.")
end

local UNITS = { day = "Day", week = "Week", month = "Month", year = "Year" }

local function unit_of(text)
  return UNITS[ascii.lower(text)]
    or response.refuse(400, "periodUnit must be Day, Week, Month or Year.")
end

local function given(context, name)
  local value = context.parameters[name]
  return value ~= "" and value or nil
end

--- The periods that a request asks for.
---@param context commerce.http.Context
---@return commerce.figures.Asked
function report.asked(context)
  local date, unit = given(context, "reportDate"), given(context, "periodUnit")
  return { date = date and date_of(date), unit = unit and unit_of(unit),
    length = input.whole(context.parameters, "periodLength", 1, MOST),
    count = input.whole(context.parameters, "numberOfPeriods", 12, MOST) }
end

--- Refuse a request with a parameter that its report does not have: a misspelt one would give
--- other periods than were meant.
---@param context commerce.http.Context
---@param names string[] that it has
function report.allow(context, names)
  local known = set.of(names)
  for _, name in ipairs(ascii.keys(context.parameters)) do
    if not known[name] then
      response.refuse(400, ("There is no parameter %s; a report has: %s."):format(name:sub(1, 100),
        table.concat(names, ", ")))
    end
  end
end

--- Refuse a request that lacks a parameter.
---@param context commerce.http.Context
---@param names string[]
function report.require(context, names)
  for _, name in ipairs(names) do
    if not given(context, name) then
      response.refuse(400, ("%s is required."):format(name))
    end
  end
end

--- Whether a request asks for display names.
---@param context commerce.http.Context
---@return boolean
function report.named(context)
  local text = ascii.lower(given(context, "includeDisplayNames") or "false")
  if text ~= "true" and text ~= "false" then
    response.refuse(400, "includeDisplayNames must be true or false.")
  end
  return text == "true"
end

--- A report of a connection; 409 unless its data types have been pulled.
---@param context commerce.http.Context
---@param connection commerce.ConnectionRow
---@param kind commerce.figures.Kind
---@return commerce.figures.Report
function report.of(context, connection, kind)
  local asked = report.asked(context)
  for _, name in ipairs(kind.needs) do
    pulls.check_complete(context, connection, name)
  end
  return figures.report(context.store, connection.id, kind.name, asked)
end

return report
