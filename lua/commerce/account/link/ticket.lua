-- Tickets: texts that let a browser do something for one company or connection for some time. They
-- are signed, not stored. A one-time ticket is kept, as a hash, from its use until it would expire.

local core = require "commerce.core"
local credentials = require "commerce.account.credentials"
local errors = require "commerce.base.errors"

local ticket = {}

local SIGNED, PARTS = "^(.+)%.([%w%-_]+)$", "^(%d+)%.[%w%-_]+$"
local NONCE_BYTES, LONGEST = 16, 300

--- How long a ticket is valid, in seconds: as long as Codat's one-time Link addresses.
ticket.SECONDS = 86400

-- The signed text has the purpose and the subject. The ticket does not repeat them.
local function signed_text(purpose, subject, text)
  return ("%s %s %s"):format(purpose, subject, text)
end

--- Make a ticket.
---@param purpose "otp"|"page"|"form" what it is for
---@param subject string the id of the company or connection
---@return string text needs no encoding in a URL; raises without a master key
---@return integer expires Unix seconds
function ticket.make(purpose, subject)
  local expires = os.time() + ticket.SECONDS
  local text = ("%d.%s"):format(expires, core.random_id(NONCE_BYTES))
  local mac = credentials.with_master(function(master)
    return errors.must(core.sign(master, "ticket", signed_text(purpose, subject, text)))
  end)
  return text .. "." .. mac, expires
end

--- Check a ticket.
---@param purpose "otp"|"page"|"form"
---@param subject string the id of the company or connection
---@param given string? the text, untrusted
---@return integer? expires Unix seconds; nil if it is not valid, or not any more
function ticket.check(purpose, subject, given)
  local text, mac = (given or ""):sub(1, LONGEST):match(SIGNED)
  local expires = text and tonumber(text:match(PARTS))
  if not expires or expires <= os.time() then
    return nil
  end
  local genuine = credentials.with_master(function(master)
    return errors.must(core.verify(master, "ticket", signed_text(purpose, subject, text), mac))
  end)
  return genuine and expires or nil
end

--- Use a ticket that is valid once.
---@param store commerce.Store
---@param purpose "otp"|"page"|"form"
---@param subject string the id of the company or connection
---@param given string? the text, untrusted
---@return boolean valid false if it is not valid or has been used
function ticket.spend(store, purpose, subject, given)
  local expires = ticket.check(purpose, subject, given)
  return expires ~= nil and store:spend_code(core.sha256(given), expires, os.time())
end

return ticket
