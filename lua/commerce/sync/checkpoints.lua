-- The checkpoints of a run: those that earlier runs left, as far as they still hold, and those of
-- the lists that this run reads.
--
-- A list no longer shows a record as new, so after a change of the mapping the record would stay as
-- the earlier mapping made it: the list is read from its beginning. Two checksums tell: of the
-- mappings that a list was read with, in its checkpoint; and of the mapping that made a data type's
-- records last, whichever run that was.
--
-- With `keep_source`, source objects are kept until that is revoked. Lists that were read before it
-- was asked for are read whole once; the time of the wish tells these checkpoints apart.

local ascii = require "commerce.base.ascii"
local backfill = require "commerce.sync.backfill"
local errors = require "commerce.base.errors"
local objects = require "commerce.stripe.object"

local checkpoints = {}

local BY_USER = "by user" -- beside resources' names, none of which has a space
local MAPPING_KEY = "mapping " -- before a data type's name: what made its records last
local SOURCES_KEY = "sources" -- since when source objects are kept
local MOST_FAILED = 200 -- objects of a list that are remembered as failed
local BATCH = 200 -- kept objects that are dropped in one transaction

---@class commerce.Checkpoint
---@field finished boolean? whether the list has been read to its end
---@field ranges commerce.sync.Range[]? that are still to be read
---@field newest integer? unix seconds: created of the newest object that has been read; not later
---  than the run, whatever a test clock says
---@field unsettled_since integer? unix seconds: created of the oldest object that may still change
---@field at integer? unix seconds: when the run began
---@field floor integer? unix seconds: where the oldest object is expected
---@field bottom integer? unix seconds: where the oldest object was found
---@field events_since integer? unix seconds: where the next run goes on in the events feed
---@field latest_event integer? unix seconds of the newest event about the resource
---@field applied table<string, integer>? by object: events of the lookback that have been applied
---@field mappings table<string, string>? checksums of the mappings, by data type
---@field kept integer? unix seconds: since when source objects are kept
---@field failed string[]? ids of objects that could not be read or mapped, for the next run
---@field window integer? unix seconds, never stored: from where this run lists again, since very
---  many objects changed
---@field sweep commerce.sync.Sweep? the full read that takes down what it sees

---@class commerce.sync.Checkpoints
local methods = {}
local checkpoints_mt = { __name = "commerce.sync.checkpoints", __index = methods }

--- Make the checkpoints of a run.
---@param run commerce.sync.Run
---@param keep_source boolean? whether source objects are to be kept; nil: as before
---@return commerce.sync.Checkpoints
function checkpoints.new(run, keep_source)
  return setmetatable({
    _store = run.store, _id = run.id, _started = run.started, _keep_source = keep_source,
    _kept_since = nil,
    -- by resource
    _saved = {}, -- of an earlier run, where it still holds
    _held = {}, -- of this run
    _finished = {},
  }, checkpoints_mt)
end

-- ---------------------------------------------------------------- kept source objects

--- Since when a connection's source objects are kept.
---@param store commerce.Store
---@param connection_id string
---@return integer? since unix seconds; nil if they are not kept
function checkpoints.sources_since(store, connection_id)
  local state = store:state(connection_id, SOURCES_KEY)
  return state and state.since
end

--- Take up whether source objects are kept, as earlier runs decided.
function methods:load_sources()
  self._kept_since = checkpoints.sources_since(self._store, self._id)
end

