-- The people who sign in to the portal: administrators, who may do everything, and viewers, who may
-- look at everything. A user is invited: a token, which works once, lets the person set a password.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local passwords = require "commerce.account.passwords"
local time = require "commerce.base.time"

local users = {}

users.ROLES = { admin = true, viewer = true }

--- How long an invitation works, in seconds.
users.INVITE_SECONDS = 3 * 86400

local TOKEN_BYTES = 24
local LONGEST_NAME = 80 -- characters

-- ---------------------------------------------------------------- names

-- Different ways to write a name are one login.
local function login_of(name)
  return ascii.lower(name)
end

local function checked_name(name)
  local text = tostring(name or ""):gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")
  if text == "" then
    errors.throw("usage", "a user needs a name")
  elseif text:find "%c" or not core.is_utf8(text) then
    errors.throw("usage", "a user's name must not contain control characters")
  elseif #(text:gsub("[\128-\191]", "")) > LONGEST_NAME then
    errors.throw("usage", ("a user's name must not be longer than %d characters"):format(
      LONGEST_NAME))
  elseif core.scrub(text) ~= text then
    errors.throw("usage", "a user's name must not contain an API key; revoke this key, it may have "
      .. "been seen")
  end
  return text
end

local function checked_role(role)
  if not users.ROLES[role] then
    errors.throw("usage", ("role '%s': expected admin or viewer"):format(tostring(role)))
  end
  return role
end

-- ---------------------------------------------------------------- the users

--- What may be shown of a user: everything but hashes.
---@param row commerce.UserRow
---@return { id: string, name: string, role: string, created: string, lastSignIn: string?, invited:
---  boolean, hasPassword: boolean } view
function users.view(row)
  return { id = row.id, name = row.name, role = row.role, created = row.created,
    lastSignIn = row.seen, hasPassword = row.password ~= nil,
    invited = row.invite ~= nil and row.invite_expires > os.time() }
end

--- All users, oldest first.
---@param store commerce.Store
---@return commerce.UserRow[]
function users.list(store)
  return store:users()
end

--- A user by id or name. Raises kind "missing" if there is none.
---@param store commerce.Store
---@param id_or_name string
---@return commerce.UserRow
function users.find(store, id_or_name)
  return store:users({ id = id_or_name })[1] or store:users({ login = login_of(id_or_name) })[1]
    or errors.throw("missing", ("no user '%s'"):format(id_or_name))
end

local function invitation()
  local token = core.random_id(TOKEN_BYTES)
  return token, core.sha256(token), os.time() + users.INVITE_SECONDS
end

--- Add a user, who has no password yet.
---@param store commerce.Store
---@param fields { name: string, role: "admin"|"viewer" }
---@return commerce.UserRow row
---@return string token with which the user sets a password; only its hash is stored
function users.add(store, fields)
  local name = checked_name(fields.name)
  local token, hash, expires = invitation()
  local row = { id = core.uuid(), login = login_of(name), name = name,
    role = checked_role(fields.role), invite = hash, invite_expires = expires,
    created = time.now() }
  if not store:add_user(row) then
    errors.throw("conflict", ("there is a user '%s' already"):format(name))
  end
  return row, token
end

--- Add the first user, an administrator with a password.
---@param store commerce.Store
---@param name string
---@param hash string the password's, by `passwords.hash`
---@return commerce.UserRow row
function users.add_first(store, name, hash)
  local row = { id = core.uuid(), name = checked_name(name), role = "admin", password = hash,
    created = time.now() }
  row.login = login_of(row.name)
  if not store:add_user(row, true) then
    errors.throw("conflict", "there are users already: sign in, or ask an administrator")
  end
  return row
end

local LAST = "this is the last administrator who can sign in: make another user an administrator "
  .. "first"

local function change(store, row, changes)
  local outcome = store:change_user(row.id, changes)
  if outcome == "last" then
    errors.throw("conflict", LAST)
  elseif outcome == "missing" then
    errors.throw("missing", ("no user '%s'"):format(row.name))
  end
  for name, value in pairs(changes) do
    row[name] = value or nil
  end
  return row
