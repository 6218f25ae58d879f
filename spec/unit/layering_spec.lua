-- Who may require, or #include, whom. Data flows one way and a stage gets its predecessor as an
-- argument: so a stage requires leaf helpers only, and what composes stages stands above them all.
-- Every file has its entry here; a new one is a decision, made by adding it.

local lfs = require "lfs"

-- ---------------------------------------------------------------- Lua

local MAPPING = { "decimal", "mapping", "mapping.values", "platform.stripe.charge",
  "platform.stripe.payment_method_names" }
local VALUES = { "decimal", "errors", "json", "mapping.value", "time" }

local CASES = { "json", "model", "query" } -- of the store contract

-- Module -> the modules of this library that it may require; "x.*" where it makes up the name.
local STAGES = {
  -- leaf helpers
  address = {}, decimal = {}, errors = { "suggest" }, json = { "decimal", "errors" }, report = {},
  runtime = { "errors" }, suggest = {}, time = {},
  csv = { "json" }, files = { "csv", "errors", "json" },
  -- hooks: their names and the boundary around them; sync calls them
  hooks = { "errors", "suggest" },
  -- the model, the mapping language, the query language
  model = { "errors", "model.optional", "model.shape", "model.standard", "suggest" },
  ["model.check"] = { "suggest" },
  ["model.optional"] = { "model.shape" },
  ["model.shape"] = { "decimal", "json", "model.sql_words" },
  ["model.sql_words"] = {},
  ["model.standard"] = { "model.shape" },
  mapping = { "errors", "mapping.source", "model" },
  ["mapping.check"] = { "errors", "suggest" },
  ["mapping.declared"] = { "errors", "mapping.value", "mapping.values", "suggest" },
  ["mapping.define"] = { "errors", "mapping", "mapping.declared", "mapping.infer",
    "mapping.value", "mapping.values", "model", "model.sql_words" },
  ["mapping.infer"] = { "mapping.value", "model.shape" },
  ["mapping.inlined"] = {},
  ["mapping.layer"] = { "errors", "mapping", "mapping.inlined", "mapping.value",
    "mapping.values" },
  ["mapping.set"] = { "errors", "json", "mapping", "mapping.declared", "mapping.define",
    "mapping.layer", "mapping.value", "model" },
  ["mapping.source"] = { "errors", "mapping.check", "mapping.value" },
  ["mapping.value"] = { "errors", "json" },
  ["mapping.configured"] = { "json", "mapping.values" },
  ["mapping.values"] = { "errors", "mapping.values.*", "mapping.values.compound",
    "mapping.values.money", "mapping.values.plain", "suggest" },
  ["mapping.values.compound"] = VALUES,
  ["mapping.values.money"] = VALUES,
  ["mapping.values.plain"] = VALUES,
  query = { "errors", "suggest", "time" },
  -- what is synced when
  settings = { "errors", "model", "platform.stripe", "settings.due", "time" },
  ["settings.due"] = { "time" },
  -- platforms: one mapping per file
  ["platform.stripe"] = { "errors", "platform.stripe.*", "platform.stripe.changes",
    "platform.stripe.fields", "platform.stripe.resources" },
  ["platform.stripe.changes"] = { "platform.stripe.resources" },
  ["platform.stripe.charge"] = {},
  ["platform.stripe.company_info"] = MAPPING,
  ["platform.stripe.customers"] = MAPPING,
  ["platform.stripe.disputes"] = MAPPING,
  ["platform.stripe.fields"] = {},
  ["platform.stripe.orders"] = MAPPING,
  ["platform.stripe.payment_method_names"] = {},
  ["platform.stripe.payment_methods"] = MAPPING,
  ["platform.stripe.payments"] = MAPPING,
  ["platform.stripe.products"] = MAPPING,
  ["platform.stripe.resources"] = {},
  ["platform.stripe.tax_components"] = MAPPING,
  ["platform.stripe.transactions"] = MAPPING,
  -- stores
  store = { "errors", "store.sqlite", "stores.*" },
  ["store.api_keys"] = {},
  ["store.change_log"] = { "json" },
  ["store.changes"] = { "errors", "json", "store.types" },
  ["store.checkpoints"] = { "json" },
  ["store.directory"] = { "json", "store.selection" },
  ["store.webhook_consumers"] = { "json" },
  ["store.contract"] = { "errors" },
  ["store.contract.cases"] = { "json", "model", "store.contract", "store.contract.changes",
    "store.contract.connections", "store.contract.directory", "store.contract.links",
    "store.contract.listings", "store.contract.outbox", "store.contract.queue",
    "store.contract.records", "store.contract.settings", "store.contract.sources",
    "store.contract.types" },
  ["store.contract.changes"] = CASES,
  ["store.contract.connections"] = CASES,
  ["store.contract.directory"] = CASES,
  ["store.contract.links"] = CASES,
  ["store.contract.listings"] = CASES,
  ["store.contract.outbox"] = CASES,
  ["store.contract.queue"] = CASES,
  ["store.contract.records"] = CASES,
  ["store.contract.settings"] = CASES,
  ["store.contract.sources"] = CASES,
  ["store.contract.types"] = CASES,
  ["store.connection"] = { "errors" },
  ["store.companies"] = { "store.events", "store.filter", "store.removal" },
  ["store.connections"] = { "store.companies", "store.events", "store.filter", "store.removal" },
  ["store.events"] = { "json", "time" },
  ["store.filter"] = { "errors", "store.selection" },
  ["store.link_states"] = {},
  ["store.listings"] = { "json" },
  ["store.outbox"] = { "json", "store.events" },
  ["store.pages"] = { "json", "model", "store.change_log", "store.types", "store.writing" },
  ["store.reads"] = { "model", "store.events", "store.pulls" },
  ["store.pulls"] = { "json", "store.selection", "store.types" },
  ["store.queue"] = { "json" },
  ["store.reader"] = { "store.connection" },
  ["store.landmarks"] = {},
  ["store.records"] = { "json", "query", "store.landmarks", "store.remembered",
    "store.selection" },
  ["store.remembered"] = {},
  ["store.removal"] = {},
  ["store.schema"] = { "store.tables" },
  ["store.secrets"] = {},
  ["store.selection"] = { "query" },
  ["store.settings"] = {},
  ["store.sources"] = { "json" },
  ["store.inbox"] = { "json" },
  ["store.sweeps"] = { "json", "store.tables", "store.writing", "time" },
  ["store.sync_settings"] = {},
  ["store.sqlite"] = { "errors", "model", "store.api_keys", "store.changes", "store.checkpoints",
    "store.companies", "store.connection", "store.connections", "store.directory",
    "store.link_states", "store.listings", "store.outbox", "store.pages", "store.pulls",
    "store.queue", "store.reader", "store.reads", "store.records", "store.schema", "store.secrets",
    "store.settings", "store.sources", "store.inbox", "store.sweeps", "store.sync_settings",
    "store.types", "store.webhook_consumers" },
  ["store.tables"] = {},
  ["store.writing"] = { "errors", "json" },
  ["store.types"] = { "errors", "json", "model", "store.schema", "store.tables" },
}

