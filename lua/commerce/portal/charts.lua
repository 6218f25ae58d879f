-- Charts: SVG that the server draws, with a title and a description for screen readers and a table
-- of the same values behind it. Colours come from classes, so that dark mode and print have theirs.
-- Pure functions: values in, a node out.

local amounts = require "commerce.portal.amounts"
local decimal = require "commerce.base.decimal"
local h = require "commerce.portal.html"

local charts = {}

-- In units of the drawing, which is as wide as a phone's column, so that texts stay readable there.
local WIDTH, HEIGHT = 400, 210
local LEFT, RIGHT, TOP, BOTTOM = 46, 8, 12, 24 -- margins around the plot
local MOST_LABELS = 6 -- under the plot
local TICKS = 4 -- about so many lines across the plot
local GAP = 0.25 -- of a period's width, between the bars of two periods

---@class commerce.portal.Series
---@field name string
---@field points (string|number|false)[] a value for each period; false where there is none
---@field kind "bars"|"line"|nil bars if left out
---@field is_before boolean? whether it is another time's, for comparison

---@class commerce.portal.Chart
---@field id string of the drawing, unique on its page
---@field title string
---@field description string what a reader who does not see the drawing should know
---@field labels string[] the periods, oldest first
---@field series commerce.portal.Series[]
---@field format (fun(value: string|number): string)? how the table and the tips show a value

local function number(value)
  return value and tonumber(value) or nil
end

local function shown(value)
  return (decimal.fixed(value, 2):gsub("%.?0+$", ""))
end

--- A step between two lines of a scale: 1, 2, 2.5 or 5 times a power of ten.
---@param span number the difference of the largest and the smallest value, above 0
---@param count integer about how many steps
---@return number
function charts.step(span, count)
  local rough = span / count
  local power = 10 ^ math.floor(math.log(rough) / math.log(10))
  for _, factor in ipairs { 1, 2, 2.5, 5 } do
    if rough <= factor * power * (1 + 1e-9) then
      return factor * power
    end
  end
  return 10 * power
end

--- The scale of some series: from `low` to `high` in steps, with 0 in it.
---@param series commerce.portal.Series[]
---@return { low: number, high: number, step: number }
function charts.scale(series)
  local low, high = 0, 0
  for _, one in ipairs(series) do
    for _, point in ipairs(one.points) do
      local value = number(point)
      if value then
        low, high = math.min(low, value), math.max(high, value)
      end
    end
  end
  if low == high then
    high = 1
  end
  local step = charts.step(high - low, TICKS)
  return { low = math.floor(low / step + 1e-9) * step, high = math.ceil(high / step - 1e-9) * step,
    step = step }
end

local function y_of(scale, value)
  local height = HEIGHT - TOP - BOTTOM
  return TOP + height * (scale.high - value) / (scale.high - scale.low)
end

local function grid(scale)
  local nodes = {}
  local count = math.floor((scale.high - scale.low) / scale.step + 0.5)
  for i = 0, count do
    local value = scale.low + i * scale.step
    local y = shown(y_of(scale, value))
    nodes[#nodes + 1] = h.line { class = math.abs(value) < scale.step / 2 and "zero" or "grid",
      x1 = LEFT, x2 = WIDTH - RIGHT, y1 = y, y2 = y }
    nodes[#nodes + 1] = h.text { x = LEFT - 6, y = y, dy = "0.35em", ["text-anchor"] = "end",
      amounts.short(math.abs(value) < scale.step / 2 and 0 or value) }
  end
  return nodes
end

-- The middle and the width of a period.
local function place_of(chart, i)
  local width = (WIDTH - LEFT - RIGHT) / #chart.labels
  return LEFT + (i - 0.5) * width, width
end

