-- Syncs data types from the emulator, its limits and ours off: the whole of the client, from its
-- first request of a list on.
--   sync.lua DATABASE [full]      BENCH_TYPES="payments transactions"

package.path = "spec/bench/?.lua;" .. package.path
local commerce = require "commerce"
local common = require "common"
local core = require "commerce.core"

local app = assert(commerce.open { store = "sqlite:" .. arg[1] })
local shop = assert(app:connect {
  secret_key = "sk_test_emulator", base_url = os.getenv "BENCH_BASE",
  rate = math.huge, endpoint_rate = math.huge,
})
local types = {}
for name in (os.getenv "BENCH_TYPES" or "payments transactions"):gmatch "%S+" do
  types[#types + 1] = name
end
local started, cpu = core.now(), os.clock()
local report = assert(shop:sync { types = types, full = arg[2] == "full" })
assert(report.complete, tostring(report))
local objects = 0
for _, entry in ipairs(report.types) do
  objects = objects + entry.read
end
common.print(objects, core.now() - started, os.clock() - cpu)
