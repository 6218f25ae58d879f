-- A protected method returns its failures as `nil, message, failure`. If another method of the same
-- object called it, a failure would be taken for a result of nil: inside, methods call functions,
-- which raise.

-- The files whose methods are protected, with the names of the classes in them.
local FILES = { "app/init", "app/connection", "app/company", "app/lifecycle", "serve/worker",
  "webhooks/delivery" }

local function text_of(name)
  local file = assert(io.open("lua/commerce/" .. name .. ".lua"))
  local text = file:read "*a"
  file:close()
  return text
end

-- The methods that a file protects; those that raise are named beside the call.
local function protected_in(text)
  local names = {}
  for name in text:gmatch "\nfunction [%w_]+:([%l_]+)%(" do
    names[name] = true
  end
  local raising = text:match "local RAISING = (%b{})" or text:match "protect_methods(%b())" or ""
  for name in raising:gmatch "([%l_]+) = true" do
    names[name] = nil
  end
  return names
end

-- The calls of protected methods on `self`, with their lines.
local function calls_in(text, names)
  local found, number = {}, 0
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    for name in line:gsub("%-%-.*", ""):gmatch "self:([%l_]+)%(" do
      if names[name] then
        found[#found + 1] = ("%d: self:%s()"):format(number, name)
      end
    end
  end
  return found
end

describe("protected methods", function()
  local all = {}
  for _, name in ipairs(FILES) do
    all[name] = protected_in("\n" .. text_of(name))
  end
  for method in pairs(all["app/lifecycle"]) do -- they become methods of a connection
    all["app/connection"][method] = true
  end

  for _, name in ipairs(FILES) do
    it("of " .. name .. " do not call each other", function()
      assert.is_truthy(next(all[name]))
      assert.same({}, calls_in(text_of(name), all[name]))
    end)
  end
end)
