-- Secrets at rest: sealed by the C core under the master key of the environment, and bound to their
-- owner. The database alone does not reveal them, and a row that is copied to another owner does
-- not open.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local credentials = {}

local MASTER, OLD_MASTER = "COMMERCE_MASTER_KEY", "COMMERCE_OLD_MASTER_KEY"

local MISSING = MASTER .. " is not set, so no secret can be stored or opened: make a key with "
  .. "`openssl rand -base64 32`, keep it where the database is not, and set the variable to it"

-- The key in a variable and its id; nil if it is not set.
local function key_in(variable)
  local key = errors.must(core.secret_from_env(variable))
  if not key then
    return nil
  end
  local id, message, details = core.key_id(key)
  return key, errors.must(id, message and ("%s: %s"):format(variable, message), details)
end

-- Calls a function with a key and further arguments, and closes the key afterwards.
local function with(key, work, ...)
  local results = { pcall(work, key, ...) }
  key:close()
  if not results[1] then
    error(results[2], 0)
  end
  return results[2], results[3], results[4]
end

--- Work with the master key of COMMERCE_MASTER_KEY. Raises if it is not set, or is not a master
--- key.
---@param work fun(master: commerce.core.Secret, id: string): any id: the key's; the key is closed
---  afterwards
---@return any result
function credentials.with_master(work)
  local key, id = key_in(MASTER)
  if not key then
    errors.throw("usage", MISSING)
  end
  return (with(key, work, id))
end

--- Check that a master key is set. Raises if COMMERCE_MASTER_KEY is unset or is not a master key.
function credentials.check_master()
  credentials.with_master(function() end)
end

local function sealed(master, key_id, owner, secret)
  local envelope = errors.must(core.seal(master, secret, owner))
  return { owner = owner, envelope = envelope, key_id = key_id, modified = time.now() }
end

--- Seal a secret for its owner, for a caller that stores it in its own transaction.
---@param owner string such as "connection:UUID" or "integration:stripe-test"
---@param secret commerce.core.Secret
---@return commerce.SecretRow row for the store's `save_secret`
function credentials.seal(owner, secret)
  return credentials.with_master(function(master, id)
    return sealed(master, id, owner, secret)
  end)
end

--- Seal and store a secret. It replaces the owner's earlier one.
---@param store commerce.Store
---@param owner string as for `seal`
---@param secret commerce.core.Secret
---@return boolean ok
function credentials.keep(store, owner, secret)
  local row = credentials.seal(owner, secret)
  return store:save_secret(row)
end

-- A secret sealed under another master key: until `commerce rekey` is done, the old key opens it.
local function unsealed_by_old(row, id, failure)
  local old, old_id = key_in(OLD_MASTER)
  if not old then
    errors.throw("auth", ("sealed with master key %s, but %s is %s; if the key was exchanged, set "
      .. "%s to the last one and run `commerce rekey`"):format(row.key_id, MASTER, id, OLD_MASTER),
      { code = "other_key" })
  end
  local secret, message, details = with(old, core.unseal, row.envelope, row.owner)
  if not secret and details.code == "other_key" then
    errors.throw("auth", ("sealed with master key %s, but %s is %s and %s is %s"):format(row.key_id,
      MASTER, id, OLD_MASTER, old_id), { code = failure.code })
  end
  return errors.must(secret, message, details)
end

local function unsealed(row)
  local master, id = key_in(MASTER)
  if not master then
    errors.throw("usage", ("sealed with master key %s, and %s is not set"):format(row.key_id,
      MASTER))
  end
  local secret, message, details = with(master, core.unseal, row.envelope, row.owner)
  if not secret and details.code == "other_key" then
    return unsealed_by_old(row, id, details)
  end
  return (errors.must(secret, message, details))
end

--- Open an owner's secret.
---@param store commerce.Store
---@param owner string the owner that it was sealed for
---@return commerce.core.Secret? secret nil if the owner has none; raises code "other_key" or
---  "not_authentic" (changed, or sealed for another owner)
function credentials.open(store, owner)
  local row = store:secret(owner)
  if not row then
    return nil
  end
  row.owner = owner -- the row's own owner is not trusted: the secret must open for this one
  return credentials.open_row(row)
end

--- Open a stored secret.
---@param row commerce.SecretRow of the store
---@return commerce.core.Secret secret raises as `open` does
function credentials.open_row(row)
  return errors.within("the stored secret of " .. row.owner, unsealed, row)
end

--- Seal all secrets anew after the master key was exchanged; COMMERCE_OLD_MASTER_KEY opens the old
--- ones. All or nothing; a second run has nothing to do.
---@param store commerce.Store
---@return { key_id: string, changed: integer, unchanged: integer } result how many secrets
function credentials.rekey(store)
  return credentials.with_master(function(master, id)
    local unchanged = 0
    local changed = store:reseal(errors.protect(function(row) -- a store's callback returns failures
      if row.key_id == id then
        unchanged = unchanged + 1
        return false
      end
      return with(credentials.open_row(row), function(secret)
        return sealed(master, id, row.owner, secret)
      end)
    end))
    return { key_id = id, changed = changed, unchanged = unchanged }
  end)
end

return credentials
