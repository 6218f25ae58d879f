-- Secrets at rest: sealed by the C core under the master key and bound to their owner, so that
-- neither the database alone nor a row put in another's place is of any use.
-- Called by connection, integrations and the command line; the environment holds the master key.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local credentials = {}

local MASTER, OLD_MASTER = "COMMERCE_MASTER_KEY", "COMMERCE_OLD_MASTER_KEY"

local MISSING = MASTER .. " is not set, so no secret can be stored or opened: make a key with "
  .. "`openssl rand -base64 32`, keep it where the database is not, and set the variable to it"

-- The key in a variable and its id; nil alone if it is not set.
local function key_in(variable)
  local key, message, details = core.secret_from_env(variable)
  local id
  if key then
    id, message, details = core.key_id(key)
  end
  if message then
    return errors.prefix(variable, message, details)
  end
  return key, id
end

--- The master key of COMMERCE_MASTER_KEY.
---@return commerce.core.Secret? master nil if it is not set, or is none
---@return string id its name, or the message
---@return commerce.Details? details
function credentials.master()
  local key, id, details = key_in(MASTER)
  if not key and not id then
    return errors.fail("usage", MISSING)
  end
  return key, id, details
end

local function about(owner, message, details)
  return errors.fail(details.kind, ("the stored secret of %s: %s"):format(owner, message),
    { code = details.code })
end

local function sealed(master, key_id, owner, secret)
  local envelope, message, details = core.seal(master, secret, owner)
  if not envelope then
    return nil, message, details
  end
  return { owner = owner, envelope = envelope, key_id = key_id, modified = time.now() }
end

--- Seal a secret for its owner, to be stored together with something else.
---@param owner string such as "connection:UUID" or "integration:stripe-test"
---@param secret commerce.core.Secret
---@return table? row for the store's `save_secret`; nil on failure
---@return string? message
---@return commerce.Details? details
function credentials.seal(owner, secret)
  local master, id, details = credentials.master()
  if not master then
    return nil, id, details
  end
  return sealed(master, id, owner, secret)
end

--- Keep a secret, sealed, in the place of its owner's last one.
---@param store commerce.Store
---@param owner string as for `seal`
---@param secret commerce.core.Secret
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function credentials.keep(store, owner, secret)
  local row, message, details = credentials.seal(owner, secret)
  if not row then
    return nil, message, details
  end
  return store:save_secret(row)
end

-- Until `commerce rekey` is through, the last master key opens what it sealed.
local function unsealed(row)
  local master, id, details = key_in(MASTER)
  if not master and not id then
    return errors.fail("usage", ("sealed with master key %s, and %s is not set"):format(row.key_id,
      MASTER))
  elseif not master then
    return nil, id, details
  end
  local secret, message, why = core.unseal(master, row.envelope, row.owner)
  if not secret and why.code == "other_key" then
    local old, old_id, wrong = key_in(OLD_MASTER)
    if old then
      local found, reason, cause = core.unseal(old, row.envelope, row.owner)
      if found or cause.code ~= "other_key" then
        return found, reason, cause
      end
      return errors.fail("auth", ("sealed with master key %s, but %s is %s and %s is %s")
        :format(row.key_id, MASTER, id, OLD_MASTER, old_id), { code = "other_key" })
    elseif old_id then
      return nil, old_id, wrong
    end
    return errors.fail("auth", ("sealed with master key %s, but %s is %s; if the key was "
      .. "exchanged, set %s to the last one and run `commerce rekey`"):format(row.key_id, MASTER,
      id, OLD_MASTER), { code = "other_key" })
  end
  return secret, message, why
end

--- Open an owner's secret.
---@param store commerce.Store
---@param owner string as it was kept
---@return commerce.core.Secret? secret nil, alone, if there is none
---@return string? message
---@return commerce.Details? details code "other_key", "not_authentic" (changed, or another owner's)
function credentials.open(store, owner)
  local row, message, details = store:secret(owner)
  if not row then
    return nil, message, details
  end
  row.owner = owner -- whatever the row says: it opens for this one or not at all
  return credentials.open_row(row)
end

--- Open a stored secret.
---@param row table of the store
---@return commerce.core.Secret? secret nil on failure
---@return string? message
---@return commerce.Details? details as for `open`
function credentials.open_row(row)
  local secret, message, details = unsealed(row)
  if not secret then
    return about(row.owner, message, details)
  end
  return secret
end

--- Delete an owner's secret.
---@param store commerce.Store
---@param owner string as it was kept
---@return boolean? dropped false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function credentials.drop(store, owner)
  return store:drop_secret(owner)
end

--- Seal everything anew with the master key, after it was exchanged: what the one in
--- COMMERCE_OLD_MASTER_KEY sealed. All or nothing; a second run finds nothing left to do.
---@param store commerce.Store
---@return table? result { key_id, changed, unchanged = how many secrets }; nil on failure
---@return string? message
---@return commerce.Details? details
function credentials.rekey(store)
  local master, id, wrong = credentials.master()
  if not master then
    return nil, id, wrong
  end
  local unchanged = 0
  local changed, message, details = store:reseal(function(row)
    if row.key_id == id then
      unchanged = unchanged + 1
      return false
    end
    local secret, reason, why = unsealed(row)
    if not secret then
      return about(row.owner, reason, why)
    end
    return sealed(master, id, row.owner, secret)
  end)
  if not changed then
    return nil, message, details
  end
  return { key_id = id, changed = changed, unchanged = unchanged }
end

return credentials
