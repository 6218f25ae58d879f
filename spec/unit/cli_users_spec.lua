-- `commerce users`: who signs in to the portal, also when nobody can any more.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local commerce = require "commerce"
local core = require "commerce.core"
local sandbox = require "spec.support.sandbox"
local users = require "commerce.account.users"

describe("commerce users", function()
  local box, cli

  before_each(function()
    box = sandbox.new({}, { in_process = true })
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db" }
    cli = commands.new(box)
  end)

  after_each(function()
    box:close()
  end)

  local function with_store(work)
    local app = assert(commerce.open { store = box.environment.COMMERCE_STORE })
    local result = work(app.store)
    app:close()
    return result
  end

  local function token_of(output)
    return output:match "token=([%w%-_]+)\n$"
  end

  local function set_password(token)
    return with_store(function(store)
      local row = users.invited(store, token)
      if row then
        users.set_password(store, row, core.hash_password("correct horse", 10, 8, 1))
      end
      return row
    end)
  end

  it("invites the first administrator, and lists users", function()
    local output = cli:ok "users add Ada --role admin --page https://me.example.com/codat/"
    assert.matches("^https://me.example.com/codat/portal/welcome%?token=", output)
    local listed = cjson.decode((cli:ok "users list --json"))
    assert.same({ "Ada", "admin", true, false },
      { listed.name, listed.role, listed.invited, listed.hasPassword })
    assert.equal("Ada", set_password(token_of(output)).name)
    assert.is_nil(set_password(token_of(output)))
    cli:ok "users add 'Bob B'"
    local text = cli:ok "users list"
    assert.matches("Ada%s+admin", text)
    assert.matches("Bob B%s+viewer.*invited", text)
  end)

  it("lets a locked-out administrator in", function()
    set_password(token_of((cli:ok "users add Ada --role admin")))
    local output = cli:ok "users reset ada"
    assert.matches("^/portal/welcome%?token=", output)
    assert.equal("Ada", set_password(token_of(output)).name)
  end)

  it("gives roles and removes users, and keeps one administrator", function()
    set_password(token_of((cli:ok "users add Ada --role admin")))
    assert.equal(1, cli:fails("last administrator", "users remove Ada"))
    assert.equal(1, cli:fails("last administrator", "users role Ada viewer"))
    set_password(token_of((cli:ok "users add Bob")))
    assert.equal("Bob: admin\n", (cli:ok "users role Bob admin"))
    assert.equal("removed Ada\n", (cli:ok "users remove Ada"))
    local actions = with_store(function(store)
      local list = {}
      for i, entry in ipairs(store:audit { limit = 9 }) do
        assert.matches("^command line", entry.actor)
        list[i] = ("%s %s"):format(entry.action, entry.target)
      end
      return list
    end)
    assert.same({ "user.remove Ada", "user.role Bob", "user.invite Bob", "user.invite Ada" },
      actions)
  end)

  it("leaves what may be done in the log: keys, integrations, connections", function()
    cli:ok "keys create --name Reporting"
    cli:ok "companies create Toys"
    cli:ok "integrations set stripe-test --restricted-keys yes"
    cli:ok "keys list"
    cli:ok "mode live"
    cli:ok "mode"
    local log = with_store(function(store)
      return store:audit { limit = 9 }
    end)
    assert.equal(4, #log)
    assert.same({ "mode.switch", "live" }, { log[1].action, log[1].detail })
    assert.same({ "integration.change", "stripe-test" }, { log[2].action, log[2].target })
    assert.same({ "company.create", "Toys" }, { log[3].action, log[3].target })
    assert.same({ "key.create", "Reporting" }, { log[4].action, log[4].target })
  end)

  it("names what is wrong", function()
    cli:ok "users add Ada --role admin"
    assert.equal(1, cli:fails("there is a user 'ADA' already", "users add ADA"))
    assert.equal(2, cli:fails("expected admin or viewer", "users add Bob --role owner"))
    assert.equal(2, cli:fails("--page: expected the server's address", "users reset Ada --page x"))
    assert.equal(1, cli:fails("no user 'Eve'", "users reset Eve"))
  end)
end)
