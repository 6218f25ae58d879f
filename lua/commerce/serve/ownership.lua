-- Giving a store's files to the user that serves it.

local core = require "commerce.core"
local errors = require "commerce.base.errors"

local ownership = {}

-- Runs a program as a user; gives its exit status.
local function status_of(words, user)
  local pid, message = core.spawn(words, user)
  if not pid then
    errors.throw("usage", ("--user %s: %s"):format(user or "?", tostring(message)))
  end
  local status = core.child_status(pid)
  while not status do
    core.sleep(0.005)
    status = core.child_status(pid)
  end
  return status
end

--- Raise unless this process can give its rights to a user.
---@param user string
function ownership.check(user)
  if not user:find "^[%w_][%w_%.%-]*$" or status_of { "sh", "-c",
    'exec id -u "$1" >/dev/null 2>&1', "sh", user } ~= 0 then
    errors.throw("usage", ("--user %s: there is no such user"):format(user))
  elseif status_of({ "true" }, user) ~= 0 then
    errors.throw("usage", ("--user %s: only root can serve as another user"):format(user))
  end
end

local function path_of(url)
  return url:match "^sqlite:(.*)$"
end

--- Raise unless a user can write where a store is: SQLite makes its log beside the database.
---@param url string of the store: sqlite:PATH, absolute
---@param user string
function ownership.check_folder(url, user)
  if not path_of(url) then
    return
  end
  local folder = path_of(url):match "^(.*)/[^/]*$"
  if status_of({ "test", "-w", folder == "" and "/" or folder }, user) ~= 0 then
    errors.throw("store", ("the user %s may not write in %s, where the database is: give the "
      .. "folder to this user"):format(user, folder))
  end
end

--- Give a store's files to a user.
---@param url string of the store: sqlite:PATH, absolute
---@param user string
function ownership.give(url, user)
  local path = path_of(url)
  for _, suffix in ipairs(path and { "", "-wal", "-shm" } or {}) do
    if core.file_id(path .. suffix)
      and status_of { "chown", "-h", user .. ":", path .. suffix } ~= 0 then
      errors.throw("store", ("%s cannot be given to the user %s"):format(path .. suffix, user))
    end
  end
end

return ownership
