-- The OpenAPI document says what is served: each route is in it, and nothing else.

local api = require "commerce.api"
local client = require "spec.support.api_client"
local openapi = require "commerce.api.openapi"

describe("the OpenAPI document", function()
  local served, document

  setup(function()
    served = client.new { prefix = "/codat" }
    local status
    status, document = served:get("/openapi.json", { authorization = false })
    assert.equal(200, status)
  end)

  teardown(function()
    served:close()
  end)

  it("is made when it is first asked for, and once", function()
    local made = spy.on(openapi, "document")
    local other = client.new {}
    assert.spy(made).was.called(0)
    for _ = 1, 2 do
      assert.equal(200, (other:get("/openapi.json", { authorization = false })))
      assert.spy(made).was.called(1)
    end
    other:close()
    made:revert()
  end)

  it("is OpenAPI 3.1 and knows its prefix", function()
    assert.equal("3.1.0", document.openapi)
    assert.equal("/codat", document.servers[1].url)
  end)

  it("has every route, with its id, success and errors, and no other", function()
    local left, ids = {}, {}
    for path, item in pairs(document.paths) do
      for method in pairs(item) do
        left[method:upper() .. " " .. path] = true
      end
    end
    for _, route in ipairs(api.routes()) do
      local name = route.method .. " " .. route.path
      assert.is_true(left[name], name)
      left[name] = nil
      local operation = document.paths[route.path][route.method:lower()]
      assert.equal(route.id, operation.operationId)
      assert.is_nil(ids[route.id], route.id .. " is the id of two routes")
      ids[route.id] = true
      assert.is_table(operation.responses[tostring(route.answer.status)])
      for _, code in ipairs(route.errors or {}) do
        assert.is_string(operation.responses[tostring(code)].description, name)
      end
      assert.equal(route.body ~= nil, operation.requestBody ~= nil)
    end
    assert.is_nil(next(left), next(left))
  end)

  -- Codat's document has 409 for lists and records of commerce data and for the creation of API
  -- keys; its typed clients cannot read a 409 of any other operation.
  it("has 409 only where Codat's clients can read it", function()
    for _, route in ipairs(api.routes()) do
      local may = route.id == "create-api-key" or route.path:find("/data/commerce-", 1, true)
        or route.path:find "^/commerce/" -- not Codat's
      for _, code in ipairs(route.errors or {}) do
        assert.is_truthy(code ~= 409 or may, route.id)
        assert.is_true(code ~= 409 or route.conflict == nil, route.id)
      end
    end
  end)

  it("names every parameter of a path", function()
    for path, item in pairs(document.paths) do
      for _, operation in pairs(item) do
        local named = {}
        for _, parameter in ipairs(operation.parameters) do
          assert.is_table(parameter.schema, parameter.name)
          if parameter["in"] == "path" then
            assert.is_true(parameter.required)
            named[parameter.name] = true
          end
        end
        for name in path:gmatch "{(%w+)}" do
          assert.is_true(named[name], path)
          named[name] = nil
        end
        assert.is_nil(next(named), path)
      end
    end
  end)

  it("has every schema that it refers to", function()
    local function check(value)
      if type(value) == "table" then
        local target = value["$ref"]
        if type(target) == "string" then
          local name = target:match "^#/components/schemas/(%w+)$"
          assert.is_table(name and document.components.schemas[name], target)
        end
        for _, member in pairs(value) do
          check(member)
        end
      end
    end
    check(document)
  end)

  -- What a schema says of a value: the first thing that is wrong.
  local function problem(schema, value, at)
    if schema["$ref"] then
      schema = document.components.schemas[schema["$ref"]:match "%w+$"]
    end
    local kind = type(value) == "table" and (schema.type == "array" and "array" or "object")
      or type(value)
    local wanted = schema.type == "integer" and "number" or schema.type
    if kind ~= wanted then
      return ("%s: %s, not %s"):format(at, kind, wanted)
    end
    for _, name in ipairs(schema.required or {}) do
      if value[name] == nil then
        return at .. "." .. name .. " is missing"
      end
    end
    if schema.enum then
      local known = {}
      for _, word in ipairs(schema.enum) do
        known[word] = true
      end
      if not known[value] then
        return at .. ": " .. value
      end
    end
    for name, member in pairs(kind ~= "array" and kind == "object" and value or {}) do
      local inner = (schema.properties or {})[name] or schema.additionalProperties
      if not inner then
        return at .. "." .. name .. " is not in the schema"
      end
      local found = type(inner) == "table" and problem(inner, member, at .. "." .. name)
      if found then
        return found
      end
    end
    for i, member in ipairs(kind == "array" and value or {}) do
      local found = problem(schema.items, member, ("%s[%d]"):format(at, i))
      if found then
        return found
      end
    end
  end

  it("describes what really comes", function()
    local DATA, COMPANY = client.DATA, "/companies/" .. client.COMPANY
    local ONE = "/companies/{companyId}/connections/{connectionId}/"
    local HERE = DATA:gsub("data$", "")
    local OWN = "/commerce/v1" .. HERE
    served:give("payouts", { { id = "po_1", amount = 1, currency = "EUR", status = "Paid",
      arrivalDate = client.CREATED, createdDate = client.CREATED } })
    served:give("payments", { { id = "ch_1", amount = 1.5, currency = "EUR", status = "Paid" } })
    local pull = served:pulled("disputes", "AuthError")
    for target, path in pairs {
      [DATA .. "/commerce-payments"] =
        "/companies/{companyId}/connections/{connectionId}/data/commerce-payments",
      [DATA .. "/commerce-payments/ch_1"] =
        "/companies/{companyId}/connections/{connectionId}/data/commerce-payments/{paymentId}",
      [DATA .. "/commerce-orders"] =
        "/companies/{companyId}/connections/{connectionId}/data/commerce-orders",
      [COMPANY .. "/dataStatus"] = "/companies/{companyId}/dataStatus",
      [COMPANY .. "/data/history"] = "/companies/{companyId}/data/history",
      [COMPANY .. "/data/history/" .. pull] = "/companies/{companyId}/data/history/{datasetId}",
      [COMPANY .. "/sync/" .. pull .. "/validation"] =
        "/companies/{companyId}/sync/{datasetId}/validation",
      ["/apiKeys"] = "/apiKeys",
      ["/commerce/v1/reports"] = "/commerce/v1/reports",
      [OWN .. "reports/failures"] = "/commerce/v1" .. ONE .. "reports/{report}",
      [OWN .. "reports/payouts"] = "/commerce/v1" .. ONE .. "reports/{report}",
      [OWN .. "payouts"] = "/commerce/v1" .. ONE .. "payouts",
      [OWN .. "payouts/po_1"] = "/commerce/v1" .. ONE .. "payouts/{payoutId}",
      [OWN .. "payouts/po_1/transactions"] = "/commerce/v1" .. ONE
        .. "payouts/{payoutId}/transactions",
      ["/data" .. HERE .. "assess/commerceMetrics/customerRetention?reportDate=01-02-2026"
        .. "&periodLength=1&numberOfPeriods=2&periodUnit=Month&includeDisplayNames=true"] =
        "/data" .. ONE .. "assess/commerceMetrics/customerRetention",
    } do
      local status, body = served:get(target)
      local response = document.paths[path].get.responses[tostring(status)]
      assert.is_table(response, target .. " gave " .. status)
      assert.is_nil(problem(response.content["application/json"].schema, body, target))
    end
  end)

  it("links pages under the prefix", function()
    local _, body = served:get(client.DATA .. "/commerce-payments")
    assert.equal("/codat" .. client.DATA .. "/commerce-payments", body._links.self.href)
  end)
end)
