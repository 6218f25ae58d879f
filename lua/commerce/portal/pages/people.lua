-- Settings: the users, the log of what was done, and a user's own account.

local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local input = require "commerce.http.input"
local layout = require "commerce.portal.layout"
local passwords = require "commerce.account.passwords"
local response = require "commerce.http.response"
local settings = require "commerce.portal.settings"
local time = require "commerce.base.time"
local users = require "commerce.account.users"

-- ---------------------------------------------------------------- users

local ROLES = { { "viewer", "Viewer: looks at everything" },
  { "admin", "Administrator: may do everything" } }

local function state_of(view)
  return view.invited and h.span { class = "pill wait", "invited" }
    or view.hasPassword and h.span { class = "pill good", "active" }
    or h.span { class = "pill off", "invitation expired" }
end

local function user_row(context, row)
  local view, is_self = users.view(row), row.id == context.session.user.id
  local address, may = settings.address(context, "users/" .. row.id), settings.may_change(context)
  local other = row.role == "admin" and "viewer" or "admin"
  return { { layout.name(row.name), is_self and h.span { class = "quiet", " (you)" } },
    row.role == "admin" and "Administrator" or "Viewer", state_of(view),
    layout.time(view.lastSignIn), may and h.div { class = "actions",
      settings.button(context, address .. "/role", other == "admin" and "Make administrator"
        or "Make viewer", { name = row.name, fields = { role = other } }),
      settings.button(context, address .. "/invite", "New invitation", { name = row.name }),
      not is_self and settings.button(context, address .. "/remove", "Remove", { class = "danger",
        name = row.name }) } }
end

local function invitation(context, name, token)
  local base = context.links.base
  local address = (base:find "^https?://" and base or context.prefix) .. "/portal/welcome?token="
    .. token
  return settings.shown_once("invitation", ("Send this address to %s: it sets a password, once and "
    .. "within %d days"):format(name, users.INVITE_SECONDS / 86400), address)
end

local function users_page(context, given)
  given = given or {}
  local rows = {}
  for i, row in ipairs(users.list(context.store)) do
    rows[i] = user_row(context, row)
  end
  return settings.page(context, { tab = "users", title = "Users", wrong = given.wrong, body = {
    given.token and invitation(context, given.name, given.token),
    settings.table("Users", { "Name", "Role", "State", "Last sign-in", "" }, rows),
    settings.may_change(context) and h.div { class = "card", h.h2 "Add a user",
      layout.form(context, { class = "stack", action = settings.address(context, "users"),
        h.div { class = "row", settings.field { name = "name", label = "Name", class = "grow",
          required = true, value = context.form.name },
          settings.field { name = "role", label = "Role", class = "grow", choices = ROLES,
            value = context.form.role or "viewer" } },
        h.div { class = "actions", h.button { class = "primary", "Invite" } } }) } } })
end

local function found(context)
  local id = context:uuid "userId"
  return id and context.store:users({ id = id })[1]
    or response.refuse(404, "There is no such user.")
end

-- Changes a user and shows the list; what is wrong stands above it.
local function changing(change)
  return function(context)
    local given = {}
    return settings.try(function()
      change(context, given)
    end, function(wrong)
      return users_page(context, { wrong = wrong })
    end, function()
      context.form = {}
      return given.token and users_page(context, given)
        or layout.go(settings.address(context, "users"))
    end)
  end
end

local add = changing(function(context, given)
  local row, token = users.add(context.store, { name = context.form.name,
    role = context.form.role })
  given.name, given.token, context.target = row.name, token, row.name
end)

local invite = changing(function(context, given)
  local row = found(context)
  given.name, given.token, context.target = row.name, users.invite(context.store, row), row.name
end)

local set_role = changing(function(context)
  local row = found(context)
  context.target, context.detail = row.name, context.form.role
  users.set_role(context.store, row, context.form.role)
end)

local remove = changing(function(context)
  local row = found(context)
  context.target = row.name
  if row.id == context.session.user.id then
    errors.throw("usage", "another administrator can remove you, not you yourself")
  end
  users.remove(context.store, row)
end)

-- ---------------------------------------------------------------- the log

local SIZE = 100 -- entries of a page

