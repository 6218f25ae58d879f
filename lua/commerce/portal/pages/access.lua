-- Signing in and out; the first run, which makes the first administrator; and the page on which an
-- invited user sets a password.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"
local h = require "commerce.portal.html"
local layout = require "commerce.portal.layout"
local network = require "commerce.http.network"
local passwords = require "commerce.account.passwords"
local sessions = require "commerce.portal.sessions"
local users = require "commerce.account.users"

local MINUTES = 15
local SECONDS = MINUTES * 60
-- attempts in this time: of an address with one name, of an address, with one name from anywhere
local MOST_PAIR, MOST_ADDRESS, MOST_NAME = 10, 50, 200

local function note(context, actor, action, target)
  context:note { actor = actor, action = action, target = target }
end

-- Raise if too many attempts came from an address, or with a name.
local function limit(context, name)
  local bucket, count = network.bucket(context.request.address), context.count
  if count("portal " .. bucket, SECONDS) > MOST_ADDRESS
    or name and count(("portal %s %s"):format(bucket, network.bucket(name)), SECONDS) > MOST_PAIR
    or name and count("portal name " .. network.bucket(name), SECONDS) > MOST_NAME then
    errors.throw("api", ("Too many attempts to sign in. Wait %d minutes and try again."):format(
      MINUTES), { status = 429, headers = { ["Retry-After"] = ("%d"):format(SECONDS) } })
  end
end

