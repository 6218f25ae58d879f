-- Removing a connection of which much is stored: it is gone at once, and others go on meanwhile.

local commerce = require "commerce"
local files = require "spec.support.sqlite_files"
local model = require "commerce.model"
local store = require "commerce.store"
local worker = require "commerce.serve.worker"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local NOW = "2026-03-01T08:00:00Z"
local payments = model.find "payments"

describe("a connection of which much is stored", function()
  local db, path, meanwhile, pauses

  before_each(function()
    files.make_folder()
    path, pauses = files.path_of "large.db", 0
    db = files.connected(assert(store.open("sqlite:" .. path, { wait = 0.01, pause = function(given)
      pauses = pauses + 1
      meanwhile(given)
    end })))
    local list, kept = {}, {}
    for i = 1, 950 do
      list[i] = { id = "p" .. i, amount = i }
      kept[i] = { id = "s" .. i, data = "{}" }
    end
    local page = files.page("payments", unpack(list))
    page.resource, page.sources = "charges", kept
    assert(db:write_page("c1", page, NOW))
  end)

  after_each(function()
    db:close()
    files.remove_folder()
  end)

  local function stored()
    local rows = files.sql_on(path, "SELECT (SELECT count(*) FROM payments), "
      .. "(SELECT count(*) FROM source_objects), (SELECT count(*) FROM changes), "
      .. "(SELECT count(*) FROM removals)")
    return table.concat(rows[1], " ")
  end

  it("goes without keeping others from writing", function()
    local other = files.connect(path)
    meanwhile = function(seconds)
      files.rows_of(other, ("INSERT INTO settings VALUES ('%d', '')"):format(pauses))
      assert.is_true(seconds < 0.01)
    end
    assert.equal("950 950 1 0", stored())
    assert.is_true(db:remove_connection "c1")
    assert.equal("0 0 0 0", stored())
    assert.equal(8, pauses)
    assert.equal(8, files.rows_of(other, "SELECT count(*) FROM settings")[1][1])
    other:close()
  end)

  it("is gone for everybody before all of it has gone", function()
    meanwhile = function()
      local seen = files.open "large.db"
      assert.is_nil(seen:records(payments, {})())
      assert.same({}, seen:connections())
      assert.same({}, seen:companies())
      seen:close()
    end
    assert.is_true(db:remove_company "co1")
    assert.is_true(pauses > 0)
  end)

  it("that a kill left in part goes later", function()
    meanwhile = function()
      error("killed", 0)
    end
    local ok, message = pcall(db.remove_company, db, "co1")
    assert.same({ false, "killed" }, { ok, message })
    db:close()
    assert.are_not.equal("0 0 0 0", stored())
    db = files.open "large.db"
    assert.is_nil(db:records(payments, {})())
    assert.is_false(worker.new(assert(commerce.open { store = db })):step())
    assert.equal("0 0 0 0", stored())
    assert.equal(0, db:finish_removals())
  end)

  it("is removed though somebody else writes for long, and goes later", function()
    local other = files.connect(path)
    meanwhile = function()
      if pauses == 1 then
        files.rows_of(other, "BEGIN IMMEDIATE")
      end
    end
    assert.is_true(db:remove_connection "c1")
    assert.is_nil(db:finish_removals())
    assert.same({}, db:connections())
    files.rows_of(other, "ROLLBACK")
    other:close()
    assert.equal(1, db:finish_removals())
    assert.equal("0 0 0 0", stored())
  end)
end)
