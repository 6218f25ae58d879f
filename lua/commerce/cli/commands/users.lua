-- `commerce users`: the people who sign in to the portal. This also lets an administrator in again
-- who has forgotten the password.

local console = require "commerce.cli.kit.console"
local format = require "commerce.cli.kit.format"
local options = require "commerce.cli.kit.options"
local users = require "commerce.account.users"

local function state_of(view)
  return view.invited and "invited" or view.hasPassword and "" or "has no password"
end

local function list(app, args)
  local rows = {}
  for i, row in ipairs(users.list(app.store)) do
    local view = users.view(row)
    if args.json then
      console.json(view)
    end
    rows[i] = { view.name, view.role, format.minutes(view.lastSignIn), state_of(view) }
  end
  if args.json then
    return
  elseif #rows == 0 then
    console.line "no users yet: `commerce users add NAME --role admin` invites the first one"
    return
  end
  format.print({ "name", "role", "last sign-in", "" }, rows)
end

-- The token is the last line, for scripts.
local function print_invitation(args, row, token)
  local address = (args.page and args.page:gsub("/+$", "") or "") .. "/portal/welcome?token="
    .. token
  console.note(("%s sets a password at this address, once and within %d days; it is shown once")
    :format(row.name, users.INVITE_SECONDS / 86400))
  console.line(address)
end

local function add(app, args)
  local row, token = users.add(app.store, { name = args.name, role = args.role })
  print_invitation(args, row, token)
end

local function reset(app, args)
  local row = users.find(app.store, args.name)
  local token = users.invite(app.store, row)
  print_invitation(args, row, token)
end

local function remove(app, args)
  local row = users.find(app.store, args.name)
  users.remove(app.store, row)
  console.line("removed " .. format.cell(row.name))
end

local function set_role(app, args)
  local row = users.find(app.store, args.name)
  users.set_role(app.store, row, args.role)
  console.line(("%s: %s"):format(format.cell(row.name), row.role))
end

local function name_argument(sub)
  sub:argument("name", "The user's name.")
end

local function page_option(sub)
  sub:option("--page", "The server's address, which the printed address begins with.")
    :argname "URL"
end

local ROLE = "admin, who may do everything, or viewer, who may look at everything."

---@type commerce.cli.Command
return {
  name = "users",
  help = "Manage the people who sign in to the portal.",
  actions = {
    { name = "list", help = "List the users.", json = "One JSON object per user.",
      store = "existing", run = list },
    { name = "add", help = "Add a user, and print the address at which the user sets a password.",
      arguments = function(sub)
        name_argument(sub)
        sub:option("--role", ROLE, "viewer")
        page_option(sub)
      end,
      store = "create", audit = "user.invite", check = options.check_page, run = add },
    { name = "role", help = "Give a user another role.",
      arguments = function(sub)
        name_argument(sub)
        sub:argument("role", ROLE)
      end,
      store = "existing", audit = "user.role", run = set_role },
    { name = "reset", help = "Print an address at which a user sets a new password.",
      arguments = function(sub)
        name_argument(sub)
        page_option(sub)
      end,
      store = "existing", audit = "user.reset", check = options.check_page, run = reset },
    { name = "remove", help = "Remove a user, whose sessions end at once.",
      arguments = name_argument, store = "existing", audit = "user.remove", run = remove },
  },
}