-- Joins need these objects in any case.
local function resources_of_joins(mappings)
  local names = {}
  for _, mapping in ipairs(mappings) do
    for _, source in ipairs(mapping.sources) do
      if source.join then
        names[#names + 1], names[#names + 2] = source.resource, source.join.resource
      end
    end
  end
  return names
end

local function save_sources(self, since)
  self._kept_since = since
  self._store:write_page(self._id, { states = { [SOURCES_KEY] = { since = since } } })
end

--- Decide whether this run and the following ones keep source objects; drop them if not.
---@param mappings commerce.Mapping[] of all data types of the connection
function methods:decide_sources(mappings)
  self:load_sources()
  local since, wish = self._kept_since, self._keep_source
  if wish and not since then
    save_sources(self, self._started)
  elseif wish == false then -- also if they are not kept: a killed run may have left some
    save_sources(self, nil)
    local stay = resources_of_joins(mappings)
    repeat
      local dropped = self._store:drop_sources(self._id, stay, BATCH)
    until dropped ~= BATCH
  end
end

--- Whether this run keeps source objects.
---@return boolean
function methods:keeps_sources()
  return self._kept_since ~= nil
end

-- ---------------------------------------------------------------- what made the records

local function key_of(type_name)
  return MAPPING_KEY .. type_name
end

--- Whether a data type's records were made by the mapping here, or one of the library, and not by a
--- mapping that only a script has.
---@param store commerce.Store
---@param connection_id string
---@param mapping commerce.Mapping
---@return boolean
function checkpoints.are_ours(store, connection_id, mapping)
  local maker = store:state(connection_id, key_of(mapping.type.name))
  return mapping.by_user or not (maker and maker[BY_USER]) or false
end

local function sign(maker, task, type_name)
  maker[task.name], maker[BY_USER] = task.mappings[type_name], task.by_user[type_name]
  return maker
end

-- The checksums of the mappings that last made each data type's records: by type, then by resource.
local function load_makers(self, tasks)
  local makers = {}
  for _, task in ipairs(tasks) do
    for name in pairs(task.mappings) do
      makers[name] = makers[name] or self._store:state(self._id, key_of(name)) or {}
    end
  end
  return makers
end

-- Records without a checksum were made by the library's own mapping.
local function differs(before, task, name)
  if before == nil then
    return task.by_user[name] == true
  end
  return before ~= task.mappings[name]
end

-- The data types of a list that were made by another mapping.
local function changed_types(task, saved, makers)
  local changed = {}
  for name, checksum in pairs(task.mappings) do
    local maker = makers[name][task.name]
    if saved and (differs((saved.mappings or {})[name], task, name) or differs(maker, task, name))
      or not saved and maker ~= nil and maker ~= checksum then
      changed[#changed + 1] = name
    end
  end
  return changed
end

-- ---------------------------------------------------------------- of earlier runs

local function notes_on(changed, lacking)
  local names, notes = ascii.keys(changed), {}
  if #names > 0 then
    notes[#notes + 1] = ("the mapping of %s is not the one of the last sync: all that they are "
      .. "made of is read again"):format(table.concat(names, ", "))
  end
  if lacking then
    notes[#notes + 1] = "from now on the source objects are kept: to have them all, the lists are "
      .. "read again once"
  end
  return notes
end

-- No date in a checkpoint is later than its run, which had read everything up to then. Objects and
-- events of a test clock have dates ahead, and earlier versions took these for the newest.
local function bounded(saved, started)
  local bound = math.min(saved.at or started, started)
  for _, name in ipairs { "newest", "events_since" } do
    saved[name] = saved[name] and math.min(saved[name], bound)
  end
  if saved.latest_event and saved.latest_event > bound then
    saved.latest_event = nil
  end
  return saved
end

-- From now on these mappings make the records. In the same transaction, checkpoints that no longer
-- hold are emptied.
local function write_makers(self, tasks, makers, states)
  for _, task in ipairs(tasks) do
    for name, checksum in pairs(task.mappings) do
      local maker = makers[name]
      if maker[task.name] ~= checksum or maker[BY_USER] ~= task.by_user[name] then
        states[key_of(name)] = sign(maker, task, name)
      end
    end
  end
  if next(states) then
    self._store:write_page(self._id, { states = states })
  end
end

--- Load the checkpoints of lists.
---@param tasks commerce.Task[]
---@return string[] notes why lists are read again
function methods:load(tasks)
  local makers = load_makers(self, tasks)
  local states, changed, lacking = {}, {}, false
  for _, task in ipairs(tasks) do
    local saved = self._store:state(self._id, task.key)
    local names = changed_types(task, saved, makers)
    for _, name in ipairs(names) do
      changed[name] = true
    end
    local lacks = self._kept_since ~= nil and saved ~= nil and saved.kept ~= self._kept_since
    local holds = #names == 0 and not lacks
    lacking = lacking or lacks
    states[task.key] = not holds and { finished = true } or nil -- without a place to go on from
    self._saved[task.name] = holds and saved and bounded(saved, self._started) or nil
  end
  write_makers(self, tasks, makers, states)
  return notes_on(changed, lacking)
end

--- The checkpoint that an earlier run left.
---@param resource string
---@return commerce.Checkpoint?
function methods:saved(resource)
  return self._saved[resource]
end

--- Do not go on from the checkpoint that an earlier run left.
---@param resource string
function methods:forget(resource)
  self._saved[resource] = nil
end

-- ---------------------------------------------------------------- of this run

--- Hold the checkpoint of a list that is being read. Its reader changes it, each page writes it.
---@param task commerce.Task
---@param state commerce.Checkpoint
function methods:hold(task, state)
  state.mappings, state.kept = task.mappings, self._kept_since
  self._held[task.name] = state
end

--- Take up what earlier runs have read, for a run that reads no list.
---@param tasks commerce.Task[]
function methods:resume(tasks)
  for _, task in ipairs(tasks) do
    local state = self._store:state(self._id, task.key)
    self._held[task.name] = state
    self._finished[task.name] = state ~= nil and state.finished == true
  end
end

--- The checkpoint of a list as it is now.
---@param resource string
---@return commerce.Checkpoint?
function methods:held(resource)
  return self._held[resource]
end

--- Write the checkpoint of a list that begins to be read whole, with a sweep. The store gives the
--- sweep its id.
---@param task commerce.Task
---@param began integer unix seconds
function methods:begin_sweep(task, began)
  local state = self._held[task.name]
  state.sweep = { began = began }
  self._store:begin_sweep(self._id, task.key, state)
end

local function place_of(list, id)
  for i, each in ipairs(list or {}) do
    if each == id then
      return i
    end
  end
end

--- An object could not be read or mapped: the next run asks for it again. Of a list in which very
--- many fail, only some are remembered; a full read finds the others.
---@param resource string
---@param id string? nil if it is not known
function methods:note_failed(resource, id)
  local state = self._held[resource]
  if state and type(id) == "string" and objects.has_path(id) then
    state.failed = state.failed or {}
    if #state.failed < MOST_FAILED and not place_of(state.failed, id) then
      table.insert(state.failed, id)
    end
  end
end

--- An object is stored now, or Stripe does not have it any more.
---@param resource string
---@param id string
function methods:forget_failed(resource, id)
  local state = self._held[resource]
  local place = state and place_of(state.failed, id)
  if place then
    table.remove(state.failed, place)
    state.failed = state.failed[1] and state.failed or nil
  end
end

--- A resource has been read to its end.
---@param resource string
function methods:finish(resource)
  self._finished[resource] = true
end

--- Whether a resource has been read to its end.
---@param resource string
---@return boolean
function methods:is_finished(resource)
  return self._finished[resource] == true
end

--- The run is over: the next one begins anew instead of continuing these lists. The others keep
--- their checkpoints and are continued.
---@param tasks commerce.Task[] lists that are done
---@param position_of fun(resource: string): commerce.Checkpoint events_since, applied, latest_event
---@param sweep_of fun(task: commerce.Task): commerce.sync.Sweep? the sweep that goes on after this
---  run
function methods:close(tasks, position_of, sweep_of)
  local states = {}
  for _, task in ipairs(tasks) do
    local held, state = self._held[task.name], position_of(task.name)
    state.finished, state.newest, state.unsettled_since = true, held.newest, held.unsettled_since
    state.mappings, state.kept, state.at = held.mappings, held.kept, self._started
    state.sweep, state.failed = sweep_of(task), held.failed
    states[task.key] = state
  end
  self._store:write_page(self._id, { states = states })
end

--- Records were made anew from kept objects: because of the mapping, the next sync need not read
--- their lists again.
---@param tasks commerce.Task[]
---@param is_made fun(type_name: string): boolean whether all records of a data type were made anew
function methods:sign_again(tasks, is_made)
  local states, changed = self._store:states(self._id), {}
  for _, task in ipairs(tasks) do
    for name, checksum in pairs(task.mappings) do
      if is_made(name) then
        for key, state in pairs(states) do
          if key:match("^%S+") == task.name and state.mappings and state.mappings[name] then
            state.mappings[name], changed[key] = checksum, state
          end
        end
        local key = key_of(name)
        changed[key] = sign(changed[key] or states[key] or {}, task, name)
      end
    end
  end
  self._store:write_page(self._id, { states = changed })
end

-- ---------------------------------------------------------------- for displays

---@class commerce.Reached
---@field resource string
---@field finished boolean whether the list has been read to its end
---@field fraction number? how much of it has been read, 0 to 1; nil if that is not known
---@field newest integer? unix seconds: created of the newest object that has been read
---@field at integer? unix seconds: when the run of the checkpoint began

local function reached(name, state)
  local done = state.finished or state.ranges and #state.ranges == 0
  return { resource = name, finished = state.finished == true,
    fraction = done and 1 or state.ranges and backfill.fraction(state) or nil,
    newest = state.newest, at = state.at }
end

--- Tell how far each list of a connection has been read, also while a run is under way. A list has
--- a checkpoint for each selection of data types; the latest one counts.
---@param store commerce.Store
---@param connection_id string
---@return commerce.Reached[] list by resource name
function checkpoints.reached(store, connection_id)
  local by_name, list = {}, {}
  for key, state in pairs(errors.must(store:states(connection_id))) do
    local name = key:sub(1, #MAPPING_KEY) ~= MAPPING_KEY and key:match "^%S+"
    local known = name and by_name[name]
    if name and (state.ranges or state.at) and (not known or (known.at or 0) < (state.at or 0)) then
      by_name[name] = reached(name, state)
    end
  end
  for _, entry in pairs(by_name) do
    list[#list + 1] = entry
  end
  table.sort(list, function(a, b)
    return ascii.before(a.resource, b.resource)
  end)
  return list
end

return checkpoints
