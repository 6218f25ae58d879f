-- `make pictures`: draws what a sync looks like in a terminal, from the real thing, as
-- examples/pictures/sync.svg.

package.path = "./?.lua;" .. package.path

local emulator = require "spec.support.emulator"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local COLUMNS = 96
local KEY = "sk_test_emulator"

-- The rows that a terminal shows in the end. Only what `commerce` writes is understood: line ends,
-- "\r", and the sequences that go up, erase a line and colour.
local function screen(output)
  local rows, row, column, at = { {} }, 1, 1, 1
  local function put(char)
    rows[row][column] = char
    column = column + 1
  end
  while at <= #output do
    local count, command, after = output:match("^\27%[(%d*)(%a)()", at)
    local char = output:match("^[%z\1-\127\192-\255][\128-\191]*", at) or output:sub(at, at)
    if command == "A" then
      row = math.max(1, row - tonumber(count))
    elseif command == "K" then
      for i = column, #rows[row] do
        rows[row][i] = nil
      end
    elseif char == "\r" then
      column = 1
    elseif char == "\n" then
      row, column = row + 1, 1
      rows[row] = rows[row] or {}
    elseif not command then
      put(char)
    end
    at = after or at + #char
  end
  local lines = {}
  for i, chars in ipairs(rows) do
    lines[i] = table.concat(chars)
  end
  while lines[#lines] == "" do
    lines[#lines] = nil
  end
  return lines
end

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }
local LINE, CHAR, MARGIN = 18, 8.5, 16 -- pixels, of a font of 14

local function svg(lines, title)
  local width, height = math.ceil(COLUMNS * CHAR) + 2 * MARGIN, #lines * LINE + 2 * MARGIN
  local out = { ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img">')
    :format(width, height), ("<title>%s</title>"):format(title),
    '<rect width="100%" height="100%" rx="8" fill="#16181d"/>',
    '<g font-family="ui-monospace,Menlo,Consolas,monospace" font-size="14" fill="#d7dae0">' }
  for i, line in ipairs(lines) do
    local fill = line:find "^%$ " and ' fill="#7fd18b"' or ""
    out[#out + 1] = ('<text x="%d" y="%d" xml:space="preserve"%s>%s</text>'):format(MARGIN,
      MARGIN + i * LINE - 5, fill, (line:gsub("[&<>]", ESCAPES)))
  end
  out[#out + 1] = "</g></svg>\n"
  return table.concat(out, "\n")
end

local e = emulator.start { charges = 2000 }
local box = sandbox.new { STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = KEY,
  COMMERCE_STORE = "sqlite:commerce.db" }

local function shown(arguments)
  local command = box:command("build/commerce " .. arguments, { COLUMNS = tostring(COLUMNS),
    LANG = "C.UTF-8", TERM = "xterm", NO_COLOR = "1",
    COMMERCE_STORE = "sqlite:" .. box:path "commerce.db" })
  local status, output = shell.run(("script -qec %s /dev/null </dev/null"):format(
    shell.quote(command)))
  assert(status == 0, output)
  local lines = screen(output)
  table.insert(lines, 1, "$ commerce " .. arguments)
  return lines
end

local lines = shown "sync"
lines[#lines + 1] = ""
for _, line in ipairs(shown "show payments --limit 3") do
  lines[#lines + 1] = line
end
e:stop()
box:close()

shell.run "mkdir -p examples/pictures"
local file = assert(io.open("examples/pictures/sync.svg", "w"))
file:write(svg(lines, "commerce sync reads an account, commerce show prints its payments"))
file:close()
