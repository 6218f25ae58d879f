-- `commerce rekey`: seals all stored secrets with a new master key.

local console = require "commerce.cli.kit.console"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"

local function run(app, args)
  local result = errors.must(credentials.rekey(app.store))
  if args.json then
    console.json { keyId = result.key_id, changed = result.changed, unchanged = result.unchanged }
    return
  end
  console.line(("both modes: %d secrets sealed again, %d already sealed with master key %s"):format(
    result.changed, result.unchanged, result.key_id))
  if result.changed > 0 then
    console.line "the old master key is only needed for older copies of the database"
  end
end

---@type commerce.cli.Command
return {
  name = "rekey",
  help = "Seal all stored secrets, of both modes, with a new master key: set "
    .. "COMMERCE_OLD_MASTER_KEY to the old key and COMMERCE_MASTER_KEY to the new one. If it is "
    .. "killed, run it again.",
  json = "As a JSON object.", store = "existing", audit = "store.rekey", run = run,
}
