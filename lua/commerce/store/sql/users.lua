-- The operator's users, their sessions in browsers, and the log of what was done.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

---@class commerce.sql.Store
local users = {}

-- ---------------------------------------------------------------- users

local COLUMNS = { "name", "role", "password", "invite", "invite_expires", "seen" }

function users:users(given)
  local wheres, values = {}, {}
  for _, name in ipairs { "id", "login", "invite" } do
    if given and given[name] then
      wheres[#wheres + 1] = name .. " = ?"
      values[#values + 1] = given[name]
    end
  end
  return self.db:all(("SELECT * FROM portal_users%s ORDER BY created, %s"):format(
    #wheres > 0 and " WHERE " .. table.concat(wheres, " AND ") or "", self.db.dialect.INSERTED),
    unpack(values))
end

function users:add_user(row, only_first)
  local db = self.db
  return db:transaction(function()
    if only_first and db:all("SELECT 1 AS found FROM portal_users LIMIT 1")[1] then
      return false
    end
    return db:run("INSERT INTO portal_users (id, login, name, role, password, invite, "
      .. "invite_expires, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
      .. "ON CONFLICT (login) DO NOTHING", row.id, row.login, row.name, row.role, row.password,
      row.invite, row.invite_expires, row.created) > 0
  end)
end

-- Whether another administrator can sign in.
local function has_other_admin(db, id)
  return db:all("SELECT 1 AS found FROM portal_users WHERE id <> ? AND role = 'admin' "
    .. "AND password IS NOT NULL LIMIT 1", id)[1] ~= nil
end

local function is_admin(row)
  return row.role == "admin" and row.password ~= nil
end

function users:change_user(id, changes)
  local db = self.db
  return db:transaction(function()
    local row = db:all("SELECT * FROM portal_users WHERE id = ?", id)[1]
    if not row then
      return "missing"
    end
    local was_admin = is_admin(row)
    for _, name in ipairs(COLUMNS) do
      if changes[name] ~= nil then
        row[name] = changes[name] or nil
      end
    end
    if was_admin and not is_admin(row) and not has_other_admin(db, id) then
      return "last"
    end
    db:run("UPDATE portal_users SET name = ?, role = ?, password = ?, invite = ?, "
      .. "invite_expires = ?, seen = ? WHERE id = ?", row.name, row.role, row.password,
      row.invite, row.invite_expires, row.seen, id)
    return "changed"
  end)
end

function users:remove_user(id)
  local db = self.db
  return db:transaction(function()
    local row = db:all("SELECT * FROM portal_users WHERE id = ?", id)[1]
    if not row then
      return "missing"
    elseif is_admin(row) and not has_other_admin(db, id) then
      return "last"
    end
    db:run("DELETE FROM portal_sessions WHERE user_id = ?", id)
    db:run("DELETE FROM portal_users WHERE id = ?", id)
    db:run("DELETE FROM settings WHERE name = ?", contract.OF_USER .. id)
    return "removed"
  end)
end

-- ---------------------------------------------------------------- sessions

function users:add_session(row, now)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM portal_sessions WHERE expires <= ?", now)
    if not db:all("SELECT 1 AS found FROM portal_users WHERE id = ?", row.user_id)[1] then
      errors.throw("store", "there is no such user")
    end
    db:run("INSERT INTO portal_sessions (hash, id, user_id, mode, created, seen, expires, address, "
      .. "agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row.hash, row.id, row.user_id, row.mode,
      row.created, row.seen, row.expires, row.address, row.agent)
    return true
  end)
end

function users:session_of(hash)
  return self.db:all("SELECT * FROM portal_sessions WHERE hash = ?", hash)[1]
end

function users:sessions(user_id)
  return self.db:all("SELECT * FROM portal_sessions WHERE user_id = ? ORDER BY seen DESC, id",
    user_id)
end

function users:change_session(hash, changes)
  return self.db:run("UPDATE portal_sessions SET mode = coalesce(?, mode), "
    .. "seen = coalesce(?, seen), expires = coalesce(?, expires) WHERE hash = ?", changes.mode,
    changes.seen, changes.expires, hash) > 0
end

function users:end_sessions(user_id, given)
  given = given or {}
  if given.id then
    return self.db:run("DELETE FROM portal_sessions WHERE user_id = ? AND id = ?", user_id,
      given.id)
  elseif given.except then
    return self.db:run("DELETE FROM portal_sessions WHERE user_id = ? AND hash <> ?", user_id,
      given.except)
  end
  return self.db:run("DELETE FROM portal_sessions WHERE user_id = ?", user_id)
end

-- ---------------------------------------------------------------- the log

function users:add_audit(row, oldest)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM portal_audit WHERE at < ?", oldest)
    db:run("INSERT INTO portal_audit (at, actor, action, target, mode, address, detail) "
      .. "VALUES (?, ?, ?, ?, ?, ?, ?)", row.at, row.actor, row.action, row.target, row.mode,
      row.address, row.detail)
    return true
  end)
end

function users:audit(given)
  if given.before then
    return self.db:all("SELECT * FROM portal_audit WHERE number < ? ORDER BY number DESC LIMIT ?",
      given.before, given.limit)
  end
  return self.db:all("SELECT * FROM portal_audit ORDER BY number DESC LIMIT ?", given.limit)
end

return users
