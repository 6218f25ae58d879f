-- The checkpoints of earlier runs, as far as they still hold: records that a list no longer shows
-- as new keep what an earlier mapping made of them, so after a change of the mapping the list is
-- read from its beginning. Called by sync.
--
-- Two signs tell: the mappings that a checkpoint's list was read with stand in the checkpoint, and
-- beside it stands what made a data type's records last, whichever run that was.

local saved_states = {}

local BY_USER = "by user" -- no resource has such a name

--- Under which name the store knows what made a data type's records last.
---@param type_name string
---@return string
function saved_states.type_key(type_name)
  return "mapping " .. type_name
end

local type_key = saved_states.type_key

--- Whether the records of a data type were not made by a script's own mapping that is not here.
---@param store commerce.Store
---@param connection_id string
---@param mapping commerce.Mapping
---@return boolean? ours nil if the store failed
---@return string? message
---@return commerce.Details? details
function saved_states.are_ours(store, connection_id, mapping)
  local maker, message, details = store:state(connection_id, type_key(mapping.type.name))
  if message then
    return nil, message, details
  end
  return mapping.by_user or not (maker and maker[BY_USER]) or false
end

--- Note in such a state what makes a data type's records of a resource.
---@param maker table
---@param task commerce.Task
---@param type_name string
---@return table maker
function saved_states.signed(maker, task, type_name)
  maker[task.name], maker[BY_USER] = task.mappings[type_name], task.by_user[type_name]
  return maker
end

-- What made the records of each data type last: by type, then by resource.
local function load_makers(run, tasks)
  local makers = {}
  for _, task in ipairs(tasks) do
    for name in pairs(task.mappings) do
      if not makers[name] then
        local state, message, details = run.store:state(run.connection.id, type_key(name))
        if message then
          return nil, message, details
        end
        makers[name] = state or {}
      end
    end
  end
  return makers
end

-- What was stored before such signs were kept was made by the platform's own mapping.
local function differs(before, task, name)
  if before == nil then
    return task.by_user[name] == true
  end
  return before ~= task.mappings[name]
end

-- The data types of a list that were made by another mapping.
local function changed_types(task, saved, makers)
  local changed = {}
  for name, sign in pairs(task.mappings) do
    local maker = makers[name][task.name]
    if saved and (differs((saved.mappings or {})[name], task, name) or differs(maker, task, name))
      or not saved and maker ~= nil and maker ~= sign then
      changed[#changed + 1] = name
    end
  end
  return changed
end

-- A list that was read before its objects were kept lacks them.
local function lacks_sources(run, saved)
  return run.kept_since ~= nil and saved ~= nil and saved.kept ~= run.kept_since
end

local function note(run, changed, lacking)
  local names = {}
  for name in pairs(changed) do
    names[#names + 1] = name
  end
  table.sort(names)
  if #names > 0 and not run.options.full then
    run.books:note(("the mapping of %s is not the one of the last sync: all that they are made of "
      .. "is read again"):format(table.concat(names, ", ")))
  end
  if lacking and not run.options.full then
    run.books:note("from now on the source objects are kept: to have them all, the lists are read "
      .. "again once")
  end
end

-- From now on these mappings make the records; with that a checkpoint that no longer holds is gone.
local function write(run, tasks, makers, states)
  for _, task in ipairs(tasks) do
    for name, sign in pairs(task.mappings) do
      local by_user = task.by_user[name]
      if makers[name][task.name] ~= sign or makers[name][BY_USER] ~= by_user then
        states[type_key(name)] = saved_states.signed(makers[name], task, name)
      end
    end
  end
  if not next(states) then
    return true
  end
  local ok, message, details = run.store:write_page(run.connection.id, { states = states })
  return ok and true, message, details
end

--- Load the checkpoints of lists.
---@param run commerce.Run gets `saved`: by resource
---@param tasks commerce.Task[]
---@return boolean? ok nil if the store failed
---@return string? message
---@return commerce.Details? details
function saved_states.load(run, tasks)
  local makers, message, details = load_makers(run, tasks)
  if not makers then
    return nil, message, details
  end
  local states, changed, lacking = {}, {}, false
  for _, task in ipairs(tasks) do
    local saved
    saved, message, details = run.store:state(run.connection.id, task.key)
    if message then
      return nil, message, details
    end
    local names = changed_types(task, saved, makers)
    for _, name in ipairs(names) do
      changed[name] = true
    end
    local holds = #names == 0 and not lacks_sources(run, saved)
    lacking = lacking or lacks_sources(run, saved)
    states[task.key] = not holds and { finished = true } or nil -- with no place to go on from
    run.saved[task.name] = holds and saved or nil
  end
  note(run, changed, lacking)
  return write(run, tasks, makers, states)
end

return saved_states
