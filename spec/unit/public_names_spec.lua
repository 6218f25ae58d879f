-- The names of modules that users' scripts and nginx.conf hold.

local sandbox = require "spec.support.sandbox"

local NAMES = { "commerce", "commerce.core", "commerce.stripe.orders",
  "commerce.stripe.subscriptions", "commerce.stripe.invoices", "commerce.store.contract",
  "commerce.testing.store" }

local MOVED = {
  ["commerce.platform.stripe.orders"] = "commerce.stripe.orders",
  ["commerce.store.contract.cases"] = "commerce.testing.store",
}

describe("the public name", function()
  for _, name in ipairs(NAMES) do
    it(name .. " can be required", function()
      assert.is_not_nil(require(name))
    end)
  end

  it("commerce.openresty stands, though only nginx can load it", function()
    assert.is_function(loadfile "lua/commerce/openresty.lua")
    assert.is_function(loadfile "lua/commerce/serve/openresty.lua")
  end)

  it("commerce.stores.NAME is found by the store's URL", function()
    local commerce = require "commerce"
    local box = sandbox.new()
    package.preload["commerce.stores.named"] = function()
      return { open = function(path)
        return nil, "opened " .. path, { kind = "store" }
      end }
    end
    local app, message = commerce.open { store = "named:" .. box:path "here" }
    package.preload["commerce.stores.named"], package.loaded["commerce.stores.named"] = nil, nil
    box:close()
    assert.is_nil(app)
    assert.truthy(message:find("opened .*/here"), message)
  end)

  for old, new in pairs(MOVED) do
    it(old .. " raises with the new one", function()
      local ok, message = pcall(require, old)
      assert.is_false(ok)
      assert.truthy(tostring(message):find(new, 1, true), message)
      assert.is_not_nil(require(new))
    end)
  end
end)
