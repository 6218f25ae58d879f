-- Where a mistake of the user's is, and what was meant.

local errors = require "commerce.base.errors"
local suggest = require "commerce.base.suggest"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local function here()
  return debug.getinfo(2, "l").currentline
end

describe("errors.refuse", function()
  it("names the line of the code that is not the library's", function()
    local line
    local ok, message = pcall(function()
      line = here() + 1
      errors.refuse("no %s", "good")
    end)
    assert.is_false(ok)
    assert.equal(("spec/unit/errors_spec.lua:%d: no good"):format(line), (message:gsub("^%./", "")))
  end)

  it("finds it through the library's own functions", function()
    local line
    local ok, message = pcall(function()
      line = here() + 1
      errors.check_options({ wrong = 1 }, { right = "number" })
    end)
    assert.is_false(ok)
    local where = ("errors_spec.lua:%d: unknown option 'wrong'"):format(line)
    assert.truthy(message:find(where, 1, true))
  end)

  it("leaves a message with a percent sign as it is", function()
    local _, message = pcall(errors.refuse, "100% wrong")
    assert.truthy(message:find("100% wrong", 1, true))
  end)
end)

describe("a failure", function()
  local function throw()
    errors.throw("http", "no such charge", { status = 404 })
  end

  it("is raised with all that is known of it", function()
    local ok, raised = pcall(throw)
    assert.same({ false, true, "http", "no such charge", 404 },
      { ok, errors.is_failure(raised), raised.kind, raised.message, raised.status })
    assert.equal("no such charge", tostring(raised))
  end)

  it("is of one class, whether C or Lua made it", function()
    local core = require "commerce.core"
    local _, message, of_core = core.secret ""
    local _, _, of_lua = errors.fail("usage", "no")
    assert.equal(core.Failure, getmetatable(of_core))
    assert.equal(core.Failure, getmetatable(of_lua))
    assert.is_true(errors.is_failure(of_core) and errors.is_failure(of_lua))
    assert.is_false(errors.is_failure { kind = "usage", message = "no" })
    assert.equal(message, tostring(of_core))
    of_core.place = "script.lua:12"
    assert.equal("script.lua:12: " .. message, tostring(of_core))
  end)

  it("becomes nil, message, failure at the edge", function()
    local value, message, failure = errors.protect(throw)()
    assert.is_nil(value)
    assert.same({ "no such charge", 404 }, { message, failure.status })
    assert.same({ nil, "no such charge", failure }, { errors.catch(throw) })
  end)

  it("is told from results, of which none is lost, and from a nil among them", function()
    local all = errors.protect(function(...)
      return ...
    end)
    assert.same({ 6, 1, nil, 3, nil, false, nil },
      { select("#", all(1, nil, 3, nil, false, nil)), all(1, nil, 3, nil, false, nil) })
    assert.same({ 3, nil, "none", nil },
      { select("#", errors.must(nil, "none", nil)), errors.must(nil, "none", nil) })
  end)

  it("is not a mistake of the program, nor an interrupt", function()
    for _, raised in ipairs { "bad argument", "interrupted!", { kind = "http" } } do
      local ok, again = pcall(errors.protect(error), raised, 0)
      assert.is_false(ok)
      assert.equal(raised, again)
    end
  end)

  it("is made of what a store or the core returned", function()
    local core = require "commerce.core"
    for _, given in ipairs {
      { { nil, "disk full", { kind = "output", code = "full" } }, "output", "full" },
      { { core.secret "" }, "auth" },
      { { nil, "it broke", "somehow" }, "store" },
    } do
      local message, failure = select(2, errors.catch(errors.must, unpack(given[1], 1, 3)))
      assert.equal(given[1][2], message)
      assert.same({ true, given[2], given[3] },
        { errors.is_failure(failure), failure.kind, failure.code })
    end
  end)

  it("says at which operation, when it is raised again", function()
    local caught = select(3, errors.catch(throw))
    local message, failure = select(2, errors.catch(errors.rethrow, caught, "refund"))
    assert.same({ "refund: no such charge", "refund: no such charge", 404 },
      { message, failure.message, failure.status })
    assert.equal("no such charge", caught.message)
  end)

  it("passes where something must be closed first, as results do", function()
    local closed = 0
    local function close()
      closed = closed + 1
    end
    assert.same({ 1, nil, 3 }, { errors.finally(function() return 1, nil, 3 end, close) })
    assert.has_error(function()
      errors.finally(error, close)
    end)
    assert.equal("no such charge", (select(2, errors.catch(errors.finally, throw, close))))
    assert.equal(3, closed)
  end)

  it("can pass over a yield", function()
    local thread = coroutine.wrap(errors.protect(function()
      coroutine.yield(1)
      throw()
    end))
    assert.equal(1, thread())
    assert.equal("no such charge", (select(2, thread())))
  end)
end)

