-- A long test of everything together: syncs of one account into two databases, by several processes
-- and both runtimes, and `commerce serve` on a third one. Processes are killed, clocks disagree,
-- the source changes, answers hold objects that cannot be read, the network fails,
-- limits bite, permissions come and go, the databases are locked or have no room, and webhooks are
-- lost, doubled and mixed up. It goes in rounds: after each, everything works again, and the
-- databases must say what the source says (verdict.lua).
--
-- Every choice follows from the seed; when things happen also depends on the machine.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local machine = require "spec.soak.machine"
local random = require "spec.soak.random"
local runs = require "spec.soak.runs"
local server = require "spec.soak.server"
local processes = require "spec.soak.processes"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"
local source = require "spec.soak.source"
local trouble = require "spec.soak.trouble"
local verdict = require "spec.soak.verdict"

local soak = {}

local methods = {}
local soak_mt = { __index = methods }

local ROUND = 30 -- seconds
local LONGEST_LAG = 600 -- seconds until everything that happened is visible
local DAY = 86400
-- The emulator's time at the start. Its answers have the machine's date, which bounds what a run
-- believes, so its clock must not pass that, however far it jumps.
local BEGIN = 1650000000

methods.HERE = "spec/soak/"
methods.KEY = "sk_live_emulator"
methods.RESTRICTED_KEY = "rk_live_soakRestricted0123456789"
methods.REVOKED_KEY = "sk_live_soakRevoked0123456789"

--- Count something for the summary.
---@param what string
---@param number integer? 1 if left out
function methods:count(what, number)
  self.counts[what] = (self.counts[what] or 0) + (number or 1)
end

