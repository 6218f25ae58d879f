-- Syncs payments and transactions from the emulator, its limits and ours off: the whole of the
-- client.
--   sync.lua DATABASE [full]

package.path = "spec/bench/?.lua;" .. package.path
local commerce = require "commerce"
local common = require "common"
local core = require "commerce.core"

local app = assert(commerce.open { store = "sqlite:" .. arg[1] })
local shop = assert(app:connect {
  secret_key = "sk_test_emulator", base_url = os.getenv "BENCH_BASE",
  rate = math.huge, endpoint_rate = math.huge,
})
local started = core.now()
local report = assert(shop:sync { types = { "payments", "transactions" }, full = arg[2] == "full" })
assert(report.complete, tostring(report))
local objects = 0
for _, entry in ipairs(report.types) do
  objects = objects + entry.read
end
common.print(objects, core.now() - started, os.clock())
