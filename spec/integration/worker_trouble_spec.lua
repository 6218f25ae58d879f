-- The worker while something goes wrong: what may pass is tried again, what will not pass ends the
-- pulls that it concerns, and neither ends the worker.

local client = require "spec.support.api_client"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local files = require "spec.support.sqlite_files"
local keys = require "commerce.account.keys"
local master_key = require "spec.support.master_key"
local time_lapse = require "spec.support.time_lapse"
local worker = require "commerce.serve.worker"
local writer = require "commerce.sync.writer"

describe("the worker in trouble", function()
  local e, api, id, events, path
  master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 120, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    files.make_folder()
    path = files.path_of "commerce.db"
    api = client.new({}, "sqlite:" .. path)
    local key = assert(core.secret "sk_test_emulator")
    local shop = assert(api.app:connect { secret_key = key, base_url = e.base,
      company = client.COMPANY })
    assert(keys.keep(api.app, shop.row, key))
    shop:close()
    id, events = shop.id, {}
    api.store.db:once "PRAGMA busy_timeout = 20"
  end)

  after_each(function()
    api:close()
    files.remove_folder()
  end)

  local function pulls()
    local found = {}
    for _, pull in ipairs(assert(api.store:pulls({ id }, {}))) do
      found[pull.data_type] = pull
    end
    return found
  end

  -- Works until everything that was due is over; `noticed` is called with each event.
  local function work(noticed)
    local started = core.now()
    assert(worker.new(api.app, { connection = { base_url = e.base }, log = function(event)
      events[event.event] = event
      if noticed then
        noticed(event)
      end
    end }):run(function()
      local under_way = 0
      for _, pull in pairs(pulls()) do
        under_way = under_way + (pull.completed and 0 or 1)
      end
      return core.now() - started > 30 or next(pulls()) and under_way == 0
    end))
  end

  local function all_complete(but)
    local count = 0
    for name, pull in pairs(pulls()) do
      count = count + 1
      assert.equal(name == but and "InternalError" or "Complete", pull.status,
        name .. ": " .. tostring(pull.error_message))
    end
    assert.equal(9, count)
  end

  it("ends one pull where an error is raised, tells its place in its log only, and goes on",
    function()
    local list_page = writer.list_page
    function writer.list_page(run, task, ...)
      if task.name == "disputes" then
        error "a mistake of ours"
      end
      return list_page(run, task, ...)
    end
    local ok, raised = pcall(work)
    writer.list_page = list_page
    assert.is_true(ok, raised)
    all_complete "disputes"
    assert.equal("an unexpected error occurred; the log of the worker says more",
      pulls().disputes.error_message)
    assert.same({ "disputes" }, events.internal_error.types)
    assert.matches("worker_trouble_spec%.lua:%d+: a mistake of ours", events.internal_error.message)
    assert.same({}, api.store:leases(os.time()))
  end)

  it("ends only the pulls where an error is raised before the first one begins", function()
    local find = api.app.connection
    function api.app.connection()
      error "another mistake"
    end
    assert(api.store:queue_pulls({ { id = core.uuid(), connection_id = id,
      data_type = "payments" } }, "2026-01-01T00:00:00Z"))
    local it_is = worker.new(api.app, { log = function(event)
      events[event.event] = event
    end })
    it_is.schedule = { look = function() end }
    local worked, message = it_is:step()
    api.app.connection = find
    assert.is_true(worked, message)
    assert.equal("InternalError", pulls().payments.status)
    assert.matches("another mistake", events.internal_error.message)
    assert.is_false(it_is:step())
  end)

  it("waits for a store that is locked in the middle of a sync", function()
    local other = files.connect(path)
    local list_page, locked = writer.list_page, false
    function writer.list_page(...)
      if not locked then
        locked = true
        files.rows_of(other, "BEGIN IMMEDIATE")
      end
      return list_page(...)
    end
    local ok, raised = pcall(work, function(event)
      if event.event == "retried" then
        files.rows_of(other, "ROLLBACK")
      end
    end)
    writer.list_page = list_page
    other:close()
    assert.is_true(ok, raised)
    assert.matches("locked by another process", events.retried.message)
    all_complete()
  end)

  it("waits for room on a disk that is full", function()
    local db, retries = api.store.db, 0
    db:once("PRAGMA max_page_count = " .. db:once("PRAGMA page_count")[1][1] + 5)
    work(function(event)
      if event.event == "retried" then
        retries = retries + 1
        db:once "PRAGMA max_page_count = 100000"
      end
    end)
    assert.matches("the disk is full", events.retried.message)
    assert.equal(1, retries)
    all_complete()
  end)

  it("ends when the store fails for good, for a new process to try", function()
    api.store.db:once "DROP TABLE leases"
    local it_is = worker.new(api.app, { connection = { base_url = e.base } })
    local ok, message = time_lapse.during(it_is.run, it_is)
    assert.is_nil(ok)
    assert.matches("no such table: leases", message)
  end)

  it("goes on where applying the events of a connection raises", function()
    api.app.store.waiting_counts = function()
      return { [id] = 1 }
    end
    function api.app.connection()
      error "a third mistake"
    end
    local it_is = worker.new(api.app, { log = function(event)
      events[event.event] = event
    end })
    it_is.schedule = { look = function() end }
    assert.is_true(it_is:step())
    assert.matches("a third mistake", events.internal_error.message)
    assert.is_false(it_is:step()) -- not before half a minute is over
  end)
end)
