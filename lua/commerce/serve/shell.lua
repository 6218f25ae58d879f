-- The shell commands of `commerce serve`.

local shell = {}

--- A text as one word of the shell.
---@param text string
---@return string word
function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Run a command line.
---@param line string
---@return string output standard output, without spaces and line ends at its end
function shell.output_of(line)
  local pipe = io.popen(line)
  local text = pipe and pipe:read "*a" or ""
  if pipe then
    pipe:close()
  end
  return (text:gsub("%s+$", ""))
end

--- Run a command line.
---@param line string
---@return boolean ok whether its exit status is 0
function shell.succeeds(line)
  local result = os.execute(line) -- true in Lua 5.4, 0 in LuaJIT
  return result == true or result == 0
end

return shell