-- Where the browser wanted to go: only to a page of the portal.
local function destination(context)
  local wanted, portal = context.form.next or context.query.next or "", context.prefix .. "/portal/"
  if wanted:sub(1, #portal) == portal and not wanted:find "[%c\\]"
    and not wanted:find("//", 1, true) and wanted:sub(1, #portal + 5) ~= portal .. "login" then
    return wanted
  end
  return context.prefix .. "/portal"
end

local function field(content)
  return h.div { class = "field",
    h.label { ["for"] = content.name, content.label },
    h.input { id = content.name, name = content.name, type = content.type or "text",
      value = content.value, autocomplete = content.autocomplete, required = true,
      autofocus = content.autofocus, maxlength = "1000",
      ["aria-describedby"] = content.hint and content.name .. "-hint" or nil,
      autocapitalize = "none", spellcheck = "false" },
    content.hint and h.p { class = "hint", id = content.name .. "-hint", content.hint } }
end

local function page(context, given)
  return layout.page(context, { title = given.title, narrow = true, status = given.status,
    body = h.div { class = "card",
      given.text and h.p { class = "quiet", given.text },
      given.wrong and layout.notice("bad", given.wrong), given.form } })
end

-- ---------------------------------------------------------------- signing in

local function login_page(context, wrong, status)
  if #context.store:users() == 0 then
    return layout.go(context.prefix .. "/portal/setup")
  end
  return page(context, { title = "Sign in", wrong = wrong, status = status,
    form = layout.form(context, { class = "stack", action = context.prefix .. "/portal/login",
      h.input { type = "hidden", name = "next", value = destination(context) },
      field { name = "name", label = "Name", autocomplete = "username",
        value = context.form.name, autofocus = not wrong },
      field { name = "password", label = "Password", type = "password",
        autocomplete = "current-password", autofocus = wrong ~= nil },
      h.div { class = "actions", h.button { class = "primary", "Sign in" } },
      h.p { class = "hint", "Forgotten the password? An administrator can send you a new "
        .. "invitation, also with the command ", h.code "commerce users reset NAME", "." } }) })
end

local function show_login(context)
  if context.session then
    return layout.go(destination(context))
  end
  return login_page(context)
end

local function signed_in(context, user, action)
  note(context, user.name, action)
  return layout.go(destination(context), sessions.begin(context, user))
end

local WRONG = "The name or the password is not right."

local function log_in(context)
  local name = context.form.name or ""
  limit(context, ascii.lower(name))
  local user = users.sign_in(context.store, name, context.form.password or "",
    function(password, hash)
      return context.slow("commerce.account.passwords", "matches", password, hash)
    end)
  if not user then
    -- a name that nobody has may be a password in the wrong field
    local known = errors.catch(users.find, context.store, name)
    note(context, "somebody", "session.refuse", known and known.name)
    return login_page(context, WRONG, 403)
  end
  return signed_in(context, user, "session.begin")
end

local function log_out(context)
  note(context, context.session.user.name, "session.end")
  return layout.go(context.prefix .. "/portal/login", sessions.finish(context))
end

-- ---------------------------------------------------------------- passwords

local RULE = ("%d characters or more. A few words are easier to remember than signs."):format(
  passwords.LEAST)

local function password_fields(autofocus)
  return field { name = "password", label = "Password", type = "password", autofocus = autofocus,
      autocomplete = "new-password", hint = RULE },
    field { name = "again", label = "Password again", type = "password",
      autocomplete = "new-password" }
end

-- The hash of the password that a form contains twice.
local function chosen(context, user_name)
  local password = context.form.password or ""
  passwords.check(password, user_name)
  if password ~= context.form.again then
    errors.throw("usage", "the two passwords are not the same")
  end
  return context.slow("commerce.account.passwords", "hash", password)
end

-- ---------------------------------------------------------------- the first run

local SETUP = { "Nobody can sign in yet. The first administrator needs the token that ",
  h.code "commerce serve", " prints when it starts, or an API key." }

local function setup_page(context, wrong, status)
  local first, second = password_fields()
  return page(context, { title = "Welcome", wrong = wrong, status = status, text = SETUP,
    form = layout.form(context, { class = "stack", action = context.prefix .. "/portal/setup",
      field { name = "token", label = "One-time token or API key", type = "password",
        autocomplete = "off", value = context.form.token or context.query.token,
        hint = { "An API key comes from ", h.code "commerce keys create", "." } },
      field { name = "name", label = "Your name", autocomplete = "username",
        value = context.form.name },
      first, second,
      h.div { class = "actions", h.button { class = "primary", "Create the administrator" } } }) })
end

local function show_setup(context)
  if #context.store:users() > 0 then
    return layout.go(context.prefix .. "/portal/login")
  end
  return setup_page(context)
end

local REFUSED = "This is not the token that `commerce serve` has printed last, and not an API key "
  .. "that may change things. Start the server again to get a new token."

local function set_up(context)
  if #context.store:users() > 0 then
    return layout.go(context.prefix .. "/portal/login")
  end
  limit(context)
  if not users.may_set_up(context.store, context.form.token or "") then
    note(context, "somebody", "setup.refuse")
    context.form.token = nil
    return setup_page(context, REFUSED, 403)
  end
  local user, message, failure = errors.catch(function()
    return users.add_first(context.store, context.form.name, chosen(context, context.form.name))
  end)
  if not user and failure.kind == "usage" then
    return setup_page(context, layout.sentence(message), 400)
  elseif not user then
    errors.rethrow(failure)
  end
  return signed_in(context, user, "user.first")
end

-- ---------------------------------------------------------------- invitations

local GONE = "This invitation has been used, or is not valid any more. An administrator can send "
  .. "you a new one."

local function invited(context, token)
  return users.invited(context.store, token) or errors.throw("api", GONE, { status = 404 })
end

local function welcome_page(context, user, token, wrong)
  local first, second = password_fields(true)
  return page(context, { title = "Welcome, " .. user.name, wrong = wrong,
    status = wrong and 400 or nil, text = "Choose the password that you sign in with.",
    form = layout.form(context, { class = "stack", action = context.prefix .. "/portal/welcome",
      h.input { type = "hidden", name = "token", value = token },
      h.input { type = "text", name = "username", value = user.name, autocomplete = "username",
        hidden = true },
      first, second,
      h.div { class = "actions", h.button { class = "primary", "Set the password" } } }) })
end

local function show_welcome(context)
  return welcome_page(context, invited(context, context.query.token), context.query.token)
end

local function welcome(context)
  limit(context)
  local user = invited(context, context.form.token)
  local hash, message, failure = errors.catch(chosen, context, user.name)
  if not hash and failure.kind == "usage" then
    return welcome_page(context, user, context.form.token, layout.sentence(message))
  elseif not hash then
    errors.rethrow(failure)
  end
  users.set_password(context.store, user, hash)
  return signed_in(context, user, "user.welcome")
end

---@type commerce.portal.Route[]
return {
  { method = "GET", path = "/portal/login", role = "public", run = show_login },
  { method = "POST", path = "/portal/login", role = "public", run = log_in },
  { method = "POST", path = "/portal/logout", role = "viewer", run = log_out },
  { method = "GET", path = "/portal/setup", role = "public", run = show_setup },
  { method = "POST", path = "/portal/setup", role = "public", run = set_up },
  { method = "GET", path = "/portal/welcome", role = "public", run = show_welcome },
  { method = "POST", path = "/portal/welcome", role = "public", run = welcome },
}
