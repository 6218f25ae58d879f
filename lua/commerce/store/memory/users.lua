-- The operator's users, their sessions in browsers, and the log of what was done.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local tables = require "commerce.store.memory.tables"

local users = {}

local copy, need = tables.copy, tables.need

-- ---------------------------------------------------------------- users

local FIELDS = { "name", "role", "password", "invite", "invite_expires", "seen" }

function users.users(self, given)
  given = given or {}
  return self.db:table("portal_users"):oldest_first(function(row)
    return (not given.id or row.id == given.id) and (not given.login or row.login == given.login)
      and (not given.invite or row.invite == given.invite)
  end)
end

function users.add_user(self, row, only_first)
  need(row, "user", { "id", "login", "name", "role", "created" })
  local kept = self.db:table "portal_users"
  if #kept:where("login", row.login) > 0 or only_first and kept.size > 0 then
    return false
  elseif kept:get(row.id) then
    errors.throw("store", "there is such a user already")
  end
  kept:put(row.id, { id = row.id, login = row.login, name = row.name, role = row.role,
    password = row.password, invite = row.invite, invite_expires = row.invite_expires,
    created = row.created })
  return true
end

local function is_admin(row)
  return row.role == "admin" and row.password ~= nil
end

-- Whether another administrator can sign in.
local function has_other_admin(kept, id)
  for other, row in kept:each() do
    if other ~= id and is_admin(row) then
      return true
    end
  end
  return false
end

function users.change_user(self, id, changes)
  local kept = self.db:table "portal_users"
  local row = copy(kept:get(id))
  if not row then
    return "missing"
  end
  local was_admin = is_admin(row)
  for _, name in ipairs(FIELDS) do
    if changes[name] ~= nil then
      row[name] = changes[name] or nil
    end
  end
  if was_admin and not is_admin(row) and not has_other_admin(kept, id) then
    return "last"
  end
  kept:put(id, row)
  return "changed"
end

function users.remove_user(self, id)
  local kept = self.db:table "portal_users"
  local row = kept:get(id)
  if not row then
    return "missing"
  elseif is_admin(row) and not has_other_admin(kept, id) then
    return "last"
  end
  users.end_sessions(self, id)
  kept:remove(id)
  self.db:table("settings"):remove(contract.OF_USER .. id)
  return "removed"
end

-- ---------------------------------------------------------------- sessions

function users.add_session(self, row, now)
  need(row, "session", { "hash", "id", "user_id", "mode", "created", "seen", "expires" })
  local sessions = self.db:table "portal_sessions"
  for hash, one in sessions:each() do
    if one.expires <= now then
      sessions:remove(hash)
    end
  end
  if not self.db:table("portal_users"):get(row.user_id) then
    errors.throw("store", "there is no such user")
  end
  sessions:put(row.hash, copy(row))
  return true
end

function users.session_of(self, hash)
  return copy(self.db:table("portal_sessions"):get(hash))
end

function users.sessions(self, user_id)
  local list = {}
  for i, row in ipairs(self.db:table("portal_sessions"):where("user_id", user_id)) do
    list[i] = copy(row)
  end
  table.sort(list, function(a, b)
    if a.seen ~= b.seen then
      return a.seen > b.seen
    end
    return a.id < b.id
  end)
  return list
end

function users.change_session(self, hash, changes)
  local sessions = self.db:table "portal_sessions"
  if not sessions:get(hash) then
    return false
  end
  sessions:change(hash, { mode = changes.mode, seen = changes.seen, expires = changes.expires })
  return true
end

function users.end_sessions(self, user_id, given)
  given = given or {}
  local sessions, count = self.db:table "portal_sessions", 0
  for hash, row in sessions:each() do
    if row.user_id == user_id and (not given.id or row.id == given.id)
      and hash ~= given.except then
      sessions:remove(hash)
      count = count + 1
    end
  end
  return count
end

-- ---------------------------------------------------------------- the log

function users.add_audit(self, row, oldest)
  need(row, "entry of the log", { "at", "actor", "action" })
  local log = self.db:table "portal_audit"
  for number, entry in log:each() do
    if entry.at < oldest then
      log:remove(number)
    end
  end
  local number = self.db:number()
  log:put(number, { number = number, at = row.at, actor = row.actor, action = row.action,
    target = row.target, mode = row.mode, address = row.address, detail = row.detail })
  return true
end

function users.audit(self, given)
  local list = {}
  for _, entry in ipairs(self.db:table("portal_audit"):list(function(entry)
    return not given.before or entry.number < given.before
  end)) do
    table.insert(list, 1, copy(entry))
  end
  for i = #list, given.limit + 1, -1 do
    list[i] = nil
  end
  return list
end

return users
