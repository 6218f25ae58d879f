-- Who may call the API: keys, their limits, and what is told to whom.

local auth = require "commerce.http.auth"
local client = require "spec.support.api_client"
local core = require "commerce.core"

describe("an API key", function()
  local api

  before_each(function()
    api = client.new()
  end)

  after_each(function()
    api:close()
  end)

  local function status_with(authorization)
    local status, body, headers = api:get("/apiKeys", { authorization = authorization })
    if status == 401 then
      assert.equal("Unauthorized", body.error)
      assert.is_string(headers["WWW-Authenticate"])
    end
    return status
  end

  it("is sent as base64 of itself, or as a user without password", function()
    assert.equal(200, status_with("Basic " .. client.base64(api.key)))
    assert.equal(200, status_with("basic  " .. client.base64(api.key .. ":")))
    assert.equal(200, status_with("Basic " .. client.base64(api.key):gsub("=", "")))
  end)

  it("is refused in any other form", function()
    for _, wrong in ipairs { false, "", "Basic", "Basic ", api.key, "Basic " .. api.key,
      "Basic %%%",
      "Bearer " .. client.base64(api.key), "Basic " .. client.base64(api.key .. "x"),
      "Basic " .. client.base64(api.key:sub(1, -2)), "Basic " .. ("A"):rep(100000), "Basic ====",
      "Basic " .. client.base64(":"), "Basic " .. client.base64(core.sha256(api.key)) } do
      assert.equal(401, status_with(wrong), tostring(wrong):sub(1, 40))
    end
  end)

  it("is made, shown once, listed without itself, used and deleted", function()
    local status, made = api:call("POST", "/apiKeys", { name = "second" })
    assert.equal(201, status)
    assert.equal("second", made.name)
    assert.equal(200, status_with("Basic " .. client.base64(made.apiKey)))
    local _, listed = api:get "/apiKeys"
    assert.equal(2, #listed.results)
    assert.same({ id = made.id, name = "second", createdDate = made.createdDate },
      listed.results[2])
    assert.equal(204, (api:call("DELETE", "/apiKeys/" .. made.id)))
    assert.equal(401, status_with("Basic " .. client.base64(made.apiKey)))
    assert.equal(404, (api:call("DELETE", "/apiKeys/" .. made.id)))
  end)

  it("is stored as a hash alone", function()
    for _, row in ipairs(assert(api.store:api_keys())) do
      for _, value in pairs(row) do
        assert.is_nil(tostring(value):find(api.key, 1, true))
      end
    end
  end)

  it("is one of ten at most, and the last one stays", function()
    for _ = 2, 10 do
      assert.equal(201, (api:call("POST", "/apiKeys", "{}")))
    end
    local status, body = api:call("POST", "/apiKeys", { name = "eleventh" })
    assert.equal(409, status)
    assert.is_truthy(body.error:find("10", 1, true))
    local _, listed = api:get "/apiKeys"
    for i = 2, 10 do
      assert.equal(204, (api:call("DELETE", "/apiKeys/" .. listed.results[i].id)))
    end
    assert.equal(403, (api:call("DELETE", "/apiKeys/" .. listed.results[1].id)))
    assert.equal(200, (api:get "/apiKeys"))
  end)

  it("expires", function()
    local expired = assert(auth.create(api.store, { expires = "2026-01-01T00:00:00Z" }))
    assert.equal(401, status_with("Basic " .. client.base64(expired.key)))
    local status, made = api:call("POST", "/apiKeys", { expiresDate = "2099-01-01" })
    assert.equal(201, status)
    assert.equal("2099-01-01T00:00:00Z", made.expiresDate)
    assert.equal(200, status_with("Basic " .. client.base64(made.apiKey)))
  end)

  for _, body in ipairs { "", "null", "[]", "5", "{", '"x"', '{"name":5}', '{"name":{}}',
    '{"name":"' .. ("x"):rep(51) .. '"}', '{"expiresDate":"2020-01-01"}', '{"expiresDate":"soon"}',
    '{"name":"\255"}' } do
    it("is not made of " .. body:sub(1, 30), function()
      local status, answer = api:call("POST", "/apiKeys", body)
      -- an array without elements cannot be told from an object without members
      assert.equal(body == "[]" and 201 or 400, status)
      if status == 400 then
        assert.is_string(answer.error)
      end
    end)
  end

  it("names the field that is wrong", function()
    local _, answer = api:call("POST", "/apiKeys", { name = 5 })
    assert.equal("name must be a string.", answer.error)
    assert.equal("name", answer.validation.errors[1].itemId)
  end)
end)

describe("a key's requests a day", function()
  it("are told in every answer's headers, and end in 429", function()
    local api = client.new { daily_limit = 3 }
    for left = 2, 0, -1 do
      local status, _, headers = api:get(left == 1 and "/nothing" or "/apiKeys")
      assert.equal(left == 1 and 404 or 200, status)
      assert.equal("3", headers["X-Rate-Limit-Limit"])
      assert.equal(tostring(left), headers["X-Rate-Limit-Remaining"])
      assert.is_truthy(headers["X-Rate-Limit-Reset"]:find "^%d+%-%d+%-%d+T00:00:00Z$")
    end
    local status, body, headers = api:get "/apiKeys"
    assert.equal(429, status)
    assert.is_truthy(body.error:find "^You have made too many requests")
    assert.equal("0", headers["X-Rate-Limit-Remaining"])
    assert.is_truthy(tonumber(headers["Retry-After"]) <= 86400)
    local other = assert(auth.create(api.store)).key
    assert.equal(200, (api:get("/apiKeys", { authorization = "Basic " .. client.base64(other) })))
    assert.equal(401, (api:get("/apiKeys", { authorization = "Basic eA" })))
    api:close()
  end)
end)
