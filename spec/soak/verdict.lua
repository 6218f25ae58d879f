-- What must hold when everything works again: a sync is complete, `verify --deep` finds nothing,
-- the database says what a fresh one says, and nothing of the trouble is left in it.

local cjson = require "cjson"
local rows = require "spec.support.rows"
local runs = require "spec.soak.runs"

local verdict = {}

local unpack = table.unpack or unpack -- luacheck: ignore (5.4 has the first, LuaJIT the second)

local function fail(soak, store, what, detail)
  soak:fail(("database %s: %s\n%s"):format(store.name, what, detail))
  return false
end

local function commerce(soak, store, arguments)
  local process = soak.processes:start(runs.commerce(soak, store, arguments,
    soak.runtime_names[#soak.runtime_names]), { name = arguments, store = store })
  assert(soak.processes:wait(process, 120), arguments .. " does not end")
  for _, ended in ipairs(soak.processes:ended()) do
    if ended == process then
      return process.status, process.output, process.errors
    end
  end
end

local function sync(soak, store, arguments)
  local status, output, errors = commerce(soak, store, "sync --json " .. arguments)
  local last = cjson.decode(output:match "([^\n]+)\n?$" or "{}")
  if status ~= 0 then
    return fail(soak, store, ("sync %s ended with %d though nothing is wrong any more")
      :format(arguments, status), errors .. output:sub(-2000))
  end
  return last
end

-- ---------------------------------------------------------------- the database by itself

-- What the log of changes says of each record last.
local LOG = [[WITH log AS (SELECT change.last AS last, change.kind AS kind, id.value AS id
    FROM changes AS change, json_each(change.ids) AS id WHERE change.data_type = '%s'),
  latest AS (SELECT id, kind, max(last) FROM log GROUP BY id) ]]

local function of_type(name)
  local log = LOG:format(name)
  return {
    { "has " .. name .. " that the log of changes does not know", log
      .. ("SELECT id FROM %s EXCEPT SELECT id FROM latest"):format(name) },
    { "has " .. name .. " whose deletion the log does not tell, or tells wrongly", log
      .. ("SELECT record.id FROM %s AS record JOIN latest ON latest.id = record.id "
        .. "WHERE (latest.kind = 'deleted') <> (record.metadata_is_deleted IS 1)"):format(name) },
    { "has " .. name .. " that were created twice", log .. "SELECT id FROM log "
      .. "WHERE kind = 'created' GROUP BY id HAVING count(*) > 1" },
  }
end

local NONE_OF = {
  { "has a lease on it", "SELECT worker FROM leases" },
  { "has events that wait", "SELECT id FROM inbox" },
  { "has more than one connection", "SELECT id FROM connections LIMIT -1 OFFSET 1" },
  { "has more than one company", "SELECT id FROM companies LIMIT -1 OFFSET 1" },
  { "has pulls that say they are under way",
    "SELECT data_type FROM pulls WHERE status IN ('Fetching', 'Queued')" },
}

local function is_sound(soak, store)
  local sound = rows.sql(store.path, "PRAGMA integrity_check")
  if sound ~= "ok\n" then
    return fail(soak, store, "is damaged", sound)
  end
  local queries = { unpack(NONE_OF) }
  for _, name in ipairs(rows.TYPES) do
    for _, query in ipairs(of_type(name)) do
      queries[#queries + 1] = query
    end
  end
  for _, query in ipairs(queries) do
    local found = rows.sql(store.path, ("SELECT * FROM (%s) LIMIT 5"):format(query[2]))
    if found ~= "" then
      return fail(soak, store, query[1], found)
    end
  end
  return true
end

-- ---------------------------------------------------------------- against the source

local function agrees(soak, store)
  local status, output, errors = commerce(soak, store, "verify --deep --json")
  if status ~= 0 then
    local wrong = {}
    for line in output:gmatch "[^\n]+" do
      wrong[#wrong + 1] = line:find('"agrees":false', 1, true) and line:sub(1, 3000) or nil
    end
    return fail(soak, store, "verify --deep finds differences",
      errors .. table.concat(wrong, "\n"))
  end
  return true
end

local function is_like(soak, store, fresh)
  local difference = rows.difference(fresh, rows.contents(store.path))
  return difference == "" or fail(soak, store, "is not what a fresh sync stores", difference)
end

-- Once more, now that nothing has happened in between: nothing may be written.
local function is_quiet(soak, store)
  local report = sync(soak, store, "")
  for _, entry in ipairs(report and report.types or {}) do
    if entry.created + entry.changed + entry.deleted > 0 then
      return fail(soak, store, "changes though nothing has happened", cjson.encode(entry))
    end
  end
  return report ~= false
end

local function check(soak, store, fresh)
  local report = sync(soak, store, "")
  if report and soak.silent then -- only a full read can tell
    report = sync(soak, store, "--full")
  end
  return report and is_like(soak, store, fresh) and agrees(soak, store)
    and is_quiet(soak, store) and is_sound(soak, store)
end

--- Look at all databases. What is wrong is told by `soak:fail`.
---@param soak table the trouble is over, and all that has happened is visible
---@return boolean sound
function verdict.look(soak)
  soak.looks = (soak.looks or 0) + 1
  local whole = { name = "fresh", key = soak.KEY,
    path = soak.box:path(("fresh%d.db"):format(soak.looks)) }
  if not sync(soak, whole, "") then
    return false
  end
  local fresh = rows.contents(whole.path)
  -- what its worker has read; a full read only the command can be told
  if soak.served and not soak.silent and not is_like(soak, soak.served, fresh) then
    return false
  end
  for _, store in ipairs { soak.stores[1], soak.stores[2], soak.served } do
    if not check(soak, store, fresh) then
      return false
    end
  end
  return true
end

return verdict
