-- The number of SQL statements that a request to the API costs.

local DBI = require "DBI"
local client = require "spec.support.api_client"

-- An object whose methods are the other one's, apart from those in `methods`.
local function around(object, methods)
  return setmetatable(methods, { __index = function(_, name)
    local value = object[name]
    return type(value) == "function" and function(_, ...)
      return value(object, ...)
    end or value
  end })
end

describe("a page of 100 payments over the API", function()
  local connect = DBI.Connect
  local served, executed, prepared

  local function traced(statement, sql)
    return around(statement, { execute = function(_, ...)
      executed[#executed + 1] = sql
      return statement:execute(...)
    end })
  end

  setup(function()
    executed, prepared = {}, {}
    DBI.Connect = function(...) -- luacheck: ignore (put back below)
      local handle, message = connect(...)
      return handle and around(handle, { prepare = function(_, sql)
        prepared[#prepared + 1] = sql
        local statement, wrong = handle:prepare(sql)
        return statement and traced(statement, sql), wrong
      end }), message
    end
    served = client.new()
    local records = {}
    for i = 1, 250 do
      records[i] = { id = ("ch_%03d"):format(i), amount = 1, currency = "USD", status = "Paid",
        createdDate = client.CREATED, modifiedDate = client.CREATED }
    end
    served:give("payments", records)
    for _, name in ipairs { "customers", "disputes", "products", "transactions" } do
      served:pulled(name, "Complete")
    end
  end)

  teardown(function()
    DBI.Connect = connect -- luacheck: ignore
    served:close()
  end)

  local function cost_of(query)
    executed, prepared = {}, {}
    local status, body = served:get(client.DATA .. "/commerce-payments" .. query)
    assert.equal(200, status)
    assert.equal(100, #body.results)
    return #executed, #prepared
  end

  for _, query in ipairs { "?page=1", "?page=2", "?query=amount>0", "?orderBy=-amount" } do
    it("with " .. query .. " takes 5 statements, and one more for the list's length", function()
      assert.is_true(cost_of(query) <= 6, table.concat(executed, "\n"))
      local statements, preparations = cost_of(query)
      assert.is_true(statements <= 5, table.concat(executed, "\n"))
      assert.is_true(preparations <= 1, table.concat(prepared, "\n")) -- the page's own
    end)
  end
end)