-- What composes the stages, from below: each may require every stage, the C core, its own floor and
-- the floors under it. "init" is the module `commerce` itself.
local FLOORS = {
  { "credentials", "mode" },
  { "webhook.secrets" },
  { "integrations" },
  { "sync", "sync.altering", "sync.apply", "sync.backfill", "sync.books", "sync.changed",
    "sync.completing", "sync.context", "sync.convert", "sync.feed", "sync.fetch", "sync.hooking",
    "sync.inbox", "sync.incremental", "sync.joins", "sync.keeping", "sync.lease", "sync.plan",
    "sync.probe", "sync.reached", "sync.reading", "sync.run", "sync.saved_states",
    "sync.storing", "sync.sweep", "sync.tallying",
    "sync.telling" },
  { "coverage" },
  { "remap" },
  { "verify", "verify.balance", "verify.choice", "verify.compare", "verify.findings",
    "verify.payouts", "verify.pool", "verify.recheck", "verify.records", "verify.report" },
  { "platform.stripe.oauth" },
  { "connection", "connection.changes", "connection.grant", "connection.keys",
    "connection.life", "connection.lifecycle", "connection.opening", "connection.records",
    "connection.session" },
  { "company" },
  { "webhook" },
  { "link", "link.callback", "link.exchange", "link.migrate", "link.state" },
  { "post" },
  { "outbox.consumers" },
  { "init" },
  { "webhook.endpoint" },
  { "api", "api.answer", "api.api_keys", "api.auth", "api.companies", "api.connections", "api.data",
    "api.data_types", "api.input", "api.integrations", "api.links", "api.openapi", "api.page",
    "api.profile", "api.refresh", "api.router", "api.schemas", "api.scope", "api.sync_settings",
    "api.webhooks" },
  { "pages", "pages.html", "pages.redirect" },
  { "outbox.delivery", "outbox.payload" },
  { "metrics" },
  { "worker" },
  { "openresty", "openresty.background", "openresty.threads" },
  { "cli", "cli.actions", "cli.common", "cli.companies", "cli.confirm", "cli.connect",
    "cli.connections", "cli.coverage", "cli.deletion", "cli.explain", "cli.facts", "cli.find",
    "cli.format", "cli.integrations", "cli.keys", "cli.link", "cli.main", "cli.mode", "cli.nginx",
    "cli.output", "cli.progress", "cli.rekey", "cli.run", "cli.secret_option", "cli.serve",
    "cli.remap", "cli.settings", "cli.show", "cli.status", "cli.sync", "cli.sync_many",
    "cli.terminal", "cli.verify", "cli.webhooks", "cli.worker" },
}

