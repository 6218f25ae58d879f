-- The handle of a store: what its methods give, and how their failures are raised.

local commerce = require "commerce"
local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local handle = require "commerce.store.handle"

describe("the handle of a store", function()
  local store = { path = "there" }

  function store:companies(given)
    return self == store and given
  end

  it("gives what the store gives", function()
    store.write_page = function(_, ...)
      return ...
    end
    assert.same({ id = 1 }, handle(store):companies { id = 1 })
    assert.same({ 3, false, "done", { 1 } },
      { select("#", handle(store):write_page(false, "done", { 1 })),
        handle(store):write_page(false, "done", { 1 }) })
    assert.same({ 0 }, { select("#", handle(store):write_page()) })
    assert.equal("there", handle(store).path)
    assert.is_nil(handle(store).take_delivery)
  end)

  it("raises what the store gives as a failure", function()
    store.settings = function()
      return errors.fail("store", "it is locked", { code = "busy" })
    end
    local ok, raised = pcall(handle(store).settings, handle(store))
    assert.same({ false, "it is locked", "busy" }, { ok, raised.message, raised.code })
    store.settings = function()
      return nil, "the disk is full" -- without details, against the contract
    end
    ok, raised = pcall(handle(store).settings, handle(store))
    assert.same({ false, "the disk is full", "store" }, { ok, raised.message, raised.kind })
  end)

  it("tells an unknown data type from a failure", function()
    store.find_type = function()
      return nil, "unknown data type 'x'"
    end
    assert.same({ nil, "unknown data type 'x'" }, { handle(store):find_type "x" })
  end)

  it("is one for each store", function()
    assert.equal(handle(store), handle(store))
    assert.equal(handle(store), handle(handle(store)))
  end)

  it("lets methods be exchanged", function()
    handle(store).finish_removals = function()
      return "finished"
    end
    assert.equal("finished", store.finish_removals())
    assert.equal("finished", handle(store):finish_removals())
  end)

  it("is what an application has, whose methods return their failures", function()
    local mine = {}
    for name in pairs(contract.methods()) do
      mine[name] = function()
        return errors.fail("store", name .. " does not work")
      end
    end
    local app = assert(commerce.open { store = mine })
    assert.has_error(function()
      app.store:companies()
    end)
    local list, message, failure = app:companies()
    assert.is_nil(list)
    assert.same({ "companies does not work", "store" }, { message, failure.kind })
    local ok, raised = pcall(app.records, app, "payments", { mode = "test" })
    assert.is_false(ok)
    assert.truthy(tostring(raised):find("store_handle_spec.lua:%d+: find_type does not work"))
  end)
end)
