-- What is known of the terminal. Called by the commands; requires nothing.
-- The shell is asked: no library that both Debian and LuaRocks carry tells it for both runtimes.

local terminal = {}

local FALLBACK_WIDTH = 80

local function succeeds(command)
  local first = os.execute(command)
  return first == true or first == 0 -- true in Lua 5.4, the status in LuaJIT
end

--- Whether a stream of this process is a terminal.
---@param descriptor integer 1 for standard output, 2 for standard error
---@return boolean
function terminal.is_terminal(descriptor)
  return succeeds(("test -t %d"):format(descriptor))
end

--- The terminal's width in columns; 80 where there is none.
---@return integer
function terminal.width()
  local columns = tonumber(os.getenv "COLUMNS")
  if not columns then
    local pipe = io.popen("stty size 2>/dev/null </dev/tty", "r")
    if pipe then
      columns = tonumber((pipe:read("*a") or ""):match("%d+%s+(%d+)"))
      pipe:close()
    end
  end
  return columns and columns >= 20 and columns or FALLBACK_WIDTH
end

--- Whether the terminal shows UTF-8.
---@return boolean
function terminal.utf8()
  local locale = os.getenv "LC_ALL" or os.getenv "LC_CTYPE" or os.getenv "LANG" or ""
  return locale:upper():find("UTF%-?8") ~= nil
end

--- How many columns a UTF-8 text takes (one each character).
---@param text string
---@return integer
function terminal.length(text)
  local _, count = text:gsub("[^\128-\191]", "")
  return count
end

--- Cut a UTF-8 text to a width, marking the cut.
---@param text string
---@param width integer columns
---@return string
function terminal.fit(text, width)
  if terminal.length(text) <= width then
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

return terminal
