-- Keys that are replaced while requests are under way; secrets in forms and in answers.

local core = require "commerce.core"
local scripted_server = require "spec.support.scripted_server"

local OLD = "Bearer sk_test_scripted0123456789"

local function unauthorized()
  return { status = 401, body = [[{"error":{"type":"invalid_request_error",]]
    .. [["code":"api_key_expired","message":"Expired API Key provided"}}]] }
end

describe("a renewable session", function()
  local server

  after_each(function()
    server:close()
  end)

  local function key(text)
    return assert(core.secret(text))
  end

  local function begin(script, options)
    server = scripted_server.new(script)
    options = options or { renewable = true }
    return server:session(options)
  end

  local function finish(transport, call)
    return server:drive(transport, function() return call:poll() end)
  end

  local function until_needed(transport, session)
    server:drive(transport, function() return session:needs_key() end)
  end

  local function bearer(i) return server.requests[i].headers.authorization end

  it("sends a refused request again, once, with the new key", function()
    local session, transport = begin { unauthorized(), { body = "{}" }, { body = "{}" } }
    local call = session:request { path = "/v1/a" }
    until_needed(transport, session)
    assert.is_false(call:poll())
    session:set_key(key "sk_test_new")
    assert.is_false(session:needs_key())
    assert.equal(200, finish(transport, call).status)
    assert.same({ OLD, "Bearer sk_test_new", 2 }, { bearer(1), bearer(2), #server.requests })
    assert.equal(200, finish(transport, session:request { path = "/v1/b" }).status)
    assert.equal("Bearer sk_test_new", bearer(3))
    assert.equal("2026-11-18.endive", server.requests[3].headers["stripe-version"])
  end)

  it("fails a request that the new key is refused for, too", function()
    local session, transport = begin { unauthorized(), unauthorized() }
    local call = session:request { path = "/v1/a" }
    until_needed(transport, session)
    session:set_key(key "sk_test_new")
    local response, _, details = finish(transport, call)
    assert.same({ 401, "api_key_expired" }, { details.status, details.code })
    assert.is_nil(response)
    assert.equal(2, #server.requests)
  end)

  it("asks with the old key for the last time if there is no new one", function()
    local session, transport = begin { unauthorized(), unauthorized() }
    local call = session:request { path = "/v1/a" }
    until_needed(transport, session)
    session:set_key()
    local response, _, details = finish(transport, call)
    assert.is_nil(response)
    assert.equal(401, details.status)
    assert.equal(OLD, bearer(2))
  end)

  it("does not disturb what is on the wire, nor ask for another key on its account", function()
    local session, transport = begin { { status = 401, after = 0.05, body = unauthorized().body },
      { body = "{}" } }
    local call = session:request { path = "/v1/a" }
    server:drive(transport, function() return #server.requests == 1 end)
    session:set_key(key "sk_test_new")
    collectgarbage()
    assert.equal(200, finish(transport, call).status)
    assert.is_false(session:needs_key())
    assert.same({ OLD, "Bearer sk_test_new" }, { bearer(1), bearer(2) })
  end)

  it("shares its key with its children, also with those made before", function()
    local session, transport = begin { unauthorized(), { body = "{}" }, { body = "{}" } }
    local child = session:child()
    local call = child:request { path = "/v1/a" }
    until_needed(transport, session)
    assert.is_true(child:needs_key())
    child:set_key(key "sk_test_new")
    assert.equal(200, finish(transport, call).status)
    assert.equal(200, finish(transport, session:request { path = "/v1/b" }).status)
    assert.equal("Bearer sk_test_new", bearer(3))
    assert.equal(2, child:stats().requests)
  end)

  it("goes on with a list where it was refused", function()
    local function page(id, more)
      return { body = ('{"object":"list","has_more":%s,"data":[{"id":"%s","created":1}]}'):format(
        tostring(more), id) }
    end
    local session, transport = begin { page("a", true), unauthorized(), page("b", false) }
    local pager = session:pager { path = "/v1/charges", limit = 1 }
    local first = server:drive(transport, function() return pager:poll() end)
    assert.equal(1, #first)
    until_needed(transport, session)
    session:set_key(key "sk_test_new")
    local second = server:drive(transport, function() return pager:poll() end)
    assert.equal(1, #second)
    assert.equal("a", server.requests[3].query.starting_after)
    assert.equal("Bearer sk_test_new", bearer(3))
  end)

  it("is one only if it was made so", function()
    local session, transport = begin({ unauthorized() }, {})
    local _, _, details = finish(transport, session:request { path = "/v1/a" })
    assert.equal(401, details.status)
    assert.is_false(session:needs_key())
    assert.has_error(function() session:set_key(key "sk_test_new") end)
    assert.has_error(function()
      core.session { transport = transport, foreign = true, renewable = true,
        base_url = "https://example.com" }
    end, "bad option 'renewable': not for a foreign server")
  end)

  describe("and secrets", function()
    local NOTHING = core.projection { "livemode" }

    it("sends one in a form, and takes those of an answer out of it", function()
      local session, transport = begin { { body = '{"access_token":"sk_test_a","x":{"b":1},'
        .. '"refresh_token":"rt_b","livemode":true}' }, { body = "{}" } }
      local response = finish(transport, session:request {
        method = "POST", path = "/v1/oauth/token",
        form = { { "refresh_token", key "rt_a&1" } }, projection = NOTHING,
        secrets = { "access_token", "refresh_token" } })
      assert.equal("refresh_token=rt_a%261", server.requests[1].body)
      assert.equal('{"livemode":true}', response.body)
      assert.is_true(response.secrets.refresh_token:has_prefix "rt_b")
      session:set_key(response.secrets.access_token)
      finish(transport, session:request { path = "/v1/a" })
      assert.equal("Bearer sk_test_a", bearer(2))
    end)

    it("fails if the answer lacks one, and puts none into an address", function()
      local session, transport = begin { { body = '{"access_token":"","livemode":true}' } }
      local response, message, details = finish(transport, session:request { method = "POST",
        path = "/v1/x", projection = NOTHING, secrets = { "access_token" } })
      assert.is_nil(response)
      assert.equal("decode", details.kind)
      assert.matches("the answer has no 'access_token'", message, 1, true)
      assert.has_error(function()
        session:request { path = "/v1/x", query = { { "token", key "rt_a" } } }
      end)
      assert.has_error(function()
        session:request { method = "POST", path = "/v1/x", secrets = { "a" } }
      end, "bad option 'secrets': needs a projection")
    end)
  end)
end)
