-- A store of your own: the store in memory, with a journal in one file of JSON Lines. Each line is
-- one write, [method, arguments], appended after the write; opening the file repeats all writes. A
-- line is stored completely or not at all, and so are a page and its checkpoint.
--
--   local jsonl = dofile "examples/jsonl_store.lua"
--   local app = assert(commerce.open { store = assert(jsonl.open "shop.jsonl") })
--
-- For one process at a time and some ten thousand records, since all of them are in memory.
-- commerce.store.contract lists what a store must have; its shared cases run against this one.

local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local model = require "commerce.model"
local store = require "commerce.store"

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local jsonl = {}

local methods = {}
local store_mt = { __name = "jsonl_store", __index = methods }

-- ---------------------------------------------------------------- the journal

-- Arguments that JSON cannot carry: how they are written, and how they are read.
local WRITTEN = {
  define_type = function(data_type) return model.describe(data_type) end,
}
local READ = {
  define_type = function(memory, description)
    return memory:define_type(model.restore(description))
  end,
  -- the result of an exchange of secrets is written, not the function that made it
  reseal = function(memory, envelopes)
    local at = 0
    return memory:reseal(function()
      at = at + 1
      return envelopes[at]
    end)
  end,
}

local function append(self, name, count, ...)
  local arguments = { ... }
  for i = 1, count do
    arguments[i] = arguments[i] == nil and json.null or arguments[i]
  end
  local ok, message = self.file:write(json.encode { name, json.array(arguments) }, "\n")
  if ok then
    ok, message = self.file:flush()
  end
  if not ok then -- memory is ahead of the file now, so the store must not be used any more
    self.broken = ("%s: %s; open it again"):format(self.path, tostring(message))
  end
  return ok
end

if jit then -- luacheck: ignore (LuaJIT's own)
  jit.off(append) -- luacheck: ignore (compiled, a flush that fails is done again, and "succeeds")
end

local function replay(memory, path)
  local file = io.open(path, "rb")
  for line in file and file:lines() or function() end do
    local entry = json.decode(line)
    if entry then -- a crash tore any other line, before its write was confirmed
      local name, arguments = entry[1], entry[2]
      for i = 1, #arguments do
        arguments[i] = json.without_nulls(arguments[i])
      end
      local again = READ[name] or memory[name]
      again(memory, unpack(arguments, 1, 9))
    end
  end
  if file then
    file:close()
  end
end

-- ---------------------------------------------------------------- the store

--- Open, or make, a store.
---@param path string
---@return commerce.Store? store nil on failure
---@return string? message
---@return commerce.Details? details
function jsonl.open(path)
  local memory = assert(store.open "memory:")
  replay(memory, path)
  local file, message = io.open(path, "ab")
  if not file then
    return errors.fail("store", message)
  end
  if file:seek "end" > 0 then
    file:write "\n" -- ends a line that was torn
  end
  return setmetatable({ memory = memory, file = file, path = path }, store_mt)
end

local function fail(self)
  return errors.fail("store", self.broken)
end

local function reader(name)
  return function(self, ...)
    if self.broken then
      return fail(self)
    end
    return self.memory[name](self.memory, ...)
  end
end

-- A write is made in memory first, which shows whether it can be made. A failed one changes nothing
-- there and is not written.
local function writer(name)
  return function(self, ...)
    if self.broken then
      return fail(self)
    end
    local result, message, details = self.memory[name](self.memory, ...)
    if result == nil and message ~= nil then
      return nil, message, details
    end
    local written = WRITTEN[name]
    if written then
      append(self, name, 1, written(...))
    else
      append(self, name, select("#", ...), ...)
    end
    if self.broken then
      return fail(self)
    end
    return result, message, details
  end
end

-- This store sends no webhooks: every opening makes their messages again, with other ids. It erases
-- nothing: its journal keeps all that was ever written. It knows no other workers: one process uses
-- it at a time. commerce.open adds methods that say that the store lacks them.
local WITHOUT = { outbox = true, erasure = true, workers = true, copying = true }

for _, part in ipairs(contract.PARTS) do
  for _, kind in ipairs { "reads", "writes", "here" } do
    for _, name in ipairs(not WITHOUT[part.name] and part[kind] or {}) do
      methods[name] = kind == "writes" and writer(name) or reader(name)
    end
  end
end

-- The journal has the time of a lease, since it is read at another time.
local lease, take_pulls = methods.lease, methods.take_pulls

function methods:lease(connection_id, worker, now, seconds)
  return lease(self, connection_id, worker, now or os.time(), seconds)
end

function methods:take_pulls(worker, now, seconds)
  return take_pulls(self, worker, now or os.time(), seconds)
end

function methods:reseal(seal)
  local envelopes = {}
  local changed, message, details = self.memory:reseal(function(row)
    local new, why, trouble = seal(row)
    envelopes[#envelopes + 1] = new
    return new, why, trouble
  end)
  if not changed then
    return nil, message, details
  end
  append(self, "reseal", 1, json.array(envelopes))
  return changed
end

function methods:close()
  if self.file then
    self.file:close()
    self.file = nil
    self.memory:close()
  end
end

return jsonl
