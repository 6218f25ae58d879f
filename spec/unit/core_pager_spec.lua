local scripted_server = require "spec.support.scripted_server"
local list = scripted_server.list

-- A server's charges, newest first: ids c001, c002, ... with the given `created` times.
local function charges(count, created)
  local objects = {}
  for i = 1, count do
    objects[i] = { ("c%03d"):format(i), created and created(i) or 10000 - i }
  end
  return objects
end

-- Answers list requests as Stripe does: limit, starting_after, created bounds. Deleted ids are
-- neither listed nor known as cursors.
local function stripe(objects, deleted)
  deleted = deleted or {}
  return function(request)
    local query, start = request.query, 1
    if query.starting_after then
      for i, object in ipairs(objects) do
        if object[1] == query.starting_after and not deleted[object[1]] then start = i + 1 end
      end
      if start == 1 then
        return { status = 400, body = '{"error":{"type":"invalid_request_error",'
          .. '"code":"resource_missing","param":"starting_after","message":"No such charge"}}' }
      end
    end
    local found, more = {}, false
    for i = start, #objects do
      local id, created = objects[i][1], objects[i][2]
      if not deleted[id]
        and created <= tonumber(query["created[lte]"] or math.huge)
        and created < tonumber(query["created[lt]"] or math.huge)
        and created >= tonumber(query["created[gte]"] or 0) then
        if #found == tonumber(query.limit) then
          more = true
          break
        end
        found[#found + 1] = objects[i]
      end
    end
    return { body = list(found, more) }
  end
end

describe("a pager", function()
  local server

  after_each(function()
    if server then server:close() end
    server = nil
  end)

  local function open(script, options, session_options)
    server = scripted_server.new(type(script) == "table" and script or setmetatable({}, {
      __index = function() return script end,
    }))
    local session, transport = server:session(session_options)
    options.path = options.path or "/v1/charges"
    return session:pager(options), transport, session
  end

  -- All pages as lists of ids, and how it ended.
  local function read(pager, transport, on_page)
    local pages, ids = {}, {}
    while true do
      local page, message, details = server:drive(transport, function() return pager:poll() end)
      if not page then return pages, ids, message, details end
      local here = {}
      for i = 1, #page do
        here[i] = page:id(i)
        ids[#ids + 1] = here[i]
      end
      pages[#pages + 1] = here
      if on_page then on_page(#pages, page) end
    end
  end

  -- Every id once and in order, those in `without` excepted.
  local function all(count, without)
    local ids = {}
    for i = 1, count do
      local id = ("c%03d"):format(i)
      if not (without and without[id]) then ids[#ids + 1] = id end
    end
    return ids
  end

  it("reads a list to its end", function()
    local pager, transport = open(stripe(charges(250)), {})
    local pages, ids, message = read(pager, transport)
    assert.is_nil(message)
    assert.equal(3, #pages)
    assert.same(all(250), ids)
    assert.equal(3, #server.requests)
    assert.equal("100", server.requests[1].query.limit)
    assert.is_nil(server.requests[1].query.starting_after)
    assert.equal("c100", server.requests[2].query.starting_after)
    assert.is_nil(pager:poll())
    assert.equal(1, select("#", pager:poll()))
  end)

  it("repeats its filters on every page", function()
    local pager, transport = open(stripe(charges(5)), {
      limit = 2, created_gte = 9996, created_lte = 9999, query = { { "expand[]", "data.refunds" } },
    })
    local _, ids = read(pager, transport)
    assert.same(all(4), ids)
    for _, request in ipairs(server.requests) do
      assert.equal("9996", request.query["created[gte]"])
      assert.equal("9999", request.query["created[lte]"])
      assert.equal("data.refunds", request.query["expand[]"])
    end
  end)

  it("goes on after a given cursor", function()
    local pager, transport = open(stripe(charges(5)), { cursor = "c003" })
    local _, ids = read(pager, transport)
    assert.same({ "c004", "c005" }, ids)
  end)

  it("ends at once on an empty list", function()
    local pager, transport = open({ { body = list({}, false) } }, {})
    assert.same({}, read(pager, transport))
  end)

  it("gives pages that can be read", function()
    local first = '{"id":"c1","created":5,"object":"charge","text":"\\u00e9 [{"}'
    local pager, transport = open({
      { body = list({ first, '{"object":"x"}' }, false), headers = { ["Request-Id"] = "req_5" } },
    }, {})
    local page = server:drive(transport, function() return pager:poll() end)
    assert.equal(2, #page)
    assert.equal(2, page:count())
    assert.equal(first, page:element(1))
    assert.equal("c1", page:id(1))
    assert.is_nil(page:id(2))
    assert.equal(5, page:created(1))
    assert.is_nil(page:created(2))
    assert.equal("c1", page:first_id())
    assert.is_nil(page:last_id())
    assert.is_false(page:has_more())
    assert.equal("req_5", page:request_id())
    assert.equal(#list({ first, '{"object":"x"}' }, false), page:bytes())
    local seen = {}
    for i, json in page:elements() do seen[i] = json end
    assert.same({ first, '{"object":"x"}' }, seen)
    for _, i in ipairs { 0, 3, 1.5, -1, 1e300 } do
      assert.has_error(function() page:element(i) end)
    end
    page:close()
    assert.equal(0, #page)
    assert.is_nil(page:first_id())
  end)

  it("is one page ahead and no more", function()
    local pager, transport = open(stripe(charges(10)), { limit = 2 })
    local rounds = 0
    server:drive(transport, function()
      rounds = rounds + 1
      return rounds > 30
    end)
    assert.equal(2, #server.requests)
    assert.equal(0, transport:run(0))
    assert.equal("c001", pager:poll():first_id())
    rounds = 0
    server:drive(transport, function()
      rounds = rounds + 1
      return rounds > 30
    end)
    assert.equal(3, #server.requests)
    local _, ids = read(pager, transport)
    assert.equal(8, #ids)
  end)

  describe("makes pages smaller", function()
    it("after a 5xx, and keeps them so", function()
      local answer, failed = stripe(charges(300)), 0
      local pager, transport = open(function(request)
        if tonumber(request.query.limit) > 25 and failed < 2 then
          failed = failed + 1
          return { status = 500 + failed * 2 }
        end
        return answer(request)
      end, {})
      assert.equal(100, pager:limit())
      local _, ids = read(pager, transport)
      assert.same(all(300), ids)
      assert.equal(25, pager:limit())
      assert.equal("100", server.requests[1].query.limit)
      assert.equal("50", server.requests[2].query.limit)
      assert.equal("25", server.requests[3].query.limit)
      assert.equal(14, #server.requests)
    end)

    it("after a timeout", function()
      local answer = stripe(charges(3))
      local pager, transport = open({ { hang = true }, answer }, {}, { timeout = 0.05 })
      local _, ids = read(pager, transport)
      assert.same(all(3), ids)
      assert.equal(50, pager:limit())
    end)

    it("but not below 25, nor a small one, nor for other reasons", function()
      local pager, transport = open({ { status = 500 }, stripe(charges(3)) }, { limit = 30 })
      read(pager, transport)
      assert.equal(25, pager:limit())
      server:close()
      pager, transport = open({ { status = 500 }, stripe(charges(3)) }, { limit = 10 })
      read(pager, transport)
      assert.equal(10, pager:limit())
      server:close()
      pager, transport = open({ { status = 429 }, { reset = true }, stripe(charges(3)) }, {})
      read(pager, transport)
      assert.equal(100, pager:limit())
    end)
  end)

  describe("asks again for a page", function()
    local whole = list(charges(3), false)

    it("that was cut short, in whatever way", function()
      local pager, transport, session = open({
        { reset = true },
        { body = whole, cut = 40 },
        { body = whole:sub(1, 40) },
        { body = "" },
        { body = "<html>" },
        { body = whole },
      }, {})
      local _, ids = read(pager, transport)
      assert.same(all(3), ids)
      assert.equal(5, session:stats().retries)
    end)

    it("but not forever", function()
      local pager, transport = open(function() return { body = whole:sub(1, 40) } end, {},
        { retries = 2 })
      local _, _, message, details = read(pager, transport)
      assert.equal("GET /v1/charges: unusable answer: ends too early at byte 40", message)
      assert.equal("decode", details.kind)
      assert.equal(200, details.status)
      assert.equal(3, details.attempts)
      assert.is_true(details.retryable)
      assert.equal(message, select(2, pager:poll()))
    end)

    it("not if it is something else", function()
      local pager, transport = open({ { body = '{"id":"acct_1","object":"account"}' } }, {})
      local _, _, message, details = read(pager, transport)
      assert.equal("GET /v1/charges: unusable answer: not a list object at byte 25", message)
      assert.equal("decode", details.kind)
      assert.is_false(details.retryable)
    end)
  end)

  it("gives the pages before a failure first", function()
    local answer = stripe(charges(4))
    local pager, transport = open({ answer, { status = 403, body = "{}" } }, { limit = 2 })
    local pages, _, message, details = read(pager, transport)
    assert.equal(1, #pages)
    assert.equal("GET /v1/charges: HTTP 403 (not JSON)", message)
    assert.equal(403, details.status)
  end)

  describe("never loops", function()
    it("on an empty page with more to come", function()
      local pager, transport = open(function()
        return { body = list({}, true), headers = { ["Request-Id"] = "req_3" } }
      end, {})
      local _, _, message, details = read(pager, transport)
      assert.equal("GET /v1/charges: empty page, yet has_more is true", message)
      assert.equal(2, #server.requests)
      assert.equal("decode", details.kind)
      assert.equal("req_3", details.request_id)
    end)

    it("on a server that ignores the cursor", function()
      local pager, transport = open(function() return { body = list(charges(2), true) } end, {})
      local pages, _, message = read(pager, transport)
      assert.equal(1, #pages)
      assert.equal("GET /v1/charges: page ends with the object it should start after", message)
    end)

    it("on objects without id", function()
      local pager, transport = open({ { body = list({ "{}" }, true) } }, {})
      local _, _, message = read(pager, transport)
      assert.equal("GET /v1/charges: no object of a page has an id to go on from", message)
    end)
  end)

  describe("with an object that is not JSON", function()
    local bad = list { '{"id":"c001","created":9,"x":01}', '{"id":"c002","created":8}' }

    it("asks for the page again, since the damage may be its way's", function()
      local pager, transport = open({ { body = bad }, { body = list(charges(2)) } }, {})
      local _, ids, message = read(pager, transport)
      assert.is_nil(message)
      assert.same(all(2), ids)
    end)

    it("gives the others, if it comes again and again", function()
      local pager, transport = open(function() return { body = bad } end, {})
      local _, ids, message = read(pager, transport, function(_, page)
        local text, reason = page:element(1)
        assert.is_nil(text)
        assert.equal("number with a leading zero", reason)
        assert.equal('{"id":"c002","created":8}', page:element(2))
      end)
      assert.is_nil(message)
      assert.same({ "c001", "c002" }, ids)
      assert.equal(3, #server.requests)
    end)
  end)

  describe("that gets an empty page with more to come", function()
    local function with_gap(after, times, options)
      local answer = stripe(charges(5))
      local pager, transport = open(function(request)
        if request.query.starting_after == after and times > 0 then
          times = times - 1
          return { body = list({}, true) }
        end
        return answer(request)
      end, options)
      return read(pager, transport)
    end

    it("asks for it again", function()
      local _, ids, message = with_gap("c002", 1, { limit = 2 })
      assert.is_nil(message)
      assert.same(all(5), ids)
      assert.equal(4, #server.requests)
    end)

    it("goes on below the last object", function()
      local _, ids, message = with_gap("c002", math.huge, { limit = 2 })
      assert.is_nil(message)
      assert.same(all(5), ids)
      assert.equal("9998", server.requests[4].query["created[lte]"])
    end)

    it("says so where nothing can be passed by time", function()
      local pager, transport = open(function()
        return { body = list({}, true) }
      end, {})
      local _, _, message, details = read(pager, transport)
      assert.equal("GET /v1/charges: empty page, yet has_more is true", message)
      assert.equal("empty_page", details.code)
    end)

    it("says so of a given cursor as if that were gone", function()
      local _, _, _, details = with_gap("c002", math.huge, { limit = 2, cursor = "c002" })
      assert.same({ "resource_missing", "starting_after" }, { details.code, details.param })
    end)
  end)

  it("goes on after an id that needs an escape", function()
    for sent, id in pairs { [ [[12\" vinyl]] ] = '12" vinyl', [ [[a\\b]] ] = "a\\b",
      [ [[\u00e9t\u00e9]] ] = "été", [ [[tab\tx]] ] = "tab\tx",
      [ [[\ud83d\ude00]] ] = "\240\159\152\128" } do
      local rows = { ('{"id":"%s","created":9}'):format(sent), '{"id":"c2","created":8}' }
      for _, cursor in ipairs { false, id } do
        local pager, transport = open(function(request)
          local rest = request.query.starting_after == id
          return { body = list({ rest and rows[2] or rows[1] }, not rest) }
        end, { limit = 1, cursor = cursor or nil })
        local _, ids, message = read(pager, transport, function(_, page)
          assert.equal(page:id(1), page:first_id())
          assert.equal(page:id(1), page:last_id())
        end)
        assert.is_nil(message)
        assert.same(cursor and { "c2" } or { id, "c2" }, ids)
        server:close()
      end
    end
    server = nil
  end)

  describe("whose cursor was deleted", function()
    -- Reads all charges in pages of `limit`, deleting what `delete` names after each page.
    local function with_deletions(objects, limit, delete)
      local deleted, served = {}, 0
      local answer = stripe(objects, deleted)
      local pager, transport = open(function(request)
        local result = answer(request)
        if not result.status then
          served = served + 1
          for _, id in ipairs(delete[served] or {}) do deleted[id] = true end
        end
        return result
      end, { limit = limit })
      local _, ids, message = read(pager, transport)
      assert.is_nil(message)
      return ids
    end

    it("goes on from the object before", function()
      local ids = with_deletions(charges(30), 10, { { "c010" } })
      assert.same(all(30), ids)
      assert.equal("c010", server.requests[2].query.starting_after)
      assert.equal("c009", server.requests[3].query.starting_after)
    end)

    it("goes back as far as it must", function()
      local ids = with_deletions(charges(30), 10, { { "c010", "c009", "c008", "c007" } })
      assert.same(all(30), ids)
    end)

    it("shows nothing twice if it went back too far", function()
      local ids = with_deletions(charges(30), 10, { { "c010", "c009" } })
      assert.same(all(30), ids)
    end)

    it("reads on by time when the whole page is gone", function()
      local gone = all(10)
      local ids = with_deletions(charges(30), 10, { gone })
      assert.same(all(30), ids)
      local last
      for _, request in ipairs(server.requests) do
        local query = request.query
        if query["created[lte]"] and not query.starting_after then last = request end
      end
      assert.equal("9990", last.query["created[lte]"])
    end)

    it("misses and repeats nothing within one second", function()
      local gone = {}
      for i = 21, 30 do gone[#gone + 1] = ("c%03d"):format(i) end
      local ids = with_deletions(charges(60, function() return 5000 end), 10, { [3] = gone })
      assert.same(all(60), ids)
    end)

    it("does so again and again", function()
      local delete = {}
      for page = 1, 40 do delete[page] = { ("c%03d"):format(page * 5) } end
      local ids = with_deletions(charges(100), 5, delete)
      local seen = {}
      for _, id in ipairs(ids) do
        assert.is_nil(seen[id], id .. " came twice")
        seen[id] = true
      end
      for i = 1, 100 do
        assert.is_true(seen[("c%03d"):format(i)] or i % 5 == 0, i .. " is missing")
      end
    end)

    it("says so if the cursor came from outside", function()
      local pager, transport = open(stripe(charges(5)), { cursor = "gone" })
      local _, _, message, details = read(pager, transport)
      assert.equal("GET /v1/charges: HTTP 400: No such charge", message)
      assert.equal("resource_missing", details.code)
      assert.equal("starting_after", details.param)
      assert.equal("http", details.kind)
    end)
  end)

  describe("that is split", function()
    it("gives what is newer, and leaves the rest to another", function()
      local pager, transport, session = open(stripe(charges(100)), { limit = 10 })
      local rest
      local _, ids = read(pager, transport, function(number)
        if number == 3 then
          assert.is_true(pager:split(9945))
          rest = session:pager { path = "/v1/charges", limit = 10, created_lt = 9945 }
        end
      end)
      local _, others, message = read(rest, transport)
      assert.is_nil(message)
      assert.equal(55, #ids)
      for _, id in ipairs(others) do ids[#ids + 1] = id end
      assert.same(all(100), ids)
      assert.is_nil(pager:poll())
    end)

    it("loses nothing, wherever it stands and however often", function()
      local ties = charges(240, function(i) return 9000 - math.floor(i / 17) * 3 end)
      for _ = 1, 10 do
        local first, transport, session = open(stripe(ties), { limit = 10 })
        local pagers, seen, count, splits = { first }, {}, 0, 0
        server:drive(transport, function()
          for i = #pagers, 1, -1 do
            local pager = pagers[i]
            local _, low = pager:position()
            local second = math.random(8950, 9001)
            if math.random(4) == 1 and pager:split(second) then
              splits = splits + 1
              table.insert(pagers, session:pager {
                path = "/v1/charges", limit = 10, created_gte = low, created_lt = second,
              })
            end
            local page, message = pager:poll()
            assert.is_nil(message)
            for j = 1, page and #page or 0 do
              assert.is_nil(seen[page:id(j)], page:id(j) .. " came twice")
              seen[page:id(j)] = true
              count = count + 1
            end
            if page == nil then table.remove(pagers, i) end
          end
          return #pagers == 0
        end)
        assert.equal(240, count)
        assert.is_true(splits > 0)
        server:close()
      end
    end)

    it("asks for nothing more once it has all that is left to it", function()
      local pager, transport = open(stripe(charges(50)), { limit = 10 })
      local page = server:drive(transport, function() return pager:poll() end)
      assert.is_true(page:has_more())
      local rounds = 0
      server:drive(transport, function()
        rounds = rounds + 1
        return rounds > 30
      end)
      assert.equal(3, #server.requests)
      assert.is_true(pager:split(9985))
      assert.equal(0, transport:run(0))
      page = pager:poll()
      assert.equal(5, #page)
      assert.equal("c015", page:last_id())
      assert.is_false(page:has_more())
      assert.is_nil(pager:poll())
      assert.equal(3, #server.requests)
    end)

    it("says where it stands", function()
      local pager, transport = open(stripe(charges(50)), { limit = 10, created_gt = 9960 })
      assert.same({ n = 2, nil, 9961 }, { n = select("#", pager:position()), pager:position() })
      server:drive(transport, function() return pager:poll() end)
      assert.same({ 9990, 9961 }, { pager:position() })
      assert.is_true(pager:split(9965))
      assert.same({ 9990, 9965 }, { pager:position() })
      read(pager, transport)
      assert.same({ 9965, 9965 }, { pager:position() })
      pager:close()
      assert.same({ 9965, 9965 }, { pager:position() })
    end)

    it("goes on as before where it cannot be", function()
      local pager, transport = open(stripe(charges(20)), {
        limit = 10, created_gte = 9985, created_lte = 9999,
      })
      for _, second in ipairs { 0, 9985, 9999, 10000 } do
        assert.is_false(pager:split(second))
      end
      server:drive(transport, function() return pager:poll() end)
      for _, second in ipairs { 9991, 9990 } do
        assert.is_false(pager:split(second))
      end
      local _, ids = read(pager, transport)
      assert.equal(5, #ids)
      assert.is_false(pager:split(9987))
      pager:close()
      assert.is_false(pager:split(9987))
    end)

    it("has objects with a time", function()
      local bare = { '{"id":"a"}', '{"id":"b"}' }
      local pager, transport = open({ { body = list(bare, true) }, { body = list({}, false) } }, {})
      server:drive(transport, function() return pager:poll() end)
      assert.is_false(pager:split(5))
      assert.is_nil((pager:position()))
    end)

    it("takes whole seconds", function()
      local pager = open({}, {})
      for _, second in ipairs { 1.5, -1, math.huge, "x", {} } do
        assert.has_error(function() pager:split(second) end)
      end
      assert.has_error(function() pager:split() end)
    end)
  end)

  it("can be closed at any time", function()
    local pager, transport = open(stripe(charges(10)), { limit = 2 })
    pager:close()
    pager:close()
    local _, message, details = pager:poll()
    assert.equal("GET /v1/charges: cancelled", message)
    assert.equal("cancelled", details.kind)
    assert.equal(0, transport:run(0))
    server:close()
    pager, transport = open(stripe(charges(10)), { limit = 2 })
    local page = server:drive(transport, function() return pager:poll() end)
    transport:run(0)
    pager:close()
    assert.equal("cancelled", select(3, pager:poll()).kind)
    assert.equal("c002", page:last_id())
    server:close()
    pager, transport = open(stripe(charges(1)), {})
    read(pager, transport)
    pager:close()
    assert.is_nil(pager:poll())
    assert.equal(1, select("#", pager:poll()))
  end)

  it("shares its transport with others", function()
    local answer = function(request)
      local page = stripe(charges(50))(request)
      page.after = 0.001
      return page
    end
    local first, transport, session = open(answer, { limit = 5 })
    local others, seen = { first }, {}
    for i = 2, 8 do others[i] = session:pager { path = "/v1/charges", limit = 5 } end
    local open_pagers = #others
    server:drive(transport, function()
      for i, pager in ipairs(others) do
        local page, message = pager:poll()
        assert.is_nil(message)
        if page then
          seen[i] = (seen[i] or 0) + #page
        elseif page == nil and not seen[-i] then
          seen[-i] = true
          open_pagers = open_pagers - 1
        end
      end
      return open_pagers == 0
    end)
    for i = 1, 8 do assert.equal(50, seen[i]) end
    assert.is_true(server.most_in_flight > 1)
  end)
end)
