--- Changes tests make: ops by name. They are kept in the data set's overlay, each with its events,
--- the ledger kept in balance.
local installs = require "emulator.installs"
local json = require "emulator.json"
local account = require "emulator.data.account"
local change = require "emulator.change"
local clock = require "emulator.clock"
local makers = require "emulator.makers"
local platforms = require "emulator.platforms"
local record = require "emulator.record"
local state = require "emulator.state"
local transitions = require "emulator.transitions"

local mutate = {}

local ops = {}

-- A change at the op's time.
local function begin(ds, op, rec)
  local at = clock.stamp(ds, op.created, op.test_clock)
  return { ds = ds, at = at, told_at = op.imported and clock.stamp(ds) or at,
    lag = op.lag or state.settings.visibility_lag,
    silent = op.events == false, api_version = op.api_version, automatic = op.automatic,
    record = rec }
end

--- { op = "insert", type, count = 1, created = now, fields = {…}, … } -> ids
function ops.insert(ds, op, fields, rec)
  local resource = change.resource(op.type)
  local out = { is_array = true }
  for k = 1, op.count or 1 do
    out[k] = makers.make(begin(ds, op, rec), resource, fields, op)
  end
  return { ids = out }
end

-- Shorter names for what is inserted most; the id as `id`.
local function inserts(type, names)
  return function(ds, op, fields, rec)
    for _, name in ipairs(names) do
      if op[name] ~= nil then
        local value = op[name]
        fields:set(name, _G.type(value) == "number" and change.number(value) or value)
      end
    end
    op.type = type
    local ids = ops.insert(ds, op, fields, rec).ids
    return { id = ids[1], ids = ids }
  end
end

ops.charge = inserts("charge", { "amount", "currency", "customer", "description" })
ops.refund = inserts("refund", { "amount", "status", "reason" })
ops.dispute = inserts("dispute", { "amount", "reason" })
ops.payout = inserts("payout", { "amount", "currency" })

local UPDATED = { refund = { "refund.updated", "charge.refund.updated" },
  dispute = { "charge.dispute.updated" }, balance_transaction = {} }

--- { op = "update", id, fields = {…}, event? }: a merge patch; with `event`, its event has that
--- type.
function ops.update(ds, op, fields, rec)
  local c = begin(ds, op, rec)
  local doc, resource = change.document(c, op.id)
  if resource.name == "products" then fields:set("updated", change.number(c.at)) end
  local before = change.edit(c, doc, fields)
  if before then
    local types = op.event and { op.event } or UPDATED[resource.object]
      or change.event_types(resource).updated
    for _, type in ipairs(types) do
      change.event(c, type, doc, before)
    end
  end
  return { id = op.id }
end

--- { op = "delete", id }: gone from lists and as a cursor; customers, products and prices leave a
--- stub and an event.
function ops.delete(ds, op, _, rec)
  local c = begin(ds, op, rec)
  local doc, resource = change.document(c, op.id)
  if resource.deletable then change.event(c, resource.object .. ".deleted", doc) end
  change.delete(c, resource, doc)
  return { id = op.id, deleted = true }
end

--- { op = "settle", id? }: pending balance transactions become available; without an id all
--- inserted ones do.
function ops.settle(ds, op, _, rec)
  local c = { ds = ds, at = ds.now, lag = 0, record = rec }
  local function one(id) change.set(c, (change.document(c, id)), "status", "available") end
  if op.id then
    one(op.id)
    return { id = op.id }
  end
  local count = 0
  for _, extra in ipairs(ds.overlay.extras.balance_transactions or {}) do
    if extra.doc.map.status == "pending" then
      one(extra.id)
      count = count + 1
    end
  end
  return { settled = count }
end

for name, run in pairs(transitions) do
  ops[name] = function(ds, op, fields, rec)
    run(begin(ds, op, rec), op, fields)
    return { id = op.id }
  end
end

