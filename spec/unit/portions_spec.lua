-- A page among the requests of an OpenResty worker: short transactions with the requests' turn
-- between them, whose lengths follow a clock that the spec moves.

local connections = require "commerce.testing.store.connections"
local jobs = require "commerce.runtime.jobs"
local model = require "commerce.model"
local portions = require "commerce.sync.portions"
local raising = require "commerce.store.handle"
local stores = require "commerce.store"

local NOW = "2026-11-28T00:00:00Z"
local LONGEST = 0.002 -- seconds of a transaction

describe("a page among the requests of nginx", function()
  local breathe, is_among_requests, clock = jobs.breathe, jobs.is_among_requests, os.clock
  local now, turns

  before_each(function()
    now, turns = 0, 0
    os.clock = function() -- luacheck: ignore
      return now
    end
    jobs.breathe = function()
      turns = turns + 1
    end
    jobs.is_among_requests = function()
      return true
    end
  end)

  after_each(function()
    os.clock = clock -- luacheck: ignore
    jobs.breathe, jobs.is_among_requests = breathe, is_among_requests
  end)

  local function size_of(page)
    local size = #(page.sources or {}) + #(page.dropped or {})
    for _, list in ipairs { "records", "deleted" } do
      for _, values in pairs(page[list] or {}) do
        size = size + #values
      end
    end
    return size
  end

  -- A store whose transactions take a fixed time and more for each row.
  local function slow_store(fixed, row)
    local written, store = {}, {}
    function store:write_page(id, page, at)
      assert.equal("c1", id)
      assert.equal(NOW, at)
      page.seconds = fixed + row * size_of(page)
      now = now + page.seconds
      written[#written + 1] = page
      local counts, done = {}, {}
      for name, records in pairs(page.records or {}) do
        counts[name] = { created = #records, changed = 0, unchanged = 0, deleted = 0 }
        done[#done + 1] = { type = name, kind = "created", ids = { records[1].id } }
      end
      return counts, done
    end
    return store, written
  end

  local function rows(count, make)
    local list = {}
    for i = 1, count do
      list[i] = make(i)
    end
    return list
  end

  local function record(i)
    return { id = "ch_" .. i, body = assert(model.encode(model.find "payments", {
      id = "ch_" .. i, amount = 10, currency = "EUR", status = "Paid",
      createdDate = "2026-01-01T00:00:00Z" })) }
  end

  local function id(i)
    return "ch_" .. i
  end

  local function page_of(count)
    return { resource = "charges", records = { payments = rows(count, record) },
      sources = rows(count, function(i)
        return { id = id(i), data = "{}" }
      end),
      deleted = { payments = { "gone" } }, dropped = { "gone" }, sweep = 7,
      seen = { [""] = rows(count, id), payments = rows(count, id) },
      states = { charges = { newest = 5 } } }
  end

  it("is written in several short transactions, with a turn before each", function()
    local store, written = slow_store(0.0002, 0.00002)
    local writer = portions.new()
    for _ = 1, 5 do
      writer:write(store, "c1", page_of(100), NOW)
    end
    assert.is_true(#written >= 5 * 3, #written .. " transactions")
    assert.is_true(#written <= 5 * 12, #written .. " transactions")
    assert.equal(#written, turns)
    for _, portion in ipairs(written) do
      assert.is_true(portion.seconds <= LONGEST, portion.seconds .. " s")
    end
  end)

  it("is whole in the end, and its checkpoint comes last", function()
    local store, written = slow_store(0.0002, 0.00005)
    local page, together = page_of(100), { records = {}, sources = {}, seen = {}, ids = {} }
    local counts, done = portions.new():write(store, "c1", page, NOW)
    for i, portion in ipairs(written) do
      assert.equal("charges", portion.resource)
      assert.equal(7, portion.sweep)
      assert.same(i == #written and page.states or nil, portion.states)
      for _, each in ipairs(portion.records and portion.records.payments or {}) do
        table.insert(together.records, each)
      end
      for _, each in ipairs(portion.sources or {}) do
        table.insert(together.sources, each)
      end
      for name, ids in pairs(portion.seen or {}) do
        for _, each in ipairs(ids) do
          together.seen[name] = together.seen[name] or {}
          table.insert(together.seen[name], each)
        end
      end
    end
    assert.is_true(#written > 3)
    assert.same(page.records.payments, together.records)
    assert.same(page.sources, together.sources)
    assert.same(page.seen, together.seen)
    assert.same({ payments = { created = 100, changed = 0, unchanged = 0, deleted = 0 } }, counts)
    assert.equal("ch_1", done[1].ids[1])
    assert.is_true(#done > 1)
  end)

  it("is written at once if it has no rows, if it must be, and outside of nginx", function()
    local store, written = slow_store(0, 0.001)
    portions.new():write(store, "c1", { states = { charges = { newest = 1 } } }, NOW)
    assert.equal(1, #written)
    portions.new():write(store, "c1", page_of(100), NOW, true)
    assert.equal(2, #written)
    jobs.is_among_requests = is_among_requests
    portions.new():write(store, "c1", page_of(100), NOW)
    assert.equal(3, #written)
  end)

  it("that was cut off is repeated: its written records are unchanged then", function()
    local store = raising(assert(stores.open "memory:"))
    connections.fill(store)
    local connection, writer, page = "c1", portions.new(), page_of(100)
    page.deleted, page.dropped, page.sweep, page.seen = nil, nil, nil, nil
    jobs.breathe = function()
      turns = turns + 1
      if turns == 2 then
        error("killed", 0)
      end
    end
    assert.is_false(pcall(writer.write, writer, store, connection, page, NOW))
    assert.is_nil(store:state(connection, "charges"))
    local counts = writer:write(store, connection, page, NOW)
    assert.is_true(counts.payments.unchanged > 0)
    assert.is_true(counts.payments.created > 0)
    assert.equal(100, counts.payments.unchanged + counts.payments.created)
    assert.same({ newest = 5 }, store:state(connection, "charges"))
  end)
end)

describe("work among the requests of nginx", function()
  local core = require "commerce.core"
  local real_now = core.now
  local now, rests, wait

  before_each(function()
    now, rests = 100, {}
    core.now = function()
      return now
    end
    _G.ngx = {
      get_phase = function()
        return "timer"
      end,
      sleep = function(seconds)
        rests[#rests + 1] = seconds
        now = now + seconds
      end,
    }
    wait = assert(loadfile "lua/commerce/runtime/wait.lua")()
  end)

  after_each(function()
    core.now = real_now
    _G.ngx = nil
  end)

  it("rests after a turn, and before a long piece unless the turn has just begun", function()
    assert.is_true(wait.is_among_requests())
    assert.is_false(wait.is_long())
    now = now + 0.0001
    assert.is_false(wait.is_long(0.001))
    now = now + 0.0003
    assert.is_false(wait.is_long())
    assert.is_true(wait.is_long(0.001))
    now = now + 0.001
    assert.is_true(wait.is_long())
    wait.rest()
    assert.equal(1, #rests)
    assert.is_false(wait.is_long(0.001))
  end)

  it("counts a turn from the end of the rest, not from the first question after it", function()
    wait.rest()
    now = now + 0.005 -- a piece of work that asked nothing
    assert.is_true(wait.is_long())
  end)
end)
