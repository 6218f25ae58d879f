local core = require "commerce.core"
local scripted_server = require "spec.support.scripted_server"
local list = scripted_server.list
local socket = require "socket"

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

-- How many file descriptors this process has open, or nil where that cannot be seen.
local function open_files()
  local count = 0
  for fd = 0, 255 do
    local file = io.open("/proc/self/fdinfo/" .. fd)
    if file then
      file:close()
      count = count + 1
    end
  end
  return count
end

local function two_pages()
  return scripted_server.new(setmetatable({}, { __index = function()
    return function(request)
      local after = tonumber(request.query.starting_after or 0)
      return { body = list({ { after + 1, 5 }, { after + 2, 5 } }, after < 10) }
    end
  end }))
end

describe("objects of the core", function()
  local server

  before_each(function() server = two_pages() end)

  after_each(function()
    server:close()
    collect()
  end)

  local function everything()
    local limiter = core.limiter { rate = 0, endpoint_rate = 0 }
    local session, transport = server:session { limiter = limiter }
    local pager = session:pager { path = "/v1/charges", limit = 2 }
    local call = session:request { path = "/v1/account" }
    local waiting = session:request { path = "/v1/account" }
    for _ = 1, 20 do
      transport:run(0)
      server:step(0.001)
    end
    local page = assert(pager:poll())
    return { transport, session, limiter, pager, call, waiting, page }
  end

  it("keep alive what they need", function()
    local session, transport = server:session()
    local pager = session:pager { path = "/v1/charges", limit = 2 }
    session = nil -- luacheck: ignore
    collect()
    local page = server:drive(transport, function()
      collectgarbage()
      return pager:poll()
    end)
    pager, transport = nil, nil -- luacheck: ignore
    collect()
    assert.equal("2", page:last_id())
  end)

  it("survive being closed in any order, twice", function()
    local orders = {
      { 1, 2, 3, 4, 5, 6, 7 }, { 7, 6, 5, 4, 3, 2, 1 }, { 2, 1, 4, 5, 6, 7, 3 },
      { 4, 1, 5, 2, 6, 3, 7 }, { 1, 4, 2, 7, 5, 3, 6 },
    }
    for _, order in ipairs(orders) do
      local objects = everything()
      for _ = 1, 2 do
        for _, i in ipairs(order) do
          if i ~= 3 then objects[i]:close() end
        end
      end
      assert.equal("transport closed", select(2, objects[1]:run(0)))
      assert.is_nil((objects[4]:poll()))
    end
  end)

  it("survive being collected in any order", function()
    local orders = {
      { 1, 2, 3, 4, 5, 6, 7 }, { 7, 6, 5, 4, 3, 2, 1 }, { 2, 3, 1, 6, 5, 4, 7 },
    }
    for _, order in ipairs(orders) do
      local objects = everything()
      for _, i in ipairs(order) do
        objects[i] = nil
        collectgarbage()
      end
    end
    everything() -- all at once, with requests under way
    collect()
  end)

  it("fail cleanly when their transport is closed", function()
    server:close()
    server = scripted_server.new { { hang = true } }
    local session, transport = server:session()
    local call = session:request { path = "/v1/account" }
    local pager = session:pager { path = "/v1/charges" }
    transport:run(0)
    transport:close()
    transport:close()
    for _, object in ipairs { call, pager } do
      local value, message, details = object:poll()
      assert.is_nil(value)
      assert.matches("^GET /v1/%a+: transport closed$", message)
      assert.equal("cancelled", details.kind)
      assert.is_false(details.retryable)
    end
    local later = session:request { path = "/v1/later" }
    assert.equal("GET /v1/later: transport closed", select(2, later:poll()))
    local value, message, details = transport:run(1)
    assert.is_nil(value)
    assert.equal("transport closed", message)
    assert.equal("cancelled", details.kind)
  end)

  it("let a closed session's requests go on", function()
    local session, transport = server:session()
    local call = session:request { path = "/v1/account" }
    session:close()
    local response = server:drive(transport, function() return call:poll() end)
    assert.equal(200, response.status)
    assert.equal("Bearer sk_test_scripted0123456789", server.requests[1].headers.authorization)
  end)

  it("are taken one a step, if several answers have come", function()
    local session, transport = server:session()
    local calls = {}
    for i = 1, 3 do
      calls[i] = session:request { path = "/v1/account" }
    end
    transport:run(0)
    while #server.requests < 3 or server.in_flight > 0 do -- until all has been sent, to loopback
      if #server.requests < 3 then
        transport:run(0)
      end
      server:step()
    end
    for left = 2, 0, -1 do
      local before = left + 1
      repeat
        local now = transport:run(0)
        assert.is_true(now == before or now == left)
      until now == left
    end
    for _, call in ipairs(calls) do
      assert.equal(200, call:poll().status)
    end
  end)

  it("work while memory is collected all the time", function()
    local pause = collectgarbage("setpause", 0)
    local step = collectgarbage("setstepmul", 1000)
    for _ = 1, 3 do
      local limiter = core.limiter { rate = 0, endpoint_rate = 0 }
      local session, transport = server:session { limiter = limiter }
      local pager = session:pager { path = "/v1/charges", limit = 2 }
      local count = 0
      while true do
        local page, message = server:drive(transport, function() return pager:poll() end)
        assert.is_nil(message)
        if not page then break end
        for i, json in page:elements() do
          count = count + 1
          assert.equal(page:element(i), json)
        end
      end
      assert.equal(12, count)
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", step)
  end)

  it("leak neither memory nor files", function()
    local function round()
      local session, transport = server:session()
      local call = session:request { path = "/v1/account" }
      transport:run(0)
      transport:close()
      return call
    end
    for _ = 1, 20 do round() end
    collect()
    server:step()
    local files, memory = open_files(), collectgarbage("count")
    for _ = 1, 200 do round() end
    collect()
    for _ = 1, 20 do server:step() end
    assert.is_true(open_files() <= files + 2)
    assert.is_true(collectgarbage("count") < memory + 200)
  end)

  -- Plain Lua cannot fork; LuaJIT can, through its FFI, and the C is the same.
  local has_ffi, ffi = pcall(require, "ffi")
  if has_ffi then
    it("refuse to work in a forked child, and do no harm to the parent", function()
      ffi.cdef "int fork(void); void _exit(int); int waitpid(int, int *, int);"
      local session, transport = server:session()
      local call = session:request { path = "/v1/account" }
      local pager = session:pager { path = "/v1/charges" }
      transport:run(0)
      local verdict = os.tmpname()
      local child = ffi.C.fork()
      if child == 0 then
        local fine = pcall(function()
          local value, message, details = transport:run(0)
          assert(value == nil and message == "transport used after fork")
          assert(details.kind == "cancelled")
          assert(select(2, call:poll()) == "GET /v1/account: transport used after fork")
          assert(select(2, pager:poll()) == "GET /v1/charges: transport used after fork")
          local later = session:request { path = "/v1/x" }
          assert(select(2, later:poll()) == "GET /v1/x: transport used after fork")
          transport:close()
          call, pager, session, transport = nil, nil, nil, nil
          collect()
        end)
        -- told through a file: under valgrind the exit status is valgrind's
        local told = io.open(verdict, "w")
        told:write(fine and "fine" or "wrong")
        told:close()
        ffi.C._exit(0)
      end
      assert.equal(child, ffi.C.waitpid(child, ffi.new "int[1]", 0))
      local told = assert(io.open(verdict))
      assert.equal("fine", told:read "*a")
      told:close()
      os.remove(verdict)
      local response = server:drive(transport, function() return call:poll() end)
      assert.equal(200, response.status)
    end)
  end

  it("cannot be finalised by hand", function()
    local key = assert(core.secret "sk_test_x")
    for _, object in ipairs { core.transport(), core.limiter {}, key } do
      assert.is_false(getmetatable(object))
    end
  end)
end)

