-- The addresses of this server that Codat's shapes hand to merchants.

local links = {}

---@class commerce.codat.Links
---@field private base string the server's address with its prefix, without a slash at the end; only
---  the prefix if the address is not known
local methods = {}
local links_mt = { __name = "commerce.codat.Links", __index = methods }

--- Build the addresses of a server.
---@param base string where merchants reach the server, such as "https://example.com/codat"; a
---  path, such as "/codat", if this is not known: the links are paths, too
---@return commerce.codat.Links
function links.new(base)
  return setmetatable({ base = base }, links_mt)
end

--- The address at which a company's merchant chooses an integration to connect.
---@param company_id string
---@param otp string? a one-time password, which needs no encoding in a URL
---@return string url
function methods:company(company_id, otp)
  return ("%s/link/company/%s%s"):format(self.base, company_id, otp and "?link.otp=" .. otp or "")
end

--- The address of a company in the API, for the operator.
---@param company_id string
---@return string? url nil if the server's address is not known
function methods:portal(company_id)
  return self.base:find "^https?://" and ("%s/companies/%s"):format(self.base, company_id) or nil
end

--- The address at which a connection is authorized. Its link_id is the secret part of the address.
---@param link_id string
---@return string url
function methods:connection(link_id)
  return ("%s/link/start/%s"):format(self.base, link_id)
end

--- The address that a merchant's restricted key is sent to.
---@param link_id string the connection's
---@return string url
function methods:key(link_id)
  return ("%s/link/key/%s"):format(self.base, link_id)
end

--- The address of the page that tells the merchant that the connection is linked.
---@param link_id string the connection's
---@return string url
function methods:done(link_id)
  return ("%s/link/done/%s"):format(self.base, link_id)
end

--- Where Stripe sends a merchant back to.
---@return string? url nil if the server's address is not known
function methods:callback()
  return self.base:find "^https?://" and self.base .. "/oauth/callback" or nil
end

--- Whether merchants reach the server over https.
---@return boolean
function methods:is_secure()
  return self.base:find "^https://" ~= nil
end

local LOOPBACK = { "^http://localhost[:/]", "^http://127%.%d+%.%d+%.%d+[:/]",
  "^http://%[::1%][:/]" }

--- Whether a secret that a merchant sends is read by nobody on the way: over https, or on this
--- machine. Not known without the server's address.
---@return boolean
function methods:is_private()
  local base, private = self.base .. "/", self:is_secure()
  for _, pattern in ipairs(LOOPBACK) do
    private = private or base:find(pattern) ~= nil
  end
  return private
end

return links