end

--- Give a user another role. The user's sessions have it at once.
---@param store commerce.Store
---@param row commerce.UserRow
---@param role "admin"|"viewer"
function users.set_role(store, row, role)
  change(store, row, { role = checked_role(role) })
end

--- Invite a user anew, who has forgotten the password or let the invitation expire. The password
--- and the sessions stay until the token is used.
---@param store commerce.Store
---@param row commerce.UserRow
---@return string token with which the user sets a password
function users.invite(store, row)
  local token, hash, expires = invitation()
  change(store, row, { invite = hash, invite_expires = expires })
  return token
end

--- The user whom a token invites.
---@param store commerce.Store
---@param token string? untrusted
---@return commerce.UserRow? row nil if the token is not valid, or not any more
function users.invited(store, token)
  local row = token and token ~= "" and store:users({ invite = core.sha256(token) })[1]
  return row and row.invite_expires > os.time() and row or nil
end

--- Set a user's password: an invitation is used up, and all other sessions end.
---@param store commerce.Store
---@param row commerce.UserRow
---@param hash string by `passwords.hash`
---@param except string? the hash of the session that continues
function users.set_password(store, row, hash, except)
  change(store, row, { password = hash, invite = false, invite_expires = false })
  store:end_sessions(row.id, except and { except = except } or nil)
end

--- Remove a user, whose sessions end.
---@param store commerce.Store
---@param row commerce.UserRow
function users.remove(store, row)
  local outcome = store:remove_user(row.id)
  if outcome == "last" then
    errors.throw("conflict", LAST)
  elseif outcome == "missing" then
    errors.throw("missing", ("no user '%s'"):format(row.name))
  end
end

-- ---------------------------------------------------------------- signing in

-- A hash of no password: a name that nobody has must take as long as one that somebody has.
local function hash_of_nobody()
  local cost = passwords.COST
  return ("$scrypt$ln=%d,r=%d,p=%d$%s$%s"):format(cost.ln, cost.r, cost.p, ("A"):rep(22),
    ("A"):rep(43))
end

--- The user of a name and a password.
---@param store commerce.Store
---@param name string
---@param password string
---@param matches fun(password: string, hash: string): boolean `passwords.matches`, or the same in
---  a thread
---@return commerce.UserRow? row nil if there is no such user or the password is another one
function users.sign_in(store, name, password, matches)
  local row = store:users({ login = login_of((name:gsub("^%s+", ""):gsub("%s+$", ""))) })[1]
  local is_right = #password <= 4 * passwords.MOST and matches(password,
    row and row.password or hash_of_nobody())
  if not row or not row.password or not is_right then
    return nil
  end
  store:change_user(row.id, { seen = time.now() })
  return row
end

-- ---------------------------------------------------------------- the first run

local SETUP = "portal_setup"

--- How long the token of the first run works, in seconds.
users.SETUP_SECONDS = 7 * 86400

--- Make the token with which the first user is added, in place of the one before.
---@param store commerce.Store
---@return string? token nil if there are users already; only its hash is stored
function users.setup_token(store)
  if #store:users() > 0 then
    return nil
  end
  local token = core.random_id(TOKEN_BYTES)
  store:save_setting(SETUP, json.encode { hash = core.sha256(token),
    expires = os.time() + users.SETUP_SECONDS })
  return token
end

--- Whether a text is the token of the first run, or an API key that may change things.
---@param store commerce.Store
---@param text string untrusted
---@return boolean
function users.may_set_up(store, text)
  local hash = core.sha256((text:gsub("^%s+", ""):gsub("%s+$", "")))
  local kept = json.decode(store:setting(SETUP) or "{}")
  if kept.hash == hash and kept.expires > os.time() then
    return true
  end
  local key = store:api_key_of(hash)
  return key ~= nil and not key.read_only and (not key.expires or key.expires > time.now())
end

return users
