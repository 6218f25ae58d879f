-- What the machine does to a run: another program holds the write lock of its database for longer
-- than SQLite waits, and no file may grow any more.

local shell = require "spec.support.shell"

local machine = {}

local SHORTEST, LONGEST = 1, 9 -- seconds; SQLite waits for 5
local PATIENCE = 30 -- seconds that it waits for the lock itself
local BLOCK = 512 -- bytes, of the shell's `ulimit -f`

local function size_of(path)
  local file = io.open(path, "rb")
  local size = file and file:seek "end" or 0
  if file then
    file:close()
  end
  return size
end

-- Takes the write lock of a database that exists and gives it back without a change.
local function lock(soak, random)
  local store = random:pick(soak.stores)
  if size_of(store.path) == 0 then
    return
  end
  local seconds = random:between(SHORTEST, LONGEST)
  -- on a slow machine it may have to wait for the lock for long
  soak.processes:start(("sqlite3 -batch -bail -cmd '.timeout %d' %s 'BEGIN IMMEDIATE' "
    .. "'.shell sleep %d' ROLLBACK"):format(PATIENCE * 1000, shell.quote(store.path), seconds),
    { name = "lock", runtime = "sqlite3", kill_after = PATIENCE + LONGEST + 5 })
  soak:count "locks held by another program"
end

--- Make a command line one whose files cannot grow much beyond the size of its database: a write
--- beyond that fails, as it does on a full disk.
---@param command string for the shell, of one program
---@param store table { path }
---@param random table
---@return string
function machine.without_room(command, store, random)
  local room = random:between(0, 400) * 1024
  return ("sh -c %s"):format(shell.quote(("trap '' XFSZ; ulimit -f %d; exec %s"):format(
    math.floor((size_of(store.path) + room) / BLOCK), command)))
end

--- What is done, and every how many seconds.
machine.ACTORS = {
  { name = "lock", every = 6, act = lock },
}

return machine