local STUBS = { ["core.d"] = true } -- annotations of the C core for editors; required by nobody

local CORE = "core"

-- ---------------------------------------------------------------- C

-- Pure files know no Lua: they can be tested and fuzzed by themselves. Unit (name.c with name.h) ->
-- the headers that it may include beside its own.
local PURE = {
  address = {}, base64 = {}, base_url = {}, buf = {}, crypto = {}, header = { "buf" }, json = {},
  limiter = {},
  envelope = { "buf", "master" }, input = { "buf", "crypto" }, interrupt = {},
  master = { "base64", "crypto" },
  pass = { "limiter" }, retry = {}, signature = { "crypto" }, svix = { "base64", "crypto" },
  url = { "buf" }, uuid = {},
  version = {},
  page = { "buf", "json" }, projection = { "buf", "json" }, trail = { "page" },
  failure = { "json", "page" },
  client = { "base_url", "buf", "multi", "pass", "retry" },
  request = { "address", "client", "failure", "header", "multi", "pass", "url" },
  multi = { "request" },
  walk = { "multi", "page", "request", "trail" },
}

-- Binding files are thin: arguments in, a pure unit's work, results out.
local BINDING = {
  compat = {},
  args = { "buf", "compat", "url" }, class = { "compat" },
  error = { "class", "compat", "failure" },
  lua_limiter = { "args", "class", "compat", "limiter", "multi" },
  lua_page = { "args", "class", "compat", "lua_projection", "page" },
  lua_projection = { "class", "compat", "projection" },
  seal = { "args", "class", "compat", "envelope", "error", "master", "secret" },
  secret = { "buf", "class", "compat", "error", "input" },
  transport = { "args", "class", "compat", "error", "multi" },
  session = { "args", "call", "class", "client", "compat", "lua_limiter", "pager", "secret",
    "transport", "version" },
  call = { "args", "class", "compat", "error", "lua_projection", "multi", "session", "url" },
  pager = { "args", "class", "compat", "error", "lua_page", "multi", "session", "url", "walk" },
  core = { "address", "call", "compat", "error", "interrupt", "lua_limiter", "lua_page",
    "lua_projection", "pager", "seal", "secret", "session", "transport", "uuid", "version",
    "webhook" },
  webhook = { "args", "compat", "error", "secret", "signature", "svix" },
}

-- ---------------------------------------------------------------- reading the sources