--- Something is wrong.
---@param what string
function methods:fail(what)
  self.failures[#self.failures + 1] = what
end

--- The emulator's time, which is that of all processes.
---@return integer unix seconds
function methods:now()
  return self.clock
end

local function advance(self, seconds)
  self.clock = self.e:control("clock", { advance = seconds, key = self.KEY }).now
  self.moved = socket.gettime()
end

-- ---------------------------------------------------------------- what has ended

local EXPECTED = { [0] = true, [1] = true }

local REASONS = { { "is being synced by another process", ", another one was at work" },
  { "Expired API Key", ", the key was revoked" }, { "GET /v1/account", ", the network" } }

local function reason_of(process)
  for _, reason in ipairs(process.status == 1 and REASONS or {}) do
    if process.errors:find(reason[1], 1, true) then
      return reason[2]
    end
  end
  return ""
end

local function look_at(self, process)
  if process.was_killed and process.status == 137 then
    return
  end
  self:count(("ended with %d: %s%s"):format(process.status, process.name:match "^%S+",
    reason_of(process)))
  local text = process.output .. process.errors
  local early = process.status ~= 0 and not self.has_synced[process.store or 0]
    and process.errors:find "run `commerce sync` first"
  local problem = not EXPECTED[process.status] and not early and "ended with " .. process.status
    or (process.errors:find "traceback" or process.errors:find "%.lua:%d+:") and "broke"
    or process.receiver and "ended by itself"
    or process.server and process.output:find('"event":"internal_error"', 1, true)
    and "logged an internal error"
    or process.name == "status" and process.status ~= 0 and not early and "failed"
  for _, key in ipairs { self.KEY, self.RESTRICTED_KEY, self.REVOKED_KEY } do
    problem = problem or sandbox.leak(text, key) and "printed a key"
  end
  if problem then
    self:fail(("%s (%s) %s:\n%s"):format(process.name, process.runtime, problem,
      process.errors .. process.output:sub(-2000)))
  end
  if process.status == 0 and process.store then
    self.has_synced[process.store] = true
  end
  for line in process.errors:gsub("%x%x%x%x%x%x%x%x%-[%x%-]+", "…"):gsub("%d+", "#")
    :gmatch "[^\n]+" do
    self.told[line] = true
  end
end

local function look_at_ended(self)
  for _, process in ipairs(self.processes:ended()) do
    look_at(self, process)
  end
end

-- ---------------------------------------------------------------- a round

local JUMPS = { { 4, { 60, 900 } }, { 3, { 3600, 72000 } }, { 2, { DAY, 9 * DAY } },
  { 1, { 24 * DAY, 40 * DAY } } }

-- The clock goes on by minutes or by days, while nobody is at work.
local function jump(self, draw)
  for _, process in ipairs(self.processes.alive) do
    self:count("killed: " .. runs.kind(process))
  end
  self.processes:kill_all()
  look_at_ended(self)
  local range = draw:weighted(JUMPS)
  local seconds = draw:between(range[1], range[2])
  advance(self, seconds)
  self:count "jumps of the clock"
  self:count("days that they took", seconds / DAY)
end

local function actors_of(self)
  local list = {}
  for _, part in ipairs { source.ACTORS, trouble.ACTORS, machine.ACTORS, runs.ACTORS,
    self.served and server.ACTORS or {},
    { { name = "jump", every = 10, act = jump } } } do
    for _, actor in ipairs(part) do
      local draw = random.new(self.seed * 1000 + self.round, actor.name)
      list[#list + 1] = { name = actor.name, act = actor.act, every = actor.every, draw = draw,
        at = socket.gettime() + actor.every * draw:next() }
    end
  end
  return list
end

local function go_wild(self, seconds)
  local deadline, actors = socket.gettime() + seconds, actors_of(self)
  while socket.gettime() < deadline and #self.failures == 0 do
    look_at_ended(self)
    if socket.gettime() - self.moved >= 1 then
      advance(self, 1)
    end
    for _, actor in ipairs(actors) do
      if socket.gettime() >= actor.at then
        actor.act(self, actor.draw)
        actor.at = socket.gettime() + actor.every * (0.5 + actor.draw:next())
      end
    end
    socket.sleep(0.02)
  end
end

local function settle(self)
  self.processes:kill_all()
  look_at_ended(self)
  trouble.stop(self)
  advance(self, LONGEST_LAG)
  if #self.failures == 0 and (not self.served or server.settle(self)) then
    look_at_ended(self)
    verdict.look(self)
  end
  look_at_ended(self)
end

-- ---------------------------------------------------------------- all of it

local function new(options)
  local self = setmetatable({ seed = options.seed, round = 0, counts = {}, failures = {},
    told = {}, has_synced = {}, runtimes = options.runtimes, runtime_names = {},
    moved = socket.gettime() }, soak_mt)
  for name in pairs(options.runtimes) do
    table.insert(self.runtime_names, name)
  end
  table.sort(self.runtime_names)
  self.first_runtime = self.runtime_names[1]
  self.box = sandbox.new()
  self.e = emulator.start { charges = options.charges, seed = options.seed, compact = true,
    now = BEGIN }
  self.port = emulator.free_port()
  self.processes = processes.new(self.box)
  self.stores = {
    { name = "one", path = self.box:path "one.db", key = self.RESTRICTED_KEY },
    { name = "two", path = self.box:path "two.db", key = self.REVOKED_KEY },
  }
  trouble.stop(self)
  advance(self, 1)
  self.day = os.date("!%Y-%m-%d", self:now() - 100 * DAY)
  source.prepare(self)
  runs.prepare(self)
  if options.serve then
    server.prepare(self, emulator.free_port())
  end
  return self
end

local function work(self, options)
  local left = options.seconds
  while left > 0 and #self.failures == 0 do
    self.round = self.round + 1
    self.silent = (self.round + self.seed) % 2 == 0
    local seconds = math.min(left, ROUND)
    if left - seconds < ROUND / 3 then
      seconds = left
    end
    local began = socket.gettime()
    go_wild(self, seconds)
    settle(self)
    left = left - seconds
    if options.say then
      options.say(("round %d%s: %.0f s of trouble, then %.0f s of looking: %s"):format(self.round,
        self.silent and ", some of it silent" or "", seconds,
        socket.gettime() - began - seconds, self.failures[1] and "FAILED" or "all is well"))
    end
  end
  local stats = self.e:control "stats"
  self:count("requests", stats.requests)
  for status, number in pairs(stats.statuses) do
    self:count("answers " .. status, number)
  end
  runs.tell_webhooks(self)
end

-- What was asked for and what had happened, beside the databases.
local function keep_evidence(self)
  self.box:write("requests.txt", table.concat(self.e:control("stats?lines=1").lines, "\n") .. "\n")
  local lines = {}
  for i, event in ipairs(self.e:read_all("/v1/events", self.KEY)) do
    lines[i] = cjson.encode(event) .. "\n"
  end
  self.box:write("events.jsonl", table.concat(lines))
end

--- Run it.
---@param options table seed; seconds: of trouble; charges: how many the account has at the start;
---  runtimes: programs by name, as in { ["lua5.4"] = "/usr/bin/lua5.4" }; serve: true runs
---  `commerce serve` as well; say: gets a line a round;
---  keep: true leaves the databases of a failure where they are
---@return string[] failures none if all is well
---@return table<string, number> counts what was done
---@return string[] told what the commands complained of, each once
---@return string? folder of the databases, if they are kept
function soak.run(options)
  local self = new(options)
  local ok, message = xpcall(work, debug.traceback, self, options)
  if not ok then
    self:fail("the soak itself broke: " .. message)
  end
  self.processes:kill_all()
  local keep = options.keep and #self.failures > 0
  if keep then
    keep_evidence(self)
  end
  self.e:stop()
  if not keep then
    self.box:close()
  end
  local told = {}
  for line in pairs(self.told) do
    told[#told + 1] = line
  end
  table.sort(told)
  return self.failures, self.counts, told, keep and self.box.folder or nil
end

return soak
