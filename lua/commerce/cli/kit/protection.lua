-- Fields that are never stored: their lists as they are shown, and the scrubbing of what is stored.

local console = require "commerce.cli.kit.console"
local errors = require "commerce.base.errors"
local format = require "commerce.cli.kit.format"
local json = require "commerce.base.json"
local traces = require "commerce.sync.traces"

local must = errors.must

local protection = {}

local HOW = { leave_out = "left out", hash = "hashed" }

local function rows_of(lists, whose)
  local rows = {}
  for _, kind in ipairs { "leave_out", "hash" } do
    for _, name in ipairs(lists[kind]) do
      rows[#rows + 1] = { name, HOW[kind], whose }
    end
  end
  return rows
end

--- Print the lists that apply.
---@param app commerce.App
---@param shop commerce.Connection? of this connection, those for all included; else those for all
---@param as_json boolean?
function protection.print(app, shop, as_json)
  local lists = must(shop and shop:fields() or not shop and app:fields())
  if as_json then
    console.json { connection = shop and shop.id or nil, leaveOut = json.array(lists.leave_out),
      hash = json.array(lists.hash) }
    return
  end
  local rows = rows_of(lists, shop and "connection " .. shop.id or "all connections")
  if #rows == 0 then
    console.line "all fields are stored"
  else
    format.print({ "field", "", "of" }, rows)
  end
end

local function line_of(shop, done)
  local texts = {}
  if #done.fields > 0 then
    texts[1] = ("%s, %s and %s changed"):format(format.plural(done.records, "record"),
      format.plural(done.objects, "kept object"), format.plural(done.events, "waiting event"))
  end
  if #done.restored > 0 then
    texts[#texts + 1] = ("stored again: %s; `commerce sync --full` reads what is missing"):format(
      table.concat(done.restored, ", "))
  end
  return #texts > 0 and ("connection %s: %s"):format(shop.id, table.concat(texts, "; ")) or nil
end

--- Scrub what is stored of connections. One that is being synced is left to its next sync.
---@param app commerce.App
---@param shops commerce.Connection[]
---@param as_json boolean?
---@return integer status 1 if one of them could not be scrubbed
function protection.scrub(app, shops, as_json)
  local status = 0
  for _, shop in ipairs(shops) do
    local done, message, failure = shop:scrub { compact = false }
    if not done and failure.code ~= "busy" then
      must(nil, message, failure)
    elseif not done then
      status = 1
      console.note(("connection %s is being synced: what is stored of it is scrubbed when its "
        .. "next sync begins"):format(shop.id))
    elseif as_json then
      console.json { connection = shop.id, fields = json.array(done.fields),
        restored = json.array(done.restored), records = done.records, objects = done.objects,
        events = done.events }
    elseif line_of(shop, done) then
      console.line(line_of(shop, done))
    end
  end
  traces.remove(app.store)
  return status
end

return protection