local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do
    lines[#lines + 1] = line
  end
  return lines
end

local function files_under(folder, pattern, found)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        files_under(path, pattern, found)
      elseif name:find(pattern) then
        found[#found + 1] = path
      end
    end
  end
  table.sort(found)
  return found
end

-- "lua/commerce/sync/init.lua" -> "sync"
local function module_of(path)
  local name = path:gsub("^lua/commerce/", ""):gsub("%.lua$", ""):gsub("/init$", "")
  return (name:gsub("/", "."))
end

local LUA_FILES = files_under("lua", "%.lua$", {})
local C_FILES = files_under("csrc", "%.[ch]$", {})

local MODULES = {} -- module -> path
for _, path in ipairs(LUA_FILES) do
  MODULES[module_of(path)] = path
end

-- The modules of this library that a file names as texts: `require "commerce.x"`, but also
-- "commerce.x" in a table of modules, and "commerce.x." in front of a name, taken as "x.*".
local function required_by(name)
  local found = {}
  for number, line in ipairs(lines_of(MODULES[name])) do
    local code = line:gsub("%-%-.*$", "")
    local requires = code:find("require", 1, true)
    for quoted in code:gmatch('"(commerce[%w_%.]*)"') do
      local target = quoted == "commerce" and "init"
        or (quoted:match("^commerce%.([%w_%.]+)$") or ""):gsub("%.$", ".*")
      if requires or MODULES[target] and not code:find("__name", 1, true) and target ~= "init" then
        found[#found + 1] = { target, number }
      end
    end
  end
  return found
end

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

local FLOOR_OF = {}
for floor, names in ipairs(FLOORS) do
  for _, name in ipairs(names) do
    FLOOR_OF[name] = floor
  end
end

local function may_require(from, to)
  local floor = FLOOR_OF[from]
  if not floor then
    return set_of(STAGES[from])[to]
  end
  local whole = to:gsub("%.%*$", "")
  return to == CORE or STAGES[whole] ~= nil or FLOOR_OF[whole] ~= nil and FLOOR_OF[whole] <= floor
end

-- ---------------------------------------------------------------- the cases

local function known(name)
  return STAGES[name] ~= nil or FLOOR_OF[name] ~= nil or STUBS[name]
end

describe("the Lua modules", function()
  for name, path in pairs(MODULES) do
    it(path .. " has its place and requires only what it may", function()
      assert.is_truthy(known(name), path .. " has no entry in spec/unit/layering_spec.lua: add it "
        .. "to STAGES with what it requires, or to FLOORS if it composes")
      if not STUBS[name] then
        for _, required in ipairs(required_by(name)) do
          assert.is_truthy(may_require(name, required[1]),
            ("%s:%d: %s may not require %s"):format(path, required[2], name, required[1]))
        end
      end
    end)

    it(path .. " loads", function()
      assert(loadfile(path))
    end)
  end

  it("are all there that have an entry", function()
    for _, set in ipairs { STAGES, FLOOR_OF, STUBS } do
      for name in pairs(set) do
        assert.is_truthy(MODULES[name], name .. " is gone: take its entry out of layering_spec")
      end
    end
  end)

  it("are never required in a circle", function()
    local state = {}
    local function visit(name, way)
      assert.is_falsy(state[name] == "open", "a circle: " .. way .. " -> " .. name)
      if state[name] or not MODULES[name] then
        return
      end
      state[name] = "open"
      for _, required in ipairs(required_by(name)) do
        visit(required[1], way .. " -> " .. name)
      end
      state[name] = "done"
    end
    for name in pairs(MODULES) do
      visit(name, "")
    end
  end)

  it("name the C core only where stages are composed", function()
    for name in pairs(STAGES) do
      for _, required in ipairs(MODULES[name] and required_by(name) or {}) do
        assert.are_not.equal(CORE, required[1])
      end
    end
  end)
end)

describe("the C files", function()
  local function unit_of(path)
    return path:match("([%w_]+)%.[ch]$")
  end

  for _, path in ipairs(C_FILES) do
    local unit = unit_of(path)

    it(path .. " includes only what it may", function()
      local allowed = PURE[unit] or BINDING[unit]
      assert.is_truthy(allowed, path .. " has no entry in spec/unit/layering_spec.lua: add it to "
        .. "PURE, or to BINDING if it knows Lua, with what it includes")
      allowed = set_of(allowed)
      for number, line in ipairs(lines_of(path)) do
        local header = line:match('^%s*#%s*include%s+"([^"]+)"')
        local target = header and header:gsub("%.h$", "")
        local place = ("%s:%d: "):format(path, number)
        if target then
          assert.is_truthy(target == unit or allowed[target],
            place .. unit .. " may not include " .. header)
          assert.is_falsy(PURE[unit] and BINDING[target],
            place .. "a pure file may not include the binding header " .. header)
        end
        local system = line:match("^%s*#%s*include%s+<([^>]+)>")
        if system and (system:find("^lua") or system == "lauxlib.h") then
          assert.is_truthy(BINDING[unit], place .. "a pure file may not include " .. system)
        end
        if line:find("LUA_VERSION_NUM", 1, true) then
          assert.equal("compat", unit, place .. "only compat.h may ask which Lua this is")
        end
      end
    end)
  end

  it("are all there that have an entry", function()
    local there = {}
    for _, path in ipairs(C_FILES) do
      there[unit_of(path)] = true
    end
    for _, set in ipairs { PURE, BINDING } do
      for unit in pairs(set) do
        assert.is_truthy(there[unit], "csrc/" .. unit
          .. " is gone: take its entry out of layering_spec")
      end
    end
  end)

  it("are each pure or binding, not both, and pure ones list pure ones only", function()
    for unit, headers in pairs(PURE) do
      assert.is_nil(BINDING[unit], unit)
      for _, header in ipairs(headers) do
        assert.is_truthy(PURE[header], unit .. " lists " .. header)
      end
    end
  end)
end)
