-- Rows as a table, JSON, JSON Lines or CSV. Called by the commands; requires json and terminal.

local json = require "commerce.json"
local terminal = require "commerce.cli.terminal"

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

local function pad(text, width, right)
  local space = (" "):rep(width - terminal.length(text))
  return right and space .. text or text .. space
end

-- Take the missing columns from the widest ones, down to what a heading needs.
local function shrink(widths, available)
  local total = 2 * (#widths - 1)
  for _, width in ipairs(widths) do
    total = total + width
  end
  while total > available do
    local widest = 1
    for i, width in ipairs(widths) do
      widest = width > widths[widest] and i or widest
    end
    if widths[widest] <= 4 then
      return
    end
    widths[widest] = widths[widest] - 1
    total = total - 1
  end
end

--- A table that fits a width. Numbers stand right; what is too long is cut and marked with "~".
---@param headings string[]
---@param rows any[][]
---@param width integer columns of the terminal
---@return string text without a last line break
function format.table(headings, rows, width)
  local widths, numeric, cells = {}, {}, {}
  for i, heading in ipairs(headings) do
    widths[i], numeric[i] = terminal.length(heading), #rows > 0
  end
  for r, row in ipairs(rows) do
    cells[r] = {}
    for i = 1, #headings do
      local text = format.cell(row[i])
      cells[r][i] = text
      widths[i] = math.max(widths[i], terminal.length(text))
      numeric[i] = numeric[i] and (type(row[i]) == "number" or row[i] == nil)
    end
  end
  shrink(widths, width)
  local lines = {}
  local function line(texts)
    local out = {}
    for i, text in ipairs(texts) do
      out[i] = pad(terminal.fit(text, widths[i]), widths[i], numeric[i])
    end
    lines[#lines + 1] = (table.concat(out, "  "):gsub("%s+$", ""))
  end
  line(headings)
  for _, row in ipairs(cells) do
    line(row)
  end
  return table.concat(lines, "\n")
end

--- One line of CSV (RFC 4180).
---@param values any[] may have holes
---@param count integer how many
---@return string
function format.csv(values, count)
  local out = {}
  for i = 1, count do
    local value = values[i]
    local text = type(value) == "number" and json.number(value)
      or (value == nil or value == json.null) and "" or tostring(value)
    if text:find('[",\r\n]') then
      text = '"' .. text:gsub('"', '""') .. '"'
    end
    out[i] = text
  end
  return table.concat(out, ",") .. "\r\n"
end

return format
