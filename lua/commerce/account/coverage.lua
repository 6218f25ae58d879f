-- Checks which data types a connection can read. One object of each resource is requested, so that
-- a missing permission shows before the first sync.

local errors = require "commerce.base.errors"
local fields = require "commerce.account.fields"
local probe = require "commerce.account.probe"
local stripe = require "commerce.stripe"

local coverage = {}

---@class commerce.FeedCoverage
---@field readable boolean? whether the feed of events may be read; nil if unknown
---@field lacking string[] the missing permissions
---@field error string? why it is not readable, or why this is unknown

---@class commerce.TypeCoverage
---@field type string data type name
---@field key string Codat's name of the type
---@field resources string[] the Stripe resources that it is read from
---@field permissions string[] the permissions that a restricted key needs, by their names in
---  Stripe's dashboard
---@field readable boolean? only of a connection: whether it may read all resources; nil if unknown
---@field lacking string[]? the missing permissions
---@field left_out string[]? only of a connection: the fields that are never stored
---@field hashed string[]? only of a connection: the fields of which a hash is stored
---@field error string? why the type is not readable, or why this is unknown

local function add_new(list, item)
  for _, present in ipairs(list) do
    if present == item then
      return
    end
  end
  list[#list + 1] = item
end

--- The data types of a set of mappings, in their order.
---@param mappings commerce.Mappings
---@return commerce.TypeCoverage[]
function coverage.types(mappings)
  local list = {}
  for i, mapping in ipairs(mappings:all()) do
    local entry = { type = mapping.type.name, key = mapping.type.key, permissions = {},
      resources = stripe.resources_of(mapping) }
    for _, name in ipairs(entry.resources) do
      add_new(entry.permissions, mappings.resources[name].permission)
    end
    list[i] = entry
  end
  return list
end

--- The permissions that a restricted key needs to read all data types and to follow changes.
---@param mappings commerce.Mappings
---@return string[] permissions by their names in Stripe's dashboard
function coverage.permissions(mappings)
  local list = {}
  for _, entry in ipairs(coverage.types(mappings)) do
    for _, permission in ipairs(entry.permissions) do
      add_new(list, permission)
    end
  end
  add_new(list, stripe.feed.permission)
  return list
end

local function judge(entry, resources, found)
  entry.readable, entry.lacking = true, {}
  for _, name in ipairs(entry.resources) do
    local answer = found[name]
    if answer.allowed == false then
      entry.readable = false
      add_new(entry.lacking, resources[name].permission)
    elseif not answer.allowed and entry.readable then
      entry.readable = nil
    end
    entry.error = entry.error or answer.message
  end
end

-- The listed names that are about a data type, or about the objects that it is made of.
local function about(entry, names)
  local list, begins = {}, { entry.type .. "." }
  for i, resource in ipairs(entry.resources) do
    begins[i + 1] = "source:" .. resource .. "."
  end
  for _, name in ipairs(names) do
    for _, begin in ipairs(begins) do
      list[#list + 1] = name:sub(1, #begin) == begin and name or nil
    end
  end
  return list
end

--- Add to each data type the fields of it that are not stored.
---@param list commerce.TypeCoverage[] changed
---@param store commerce.Store
---@param connection_id string
function coverage.add_fields(list, store, connection_id)
  local lists = fields.of(store, connection_id)
  for _, entry in ipairs(list) do
    entry.left_out, entry.hashed = about(entry, lists.leave_out), about(entry, lists.hash)
  end
end

--- The data types that a connection may read. Its session must be open; sends one request for each
--- resource.
---@param connection commerce.Reader
---@return commerce.TypeCoverage[] list raises if Stripe could not be asked at all
---@return commerce.FeedCoverage changes whether its event feed can be read
function coverage.of(connection)
  local resources, names = connection.mappings.resources, { "events" }
  local list = coverage.types(connection.mappings)
  for _, entry in ipairs(list) do
    for _, name in ipairs(entry.resources) do
      add_new(names, name)
    end
  end
  local found, answered = probe.run(connection, names), false
  for _, answer in pairs(found) do
    answered = answered or answer.allowed ~= nil
  end
  if not answered then
    errors.must(nil, found.events.message, found.events.details)
  end
  for _, entry in ipairs(list) do
    judge(entry, resources, found)
  end
  return list, { readable = found.events.allowed, error = found.events.message,
    lacking = found.events.allowed == false and { stripe.feed.permission } or {} }
end

--- The same for a connection that is not open: it is opened with its stored key, and closed.
---@param connection commerce.Connection
---@return commerce.TypeCoverage[] list raises if it cannot be opened, and as `of` does
---@return commerce.FeedCoverage changes as `of` gives it
function coverage.of_closed(connection)
  local changes
  local list = errors.finally(function()
    errors.must(connection:open())
    errors.must(connection:configure())
    local found
    found, changes = coverage.of(connection)
    return found
  end, function()
    connection:close()
  end)
  return list, changes
end

return coverage
