-- Numbers, dates and tables as text for people.

local ascii = require "commerce.base.ascii"
local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local decimal = require "commerce.base.decimal"
local json = require "commerce.base.json"

local format = {}

--- How many columns of a terminal a UTF-8 text takes.
---@param text string
---@return integer
function format.width(text)
  if not text:find "[\128-\255]" then
    return #text
  end
  return core.text_width(text) or select(2, text:gsub("[^\128-\191]", ""))
end

-- A character with the combining ones that follow it, so that no cut parts them.
local function each_sign(text)
  local chars, at = {}, 0
  for char in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    if at > 0 and format.width(char) == 0 then
      chars[at] = chars[at] .. char
    else
      at = at + 1
      chars[at] = char
    end
  end
  return chars
end

--- Cut a UTF-8 text to a width, marking the cut with "~".
---@param text string
---@param width integer columns
---@return string
function format.fit(text, width)
  if format.width(text) <= width then
    return text
  end
  local kept, used = {}, 0
  for _, sign in ipairs(each_sign(text)) do
    used = used + format.width(sign)
    if used > width - 1 then
      break
    end
    kept[#kept + 1] = sign
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

--- A scalar as text of one line without control characters; "" for nil.
---@param value any
---@return string
function format.cell(value)
  if type(value) == "number" then
    return json.number(value)
  elseif value == nil or value == json.null then
    return ""
  end
  return (ascii.printable(tostring(value)):gsub("[\t\n]", " "))
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
local NONE = "-" -- in a column of numbers: there is no number
local LEAST = 6 -- columns that a cut text needs to remain readable
local LEAST_ID = 12 -- the same of an id

-- Narrows the widest texts until the table fits; a number is never cut. Returns false if it cannot
-- fit.
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
    elseif least[1] > LEAST_ID then
      least[1] = LEAST_ID
    else
      return false
    end
  end
  return true
end

local function fit(text, width)
  local day = width >= DATE_WIDTH and #text > width
    and text:match("^(%d%d%d%d%-%d%d%-%d%d) %d%d:%d%d$")
  return day or format.fit(text, width)
end

local function is_date(text)
  return text == "" or text:find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d$") ~= nil
end

local function is_numeric(value)
  return type(value) == "number" or decimal.is_decimal(value) or value == nil or value == NONE
end

-- Puts the decimal points of a column of numbers under each other.
local function align_points(cells, i)
  local most = 0
  for _, row in ipairs(cells) do
    most = math.max(most, #(row[i]:match "%.%d*$" or ""))
  end
  for _, row in ipairs(cells) do
    row[i] = row[i] .. (" "):rep(most - #(row[i]:match "%.%d*$" or ""))
  end
end

-- Each column's width, and the width that it may shrink to. The points of numbers are aligned.
local function measure(headings, rows, cells)
  local widths, least, numeric = {}, {}, {}
  for i, heading in ipairs(headings) do
    local dates
    numeric[i], dates = #rows > 0, #rows > 0
    for r, row in ipairs(rows) do
      numeric[i] = numeric[i] and is_numeric(row[i])
      dates = dates and is_date(cells[r][i])
    end
    if numeric[i] then
      align_points(cells, i)
    end
    widths[i] = format.width(heading)
    for _, row in ipairs(cells) do
      widths[i] = math.max(widths[i], format.width(row[i]))
    end
    least[i] = numeric[i] and widths[i] or dates and DATE_WIDTH or LEAST
  end
  least[1] = math.min(widths[1], ID_WIDTH)
  return widths, least, numeric
end

-- A row as lines of heading and value, for a terminal that is too narrow for a table.
local function block(headings, row, width)
  local lines, most = {}, 0
  for _, heading in ipairs(headings) do
    most = math.max(most, format.width(heading))
  end
  for i, heading in ipairs(headings) do
    local text = row[i]:gsub("%s+$", "")
    if text ~= "" then
      lines[#lines + 1] = pad(heading, most) .. "  " .. format.fit(text, math.max(width - most - 2,
        LEAST))
    end
  end
  return table.concat(lines, "\n")
end

--- A table that fits a width. Numbers are aligned by their decimal points; long texts are cut and
--- marked with "~". If that would leave nothing readable, each row is a block of lines.
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
  if not shrink(widths, least, width) then
    for r, row in ipairs(cells) do
      lines[r] = block(headings, row, width)
    end
    return table.concat(lines, "\n\n")
  end
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

--- Print a table that fits the terminal; in a file or a pipe it is whole. Raises if it cannot be
--- written.
---@param headings string[]
---@param rows any[][]
function format.print(headings, rows)
  console.line(format.table(headings, rows,
    console.is_terminal(console.STDOUT) and console.width() or math.huge))
end

return format
