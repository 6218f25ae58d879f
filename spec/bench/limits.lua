-- Reads charges, or everything, with the server's own limits and latency on: how much of the
-- ceiling that the limits set is reached, in ranges and with one page after the other.
--   limits.lua DATABASE RANGES TYPES|all

package.path = "spec/bench/?.lua;" .. package.path
local commerce = require "commerce"

local database, ranges, types = arg[1], tonumber(arg[2]), {}
for name in arg[3]:gmatch "[%w_]+" do
  types[#types + 1] = name
end

local app = assert(commerce.open { store = "sqlite:" .. database })
local shop = assert(app:connect { secret_key = "sk_live_emulator",
  base_url = os.getenv "BENCH_BASE" })
local report = assert(shop:sync { types = arg[3] ~= "all" and types or nil, ranges = ranges })
assert(report.complete, tostring(report))
local objects = 0
for _, entry in ipairs(report.types) do
  objects = objects + entry.read
end
print(("%d %d %.1f %d"):format(objects, report.requests, report.seconds, report.rate_limited))
