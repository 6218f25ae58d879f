-- The API's own endpoints about operating the server: users, the log, deliveries, history.

local api = require "commerce.api"
local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local core = require "commerce.core"
local json = require "commerce.base.json"
local master_key = require "spec.support.master_key"
local consumers = require "commerce.webhooks.consumers"
local users = require "commerce.account.users"

describe("/commerce/v1", function()
  master_key.use(master_key.ONE)
  local made

  before_each(function()
    made = client.new()
  end)

  after_each(function()
    made:close()
  end)

  local function send(method, path, body, status)
    local code, answer = made:call(method, "/commerce/v1/" .. path, body and json.encode(body))
    assert.equal(status or 200, code)
    return answer
  end

  it("manages the portal's users, and keeps the last administrator", function()
    users.add_first(made.store, "Ada", core.hash_password("correct horse", 10, 8, 1))
    local bob = send("POST", "users", { name = "Bob", role = "viewer" }, 201)
    assert.equal(bob.id, users.invited(made.store, bob.token).id)
    assert.equal("/portal/welcome?token=" .. bob.token, bob.path:match "/portal.*")
    local list = send("GET", "users").results
    assert.same({ "Ada", "Bob" }, { list[1].name, list[2].name })
    assert.is_nil(list[2].token)
    send("POST", "users", { name = "bob", role = "viewer" }, 409)
    send("POST", "users", { name = "Eve", role = "owner" }, 400)
    assert.equal("admin", send("PATCH", "users/" .. bob.id, { role = "admin" }).role)
    local again = send("POST", "users/" .. bob.id .. "/invitation", nil, 201)
    assert.is_nil(users.invited(made.store, bob.token))
    assert.equal(bob.id, users.invited(made.store, again.token).id)
    send("DELETE", "users/" .. list[1].id, nil, 409)
    send("DELETE", "users/" .. bob.id, nil, 204)
    send("DELETE", "users/" .. bob.id, nil, 404)
    local log = send("GET", "audit?pageSize=2")
    assert.same({ "user.remove", "user.reset" }, { log.results[1].action, log.results[2].action })
    local rest = send("GET", log._links.next.href:match "/commerce/v1/(.*)").results
    assert.same({ "user.role", "user.invite" }, { rest[1].action, rest[2].action })
    assert.same({ "Bob", "Bob" }, { rest[1].target, rest[2].target })
    assert.matches("^API key ", rest[1].actor)
  end)

  it("writes down every write with its key, and no reading", function()
    local function log()
      local list = {}
      for i, entry in ipairs(send("GET", "audit").results) do
        list[i] = ("%s %s %s"):format(entry.actor, entry.action, entry.target)
      end
      return list
    end
    local key = auth.create(made.store, { name = "Reporting" }).key
    local headers = { authorization = "Basic " .. client.base64(key) }
    local status, company = made:call("POST", "/companies", { name = "Toys" }, headers)
    assert.equal(200, status)
    local path = "/companies/" .. company.id
    assert.equal(204, (made:call("DELETE", path, nil, headers)))
    assert.equal(404, (made:call("DELETE", path, nil, headers)))
    assert.equal(200, (made:call("GET", "/companies", nil, headers)))
    assert.same({ "API key Reporting company.delete " .. company.id,
      "API key Reporting company.create Toys" }, log())
  end)

  it("names every write of the API, or says why not", function()
    for _, route in ipairs(api.routes()) do
      local writes = route.method ~= "GET" or route.writes
      assert.is_true(writes or route.audit == nil, route.id)
      if route.audit == false then
        assert.matches("^refresh%-", (route.id:gsub("^verify", "refresh")))
      end
    end
  end)

  it("lists deliveries of webhooks, and sends them again", function()
    local row = consumers.add(made.store, { url = "https://example.com/hook" })
    assert(made.app:create_company { name = "Toys" })
    local path = "webhooks/" .. row.id
    local event = send("GET", path .. "/deliveries").results[1]
    assert.same({ "company.created", "waiting" }, { event.eventType, event.status })
    assert.equal(1, send("POST", path .. "/replay", { id = event.id }).queued)
    send("POST", path .. "/replay", { since = "2020-01-01" })
    send("POST", path .. "/replay", {}, 400)
    send("POST", path .. "/replay", { since = "x" }, 400)
    send("GET", "webhooks/" .. core.uuid() .. "/deliveries", nil, 404)
  end)

  it("tells how a connection came to its status", function()
    local path = ("companies/%s/connections/%s/history"):format(client.COMPANY, client.CONNECTION)
    assert.is_table(send("GET", path).results)
  end)
end)
