-- Sends JSON to another server: a webhook, a chat, a queue. The request never has a Stripe key.

local address = require "commerce.base.url"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local jobs = require "commerce.runtime.jobs"
local json = require "commerce.base.json"

local OPTIONS = { timeout = "number", ca_file = "string" }

local TIMEOUT = 30 -- seconds

-- "https://host:port" and "/path?query".
local function split(url)
  local base, target = address.split(url)
  if not base then
    errors.refuse("post: an address such as https://example.com/hook expected, got %s", type(url)
      == "string" and "a text without https://" or type(url))
  end
  return base, target
end

--- Post a value as JSON. It is sent once: whether to send it again is the caller's to decide. In
--- OpenResty other requests go on meanwhile.
---@param url string https, or http to this machine; messages name its host alone
---@param value any what JSON can carry
---@param options { timeout: number?, ca_file: string? }? timeout: seconds (30); ca_file: PEM file
---  of certificates to trust
---@return string? answer the answer's body; nil on failure, which any status but 2xx is
---@return string? message
---@return commerce.Details? details
return function(url, value, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  if value == nil then
    errors.refuse("post: something to send expected after the address, such as { text = \"…\" }")
  end
  local base, target = split(url)
  local ok, text = errors.try(json.encode, value)
  if not ok then
    errors.refuse("post: %s", tostring(text))
  end
  local transport = core.transport { ca_file = options.ca_file }
  local made, call = errors.try(function()
    local session = core.session { transport = transport, foreign = true, base_url = base,
      retries = 0, timeout = options.timeout or TIMEOUT }
    return session:request { method = "POST", path = target, body = text }
  end)
  if not made then
    transport:close()
    errors.refuse("post: the address %s", (tostring(call):gsub("^.-bad option '[%w_]+': ", "")))
  end
  local response, message, details = jobs.await(transport, call)
  transport:close()
  if not response then
    return nil, message, details
  end
  return response.body
end