local function axis(chart)
  local nodes, every = {}, math.ceil(#chart.labels / MOST_LABELS)
  for i, label in ipairs(chart.labels) do
    if (#chart.labels - i) % every == 0 then -- the newest one has a label
      local x = place_of(chart, i)
      local anchor = i == #chart.labels and every > 1 and "end" or "middle"
      nodes[#nodes + 1] = h.text { x = shown(anchor == "end" and WIDTH - RIGHT or x),
        y = HEIGHT - 6, ["text-anchor"] = anchor, label }
    end
  end
  return nodes
end

local function tip(chart, series, i)
  return h.title { ("%s, %s: %s"):format(chart.labels[i], series.name,
    chart.format(series.points[i])) }
end

local function bars(chart, scale, series, place, count)
  local nodes, zero = {}, y_of(scale, 0)
  for i in ipairs(chart.labels) do
    local value = number(series.points[i])
    if value then
      local middle, width = place_of(chart, i)
      local bar = width * (1 - GAP) / count
      local y = y_of(scale, value)
      nodes[#nodes + 1] = h.rect { x = shown(middle - width * (1 - GAP) / 2 + (place - 1) * bar),
        y = shown(math.min(y, zero)), width = shown(math.max(bar - 1, 0.5)),
        height = shown(math.max(math.abs(y - zero), value ~= 0 and 0.75 or 0)),
        tip(chart, series, i) }
    end
  end
  return nodes
end

-- A line has a gap where there is no value.
local function line(chart, scale, series)
  local nodes, path, pen = {}, {}, "M"
  for i in ipairs(chart.labels) do
    local value = number(series.points[i])
    if value then
      local x, y = shown((place_of(chart, i))), shown(y_of(scale, value))
      path[#path + 1] = ("%s%s %s"):format(pen, x, y)
      nodes[#nodes + 1] = h.circle { cx = x, cy = y, r = #chart.labels > 40 and 1.5 or 2.5,
        tip(chart, series, i) }
    end
    pen = value and "L" or "M"
  end
  return { h.path { class = "stroke", d = table.concat(path, " ") }, nodes }
end

local function count_bars(chart)
  local count = 0
  for _, series in ipairs(chart.series) do
    count = count + (series.kind ~= "line" and 1 or 0)
  end
  return count
end

local function drawing(chart)
  local scale, count, place, nodes = charts.scale(chart.series), count_bars(chart), 0, {}
  for i, series in ipairs(chart.series) do
    local is_line = series.kind == "line"
    place = place + (is_line and 0 or 1)
    nodes[i] = h.g { class = ("series series-%s"):format(series.is_before and "before" or i),
      is_line and line(chart, scale, series) or bars(chart, scale, series, place, count) }
  end
  local title, description = chart.id .. "-title", chart.id .. "-desc"
  return h.svg { class = "chart", role = "img", viewBox = ("0 0 %d %d"):format(WIDTH, HEIGHT),
    ["aria-labelledby"] = title .. " " .. description,
    h.title { id = title, chart.title }, h.desc { id = description, chart.description },
    grid(scale), axis(chart), nodes }
end

local function legend(chart)
  local items = {}
  for i, series in ipairs(chart.series) do
    items[i] = h.li { h.span { class = ("swatch swatch-%s"):format(series.is_before and "before"
      or i) }, series.name }
  end
  return #items > 1 and h.ul { class = "legend", items }
end

local function table_of(chart)
  local head, rows = { h.th { scope = "col", "Period" } }, {}
  for i, series in ipairs(chart.series) do
    head[i + 1] = h.th { scope = "col", class = "number", series.name }
  end
  for i = #chart.labels, 1, -1 do
    local cells = { h.th { scope = "row", chart.labels[i] } }
    for j, series in ipairs(chart.series) do
      local point = series.points[i]
      cells[j + 1] = h.td { class = "number", point and chart.format(point) or "—" }
    end
    rows[#rows + 1] = h.tr(cells)
  end
  return h.details { class = "disclosure behind", h.summary { "Show as a table",
    h.span { class = "visually-hidden", ": " .. chart.title } },
    h.div { class = "table", tabindex = "0", role = "region", ["aria-label"] = chart.title,
      h.table { h.thead { h.tr(head) }, h.tbody(rows) } } }
end

--- Draw a chart.
---@param chart commerce.portal.Chart
---@return commerce.portal.Node node
function charts.draw(chart)
  local all = { id = chart.id, title = chart.title, description = chart.description,
    labels = chart.labels, series = chart.series, format = chart.format or tostring }
  return h.figure { class = "charted", drawing(all), legend(all), table_of(all) }
end

--- A bar that shows a share, beside its number in a table.
---@param share number from 0 to 1
---@return commerce.portal.Node node
function charts.share(share)
  local width = shown(math.max(0, math.min(1, share)) * 100)
  return h.svg { class = "share", viewBox = "0 0 100 8", preserveAspectRatio = "none",
    ["aria-hidden"] = "true", h.rect { class = "whole", width = 100, height = 8 },
    h.rect { class = "part", width = width, height = 8 } }
end

return charts
