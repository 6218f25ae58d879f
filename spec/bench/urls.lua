-- Prints the addresses of every page that a sync of data types (BENCH_TYPES) asks for, as a curl
-- configuration, so that the same bytes can be fetched by libcurl alone.

local core = require "commerce.core"
local jobs = require "commerce.runtime.jobs"
local plan = require "commerce.sync.plan"
local resources = require "commerce.catalog.resources"
local stripe = require "commerce.stripe"

local base = os.getenv "BENCH_BASE"
local transport = core.transport {}
local session = core.session { transport = transport, key = core.secret("sk_test_emulator"),
  base_url = base, version = stripe.version }
local mappings, chosen = stripe.mappings(), {}
for name in (os.getenv "BENCH_TYPES" or "payments transactions"):gmatch "%S+" do
  chosen[#chosen + 1] = mappings[name]
end

for _, task in ipairs(plan.make(resources, chosen)) do
  local query, parts = {}, { "limit=100" }
  for _, path in ipairs(task.expand) do
    query[#query + 1] = { "expand[]", path }
    parts[#parts + 1] = "expand[]=" .. path
  end
  local pager = session:pager { path = task.resource.path, query = query, limit = 100 }
  local cursor
  while true do
    local page, message = jobs.await(transport, pager)
    assert(page or not message, message)
    if not page then
      break
    end
    print(('globoff\nurl = "%s%s?%s%s"\noutput = /dev/null'):format(base, task.resource.path,
      table.concat(parts, "&"), cursor and "&starting_after=" .. cursor or ""))
    cursor = page:last_id()
  end
end
