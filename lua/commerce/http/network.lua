-- Networks of clients, for limits of how often an address may do something.

local core = require "commerce.core"

local network = {}

local BUCKET = 3 -- hexadecimal digits: 4096 buckets bound the memory, however many addresses come

--- The network of an address: the address itself, or its /64 of IPv6, since a customer's network
--- has 2^64 addresses of that.
---@param address string
---@return string
function network.of(address)
  if not address:find ":" or address:find "%." then
    return address
  end
  local groups = {}
  for group in (address:match "^(.-)::" or address):gmatch "[^:]+" do
    groups[#groups + 1] = group
  end
  while #groups < 4 do
    groups[#groups + 1] = "0"
  end
  return table.concat(groups, ":", 1, 4)
end

--- The bucket in which an address is counted.
---@param address string? the client's
---@return string bucket
function network.bucket(address)
  return core.sha256(network.of(address or "")):sub(1, BUCKET)
end

return network
