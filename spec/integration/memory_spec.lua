-- The whole engine over the store in memory: a sync, its resumption, increments, remap and the API
-- give what they give over a database.

local api = require "commerce.api"
local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local json = require "commerce.base.json"
local sandbox = require "spec.support.sandbox"

local KEY = "sk_test_emulator"
local OPTIONS = { secret_key = KEY, rate = 0, endpoint_rate = 0, backoff = 0.005,
  backoff_cap = 0.02 }

describe("over the store in memory", function()
  local e, box, opened

  setup(function()
    e = emulator.start { charges = 250, compact = true }
    box = sandbox.new()
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 250, compact = true }
    opened = {}
  end)

  after_each(function()
    for _, app in ipairs(opened) do
      app:close()
    end
  end)

  local function open(url)
    local app, options = assert(commerce.open { store = url or "memory:" }), { base_url = e.base }
    opened[#opened + 1] = app
    for name, value in pairs(OPTIONS) do
      options[name] = value
    end
    return assert(app:connect(options)), app
  end

  local function sync(shop, options)
    local report = assert(shop:sync(options))
    assert.is_true(report.complete, tostring(report))
    return report
  end

  -- Every record without its date of storing, each on a line.
  local function contents(shop, app)
    local lines = {}
    for _, data_type in ipairs(assert(app.store:types())) do
      for record in shop:records(data_type.name, { orderBy = data_type.shape.by_name.id and "id",
        deleted = true }) do
        record.modifiedDate = nil
        lines[#lines + 1] = data_type.name .. " " .. json.encode(record)
      end
    end
    return lines
  end

  local function assert_like_sqlite(shop, app)
    local other, other_app = open("sqlite:" .. box:path(tostring(#opened) .. os.time() .. ".db"))
    sync(other)
    local expected = contents(other, other_app)
    assert.is_true(#expected > 500)
    assert.same(expected, contents(shop, app))
    other:close()
  end

  it("a sync stores what it stores in a database, and verify agrees", function()
    local shop, app = open()
    sync(shop)
    assert_like_sqlite(shop, app)
    local verdict = assert(shop:verify { deep = true })
    assert.is_true(verdict.agrees, tostring(verdict))
    local again = sync(shop)
    for _, entry in ipairs(again.types) do
      assert.same({ 0, 0, 0 }, { entry.created, entry.changed, entry.deleted }, entry.type)
    end
    shop:close()
  end)

  it("a sync that was broken off goes on, and increments follow what changes", function()
    local shop, app = open()
    local events = 0
    assert.has_error(function()
      shop:sync { page_size = 10, progress = function()
        events = events + 1
        if events == 12 then
          error("enough", 0)
        end
      end }
    end)
    assert.is_true(app.store:count(assert(app.store:find_type "payments"), shop.id) < 250)
    sync(shop)
    assert_like_sqlite(shop, app)
    e:control("churn", { seed = 5, changes = 40, key = KEY, spacing = 60 })
    e:control("clock", { advance = 30 })
    local report = sync(shop)
    assert.is_true(report.requests < 150, tostring(report))
    local verdict = assert(shop:verify { deep = true })
    assert.is_true(verdict.agrees, tostring(verdict))
    shop:close()
  end)

  it("kept sources can be mapped anew, and changes are followed", function()
    local shop, app = open()
    sync(shop, { keep_source = true, types = { "customers" } })
    local seen = app.store:last_change(shop.id)
    assert.is_true(seen > 0)
    shop:extend("customers", { supplementalData = { shouted = commerce.values.constant "HEY" } })
    assert(shop:remap { types = { "customers" } })
    assert.equal(2 * seen, app.store:last_change(shop.id))
    shop:close()
  end)

  it("the API answers page by page, with queries and orders", function()
    local shop, app = open()
    sync(shop)
    local company = assert(app:companies()[1]).id
    local server = api.new(app)
    local authorization = "Basic " .. client.base64(assert(auth.create(app.store,
      { name = "spec" })).key)
    local function get(path, query)
      local response = server:handle { method = "GET", path = path, query = query or "",
        headers = { authorization = authorization } }
      assert.equal(200, response.status, response.body)
      return json.decode(response.body)
    end
    assert.equal(1, get("/companies").totalResults)
    local base = ("/companies/%s/connections/%s/data/commerce-payments"):format(company, shop.id)
    local stored = app.store:count(assert(app.store:find_type "payments"), shop.id)
    local ids, total = {}, nil
    for page = 1, math.ceil(stored / 100) do
      local answer = get(base, ("page=%d&pageSize=100&orderBy=-amount"):format(page))
      total = answer.totalResults
      for _, payment in ipairs(answer.results) do
        ids[payment.id] = true
      end
    end
    assert.equal(stored, total)
    local different = 0
    for _ in pairs(ids) do
      different = different + 1
    end
    assert.equal(stored, different)
    local failed = get(base, "page=1&query=status%3DFailed%26%26amount%3E0")
    assert.is_true(failed.totalResults > 0 and failed.totalResults < stored)
    for _, payment in ipairs(failed.results) do
      assert.equal("Failed", payment.status)
    end
    shop:close()
  end)
end)
