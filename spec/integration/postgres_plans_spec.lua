-- How PostgreSQL goes about the statements of a page. The planner knows nothing of a table that has
-- just been filled, and what it then takes for the cheapest way may read all of it.

local dialect = require "commerce.store.postgres.dialect"
local model = require "commerce.model"
local postgres = require "spec.support.postgres"
local store = require "commerce.store"

local NOW = "2026-03-01T08:00:00Z"
local PAGES, PAGE = 30, 100
local PAYMENTS = model.find "payments"

describe("PostgreSQL's plans", function()
  local server, s

  -- rows that a plan's scans read, by what EXPLAIN counted
  local function rows_read(sql, ...)
    local plan = s.db:all("EXPLAIN (ANALYZE, FORMAT JSON) " .. sql, ...)[1]["QUERY PLAN"]
    assert.is_nil(plan:find('"Seq Scan"', 1, true), plan)
    local removed = 0
    for each in plan:gmatch '"Rows Removed by [^"]+": (%d+)' do
      removed = removed + tonumber(each)
    end
    return removed, plan
  end

  setup(function()
    server = postgres.start() -- which does not analyze tables by itself
    s = assert(store.open((server:new_database())))
    assert(s:add_connection({ id = "c1", company_id = "co", integration = "stripe-test",
      account = "acct_1", name = "one", status = "Linked", created = NOW },
      { company = { id = "co", name = "one", created = NOW } }))
    for page = 0, PAGES - 1 do
      local entries = {}
      for i = 1, PAGE do
        local id = ("ch_%06d"):format(page * PAGE + i)
        entries[i] = { id = id, body = ('{"id":"%s","amount":1,"currency":"EUR"'):format(id) }
      end
      assert(s:write_page("c1", { resource = "charges", records = { payments = entries },
        states = { charges = { cursor = tostring(page) } } }, NOW))
    end
  end)

  teardown(function()
    s:close()
    server:stop()
  end)

  it("look up each record of a page in the key, in a table without statistics", function()
    local ids = {}
    for i = 1, PAGE do
      ids[i] = ("ch_%06d"):format(i * 37) -- some are there and some are not
    end
    local removed, plan = rows_read(dialect.by_key("payments", "id, data", "id"),
      dialect.list(ids), "c1")
    assert.equal(0, removed, plan)
    assert.is_truthy(plan:find('"payments_pkey"', 1, true), plan)
    local found, count = s:find(PAYMENTS, "c1", ids), 0
    for _ in pairs(found) do
      count = count + 1
    end
    assert.equal(math.floor(PAGES * PAGE / 37), count)
  end)
end)
