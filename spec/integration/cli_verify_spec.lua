-- `commerce verify`: what it prints, and with which status it ends. What it finds: verify_spec.

local cjson = require "cjson"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

describe("commerce verify", function()
  local e, box, path

  setup(function()
    e = emulator.start { charges = 100, compact = true }
    box = sandbox.new({ STRIPE_API_BASE = e.base, STRIPE_SECRET_KEY = "sk_live_emulator" },
      { in_process = true })
    path = box:path "commerce.db"
    assert(box:commerce("sync --store sqlite:" .. path) == 0)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  it("prints tables that fit, and the commands that repair", function()
    local url = "sqlite:" .. path
    local status, output = box:terminal("verify --store " .. url, 72)
    assert.equal(0, status)
    output = output:gsub("[^\n]*\r", "") -- the progress
    assert.matches("\neverything agrees; %d+ requests, [%d%.]+ s\n$", output)
    local checks = 0
    for line in output:gmatch "[^\n]+" do
      assert.is_true(#line <= 72, line)
      checks = checks + (line:find "agrees$" and 1 or 0)
    end
    assert.is_true(checks >= #rows.TYPES + 8)

    local id = rows.sql(path, "SELECT id FROM tax_components LIMIT 1"):gsub("%s", "")
    rows.sql(path, "DELETE FROM tax_components WHERE id = '" .. id .. "'; "
      .. [[INSERT INTO tax_components (connection_id, id, data) SELECT connection_id, 'txr_no',
        '{"id":"txr_no"}' FROM tax_components LIMIT 1]])
    local arguments = "verify --type tax_components --store " .. url
    local errors
    status, output, errors = box:commerce(arguments)
    assert.same({ 1, "" }, { status, errors })
    assert.matches("count +tax_components +12 +12 +2 differ\n", output)
    assert.matches("\n  missing " .. id .. "\n", output)
    assert.matches("\n  extra txr_no\n", output)
    assert.matches("\nit does not agree; ", output)
    local command = output:match "\n  repair: ([^\n]+)"
    for part in (command .. " && "):gmatch "commerce (.-) && " do
      assert.equal(0, (box:commerce(part)))
    end
    assert.equal(0, (box:commerce(arguments)))
  end)

  it("prints one JSON object a line", function()
    rows.sql(path, "DELETE FROM disputes")
    local status, output = box:commerce("verify --json --deep --type disputes,tax_components "
      .. "--store sqlite:" .. path)
    assert.equal(1, status)
    local events = {}
    for line in output:gmatch "[^\n]+" do
      events[#events + 1] = cjson.decode(line)
    end
    assert.equal(3, #events)
    assert.same({ "check", "records", "disputes", false }, { events[1].event, events[1].check,
      events[1].type, events[1].agrees })
    assert.equal(events[1].differing, #events[1].differences)
    assert.equal("missing", events[1].differences[1].kind)
    assert.is_nil(events[2].differences)
    assert.same({ "end", false, true }, { events[3].event, events[3].agrees, events[3].deep })
  end)

  it("tells wrong usage from what does not agree", function()
    for _, arguments in ipairs { "verify --type nothing", "verify --deeper",
      "verify --connection other" } do
      local status, output, errors = box:commerce(arguments .. " --store sqlite:"
        .. path)
      assert.same({ 2, "" }, { status, output }, arguments)
      assert.is_true(#errors > 0)
    end
    local status, _, errors = box:commerce("verify --store sqlite:" .. box:path "none.db")
    assert.equal(1, status)
    assert.matches("there is no such database", errors, 1, true)
  end)
end)
