-- What a user's own Lua costs an object: payments synced from the emulator into memory, plain and
-- with one thing more. CPU of this process, the least of several rounds, whose order alternates.
-- One field is less than the noise, so there are 20 of them, and it is a twentieth of their cost.
--   extras.lua ROUNDS      prints: name, us/object of the run, us/object that the one thing adds

package.path = "spec/bench/?.lua;" .. package.path
local commerce = require "commerce"
local v = commerce.values

local MANY = 20

-- A field, as declared by `make`: it gets a number.
local function fields(make)
  return function(shop)
    local added = {}
    for i = 1, MANY do
      added["field" .. i] = make(i)
    end
    shop:extend("payments", { supplementalData = added })
  end
end

local CASES = {
  { "plain", function() end },
  { "a_path", fields(function()
    return "receipt_email"
  end), of = MANY },
  { "a_value_function", fields(function()
    return v.timestamp "created"
  end), of = MANY },
  { "a_function_of_two_paths", fields(function(i)
    return v.with("amount", "currency", function(amount, currency)
      return tonumber(amount) > i and currency or nil
    end)
  end), of = MANY },
  { "the_first_function_of_all", function(shop)
    shop:extend("payments", { supplementalData = { channel = function(object)
      return object.currency
    end } })
  end },
  { "a_further_one", fields(function()
    return function(object)
      return object.currency
    end
  end), beside = 5, of = MANY - 1 },
  { "a_hook_of_the_record", function(shop)
    shop:on("payments", function(payment)
      if payment.status == "None" then
        return false
      end
    end)
  end },
  { "a_hook_with_its_source", function(shop)
    shop:on("payments", function(_, source)
      if source.status == "none" then
        return false
      end
    end)
  end },
  { "keep_source", function() end, options = { keep_source = true } },
}

-- CPU seconds, objects
local function run(case)
  local app = assert(commerce.open { store = "sqlite::memory:" })
  local options = { secret_key = "sk_test_emulator", base_url = os.getenv "BENCH_BASE",
    rate = math.huge, endpoint_rate = math.huge }
  for name, value in pairs(case.options or {}) do
    options[name] = value
  end
  local shop = assert(app:connect(options))
  case[2](shop)
  collectgarbage()
  local started = os.clock()
  local report = assert(shop:sync { types = { "payments" } })
  local seconds = os.clock() - started
  assert(report.complete, tostring(report))
  shop:close()
  app:close()
  local objects = 0
  for _, entry in ipairs(report.types) do
    objects = objects + entry.read
  end
  return seconds / objects * 1e6
end

local least = {}
for round = 1, tonumber(arg[1]) do
  for i = 1, #CASES do
    local place = round % 2 == 1 and i or #CASES + 1 - i
    local cost = run(CASES[place])
    least[place] = math.min(least[place] or cost, cost)
  end
end
for i, case in ipairs(CASES) do
  local more = least[i] - least[case.beside or 1]
  print(("%s %.1f %+.2f"):format(case[1], least[i], more / (case.of or 1)))
end
