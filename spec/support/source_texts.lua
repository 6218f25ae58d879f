-- The JSON texts of source objects for specs of the mapper: the emulator's data set, made in this
-- process, and the odd objects of spec/fixtures/records.

local core = require "commerce.core"

local source_texts = {}

local unpack = table.unpack or unpack -- luacheck: ignore

-- The emulator is written for LuaJIT.
local function bit_of_numbers()
  return assert(load [[
    local function int(n)
      return math.tointeger(n) or math.tointeger(n % 4294967296)
    end
    local function signed(n)
      n = n & 0xffffffff
      return n >= 0x80000000 and n - 0x100000000 or n
    end
    return {
      tobit = function(n) return signed(int(n)) end,
      lshift = function(n, by) return signed((int(n) & 0xffffffff) << by) end,
      rshift = function(n, by) return signed((int(n) & 0xffffffff) >> by) end,
      bxor = function(a, b) return signed(int(a) ~ int(b)) end,
    }
  ]])()
end

-- Calls a function with the emulator's modules, and without what they need afterwards.
local function with_emulator(work)
  local path, had_bit = package.path, package.loaded.bit
  local had_loadstring = rawget(_G, "loadstring")
  package.path = "spec/emulator/lua/?.lua;" .. path
  if not had_bit and not pcall(require, "bit") then
    package.loaded.bit = bit_of_numbers()
  end
  rawset(_G, "loadstring", had_loadstring or load)
  local results = { pcall(core.in_c_locale, work) }
  rawset(_G, "loadstring", had_loadstring)
  package.path, package.loaded.bit = path, had_bit
  assert(unpack(results))
  return results[2]
end

local function tree_of(paths)
  local tree = {}
  for _, path in ipairs(paths) do
    local at = tree
    for key in path:gsub("^data%.", ""):gmatch "[^%.]+" do
      at[key] = at[key] or {}
      at = at[key]
    end
  end
  return tree
end

--- The objects of the emulator's data set by resource, as its lists send them.
---@param charges integer how many charges the account has; the rest follows from it
---@param expansions table<string, string[]> by resource: what is inlined, as a list takes it
---@return table<string, string[]> texts in the order of their numbers
function source_texts.emulator(charges, expansions)
  return with_emulator(function()
    local dataset, template = require "emulator.dataset", require "emulator.template"
    local account = require "emulator.data.account"
    local data = dataset.new { account = "acct_1CommerceShop001", name = "Example Shop", seed = 1,
      now = 1790000000, days = 730, pending_days = 3, future = false, charges = charges }
    local style, texts = template.style(false, false), {}
    for name, resource in pairs(dataset.resources) do
      local tree, list = tree_of(expansions[name] or {}), {}
      for i = 0, resource.count(data) - 1 do
        list[i + 1] = template.render(data:node(name, i, tree), style)
      end
      texts[name] = list
    end
    texts.account = { template.render(account.node(data), style) }
    texts.balance = { template.render(account.balance(data), style) }
    return texts
  end)
end

--- The odd objects by resource: texts that JSON allows and Stripe seldom sends, in their order.
---@return table<string, string[]> texts
function source_texts.odd()
  local texts = {}
  for line in io.lines "spec/fixtures/records/odd_objects.txt" do
    local resource, text = line:match "^([%l_]+)\t(.*)$"
    texts[resource] = texts[resource] or {}
    table.insert(texts[resource], text)
  end
  return texts
end

return source_texts
