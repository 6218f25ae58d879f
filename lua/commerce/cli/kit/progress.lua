-- A run's progress and its report for three kinds of reader: bars on a terminal, plain lines in a
-- log, one JSON object a line for programs. Each reader takes the events of `commerce.sync`.

local console = require "commerce.cli.kit.console"
local core = require "commerce.core"
local format = require "commerce.cli.kit.format"

local progress = {}

local BAR_WIDTH = 20 -- columns, on a terminal that has them
local REDRAW = 0.1 -- seconds between two drawings of the bars
local LOG_INTERVAL = 5 -- seconds between two plain lines of one data type

--- One JSON object a line on standard output.
---@return fun(event: commerce.ProgressEvent)
function progress.json()
  return function(event)
    console.json(event)
    console.flush()
  end
end

--- Plain lines on standard error: every few seconds while a type is read, and when it is done.
---@param of string? prefix of each line
---@return fun(event: commerce.ProgressEvent)
function progress.plain(of)
  local last, began = {}, core.now()
  local label = of and of .. " " or ""
  return function(event)
    local now = core.now()
    if event.event == "start" then
      console.note(("reading account %s in %s mode"):format(event.account, event.mode))
    elseif event.event == "waiting" then
      console.note(label .. event.message)
    elseif event.event == "progress" and now - (last[event.type] or began) >= LOG_INTERVAL then
      last[event.type] = now
      console.note(("%s%s: %s read"):format(label, event.type, format.count(event.read)))
    elseif event.event == "skipped" then
      -- the report says why, in Stripe's words
      console.note(("%s%s: skipped, for lack of a permission"):format(label, event.type))
    elseif event.event == "type" and event.status ~= "skipped" then
      console.note(("%s%s: %s, %s read"):format(label, event.type, event.status,
        format.count(event.read)))
    end
  end
end

local STOPPED = { failed = true, skipped = true }

-- How much longer it takes at the pace so far: "5 s", "12 min", "3 h"; "" if that is not known.
local function time_left(fraction, seconds)
  if fraction <= 0 or fraction >= 1 or seconds < 1 then
    return ""
  end
  local left = seconds * (1 - fraction) / fraction
  if left < 100 then
    return ("%.0f s"):format(left)
  end
  return left < 6000 and ("%.0f min"):format(left / 60) or ("%.0f h"):format(left / 3600)
end

-- The columns beside the bar. A terminal that is too narrow for all of them has fewer, and then a
-- shorter bar: the numbers stay whole.
local BESIDE = {
  { heading = "type", width = 16, format = "%-16s ", of = function(state)
    return state.type
  end },
  { heading = "", width = 8, format = " %7s", of = function(state, fraction)
    return STOPPED[state.status] and state.status or ("%3d %%"):format(math.floor(fraction * 100))
  end },
  { heading = "read", width = 10, format = " %10s", of = function(state)
    return format.count(state.read)
  end },
  { heading = "a second", width = 9, format = " %9s", of = function(state, _, seconds)
    return format.count(state.read / seconds)
  end },
  { heading = "left", width = 7, format = " %7s", of = function(state, fraction, seconds)
    return state.ended and "" or time_left(fraction, seconds)
  end },
}

-- How many of these columns fit, and how wide the bar may be.
local function layout(width)
  local used, count = 0, 0
  for i, column in ipairs(BESIDE) do
    if used + column.width + 1 > width then
      break
    end
    used, count = used + column.width + 1, i
  end
  return count, math.max(0, math.min(BAR_WIDTH, width - used))
end

-- A line of the display: the first column, the bar, the other columns.
local function line_of(count, bar, text_of)
  local parts = {}
  for i = 1, count do
    parts[#parts + 1] = BESIDE[i].format:format(text_of(BESIDE[i]))
    parts[#parts + 1] = i == 1 and bar or nil
  end
  return table.concat(parts)
end

local function bar_line(state, now, filled, empty, count, columns)
  local fraction = state.status == "complete" and 1 or state.fraction or 0
  local full = math.floor(fraction * columns + 0.5)
  local seconds = math.max((state.ended or now) - state.began, 0.001)
  return line_of(count, filled:rep(full) .. empty:rep(columns - full), function(column)
    return column.of(state, fraction, seconds)
  end)
end

--- Bars on a terminal, one line per data type, redrawn in place on standard error.
---@return fun(event: commerce.ProgressEvent)
function progress.bars()
  local states, order, drawn, last_draw = {}, {}, 0, 0
  local filled, empty = "#", "."
  if console.utf8() then
    filled, empty = "\226\150\136", "\226\150\145" -- full block, light shade
  end
  local width = console.width()
  local count, columns = layout(width)
  local function draw(now)
    local out = { drawn > 0 and ("\27[%dA"):format(drawn) or "" }
    for _, state in ipairs(order) do
      local line = format.fit(bar_line(state, now, filled, empty, count, columns), width)
      out[#out + 1] = "\r\27[K" .. console.paint(line, STOPPED[state.status] and "bad",
        console.STDERR) .. "\n"
    end
    drawn, last_draw = #order, now
    io.stderr:write(table.concat(out))
    io.stderr:flush()
  end
  return function(event)
    local now = core.now()
    if event.event == "start" then
      console.note(("Reading account %s in %s mode"):format(event.account, event.mode))
      for i, name in ipairs(event.types) do
        order[i] = { type = name, began = now, read = 0 }
        states[name] = order[i]
      end
      console.note(line_of(count, (" "):rep(columns), function(column)
        return column.heading
      end))
      draw(now)
      return
    elseif event.event == "waiting" then
      console.note(event.message)
      drawn = 0 -- the bars are drawn anew below the line
      return draw(now)
    end
    local state = states[event.type]
    state.read, state.fraction = event.read or state.read, event.fraction or state.fraction
    state.status = event.event == "skipped" and "skipped" or event.status
    if not state.ended and (event.status or state.fraction == 1) then
      state.ended = now
    end
    if event.event == "type" or now - last_draw >= REDRAW then
      draw(now)
    end
  end
end

--- The count of all objects read: one line on a terminal, redrawn in place; a line every few
--- seconds in a log. An event "end" clears the line.
---@return fun(event: commerce.ProgressEvent)
function progress.counter()
  local on_terminal, read = console.is_terminal(console.STDERR), {}
  local last = core.now()
  local interval = on_terminal and REDRAW or LOG_INTERVAL
  return function(event)
    if event.event == "end" then
      io.stderr:write(on_terminal and "\r\27[K" or "")
      return
    end
    read[event.type] = event.read
    local now, total = core.now(), 0
    if now - last < interval then
      return
    end
    last = now
    for _, count in pairs(read) do
      total = total + count
    end
    io.stderr:write((on_terminal and "\r\27[K%s compared\r" or "%s compared\n")
      :format(format.count(total)))
    io.stderr:flush()
  end
end

--- The reader that fits the arguments and the terminal.
---@param as_json boolean? --json was given
---@return fun(event: commerce.ProgressEvent)
function progress.choose(as_json)
  if as_json then
    return progress.json()
  end
  return console.is_terminal(console.STDERR) and progress.bars() or progress.plain()
end

--- Print a run's report: as text, or as the event "end".
---@param report commerce.Report
---@param as_json boolean? --json was given
function progress.report(report, as_json)
  if not as_json then
    console.line(report)
    return
  end
  local event = { event = "end" }
  for name, value in pairs(report) do
    event[name] = value
  end
  progress.json()(event)
end

return progress
