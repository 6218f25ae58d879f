-- Reads charges, or everything, with the server's own limits and latency on: how much of the
-- ceiling that the limits set is reached, in ranges and with one page after the other.
--   limits.lua DATABASE RANGES payment_methods|all [ACCOUNT]
-- ACCOUNT: a connected one, whose `created` is the day of connecting and tells nothing
-- prints: objects, seconds, requests, requests a page of data, share of the ceiling, 429s

local cjson = require "cjson"
local commerce = require "commerce"
local http = require "socket.http"

local ENDPOINT, GLOBAL = 25, 100 -- Stripe's live limits, requests a second
local PAGE = 100

-- The lists that a sync reads whole.
local LISTS = { payment_methods = { "charges" }, all = { "balance_transactions", "charges",
  "customers", "disputes", "payouts", "prices", "products", "refunds", "tax_rates" } }

local database, ranges, what, account = arg[1], tonumber(arg[2]), arg[3], arg[4]
local base = os.getenv "BENCH_BASE"

-- Pages of data, and the seconds that they take at least. Which transactions a payout has, only a
-- list of them tells, which counts for the endpoint of the balance transactions.
local function ceiling()
  local of = account and "?livemode=true&account=" .. account or ""
  local counts = cjson.decode((assert(http.request(base .. "/_emulator/counts" .. of))))
  local pages, longest = 0, 0
  for _, list in ipairs(LISTS[what]) do
    local number = math.ceil(counts[list] / PAGE)
      + (list == "balance_transactions" and counts.payouts or 0)
    pages, longest = pages + number, math.max(longest, number)
  end
  return pages, math.max(longest / ENDPOINT, pages / GLOBAL)
end

local app = assert(commerce.open { store = "sqlite:" .. database })
local shop = assert(app:connect { secret_key = "sk_live_emulator", base_url = base,
  account = account })
local report = assert(shop:sync { types = what ~= "all" and { what } or nil, ranges = ranges })
assert(report.complete, tostring(report))
local objects = 0
for _, entry in ipairs(report.types) do
  objects = objects + entry.read
end
local pages, least = ceiling()
print(("%d %.1f %d %.2f %.0f%% %d"):format(objects, report.seconds, report.requests,
  report.requests / pages, least / report.seconds * 100, report.rate_limited))