describe("errors.check_options", function()
  local KNOWN = { types = "table", since = "any", full = "boolean" }

  for _, case in ipairs {
    { { typse = {} }, "unknown option 'typse' (did you mean 'types'?)" },
    { { Full = true }, "unknown option 'Full' (did you mean 'full'?)" },
    { { everything = 1 }, "unknown option 'everything' (known: full, since, types)" },
    { { "types" }, "option 1 has no name: write { name = value } (known: full, since, types)" },
    { { types = "x" }, "bad option 'types': table expected, got string: write types = {" },
    { { full = 1 }, "bad option 'full': boolean expected, got number" },
    { "full", "options: table expected, got string: write { name = value } (known: full, " },
  } do
    it("says: " .. case[2], function()
      local _, message = pcall(errors.check_options, case[1], KNOWN)
      assert.truthy(message:find((case[2]:gsub("[%(%)%?]", "%%%0"))), message)
    end)
  end

  it("says what the options are of", function()
    local _, message = pcall(errors.check_options, { a = 1 }, {}, "join")
    assert.truthy(message:find("join: unknown option 'a'", 1, true))
  end)
end)

describe("errors.public", function()
  for said, shown in pairs {
    ["shop.lua:4: extend 'payments': no"] = "extend 'payments': no",
    ["/srv/my app/shop.lua:4: no"] = "(file) no",
    ["content_by_lua(nginx.conf:52):1: bad"] = "bad",
    ['[string "return 1"]:1: bad'] = "bad",
    ["hook on payments: [string \"a b\"]:12: boom"] = "hook on payments: boom",
    ["hook: ./lua/x.lua:3: attempt to index a nil value"] = "hook: attempt to index a nil value",
    ["(command line):1: bad"] = "bad", ["stdin:1: bad"] = "bad",
    ["CAfile: /etc/ssl/own.pem CRLfile: none"] = "CAfile: (file) CRLfile: none",
    ["/var/lib/x.db: it is locked"] = "(file): it is locked",
    ["a key in '/run/secrets/key' is short"] = "a key in '(file)' is short",
    ["GET /v1/charges: HTTP 500: no"] = "GET /v1/charges: HTTP 500: no",
    ["POST /oauth/token: no 'scope'"] = "POST /oauth/token: no 'scope'",
    ["at https://a.example/x/y: no"] = "at https://a.example/x/y: no",
    ["could not connect to 127.0.0.1:80: no"] = "could not connect to 127.0.0.1:80: no",
    ["one\nstack traceback: x"] = "one",
    ["1/2 and a/b/c"] = "1/2 and a/b/c",
  } do
    it("makes of: " .. said, function()
      assert.equal(shown, errors.public(said))
      assert.equal(shown, errors.public(select(3, errors.fail("auth", said))))
    end)
  end

  it("tells nothing of a failure of the store or of a file", function()
    assert.equal("the database could not be read or written",
      errors.public(select(3, errors.fail("store", "commerce.db: no such column: c.status"))))
    assert.equal("a file could not be read or written",
      errors.public(select(3, errors.fail("output", "x.csv: no space left"))))
  end)
end)

describe("suggest.nearest", function()
  for _, case in ipairs {
    { "amonut", "amount" }, { "staus", "status" }, { "curency", "currency" },
    { "created_date", "createdDate" }, { "SupplementalData", "supplementalData" },
    { "zzz", nil }, { "xy", nil }, { "", nil },
  } do
    it(("'%s' is %s"):format(case[1], tostring(case[2])), function()
      assert.equal(case[2], suggest.nearest(case[1], { "amount", "status", "currency",
        "createdDate", "supplementalData" }))
    end)
  end

  it("takes a table's keys, and of equals always the same", function()
    for _ = 1, 5 do
      assert.equal("bat", suggest.nearest("bxt", { bet = 1, bat = 2, bit = 3 }))
    end
  end)
end)