describe("transport:run", function()
  it("waits no longer than told", function()
    local server = scripted_server.new { { hang = true } }
    local session, transport = server:session()
    local call = session:request { path = "/v1/x" }
    local started = socket.gettime()
    assert.equal(1, transport:run(0.05))
    local waited = socket.gettime() - started
    assert.is_true(waited >= 0.045 and waited < 0.5, "waited " .. waited)
    assert.is_false(call:poll())
    server:close()
  end)

  it("returns at once without requests", function()
    local started = socket.gettime()
    assert.equal(0, core.transport():run(10))
    assert.is_true(socket.gettime() - started < 1)
  end)

  it("returns early when a request ends, and wakes for the next moment", function()
    local session, transport = scripted_server.new({}):session {
      base_url = "http://127.0.0.1:1", retries = 1, backoff = 0.02, backoff_cap = 0.02,
    }
    local call = session:request { path = "/v1/x" }
    local started = socket.gettime()
    assert.equal(0, transport:run(10))
    assert.is_true(socket.gettime() - started < 1)
    assert.equal(2, select(3, call:poll()).attempts)
  end)

  it("checks its argument", function()
    local transport = core.transport()
    for _, timeout in ipairs { -1, 0 / 0, "x", {} } do
      assert.has_error(function() transport:run(timeout) end)
    end
    assert.has_error(function() transport:run() end)
    assert.has_error(function() transport.run({}, 0) end)
  end)
end)