--- { op = "account_update", fields = {…} }
function ops.account_update(ds, op, fields, rec)
  local c = begin(ds, op, rec)
  local o = ds.overlay
  o.account = o.account or change.decoded(account.values(ds))
  local before = change.edit(c, o.account, fields)
  if before then change.event(c, "account.updated", o.account, before) end
  return { id = ds.account }
end

-- The application that an op means: the main platform's, in the account's mode, unless it is named.
local function application(ds, op)
  local id = op.account
  local own = state.accounts[id]
  if not own or id == state.settings.account then
    error("not a connected account: " .. tostring(id), 0)
  end
  local livemode = ds.livemode == "true"
  if own.mode then livemode = own.mode == "live" end
  return op.client_id and platforms.application(op.client_id)
    or platforms.of(state.settings.account, livemode)
end

local function tell(app, op, rec, type)
  local c = begin(state.dataset(op.account, app.livemode), op, rec)
  c.automatic = true
  change.event(c, "account.application." .. type, json.from_lua { id = app.client_id,
    object = "application", name = app.platform.name })
end

--- { op = "deauthorize", account, client_id? }: from now on the platform's keys get 403 for it.
function ops.deauthorize(ds, op, _, rec)
  local app = application(ds, op)
  platforms.revoke(app, op.account)
  tell(app, op, rec, "deauthorized")
  return { account = op.account, connected = false }
end

--- { op = "authorize", account, client_id?, scope? }: connected again.
function ops.authorize(ds, op, _, rec)
  local app = application(ds, op)
  platforms.grant(app, op.account, op.scope or "read_only")
  tell(app, op, rec, "authorized")
  return { account = op.account, connected = true }
end

-- The app that an op means: the main account's, unless it is named.
local function app_of(ds, op)
  return op.client_id and installs.application(op.client_id)
    or installs.of(state.settings.account, ds.livemode == "true")
end

local function tell_of_install(install, op, rec, type)
  local c = begin(state.dataset(op.account, install.one.livemode), op, rec)
  c.automatic = true
  change.event(c, "apps.install." .. type, json.from_lua { id = install.id,
    object = "apps.install", account = install.account, app = install.one.app.id })
end

--- { op = "install", account, client_id? }: the merchant installs the app, or grants it what it
--- asks for now.
function ops.install(ds, op, _, rec)
  local one = app_of(ds, op)
  local known = installs.find(one, op.account)
  local install = installs.add(one, op.account, ds.now)
  tell_of_install(install, op, rec, known and "updated" or "created")
  return { id = install.id }
end

--- { op = "uninstall", account, client_id? }: the app and its tokens are worth nothing any more.
function ops.uninstall(ds, op, _, rec)
  local one = app_of(ds, op)
  local install = installs.find(one, op.account)
  if not install then error("the app is not installed in " .. tostring(op.account), 0) end
  installs.remove(one, op.account)
  tell_of_install(install, op, rec, "deleted")
  return { account = op.account }
end

--- { op = "clock", advance? or now? }
function ops.clock(ds, op)
  local seconds = op.advance or op.now and op.now - ds.now or 0
  clock.advance(seconds)
  return { now = ds.now }
end

--- Carry out one change. Raises a message when it cannot.
---@param ds table
---@param op table
---@param fields table? a document
---@param rec table? a record to add to
---@return table what the op answers, with the ids of its `events` and `now`
function mutate.run(ds, op, fields, rec)
  local run = ops[op.op]
  if not run then error("unknown op: " .. tostring(op.op), 0) end
  local own = rec or record.new()
  local result = run(ds, op, fields or json.object(), own)
  if not rec then result.events = own.events end
  result.now = ds.now
  return result
end

--- Carry out one change as it was asked for.
---@param request table decoded by emulator.json
function mutate.apply(ds, request)
  return mutate.run(ds, json.to_lua(request), request.map.fields)
end

return mutate
