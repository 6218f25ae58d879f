-- Standard output, standard error and the terminal behind them. Output is checked: a full disk
-- behind a redirection is an error, not silence.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local console = {}

--- Descriptors of the standard streams, for `console.is_terminal`.
console.STDIN, console.STDOUT, console.STDERR = 0, 1, 2

--- The width where no terminal tells it.
console.FALLBACK_WIDTH = 80

local function check(ok, message)
  if not ok then
    errors.throw("output", "standard output: " .. tostring(message))
  end
end

-- A merchant's text must not steer the terminal: ESC and U+009B begin commands to it. JSON escapes
-- the ASCII control characters itself.
local function replace_c1(text)
  return (text:gsub("\194([\128-\159])", function(byte)
    return ("\\u%04x"):format(byte:byte())
  end))
end

--- Write texts to standard output. Raises if they cannot be written.
---@param ... string
function console.write(...)
  check(io.stdout:write(...))
end

--- Write a line to standard output. Raises if it cannot be written.
---@param text any
function console.line(text)
  console.write(ascii.printable(tostring(text)), "\n")
end

--- Write a JSON text to standard output. Raises if it cannot be written.
---@param text string
function console.json_text(text)
  console.write(replace_c1(text))
end

--- Write a value as one line of JSON to standard output. Raises if it cannot be written.
---@param value table<string, any>|any[]
function console.json(value)
  console.json_text(json.encode(value) .. "\n")
end

--- Flush standard output. Raises if that fails.
function console.flush()
  check(io.stdout:flush())
end

--- Write a line to standard error, for a person who reads along.
---@param text string
function console.note(text)
  io.stderr:write(ascii.printable(text), "\n")
end

--- Ask a person on standard error; the answer follows on the same line.
---@param text string
function console.prompt(text)
  io.stderr:write(ascii.printable(text))
  io.stderr:flush()
end

--- Whether a stream of this process is a terminal.
---@param descriptor integer `console.STDIN`, `console.STDOUT` or `console.STDERR`
---@return boolean
function console.is_terminal(descriptor)
  return core.terminal_columns(descriptor) ~= nil
end

--- The terminal's width in columns; 80 if there is no terminal.
---@return integer
function console.width()
  local columns = tonumber(os.getenv "COLUMNS") or core.terminal_columns(console.STDOUT)
    or core.terminal_columns(console.STDERR) or core.terminal_columns(console.STDIN)
  return columns and columns >= 20 and columns or console.FALLBACK_WIDTH
end

local COLOURS = { good = 32, bad = 31 } -- ECMA-48, "SGR"

--- Colour a text, if it is written to a terminal that shows colours and its user wants them:
--- NO_COLOR (https://no-color.org) is not set.
---@param text string without control characters
---@param kind "good"|"bad"|nil nil: no colour
---@param descriptor integer? `console.STDOUT` (the default) or `console.STDERR`
---@return string
function console.paint(text, kind, descriptor)
  if not kind or (os.getenv "NO_COLOR" or "") ~= "" or (os.getenv "TERM" or "dumb") == "dumb"
    or not console.is_terminal(descriptor or console.STDOUT) then
    return text
  end
  return ("\27[%dm%s\27[0m"):format(COLOURS[kind], text)
end

--- Whether the terminal shows UTF-8.
---@return boolean
function console.utf8()
  local locale = os.getenv "LC_ALL" or os.getenv "LC_CTYPE" or os.getenv "LANG" or ""
  return ascii.upper(locale):find("UTF%-?8") ~= nil
end

return console