local function log(context)
  local before = context.query.before and input.whole(context.query, "before", 1, 2 ^ 31)
  local entries, rows = context.store:audit { limit = SIZE + 1, before = before }, {}
  for i = 1, math.min(#entries, SIZE) do
    local entry = entries[i]
    rows[i] = { layout.time(entry.at), layout.name(entry.actor), h.code(entry.action),
      entry.target and layout.name(entry.target), entry.mode, entry.address and h.code(
      entry.address), entry.detail and layout.name(entry.detail) }
  end
  local older = entries[SIZE + 1] and settings.address(context, "log?before="
    .. ("%d"):format(entries[SIZE].number))
  return settings.page(context, { tab = "log", title = "Log", body = {
    h.p { class = "quiet", "Who changed what in the portal, over the API and on the command "
      .. "line. Entries are kept for 400 days." },
    #rows > 0 and settings.table("Log", { "When", "Who", "What", "To what", "Mode", "From",
      "Detail" }, rows) or layout.empty("Nothing was done yet", "What is done from now on stands "
      .. "here."),
    h.nav { class = "pages", ["aria-label"] = "Pages", h.div { class = "actions",
      before and h.a { class = "button compact", href = settings.address(context, "log"),
        "Newest" }, older and h.a { class = "button compact", href = older, "Older" } } } } })
end

-- ---------------------------------------------------------------- one's own account

local function session_row(context, row)
  local is_this = row.hash == context.session.hash
  return { { h.span { class = "clip", row.agent ~= "" and row.agent or "unknown browser" },
    is_this and h.span { class = "pill good", "this one" } }, h.code(row.address or ""),
    layout.time(time.format(row.created)), layout.time(time.format(row.seen)),
    not is_this and settings.button(context, settings.address(context, "account/sessions"), "End",
      { name = "the session of " .. (row.address or ""), fields = { id = row.id } }) }
end

local function account(context, wrong, done)
  local rows, now = {}, os.time()
  for _, row in ipairs(context.store:sessions(context.session.user.id)) do
    rows[#rows + 1] = row.expires > now and session_row(context, row) or nil
  end
  local function password(name, label, autocomplete, hint)
    return settings.field { name = name, label = label, type = "password", required = true,
      autocomplete = autocomplete, hint = hint }
  end
  return settings.page(context, { tab = "account", title = "Your account", wrong = wrong,
    done = done, body = {
      h.div { class = "card", h.dl { class = "facts", h.dt "Name",
        h.dd { layout.name(context.session.user.name) }, h.dt "Role",
        h.dd(context.session.role == "admin" and "Administrator" or "Viewer") } },
      h.div { class = "card", h.h2 "Password", layout.form(context, { class = "stack",
        action = settings.address(context, "account"),
        password("current", "Present password", "current-password"),
        password("password", "New password", "new-password", ("%d characters or more. All other "
          .. "sessions end."):format(passwords.LEAST)),
        password("again", "New password again", "new-password"),
        h.div { class = "actions", h.button { class = "primary", "Change the password" } } }) },
      h.h2 "Where you are signed in",
      settings.table("Sessions", { "Browser", "Address", "Since", "Last used", "" }, rows) } })
end

local function change_password(context)
  return settings.try(function()
    local form, user = context.form, context.session.user
    if context.count("portal password " .. user.id, 900) > 10 then
      response.refuse(429, "Too many attempts. Wait 15 minutes and try again.")
    elseif not context.slow("commerce.account.passwords", "matches", form.current or "",
      user.password) then
      errors.throw("usage", "the present password is not right")
    elseif form.password ~= form.again then
      errors.throw("usage", "the two new passwords are not the same")
    end
    passwords.check(form.password, user.name)
    users.set_password(context.store, user, context.slow("commerce.account.passwords", "hash",
      form.password), context.session.hash)
    context:note { actor = user.name, action = "user.password" }
  end, function(wrong)
    return account(context, wrong)
  end, function()
    return account(context, nil, "The password is changed. All other sessions have ended.")
  end)
end

local function end_session(context)
  context.store:end_sessions(context.session.user.id, { id = context.form.id or "" })
  return layout.go(settings.address(context, "account"))
end

local USER = "/portal/settings/users/{userId}"

---@type commerce.portal.Route[]
return {
  { method = "GET", path = "/portal/settings/users", run = function(context)
    return users_page(context)
  end },
  { method = "POST", path = "/portal/settings/users", audit = "user.invite", run = add },
  { method = "POST", path = USER .. "/role", audit = "user.role", run = set_role },
  { method = "POST", path = USER .. "/invite", audit = "user.reset", run = invite },
  { method = "POST", path = USER .. "/remove", audit = "user.remove", run = remove },
  { method = "GET", path = "/portal/settings/log", run = log },
  { method = "GET", path = "/portal/settings/account", run = function(context)
    return account(context)
  end },
  { method = "POST", path = "/portal/settings/account", role = "viewer", run = change_password },
  { method = "POST", path = "/portal/settings/account/sessions", role = "viewer",
    run = end_session },
}
