-- `commerce keys`: the API keys that clients of the HTTP API send.

local auth = require "commerce.http.auth"
local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local must = errors.must

local function create(app, args)
  local expires, wrong
  if args.expires then
    expires, wrong = time.parse(args.expires)
    if not expires then
      errors.throw("usage", "--expires: " .. wrong)
    end
  end
  local row = must(auth.create(app.store, { name = args.name, expires = time.format(expires),
    read_only = args.read_only }))
  console.note "this key is shown once; send it as `Authorization: Basic <base64 of the key>`"
  console.line(row.key)
end

local function list(app)
  for _, row in ipairs(must(app.store:api_keys())) do
    console.line(("%s  created %s  %s%s  %s"):format(row.id, row.created,
      row.expires and "expires " .. row.expires or "does not expire",
      row.read_only and "  read-only" or "", row.name or ""))
  end
end

local REFUSED = {
  last = "the last valid key cannot be deleted; create another key first",
  missing = "no key has this id; `commerce keys list` lists the keys",
}

local function delete(app, args)
  local outcome = must(app.store:delete_api_key(args.id, time.now()))
  if outcome ~= "deleted" then
    errors.throw("usage", REFUSED[outcome])
  end
  console.line("deleted " .. args.id)
end

---@type commerce.cli.Command
return {
  name = "keys",
  help = "Manage API keys, with which clients of the HTTP API authenticate.",
  actions = {
    { name = "create", help = "Create a key and print it, once: only its hash is stored.",
      arguments = function(sub)
        sub:option("--name", "A name for it.")
        sub:option("--expires", "The date from which the key is refused."):argname "DATE"
        sub:flag("--read-only", "The key reads, and can change nothing.")
      end,
      store = "create", audit = "key.create", run = create },
    { name = "list", help = "List the keys.", store = "existing", run = list },
    { name = "delete", help = "Delete a key: it is refused from now on.",
      arguments = function(sub)
        sub:argument("id", "The key's id.")
      end,
      store = "existing", audit = "key.delete", run = delete },
  },
}
