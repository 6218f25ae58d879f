-- Running commands from specs, the same under both runtimes.

local shell = {}

--- Quote a text as one word of the shell.
---@param text string
---@return string
function shell.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

--- Run a command line; its standard output and error come back as one text each.
---@param command string
---@return integer status
---@return string output
---@return string errors
function shell.run(command)
  local out, err, code = os.tmpname(), os.tmpname(), os.tmpname()
  -- os.execute would let the command inherit every pipe of io.popen that is open
  io.popen(("{ %s\n} >%s 2>%s; echo $? >%s"):format(command, out, err, code)):close()
  local texts = {}
  for i, name in ipairs { out, err, code } do
    local file = assert(io.open(name, "rb"))
    texts[i] = file:read("*a")
    file:close()
    os.remove(name)
  end
  return tonumber(texts[3]), texts[1], texts[2]
end

--- Wait until a process has ended, whether or not somebody has asked for its end.
---@param pid string
function shell.wait_for_end(pid)
  shell.run(("while [ -e /proc/%s ] && ! grep -q '^State:.Z' /proc/%s/status; do sleep 0.02; done")
    :format(pid, pid))
end

--- Make an empty folder; the caller removes it.
---@return string path
function shell.temporary_folder()
  local status, path = shell.run("mktemp -d")
  assert(status == 0, "mktemp failed")
  return (path:gsub("%s+$", ""))
end

--- Remove a folder of `temporary_folder` and all that is in it.
---@param path string
function shell.remove_folder(path)
  assert(path:find("^/tmp/") or path:find("^/var/"), "not a temporary folder: " .. path)
  shell.run("rm -rf " .. shell.quote(path))
end

return shell
