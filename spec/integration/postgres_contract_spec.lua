-- The PostgreSQL store: the shared contract, and what is PostgreSQL's alone.

local postgres = require "spec.support.postgres"
local store = require "commerce.store"

describe("the PostgreSQL store", function()
  local server

  setup(function()
    server = postgres.start()
    server:new_database()
    assert(store.open(server:url "d1")):close()
  end)

  teardown(function()
    server:stop()
  end)

  describe("keeps the contract", function()
    require "commerce.testing.store" (function()
      return store.open(server:empty "d1")
    end)
  end)
end)
