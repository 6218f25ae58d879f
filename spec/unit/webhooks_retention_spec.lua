-- For how long webhook events are kept: the setting, from Lua and from the command line.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local commerce = require "commerce"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"

describe("the retention of webhook events", function()
  local box, cli

  before_each(function()
    box = sandbox.new({}, { in_process = true })
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db",
      COMMERCE_MASTER_KEY = master_key.ONE }
    cli = commands.new(box)
  end)

  after_each(function()
    box:close()
  end)

  it("is shown and set by a command", function()
    assert.matches("removed after 30 days", (cli:ok "settings webhook-events"), 1, true)
    assert.equal(7, cjson.decode((cli:ok "settings webhook-events 7 --json")).webhooksRetention)
    assert.equal("all webhook events are kept\n", (cli:ok "settings webhook-events never"))
    assert.equal(cjson.null, cjson.decode((cli:ok "settings webhook-events --json"))
      .webhooksRetention)
    local status, _, wrong = box:commerce "settings webhook-events 1.5"
    assert.equal(2, status)
    assert.matches("whole days from 1 to 36500 expected, got 1.5", wrong, 1, true)
  end)

  it("is set from Lua", function()
    local app = assert(commerce.open { store = "sqlite::memory:", webhooks_retention = 90 })
    assert.equal(90, app:webhooks_retention())
    assert.is_true(app:set_webhooks_retention(nil))
    assert.is_nil((app:webhooks_retention()))
    assert.is_nil((app:set_webhooks_retention "long"))
    app:close()
  end)

  it("is named to somebody who asks for an event that is gone", function()
    cli:ok "webhooks reach network"
    cli:ok "settings webhook-events 7"
    local id = cjson.decode((cli:ok "webhooks add --json http://127.0.0.1:9/hook")).id
    local _, _, wrong = box:commerce("webhooks replay " .. id
      .. " --message msg_00000000000040008000000000000000")
    assert.matches("no longer exists; events are kept for 7 days", wrong, 1, true)
  end)
end)
