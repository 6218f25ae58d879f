-- `commerce keys`: the API keys that clients of the HTTP API send. Called by cli.

local auth = require "commerce.http.auth"
local commerce = require "commerce"
local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"
local output = require "commerce.cli.kit.output"
local time = require "commerce.base.time"

local command = {}

--- Declare the command.
---@param parser table argparse parser
function command.define(parser)
  local keys = parser:command("keys", "API keys: what clients of the HTTP API prove themselves by.")
  keys:command_target "action"
  local create = keys:command("create", "Make a key and print it, once: only its hash is kept.")
  create:option("--name", "What to call it.")
  create:option("--expires", "The date from which it is worth nothing.")
    :argname "DATE"
  local list = keys:command("list", "List the keys.")
  local delete = keys:command("delete", "Delete a key: who sends it is refused from now on.")
  delete:argument("id", "Its id.")
  for _, each in ipairs { create, list, delete } do
    common.store_options(each)
  end
end

local function create(app, args)
  local expires, wrong
  if args.expires then
    expires, wrong = time.parse(args.expires)
    if not expires then
      return errors.fail("usage", "--expires: " .. wrong)
    end
  end
  local row, message, details = auth.create(app.store, { name = args.name,
    expires = time.format(expires) })
  if not row then
    return nil, message, details
  end
  io.stderr:write("this key is shown once; it is sent as `Authorization: Basic <base64 of it>`\n")
  output.line(row.key)
  return 0
end

local function list(app)
  local rows, message, details = app.store:api_keys()
  if not rows then
    return nil, message, details
  end
  for _, row in ipairs(rows) do
    output.line(("%s  created %s  %s  %s"):format(row.id, row.created,
      row.expires and "expires " .. row.expires or "does not expire", row.name or ""))
  end
  return 0
end

local function delete(app, args)
  local outcome, message, details = app.store:delete_api_key(args.id, time.now())
  if not outcome then
    return nil, message, details
  elseif outcome ~= "deleted" then
    return errors.fail("usage", outcome == "last"
      and "the last key that works cannot be deleted; make another one first"
      or "there is no key with this id; `commerce keys list` shows them")
  end
  output.line("deleted " .. args.id)
  return 0
end

local ACTIONS = { create = create, list = list, delete = delete }

--- Run it.
---@param args table
---@return integer? status nil on failure
---@return string? message
---@return commerce.Details? details
function command.run(args)
  local app, message, details = commerce.open { store = args.store,
    create = args.action == "create" }
  if not app then
    return nil, message, details
  end
  local status
  status, message, details = ACTIONS[args.action](app, args)
  app:close()
  return status, message, details
end

return command
