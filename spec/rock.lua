-- `luarocks test`: the installed rock reads an account from the Stripe emulator of this tree,
-- compares it with Stripe and serves the portal's style. `make test` runs the specs of the tree.
--
--   luarocks --lua-version=5.4 test rockspec/lua-commerce-scm-1.rockspec
--
-- The emulator needs nginx with the Lua module.

local CHARGES = 60
local FIRST_PORT, TRIES = 12200, 20

local here = (arg[0] or ""):match "^(.*)/[^/]*$" or "."

local function stop_for(message)
  io.stderr:write(message, "\n")
  os.exit(1)
end

local loaded, commerce = pcall(require, "commerce")
if not loaded then
  stop_for('this Lua does not find the rock: run `luarocks make`, then `eval "$(luarocks path)"` '
    .. "with the same --lua-version, --tree or --local\n" .. tostring(commerce))
end

-- Lua 5.4 answers true, LuaJIT 0.
local function succeeds(command)
  local status = os.execute(command)
  return status == true or status == 0
end

-- ---------------------------------------------------------------- the emulator

local function folder_name()
  local pipe = assert(io.popen "mktemp -d")
  local name = pipe:read "*l"
  pipe:close()
  return assert(name, "mktemp -d made no folder")
end

local folder = folder_name()
local log = folder .. "/output"

local function started()
  for port = FIRST_PORT, FIRST_PORT + TRIES - 1 do
    if succeeds(("%s/emulator/run --daemon --dir %s --port %d --charges %d >%s 2>&1"):format(here,
        folder, port, CHARGES, log)) then
      return "http://127.0.0.1:" .. port
    end
  end
end

local function clean()
  os.execute(("test ! -s %s/nginx.pid || kill $(cat %s/nginx.pid)"):format(folder, folder))
  os.execute("rm -rf " .. folder)
end

-- ---------------------------------------------------------------- the tests

local function with_shop(base, store, work)
  local app = assert(commerce.open { store = store })
  local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = base })
  work(shop, app)
  shop:close()
  app:close()
end

local function count(shop, data_type)
  local number = 0
  for _ in shop:records(data_type) do
    number = number + 1
  end
  return number
end

local function read_completely(shop)
  local report = assert(shop:sync())
  assert(report.complete, tostring(report))
  assert(count(shop, "payments") >= CHARGES, "payments are missing")
end

local tests = {
  { "has the C core of its version", function()
    local versions = require("commerce.core").versions()
    assert(versions.commerce == commerce._VERSION, "the core is of version " .. versions.commerce)
  end },
  { "reads everything into SQLite, and agrees with Stripe", function(base)
    with_shop(base, "sqlite:" .. folder .. "/rock.db", function(shop)
      read_completely(shop)
      local report = assert(shop:verify())
      assert(report.agrees, tostring(report))
    end)
  end },
  { "reads only changes the next time", function(base)
    with_shop(base, "sqlite:" .. folder .. "/rock.db", function(shop)
      local before = count(shop, "payments")
      for _, entry in ipairs(assert(shop:sync()).types) do
        assert(entry.created == 0 and entry.changed == 0, entry.type .. " is written again")
      end
      assert(count(shop, "payments") == before)
    end)
  end },
  { "reads everything into memory", function(base)
    with_shop(base, "memory:", read_completely)
  end },
  { "finds the files of the portal", function(base)
    with_shop(base, "memory:", function(_, app)
      local portal = require("commerce.portal").new(app)
      local function get(path)
        return portal:handle({ method = "GET", path = path, headers = { host = "localhost" } }).body
      end
      local style = get "/portal/setup":match 'href="(/portal/assets/portal%.css)'
      assert(get(style):find "The portal's style", "no style")
    end)
  end },
}

local passed, failed = 0, 0
local base = started()
if base then
  for _, test in ipairs(tests) do
    local ok, message = pcall(test[2], base)
    passed, failed = passed + (ok and 1 or 0), failed + (ok and 0 or 1)
    print((ok and "ok      " or "FAILED  ") .. test[1] .. (ok and "" or "\n" .. tostring(message)))
  end
else
  local file = io.open(log)
  print("the emulator does not start: " .. (file and file:read "*a" or ""))
  failed = 1
end
clean()
print(("%s: %d passed, %d failed"):format(_VERSION, passed, failed))
os.exit(failed == 0 and 0 or 1)
