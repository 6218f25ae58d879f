-- Passwords that people choose: their hashes, by scrypt. A hash takes some 300 ms and 32 MB, so a
-- server makes and checks them in a thread.

local core = require "commerce.core"
local errors = require "commerce.base.errors"

local passwords = {}

--- What a new hash costs. OWASP's Password Storage Cheat Sheet has N = 2^15, r = 8, p = 3 as one of
--- its equal choices for scrypt. Stored hashes name what they cost.
passwords.COST = { ln = 15, r = 8, p = 3 }

passwords.LEAST, passwords.MOST = 10, 256 -- characters; NIST SP 800-63B asks for 8 at least

--- Raise unless a text may be a password.
---@param text string?
---@param user_name string? which it must not be
function passwords.check(text, user_name)
  local length = #((text or ""):gsub("[\128-\191]", ""))
  if length < passwords.LEAST or length > passwords.MOST then
    errors.throw("usage", ("a password needs %d to %d characters; this one has %d"):format(
      passwords.LEAST, passwords.MOST, length))
  elseif text == user_name then
    errors.throw("usage", "the password must not be the user's name")
  end
end

--- Hash a password. Slow.
---@param text string
---@return string hash
function passwords.hash(text)
  local cost = passwords.COST
  return core.hash_password(text, cost.ln, cost.r, cost.p)
end

--- Whether a password has a hash. Slow.
---@param text string
---@param hash string
---@return boolean matches
function passwords.matches(text, hash)
  return #text <= 4 * passwords.MOST and core.check_password(text, hash)
end

return passwords
