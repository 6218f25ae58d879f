-- Numbers, dates and tables as text for people.

local console = require "commerce.cli.kit.console"
local json = require "commerce.base.json"

local format = {}

--- How many columns a UTF-8 text takes (one column a character).
---@param text string
---@return integer
function format.width(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

--- Cut a UTF-8 text to a width, marking the cut with "~".
---@param text string
---@param width integer columns
---@return string
function format.fit(text, width)
  if format.width(text) <= width then
    return text
  end
  local kept, count = {}, 0
  for char in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if count == width - 1 then
      break
    end
    count = count + 1
    kept[count] = char
  end
  return table.concat(kept) .. "~"
end

--- A whole number with thousands separated: 12,345.
---@param number number
---@return string
function format.count(number)
  local text = ("%.0f"):format(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
  return (text:gsub("^,", ""):gsub("^%-,", "-"))
end

--- A count with its noun: "1 record", "1,234 records".
---@param count integer
---@param noun string in the singular
---@return string
function format.plural(count, noun)
  return ("%s %s%s"):format(format.count(count), noun, count == 1 and "" or "s")
end

--- A scalar as text without control characters; "" for nil.
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

--- A date to the minute: "2026-01-31 12:00". Returns any other value unchanged.
---@param value any
---@return any
function format.minutes(value)
  if type(value) == "string" then
    return (value:gsub("^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d):%d%dZ$", "%1 %2"))
  end
  return value
end

local function pad(text, width, right)
  local space = (" "):rep(width - format.width(text))
  return right and space .. text or text .. space
end

local ID_WIDTH = 28 -- columns that a Stripe id needs; ids are for copying, so they shrink last
local DATE_WIDTH = 10 -- of "2026-01-31"; the time behind it may go
local LEAST = 4 -- columns that a cut text needs to remain readable

-- Narrows the widest texts until the table fits; a number is never cut.
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
  return day or format.fit(text, width)
end

local function is_date(text)
  return text == "" or text:find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d$") ~= nil
end

-- Each column's width, and the width that it may shrink to.
local function measure(headings, rows, cells)
  local widths, least, numeric = {}, {}, {}
  for i, heading in ipairs(headings) do
    local dates
    widths[i], numeric[i], dates = format.width(heading), #rows > 0, #rows > 0
    for r, row in ipairs(rows) do
      widths[i] = math.max(widths[i], format.width(cells[r][i]))
      numeric[i] = numeric[i] and (type(row[i]) == "number" or row[i] == nil)
      dates = dates and is_date(cells[r][i])
    end
    least[i] = numeric[i] and widths[i] or dates and DATE_WIDTH or LEAST
  end
  least[1] = math.min(widths[1], ID_WIDTH)
  return widths, least, numeric
end

--- A table that fits a width. Numbers are aligned right; long texts are cut and marked with "~".
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

--- Print a table that fits the terminal. Raises if it cannot be written.
---@param headings string[]
---@param rows any[][]
function format.print(headings, rows)
  console.line(format.table(headings, rows, console.width()))
end

return format
