-- Syncs everything, no limits: what there is since the last time.
--   incremental.lua DATABASE
-- prints: stored objects, records written, requests, seconds, peak MB

package.path = "spec/bench/?.lua;" .. package.path
local commerce = require "commerce"
local common = require "common"
local model = require "commerce.model"

local app = assert(commerce.open { store = "sqlite:" .. arg[1] })
local shop = assert(app:connect { secret_key = "sk_test_emulator",
  base_url = os.getenv "BENCH_BASE", rate = math.huge, endpoint_rate = math.huge })
local report = assert(shop:sync())
local peak = common.peak_memory()
assert(report.complete, tostring(report))
local stored, written = 0, 0
for _, entry in ipairs(report.types) do
  written = written + entry.created + entry.changed + entry.deleted
  stored = stored + assert(app.store:count(model.find(entry.type), shop.row.id))
end
print(("%d %d %d %.1f %.1f"):format(stored, written, report.requests, report.seconds, peak))
