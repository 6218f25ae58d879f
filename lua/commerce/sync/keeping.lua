-- Keeping the source: with `keep_source` every source object stays beside the records that were
-- made of it, as it was sent. Once asked for, it goes on until it is refused. Called by sync.
--
-- What was read before it was asked for is not there; so a list is read whole once. When that was
-- tells the checkpoints of before from those since.

local keeping = {}

local KEY = "sources" -- under which the store knows since when

--- Since when a connection's sources are kept.
---@param store commerce.Store
---@param connection_id string
---@return integer? since unix seconds; nil if they are not kept, and on failure
---@return string? message
---@return commerce.Details? details
function keeping.since(store, connection_id)
  local state, message, details = store:state(connection_id, KEY)
  if message then
    return nil, message, details
  end
  return state and state.since
end

-- What joins need in any case.
local function needed(connection)
  local names = {}
  for _, mapping in ipairs(connection.mappings:all()) do
    for _, source in ipairs(mapping.sources) do
      if source.join then
        names[#names + 1], names[#names + 2] = source.resource, source.join.resource
      end
    end
  end
  return names
end

local function save(run, since)
  local ok, message, details = run.store:write_page(run.connection.id,
    { states = { [KEY] = { since = since } } })
  return ok and true, message, details
end

-- The option that counts: of this sync, of the connection, of the application.
local function wanted(run)
  for _, option in ipairs { { run.options.keep_source }, { run.connection.keep_source },
    { run.connection.app.keep_source } } do
    if option[1] ~= nil then
      return option[1]
    end
  end
end

--- Find out whether a run keeps its sources.
---@param run commerce.Run gets `kept_since` if it does
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function keeping.decide(run)
  local since, message, details = keeping.since(run.store, run.connection.id)
  if message then
    return nil, message, details
  end
  local wish = wanted(run)
  local keep = wish
  if wish == nil then
    keep = since ~= nil
  end
  if keep and not since then
    since = run.started
    local ok, wrong, why = save(run, since)
    if not ok then
      return nil, wrong, why
    end
  elseif not keep and (since or wish == false) then -- said again, it takes what a kill left
    local ok, wrong, why = save(run, nil)
    if ok then
      ok, wrong, why = run.store:drop_sources(run.connection.id, needed(run.connection))
    end
    if not ok then
      return nil, wrong, why
    end
  end
  run.kept_since = keep and since or nil
  return true
end

local function keep_all(object)
  return type(object.id) == "string" and object.id or nil
end

--- Let a run's tasks keep what they read.
---@param run commerce.Run
---@param tasks commerce.Task[]
function keeping.prepare(run, tasks)
  for _, task in ipairs(run.kept_since and tasks or {}) do
    task.keep = task.keep or keep_all
    -- a list that has to be completed is kept complete
    task.whole = task.whole or #task.complete > 0
  end
end

return keeping
