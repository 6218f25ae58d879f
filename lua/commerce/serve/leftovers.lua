-- The folders of `commerce serve`, and what is left of one that was killed: its folder, and an
-- nginx that still has the port. The next start takes over.

local core = require "commerce.core"
local process = require "commerce.runtime.process"
local shell = require "commerce.serve.shell"

local leftovers = {}

local output_of = shell.output_of

local function append(path, line)
  local file = assert(io.open(path, "a"))
  file:write(line, "\n")
  file:close()
end

local function two_lines(path)
  local file = io.open(path, "r")
  if file then
    local first, second = file:read "*l", file:read "*l"
    file:close()
    return first, second
  end
end

local PLACE = '"${TMPDIR:-/tmp}"/commerce-serve.'

--- Make a folder for a server of this process.
---@return string path
function leftovers.folder()
  local folder = output_of("mktemp -d " .. PLACE .. "XXXXXXXX")
  append(folder .. "/owner", process.name())
  return folder
end

--- Note the nginx of a folder, so that a later start can end it.
---@param folder string
---@param pid integer of its master process, which leads a group
function leftovers.note(folder, pid)
  append(folder .. "/owner", process.name(pid))
end

--- Remove a folder.
---@param folder string from `leftovers.folder`
function leftovers.remove(folder)
  if folder:find "/commerce%-serve%.%w+$" then
    os.execute("rm -rf " .. shell.quote(folder))
  end
end

-- Whether a group has members of nginx: after its master process has died, its workers go on, and
-- while they do, no other group can have its number.
local function has_nginx(group)
  for line in output_of("cat /proc/[0-9]*/stat 2>/dev/null"):gmatch "[^\n]+" do
    if line:match "^%d+ %(nginx%) %a %d+ (%d+) " == group then
      return true
    end
  end
  return false
end

local PATIENCE = 3 -- seconds until what does not end is killed

local function end_group(name)
  local pid = name:match ":(%d+):%d+$"
  local function is_ours()
    return not process.is_gone(name) or has_nginx(pid)
  end
  local deadline = core.now() + PATIENCE
  local began = is_ours()
  if began then
    core.signal_group(tonumber(pid), "TERM")
    while is_ours() and core.now() < deadline do
      core.sleep(0.05)
    end
    if is_ours() then
      core.signal_group(tonumber(pid), "KILL")
    end
  end
  return began
end

--- End what is left of servers of this user that were killed.
---@return integer ended how many nginx were still there
function leftovers.take_over()
  local ended = 0
  -- another user's folder must not name what we end
  for folder in output_of("for d in " .. PLACE
    .. '*; do test -d "$d" && test ! -L "$d" && test -O "$d/owner" && echo "$d"; done')
    :gmatch "[^\n]+" do
    local owner, group = two_lines(folder .. "/owner")
    if owner and process.is_gone(owner) then
      if group and process.label(group) ~= group and end_group(group) then
        ended = ended + 1
      end
      leftovers.remove(folder)
    end
  end
  return ended
end

return leftovers
