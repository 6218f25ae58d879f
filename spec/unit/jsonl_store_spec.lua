-- The example of a store of one's own keeps the whole contract, in a file of JSON Lines.

local commerce = require "commerce"
local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local jsonl = dofile "examples/jsonl_store.lua"
local model = require "commerce.model"
local sandbox = require "spec.support.sandbox"
local store = require "commerce.store"

describe("the store in JSON Lines", function()
  local box, count

  setup(function()
    box, count = sandbox.new(), 0
  end)

  teardown(function()
    box:close()
  end)

  require "commerce.testing.store" (function()
    count = count + 1
    return jsonl.open(box:path(count .. ".jsonl"))
  end, { without = { "erasure", "outbox", "workers", "copying" } })

  it("says that it sends no webhooks", function()
    local app = assert(commerce.open { store = assert(jsonl.open(box:path "outbox.jsonl")) })
    local taken, message, details = errors.catch(app.store.take_delivery, app.store, "w", 0, 60)
    assert.is_nil(taken)
    assert.equal("this store has no outbox (its method take_delivery)", message)
    assert.equal("store", details.kind)
    app:close()
  end)

  it("has everything again when it is opened again", function()
    local path = box:path "again.jsonl"
    local db = assert(jsonl.open(path))
    local company = { id = "m1", name = "Shop", created = "2026-01-01T00:00:00Z" }
    assert(db:add_connection({ id = "c1", company_id = "m1", integration = "stripe-test",
      account = "acct_1", status = "Linked", created = "2026-01-01T00:00:00Z" },
      { company = company }))
    for i = 1, 3 do
      assert(db:write_page("c1", { records = { payments = { { id = "p" .. i,
        body = ('{"id":"p%d","amount":12.10'):format(i) } } },
        states = { charges = { cursor = i } } }, "2026-03-01T08:00:00Z"))
    end
    assert(db:acknowledge("c1", "queue", nil, 2))
    assert(db:save_checkpoint("place", false))
    db:close()
    -- a crash in the middle of a line
    local file = assert(io.open(path, "ab"))
    file:write '["write_page",["c1",{"records":{"paym'
    file:close()
    for _ = 1, 2 do
      db = assert(jsonl.open(path))
      assert.equal(3, db:count(model.find "payments", "c1"))
      assert.same({ cursor = 3 }, db:state("c1", "charges"))
      assert.equal(2, db:consumer("c1", "queue"))
      assert.equal(3, db:last_change "c1")
      assert.is_false(db:checkpoint "place")
      assert.matches('"amount":12.10,', db:find(model.find "payments", "c1", { "p1" }).p1, 1, true)
      db:close()
    end
    db = assert(jsonl.open(path))
    assert(db:save_checkpoint("place", 7))
    db:close()
    db = assert(jsonl.open(path))
    assert.equal(7, db:checkpoint "place")
    db:close()
  end)

  it("gives nothing more when its file cannot be written", function()
    local path = box:path "full.jsonl"
    local db = assert(jsonl.open(path))
    assert(db:save_setting("a", "b"))
    db.file:close()
    db.file = assert(io.open("/dev/full", "ab"))
    local ok, message, details = db:save_setting("a", "c")
    assert.is_nil(ok)
    assert.matches("full.jsonl: No space left on device; open it again", message, 1, true)
    assert.equal("store", details.kind)
    assert.is_nil((db:setting "a"))
    db:close()
    db = assert(jsonl.open(path))
    assert.equal("b", db:setting "a")
    db:close()
  end)
end)

describe("a store of one's own", function()
  local box

  before_each(function()
    box = sandbox.new()
    package.path = box.folder .. "/?.lua;" .. package.path
  end)

  after_each(function()
    package.path = package.path:gsub("^[^;]+;", "", 1)
    package.loaded["commerce.stores.jsonl"], package.loaded["commerce.stores.broken"] = nil, nil
    box:close()
  end)

  it("is opened by its URL where its module is found", function()
    box:run("mkdir -p " .. box:path "commerce/stores")
    box:run(("cp examples/jsonl_store.lua %s"):format(box:path "commerce/stores/jsonl.lua"))
    box:write("commerce/stores/broken.lua", "x = = 1")
    local app = assert(commerce.open { store = "jsonl:" .. box:path "x.jsonl" })
    assert(app:set_checkpoint("a", 1))
    app:close()
    assert.matches("save_checkpoint", box:read "x.jsonl", 1, true)
    assert.matches("broken.lua:1: unexpected symbol",
      select(2, pcall(commerce.open, { store = "broken:x" })), 1, true)
    local none, message = commerce.open { store = "connection:user:Planted7Secret" }
    assert.is_nil(none)
    assert.matches("expected sqlite:PATH or postgres://…; there is no module "
      .. "commerce.stores.connection", message, 1, true)
    assert.is_nil(message:find("Planted7Secret", 1, true))
  end)
end)

describe("the contract of stores", function()
  it("lists the methods of the SQLite store, each once", function()
    local kinds, seen = contract.methods(), { close = true }
    local db = assert(store.open "sqlite::memory:")
    for name in pairs(getmetatable(db).__index) do
      assert.truthy(kinds[name], name .. " is in no part of commerce.store.contract")
    end
    for _, part in ipairs(contract.PARTS) do
      for _, kind in ipairs { "reads", "writes", "here" } do
        for _, name in ipairs(part[kind] or {}) do
          assert.is_nil(seen[name], name)
          seen[name] = true
          assert.is_function(db[name], name)
        end
      end
    end
    db:close()
  end)

  it("is documented with its types in store.d.lua", function()
    local kinds, documented = contract.methods(), {}
    local file = assert(io.open "lua/commerce/store.d.lua")
    local text = file:read "*a"
    file:close()
    for comments, name, arguments in ("\n" .. text):gmatch
      "\n\n(%-%-%- [^\n]*\n[^\n]-.-)function Store:([%w_]+)%((.-)%) end" do
      local docs = comments:match "^.*\n\n(.-)$" or comments
      assert.truthy(kinds[name], name .. " is in no part of commerce.store.contract")
      documented[name] = true
      for argument in arguments:gmatch "[%w_]+" do
        assert.truthy(docs:find("---@param " .. argument .. " ", 1, true), name .. ": " .. argument)
      end
      assert.truthy(name == "close" or docs:find("---@return ", 1, true), name)
    end
    for name in pairs(kinds) do
      assert.truthy(documented[name], name .. " is not in store.d.lua")
    end
  end)

  it("names the new place of its cases", function()
    local ok, message = pcall(require, "commerce.store.contract.cases")
    assert.is_false(ok)
    assert.truthy(tostring(message):find("require 'commerce.testing.store'", 1, true))
  end)

  it("is looked at when a store is taken", function()
    local line = debug.getinfo(1, "l").currentline + 1
    local ok, message = pcall(function() commerce.open { store = { write_page = line } } end)
    assert.is_false(ok)
    assert.matches("not a store: method 'write_page' and %d+ more are missing; "
      .. "commerce.store.contract lists", message)
    assert.matches("jsonl_store_spec.lua:" .. line, message, 1, true)
  end)

  it("lets a store do without what only servers need", function()
    local mine = {}
    for name, kind in pairs(contract.methods()) do
      mine[name] = function() return kind end
    end
    mine.api_keys = nil
    local app = assert(commerce.open { store = mine })
    local list, why, details = errors.catch(app.store.api_keys, app.store)
    assert.is_nil(list)
    assert.equal("this store has no api keys (its method api_keys)", why)
    assert.equal("store", details.kind)
  end)
end)
