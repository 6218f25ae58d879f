-- The scheduler: which job has its turn when, what a failure does to the others, and tickers.

local core = require "commerce.core"
local jobs = require "commerce.runtime.jobs"

-- A pollable that has something after so many polls.
local function after(polls, value, message)
  return {
    poll = function()
      polls = polls - 1
      if polls > 0 then
        return false
      end
      return value, message, message and { message = message }
    end,
  }
end

describe("jobs", function()
  local transport

  before_each(function()
    transport = core.transport {}
  end)

  after_each(function()
    transport:close()
  end)

  -- Waits in a job, with something that is never there.
  local function wait_forever()
    return jobs.await(transport, after(math.huge))
  end

  it("give what they wait for, inside and outside of a job", function()
    for _, run in ipairs { jobs.run, function(work) return work() end } do
      run(function()
        assert.equal("page", jobs.await(transport, after(3, "page")))
        assert.same({ nil, "no", { message = "no" } },
          { jobs.await(transport, after(2, nil, "no")) })
        assert.same({}, { jobs.await(transport, after(2)) })
      end)
    end
    assert.equal("first", (jobs.run(function() return "first", "second" end)))
  end)

  it("have their turns one after the other, though each always has something to do", function()
    local order = {}
    local function reader(name)
      return function()
        for _ = 1, 3 do
          jobs.await(transport, after(1, true))
          order[#order + 1] = name
          jobs.pause(transport)
        end
      end
    end
    jobs.together { reader "a", reader "b" }
    assert.equal("ababab", table.concat(order))
  end)

  it("sleep side by side, as long as each asks for", function()
    local order = {}
    local function sleeper(name, seconds)
      return function()
        jobs.sleep(seconds)
        order[#order + 1] = name
      end
    end
    local began = core.now()
    jobs.together { sleeper("long", 0.2), sleeper("short", 0.05), sleeper("middle", 0.1) }
    assert.same({ "short", "middle", "long" }, order)
    assert.is_true(core.now() - began >= 0.2)
    jobs.sleep(0.01)
  end)

  it("wait in a callback of C's, where no other job can go on meanwhile", function()
    assert.equal("<x> <y>", jobs.run(function()
      return (("x y"):gsub("%a", function(letter)
        return jobs.await(transport, after(3, "<" .. letter .. ">"))
      end))
    end))
  end)

  it("of a coroutine of the user's own wait, too", function()
    local got = {}
    jobs.run(function()
      for value in coroutine.wrap(function()
        for i = 1, 2 do
          coroutine.yield(jobs.await(transport, after(2, i)))
        end
      end) do
        got[#got + 1] = value
      end
    end)
    assert.same({ 1, 2 }, got)
  end)

  -- ---------------------------------------------------------------- each

  it("work on several items at a time, in order", function()
    local begun, running, most = {}, 0, 0
    jobs.each({ 1, 2, 3, 4, 5, 6, 7 }, 3, function(item)
      begun[#begun + 1], running = item, running + 1
      most = math.max(most, running)
      jobs.await(transport, after(item % 3 + 1, true))
      running = running - 1
    end)
    assert.same({ 1, 2, 3, 4, 5, 6, 7 }, begun)
    assert.same({ 3, 0 }, { most, running })
    jobs.each({}, 3, error)
  end)

  it("begin jobs of their own, which end before them", function()
    local order = {}
    jobs.each({ "a", "b" }, 2, function(name)
      jobs.each({ 1, 2 }, 2, function(number)
        jobs.await(transport, after(number, true))
        order[#order + 1] = name .. number
      end)
      order[#order + 1] = name
    end)
    assert.same({ "a1", "b1", "a2", "b2", "a", "b" }, order)
  end)

  it("end when one of them raises: the others are cancelled where they wait", function()
    local cleaned, begun = {}, 0
    local raised = { "broken" }
    local ok, value = pcall(jobs.each, { 1, 2, 3, 4 }, 3, function(item)
      begun = begun + 1
      if item == 2 then
        jobs.await(transport, after(2, true))
        error(raised, 0)
      end
      local went_on, thrown = pcall(jobs.each, { 1 }, 1, wait_forever)
      cleaned[item] = not went_on and thrown.kind
      error(thrown, 0)
    end)
    assert.is_false(ok)
    assert.equal(raised, value)
    assert.same({ [1] = "cancelled", [3] = "cancelled" }, cleaned)
    assert.equal(3, begun)
  end)

  -- ---------------------------------------------------------------- groups

  it("are begun and counted one by one, and waited for one by one", function()
    local seen = {}
    assert.equal("result", jobs.group(function(group)
      local began = core.now()
      group:wait(0.02) -- there is none
      assert.is_true(core.now() - began >= 0.02)
      for i = 1, 3 do
        group:add(function()
          repeat
            jobs.sleep(0.001)
          until #seen == i - 1
        end)
      end
      while group.count > 0 do
        group:wait(10)
        seen[#seen + 1] = group.count
      end
      group:add(wait_forever)
      began = core.now()
      group:wait(0.02)
      assert.is_true(core.now() - began >= 0.02)
      assert.equal(1, group.count)
      group:cancel()
      return "result"
    end))
    assert.same({ 2, 1, 0 }, seen)
  end)

  it("are cancelled when the work that began them raises", function()
    local ended
    local ok, value = pcall(jobs.group, function(group)
      group:add(function()
        pcall(wait_forever)
        ended = true
      end)
      jobs.pause()
      group:add(function() error "is never begun" end)
      error("broken", 0)
    end)
    assert.same({ false, "broken", true }, { ok, value, ended })
  end)

  it("raise what a member raised where the group is waited for", function()
    local raised
    local ok, value = pcall(jobs.group, function(group)
      group:add(function() error("broken", 0) end)
      raised = select(2, pcall(group.join, group))
      error(raised, 0)
    end)
    assert.same({ false, "broken", "broken" }, { ok, value, raised })
    ok, value = pcall(jobs.group, function(group)
      group:add(function() error("broken", 0) end)
    end)
    assert.same({ false, "broken" }, { ok, value })
  end)

  -- ---------------------------------------------------------------- together

  it("know that they are steps, as do the jobs that steps begin", function()
    assert.is_false(jobs.is_step())
    local known = {}
    jobs.group(function(group)
      group:add(function() known.plain = jobs.is_step() end)
    end)
    jobs.together { function()
      known.step = jobs.is_step()
      jobs.each({ 1 }, 1, function() known.inside = jobs.is_step() end)
    end }
    assert.same({ plain = false, step = true, inside = true }, known)
  end)

  it("that are steps run to their end when another one raises, which is raised then", function()
    local ended
    local ok, value = pcall(jobs.together, {
      function() error("first", 0) end,
      function() error("second", 0) end,
      function()
        jobs.sleep(0.03)
        ended = true
      end,
    })
    assert.same({ false, "first", true }, { ok, value, ended })
  end)

  it("end at once when one of them is interrupted", function()
    local ok, value = pcall(jobs.together, { function()
      error("interrupted!", 0)
    end, wait_forever })
    assert.same({ false, "interrupted!" }, { ok, value })
  end)

  -- ---------------------------------------------------------------- tickers

  it("raise what their own ticker raises, and not another one's", function()
    local ticks, others = 0, 0
    local ok, raised = pcall(jobs.together, { function()
      local stop = jobs.every_second(function()
        ticks = ticks + 1
        error({}, 0)
      end)
      local went_on, thrown = pcall(wait_forever)
      stop()
      assert(not went_on and type(thrown) == "table")
    end, function()
      while ticks == 0 do
        jobs.sleep(0.02)
        others = others + 1
      end
    end })
    assert.is_true(ok, tostring(raised))
    assert.equal(1, ticks)
    assert.is_true(others > 0)
  end)

  it("call the tickers of the jobs that they were begun by, and of those alone", function()
    local ticks, raised = 0, { "stop" }
    local stop = jobs.every_second(function()
      ticks = ticks + 1
      if ticks == 2 then
        error(raised, 0)
      end
    end)
    local ok, value = pcall(jobs.each, { 1, 2 }, 2, wait_forever)
    stop()
    assert.same({ false, 2 }, { ok, ticks })
    assert.equal(raised, value)
    jobs.run(function() jobs.sleep(1.1) end)
    assert.equal(2, ticks)
  end)
end)

describe("processes", function()
  local process = require "commerce.runtime.process"

  it("know their own name, and whether another one has ended", function()
    local me = process.name()
    assert.matches("^.+:%d+:%d+$", me)
    assert.equal(me, process.name())
    assert.is_false(process.is_gone(me))
    assert.is_true(process.is_gone((me:gsub("%d+$", "1")))) -- the PID is another process's now
    assert.is_true(process.is_gone((me:gsub("%d+:%d+$", "4194304:1"))))
    assert.equal(("process %s on %s"):format(me:match ":(%d+):%d+$", me:match "^[^:]+"),
      process.label(me))
    -- nobody else can tell: a process of another boot, namespace or host, or of an older version
    local dead = me:gsub("%d+:%d+$", "4194304:1")
    assert.is_false(process.is_gone((dead:gsub("/%d+", "/1"))))
    assert.is_false(process.is_gone((dead:gsub(":%x+%-", ":0-", 1))))
    for _, other in ipairs { "another host:4194304:1", "?:0000", "" } do
      assert.is_false(process.is_gone(other))
      assert.equal(other, process.label(other))
    end
  end)
end)
