-- What happens to a connection: it is linked, fails, ends, is deleted. Methods of a connection.
-- Called by connection; the rules are in life.lua.

local errors = require "commerce.base.errors"
local grants = require "commerce.account.grant"
local keys = require "commerce.account.keys"
local life = require "commerce.account.status"
local stripe = require "commerce.stripe"

---@class commerce.Connection
local lifecycle = {}

--- Change what the store knows, whatever the status.
---@param changes table see `change_connection` of the store
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function lifecycle:change(changes)
  local changed, message, details = self.store:change_connection(self.id, changes)
  if changed == false then
    return errors.fail("missing", ("connection %s has been deleted"):format(self.id))
  elseif changed then
    for name, value in pairs(changes) do
      self.row[name] = value or nil
    end
  end
  return changed, message, details
end

--- It has been authorized, which must be proven: it is "Linked". A key that is kept for it is
--- forgotten once Connect has taken its place.
---@param grant table see `commerce.account.status`: account, auth, scope, sync_on_link, name
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function lifecycle:link(grant)
  local ok, message, details = life.link(self.store, self.row, grant)
  if ok and grant.auth == "connect" then
    self:close() -- a session of the old way
    ok, message, details = keys.forget(self.app, self.row)
  end
  return ok, message, details
end

-- Access that a merchant gave by linking ends with the connection, at Stripe as well.
local function give_back(self, options)
  errors.check_options(options or {}, { keep_access = "boolean" }, 4)
  -- without a scope it was not linked here: STRIPE_ACCOUNT with a platform's key
  if self.status ~= "Linked" or self.auth ~= "connect" or not self.scope
    or options and options.keep_access then
    return true
  end
  local outcome, message, details = grants.release(self.app, self.row.integration, self.account,
    self.options, self.id)
  if not outcome then
    return errors.prefix("the platform's access could not be ended at Stripe", message, details)
  end
  return outcome
end

--- End it: nothing is read any more, a kept key is forgotten, what is stored stays readable. Where
--- a merchant let the platform in, that ends at Stripe, too, first of all, unless another
--- connection needs it.
---@param reason string? for its history
---@param options table? keep_access = true: Stripe is not told
---@return boolean? ok nil on failure; details.kind is "state" unless it was "Linked"
---@return string? message
---@return commerce.Details? details
function lifecycle:unlink(reason, options)
  local ok, message, details = give_back(self, options)
  if not ok then
    return nil, message, details
  end
  ok, message, details = life.finish(self.store, self.row, "Unlinked", reason)
  if not ok then
    return nil, message, details
  end
  self:close()
  return keys.forget(self.app, self.row)
end

--- The merchant or Stripe has ended it. What is stored stays readable.
---@param reason string? for its history
---@return boolean? ok nil on failure; details.kind is "state" unless it was "Linked"
---@return string? message
---@return commerce.Details? details
function lifecycle:deauthorize(reason)
  return life.finish(self.store, self.row, "Deauthorized", reason)
end

--- Note a failure; if it says that the account is out of reach, the connection is "Deauthorized".
---@param message string
---@param details commerce.Details?
---@return boolean? ok nil if the store failed
---@return string? why
---@return commerce.Details? its_details
function lifecycle:failed(message, details)
  local ok, why, its_details = life.note_error(self.store, self.row, message, details)
  if ok and self.status == "Linked" and stripe.is_revoked(details, self.auth) then
    return self:deauthorize(message)
  end
  return ok, why, its_details
end

--- What went wrong with it as a whole, oldest first.
---@return table[]? rows { at, status_code, status_text, message, resolved }; nil on failure
---@return string? message
---@return commerce.Details? details
function lifecycle:errors()
  return self.store:connection_errors(self.id)
end

--- How it came to its status, oldest first.
---@return table[]? rows { at, status, reason }; nil on failure
---@return string? message
---@return commerce.Details? details
function lifecycle:history()
  return self.store:connection_history(self.id)
end

--- Remove it with everything that is stored of it. One that is "Linked" is unlinked first.
---@param options table? see `unlink`
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function lifecycle:delete(options)
  local ok, message, details = true, nil, nil
  if self.status == "Linked" then
    ok, message, details = self:unlink("it was deleted", options)
  end
  if ok then
    self:close()
    ok, message, details = keys.forget(self.app, self.row)
  end
  if ok then
    ok, message, details = self.store:remove_connection(self.id)
  end
  if ok == false then
    return errors.fail("missing", ("connection %s has been deleted already"):format(self.id))
  end
  return ok, message, details
end

return lifecycle
