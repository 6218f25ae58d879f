-- Rows as a table. Called by the commands; requires json and terminal.

local json = require "commerce.base.json"
local terminal = require "commerce.cli.kit.terminal"

local format = {}

--- A whole number with thousands separated: 12,345.
---@param number number
---@return string
function format.count(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""):gsub("^%-,", "-"))
end

--- A scalar as people read it: no control characters, nothing for nil.
---@param value any
---@return string
function format.cell(value)
  if type(value) == "number" then
    return json.number(value)
  elseif value == nil or value == json.null then
    return ""
  end
  return (tostring(value):gsub("%c", " "))
end

--- A date as people read it: to the minute. Any other value comes back as it is.
---@param value any
---@return any
function format.minutes(value)
  if type(value) == "string" then
    return (value:gsub("^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d):%d%dZ$", "%1 %2"))
  end
  return value
end

local function pad(text, width, right)
  local space = (" "):rep(width - terminal.length(text))
  return right and space .. text or text .. space
end

local ID_WIDTH = 28 -- columns that a Stripe id needs; ids are for copying, so they shrink last
local DATE_WIDTH = 10 -- of "2026-01-31"; the time behind it may go
local LEAST = 4 -- columns that a cut text still needs to say anything

-- Take the columns that are missing from the widest texts; a number is never cut.
local function shrink(widths, least, available)
  local total = 2 * (#widths - 1)
  for _, width in ipairs(widths) do
    total = total + width
  end
  while total > available do
    local widest
    for i, width in ipairs(widths) do
      if width > least[i] and (not widest or width > widths[widest]) then
        widest = i
      end
    end
    if widest then
      widths[widest] = widths[widest] - 1
      total = total - 1
    elseif least[1] > LEAST then
      least[1] = LEAST
    else
      return
    end
  end
end

local function fit(text, width)
  local day = width >= DATE_WIDTH and #text > width
    and text:match("^(%d%d%d%d%-%d%d%-%d%d) %d%d:%d%d$")
  return day or terminal.fit(text, width)
end

local function is_date(text)
  return text == "" or text:find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d$") ~= nil
end

-- How wide each column is, and to what it may shrink.
local function measure(headings, rows, cells)
  local widths, least, numeric = {}, {}, {}
  for i, heading in ipairs(headings) do
    local dates
    widths[i], numeric[i], dates = terminal.length(heading), #rows > 0, #rows > 0
    for r, row in ipairs(rows) do
      widths[i] = math.max(widths[i], terminal.length(cells[r][i]))
      numeric[i] = numeric[i] and (type(row[i]) == "number" or row[i] == nil)
      dates = dates and is_date(cells[r][i])
    end
    least[i] = numeric[i] and widths[i] or dates and DATE_WIDTH or LEAST
  end
  least[1] = math.min(widths[1], ID_WIDTH)
  return widths, least, numeric
end

--- A table that fits a width. Numbers stand right; what is too long is cut and marked with "~".
---@param headings string[]
---@param rows any[][]
---@param width integer columns of the terminal
---@return string text without a last line break
function format.table(headings, rows, width)
  local cells, lines = {}, {}
  for r, row in ipairs(rows) do
    cells[r] = {}
    for i = 1, #headings do
      cells[r][i] = format.cell(row[i])
    end
  end
  local widths, least, numeric = measure(headings, rows, cells)
  shrink(widths, least, width)
  local function line(texts)
    local out = {}
    for i, text in ipairs(texts) do
      out[i] = pad(fit(text, widths[i]), widths[i], numeric[i])
    end
    lines[#lines + 1] = (table.concat(out, "  "):gsub("%s+$", ""))
  end
  line(headings)
  for _, row in ipairs(cells) do
    line(row)
  end
  return table.concat(lines, "\n")
end

return format
