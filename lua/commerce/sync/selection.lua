-- The mappings of a run: those of the data types that it was asked for, and which of their fields
-- came out empty.

local ascii = require "commerce.base.ascii"
local errors = require "commerce.base.errors"

local selection = {}

-- ---------------------------------------------------------------- by name

-- A data type that only the store knows was defined by some script.
local function is_of_script(connection, name)
  return connection.store:find_type(name) ~= nil
end

local function find(connection, name, failures)
  if failures[name] then
    return name
  end
  local data_type, message = connection.mappings:find_type(name)
  if not data_type then
    errors.throw("usage", is_of_script(connection, name) and ("data type '%s' is defined by a "
      .. "script: only that can read it"):format(name) or message)
  elseif not connection.mappings:find(data_type.name) then
    errors.throw("usage", ("%s gives no %s"):format(connection.integration.title, data_type.name))
  end
  return data_type.name
end

-- In place of the mapping of a data type whose configuration cannot be used.
local function nothing(name)
  return { type = { name = name }, sources = {}, entries = {} }
end

--- The mappings of the data types that are asked for, in the model's order, then those that users
--- defined. Raises if a name is unknown, or the list is empty.
---@param connection commerce.Connection
---@param names string[]? all if left out
---@return commerce.Mapping[]
---@return table<string, commerce.Failure> failures of those types that cannot be read
function selection.readable(connection, names)
  local failures = connection.mappings:failures()
  local asked, chosen, failed = {}, {}, {}
  for _, name in ipairs(names or {}) do
    asked[find(connection, name, failures)] = true
  end
  for _, mapping in ipairs(connection.mappings:all()) do
    if not names or asked[mapping.type.name] then
      chosen[#chosen + 1] = mapping
      failed[mapping.type.name] = failures[mapping.type.name]
    end
  end
  for _, name in ipairs(ascii.keys(failures)) do
    if not failed[name] and (not names or asked[name]) then
      chosen[#chosen + 1], failed[name] = nothing(name), failures[name]
    end
  end
  if #chosen == 0 then
    errors.throw("usage", 'types: none given; a list is expected, such as { "payments" }')
  end
  return chosen, failed
end

--- The same, for work that needs every one of them: raises if one cannot be read.
---@param connection commerce.Connection
---@param names string[]? all if left out
---@return commerce.Mapping[]
function selection.mappings(connection, names)
  local chosen, failed = selection.readable(connection, names)
  local first = ascii.keys(failed)[1]
  if first then
    errors.rethrow(failed[first])
  end
  return chosen
end

-- ---------------------------------------------------------------- empty fields

-- A user's path may be valid and yet name nothing: that shows when many objects have been read and
-- none of them had a value for the field.
local ENOUGH = 20 -- objects; fewer may all lack a field that others have

local function each_tally(mappings, call)
  for _, mapping in ipairs(mappings) do
    local seen = {}
    for _, source in ipairs(mapping.by_user and mapping.sources or {}) do
      for _, tally in ipairs(source.tallies) do
        if not seen[tally] then -- sources share fields
          seen[tally] = true
          call(tally, mapping)
        end
      end
    end
  end
end

--- Begin to count the values of users' fields.
---@param mappings commerce.Mapping[]
function selection.start_tallies(mappings)
  each_tally(mappings, function(tally)
    tally.seen, tally.given = 0, 0
  end)
end

--- The users' fields for which no object had a value.
---@param mappings commerce.Mapping[]
---@return string[] notes
function selection.empty_fields(mappings)
  local notes = {}
  each_tally(mappings, function(tally, mapping)
    if tally.seen >= ENOUGH and tally.given == 0 then
      local key = tally.of:match "^metadata%.([^%[]+%.[^%[]+)$"
      notes[#notes + 1] = ("%s: none of %d objects gave anything for %s (%s); is the path right?%s")
        :format(mapping.type.name, tally.seen, tally.name, tally.of, key
          and (" A name with a dot in it is written metadata[\"%s\"]"):format(key) or "")
    end
  end)
  return notes
end

return selection
