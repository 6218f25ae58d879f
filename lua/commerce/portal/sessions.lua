-- Who looks at a page: the session of the browser's cookie. The cookie holds a random token, the
-- store its hash. A browser that is not signed in gets a cookie of its own for the forms of the
-- sign-in pages, so that no other site can send them.

local cookies = require "commerce.http.cookies"
local core = require "commerce.core"

local sessions = {}

local IDLE = 12 * 3600 -- seconds after which a session ends that is not used
local LONGEST = 14 * 86400 -- seconds after which every session ends
local REFRESH = 300 -- seconds between two notes that a session is used
local TOKEN_BYTES = 32
local SESSION, FORM = "commerce_session", "commerce_form"
local LONGEST_AGENT = 200 -- bytes

local function is_secure(context)
  return context.links:is_secure() or context.request.scheme == "https"
end

-- Under https, browsers keep others from setting a cookie with this prefix (RFC 6265bis, 4.1.3.1).
local function name_of(context, name)
  return is_secure(context) and "__Secure-" .. name or name
end

local function cookie(context, name, value, seconds)
  return cookies.header(name_of(context, name), value, { seconds = seconds,
    path = context.prefix == "" and "/" or context.prefix, secure = is_secure(context) })
end

-- The token that a session's forms contain: made of the session's own, which it does not reveal.
local function csrf_of(token)
  return core.sha256("form " .. token)
end

-- Writes seldom: at every change of the mode, and every few minutes.
local function note_use(context, row, now)
  local changes = {}
  if context.mode and context.mode ~= row.mode then
    changes.mode, row.mode = context.mode, context.mode
  end
  if now - row.seen >= REFRESH then
    changes.seen, changes.expires = now, math.min(now + IDLE, row.created + LONGEST)
  end
  if next(changes) then
    context.store:change_session(row.hash, changes)
  end
end

--- The session of a request.
---@param context commerce.portal.Context
---@return commerce.portal.Session? session nil if the browser is not signed in
function sessions.find(context)
  local token = cookies.value(context.request.headers, name_of(context, SESSION))
  local row = token and context.store:session_of(core.sha256(token))
  local now = os.time()
  if not row or row.expires <= now then
    return nil
  end
  local user = context.store:users({ id = row.user_id })[1]
  if not user or not user.password then
    return nil
  end
  note_use(context, row, now)
  return { hash = row.hash, id = row.id, user = user, role = user.role, mode = row.mode,
    csrf = csrf_of(token) }
end

--- Begin a session.
---@param context commerce.portal.Context
---@param user commerce.UserRow
---@return string cookie the header
function sessions.begin(context, user)
  local token, now = core.random_id(TOKEN_BYTES), os.time()
  local hash = core.sha256(token)
  context.store:add_session({ hash = hash, id = hash:sub(1, 16), user_id = user.id,
    mode = context.store:setting "mode" or "test", created = now, seen = now, expires = now + IDLE,
    address = context.request.address,
    agent = (context.request.headers["user-agent"] or ""):gsub("[^\32-\126]", "?")
      :sub(1, LONGEST_AGENT) }, now)
  return cookie(context, SESSION, token, LONGEST)
end

--- End a request's own session.
---@param context commerce.portal.Context
---@return string cookie the header that removes the browser's cookie
function sessions.finish(context)
  context.store:end_sessions(context.session.user.id, { id = context.session.id })
  return cookie(context, SESSION, "", 0)
end

--- The token of a browser that is not signed in, for the forms of the sign-in pages.
---@param context commerce.portal.Context
---@return string token
---@return string? cookie the header, if the browser has no token yet
function sessions.guest(context)
  local token = cookies.value(context.request.headers, name_of(context, FORM))
  if token then
    return csrf_of(token)
  end
  token = core.random_id(TOKEN_BYTES)
  return csrf_of(token), cookie(context, FORM, token)
end

return sessions
