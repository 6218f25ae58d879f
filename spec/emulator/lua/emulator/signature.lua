--- `Stripe-Signature`: HMAC-SHA256 of time and body by each secret. nginx has OpenSSL's functions.
local ffi = require "ffi"

ffi.cdef [[
typedef struct evp_md_st EVP_MD;
const EVP_MD *EVP_sha256(void);
unsigned char *HMAC(const EVP_MD *evp_md, const void *key, int key_len, const unsigned char *d,
  size_t n, unsigned char *md, unsigned int *md_len);
]]

local ok, crypto = pcall(function()
  local _ = ffi.C.HMAC
  return ffi.C
end)
if not ok then crypto = ffi.load "crypto" end

local signature = {}

local digest, length = ffi.new "unsigned char[64]", ffi.new "unsigned int[1]"

--- The signature of a body, in hexadecimal.
---@param secret string all of it, with its prefix
---@param t number unix seconds
---@param body string
---@return string
function signature.v1(secret, t, body)
  local text = ("%d.%s"):format(t, body)
  crypto.HMAC(crypto.EVP_sha256(), secret, #secret, text, #text, digest, length)
  return (ffi.string(digest, length[0]):gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end

--- The header's value.
---@param secrets string[] two while one replaces the other
---@param t number
---@param body string
---@return string
function signature.header(secrets, t, body)
  local parts = { "t=" .. ("%d"):format(t) }
  for _, secret in ipairs(secrets) do
    parts[#parts + 1] = "v1=" .. signature.v1(secret, t, body)
  end
  return table.concat(parts, ",")
end

return signature
