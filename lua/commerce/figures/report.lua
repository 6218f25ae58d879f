-- A report: figures by period, currency and item. Amounts are never added over currencies; a figure
-- that cannot be computed is absent and not 0.

---@class commerce.figures.Metric
---@field name string "revenue"
---@field title string "Revenue"
---@field kind "money"|"count"|"percentage"|"ratio"|"days"

---@class commerce.figures.Row
---@field period integer
---@field currency string? nil: the figures are not of one currency
---@field item string? such as a failure code or a customer
---@field values table<string, string> decimal numbers by the metric's name

---@class commerce.figures.Absent a metric that the report lacks
---@field metric string
---@field reason string

---@class commerce.figures.Report
---@field name string
---@field title string
---@field source string the data type that the figures are made of
---@field currency string the account's own, or the one of most records; "XXX" if there is none
---@field periods commerce.figures.Period[]
---@field metrics commerce.figures.Metric[]
---@field rows commerce.figures.Row[] by period, then currency, then the item's place
---@field absent commerce.figures.Absent[]
---@field private places table<string, commerce.figures.Row>
local Report = { __name = "commerce.figures.Report" }
Report.__index = Report

--- Begin a report.
---@param fields commerce.figures.Report name, title, source, currency, periods and metrics
---@return commerce.figures.Report
function Report.new(fields)
  fields.rows, fields.absent, fields.places = {}, {}, {}
  return setmetatable(fields, Report)
end

--- Put a figure; nil is left out.
---@param where { period: integer, currency: string?, item: string? }
---@param metric string
---@param value string|number|nil
function Report:put(where, metric, value)
  if value == nil then
    return
  end
  local key = ("%d\0%s\0%s"):format(where.period, where.currency or "", where.item or "")
  local row = self.places[key]
  if not row then
    row = { period = where.period, currency = where.currency, item = where.item, values = {},
      place = #self.rows }
    self.places[key], self.rows[#self.rows + 1] = row, row
  end
  row.values[metric] = type(value) == "number" and ("%.0f"):format(value) or value
end

--- A figure.
---@param period integer
---@param metric string
---@param currency string?
---@param item string?
---@return string? value nil if it is absent
function Report:value(period, metric, currency, item)
  local row = self.places[("%d\0%s\0%s"):format(period, currency or "", item or "")]
  return row and row.values[metric]
end

--- Say that metrics cannot be computed.
---@param reason string
---@param ... string the metrics
function Report:lack(reason, ...)
  for _, metric in ipairs { ... } do
    self.absent[#self.absent + 1] = { metric = metric, reason = reason }
  end
end

--- Put the rows in their order.
---@return commerce.figures.Report self
function Report:close()
  table.sort(self.rows, function(a, b)
    if a.period ~= b.period then
      return a.period < b.period
    elseif a.currency ~= b.currency then
      -- the main currency first, after what has none
      local first, second = a.currency or "", b.currency or ""
      first = first == self.currency and "\1" or first
      second = second == self.currency and "\1" or second
      return first < second
    end
    return a.place < b.place
  end)
  for _, row in ipairs(self.rows) do
    row.place = nil
  end
  return self
end

return Report
