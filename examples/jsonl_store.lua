-- A store of one's own: everything in one file of JSON Lines, its journal. Each line is one change,
-- [method, arguments], appended when the change has been made; opening the file makes them all
-- again, in memory. A line is there whole or not at all, so a page and its checkpoint are, too.
--
--   local jsonl = dofile "examples/jsonl_store.lua"
--   local app = assert(commerce.open { store = assert(jsonl.open "shop.jsonl") })
--
-- One process at a time, and as much as fits into memory: for some ten thousand records. What a
-- store must have stands in commerce.store.contract; its shared cases are run against this one.

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

-- What of a method's arguments is no JSON by itself: how it is written, and how it is read.
local WRITTEN = {
  define_type = function(data_type) return model.describe(data_type) end,
}
local READ = {
  define_type = function(engine, description)
    return engine:define_type(model.restore(description))
  end,
  -- an exchange of secrets is written as what came of it
  reseal = function(engine, envelopes)
    local at = 0
    return engine:reseal(function()
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
  if not ok then -- memory is ahead of the file now: nothing more may come of it
    self.broken = ("%s: %s; open it again"):format(self.path, tostring(message))
  end
  return ok
end

if jit then -- luacheck: ignore (LuaJIT's own)
  jit.off(append) -- luacheck: ignore (compiled, a flush that fails is done again, and "succeeds")
end

local function replay(engine, path)
  local file = io.open(path, "rb")
  for line in file and file:lines() or function() end do
    local entry = json.decode(line)
    if entry then -- a line that is none was torn by a crash: nobody was told that it was stored
      local name, arguments = entry[1], entry[2]
      for i = 1, #arguments do
        arguments[i] = json.without_nulls(arguments[i])
      end
      local again = READ[name] or engine[name]
      again(engine, unpack(arguments, 1, 9))
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
  local engine = assert(store.open "sqlite::memory:")
  replay(engine, path)
  local file, message = io.open(path, "ab")
  if not file then
    engine:close()
    return errors.fail("store", message)
  end
  if file:seek "end" > 0 then
    file:write "\n" -- ends a line that was torn
  end
  return setmetatable({ engine = engine, file = file, path = path }, store_mt)
end

local function fail(self)
  return errors.fail("store", self.broken)
end

local function reader(name)
  return function(self, ...)
    if self.broken then
      return fail(self)
    end
    return self.engine[name](self.engine, ...)
  end
end

-- Made in memory first, which tells whether it can be made; what failed is not written.
local function writer(name)
  return function(self, ...)
    if self.broken then
      return fail(self)
    end
    local result, message, details = self.engine[name](self.engine, ...)
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

-- Webhooks are not sent from here: made anew with each opening, they would have other ids each
-- time. commerce.open has the store say so to who asks.
local WITHOUT = { outbox = true }

for _, part in ipairs(contract.PARTS) do
  for _, kind in ipairs { "reads", "writes", "here" } do
    for _, name in ipairs(not WITHOUT[part.name] and part[kind] or {}) do
      methods[name] = kind == "writes" and writer(name) or reader(name)
    end
  end
end

function methods:reseal(seal)
  local envelopes = {}
  local changed, message, details = self.engine:reseal(function(row)
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
    self.engine:close()
  end
end

return jsonl
