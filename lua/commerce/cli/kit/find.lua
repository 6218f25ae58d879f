-- Which company, connection or webhook consumer a person means: its id, the beginning of it, or a
-- name that only one has. Called by the commands.

local common = require "commerce.cli.kit.common"
local errors = require "commerce.base.errors"

local find = {}

local LEAST = 4 -- characters of an id that name it

local SHORT = 8 -- characters of an id in a table, enough to name it by

--- An id as tables show it.
---@param id string
---@return string
function find.short(id)
  return id:sub(1, SHORT)
end

local function is_beginning(text, id)
  return #text >= LEAST and id:sub(1, #text) == text:lower()
end

-- Kind -> several of it, and the command that lists them.
local KINDS = { company = { "companies", "companies" },
  connection = { "connections", "connections" },
  ["webhook consumer"] = { "webhook consumers", "webhooks" } }

-- The one of a list that is meant.
local function choose(list, kind, text, names)
  local found = {}
  local wanted = text:gsub("~$", "") -- as a table that was too narrow shows it
  for _, item in ipairs(list) do
    for _, name in ipairs(names) do
      if item[name] == wanted or name == "id" and is_beginning(wanted, item.id) then
        found[#found + 1] = item
        break
      end
    end
  end
  if #found == 1 then
    return found[1]
  elseif #found == 0 then
    return errors.fail("usage", ("no %s '%s': `commerce %s list` shows what there is"):format(kind,
      text, KINDS[kind][2]))
  end
  local ids = {}
  for i = 1, math.min(#found, 5) do
    ids[i] = found[i].id
  end
  return errors.fail("usage", ("%d %s are called '%s': name one by its id (%s%s)"):format(#found,
    KINDS[kind][1], text, table.concat(ids, ", "),
    #found > #ids and ", ..." or ""))
end

--- A company.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its name
---@return commerce.Company? company nil on failure
---@return string? message
---@return commerce.Details? details
function find.company(app, text)
  local list, message, details = app:companies()
  if not list then
    return nil, message, details
  end
  return choose(list, "company", text, { "id", "name" })
end

--- Connections of the mode that is worked in, oldest first.
---@param app commerce.App
---@param given table? as for `app:connections`
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function find.connections(app, given)
  local current, message, details = app:mode()
  if not current then
    return nil, message, details
  end
  local all
  all, message, details = app:connections(given)
  if not all then
    return nil, message, details
  end
  local list = {}
  for _, connection in ipairs(all) do
    if connection.integration.mode == current then
      list[#list + 1] = connection
    end
  end
  return list
end

-- One that is named, but of the other mode: better told than "no connection".
local function other_mode(app, text)
  local list = app:connections()
  local connection = list and choose(list, "connection", text, { "id", "account" })
  if connection then
    return common.check_mode(app, connection)
  end
end

--- A connection of the mode that is worked in.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its account's id
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function find.connection(app, text)
  local list, message, details = find.connections(app)
  if not list then
    return nil, message, details
  end
  local connection
  connection, message, details = choose(list, "connection", text, { "id", "account" })
  if connection then
    return connection
  end
  local _, other, why = other_mode(app, text)
  return nil, other or message, why or details
end

--- An action that is about one thing, which an argument names.
---@param finder function one of those here
---@param name string the argument's
---@param work fun(found: table, args: table, app: commerce.App): integer?, string?
---@return fun(args: table): integer?, string?
function find.with(finder, name, work)
  return common.with_app(function(app, args)
    local found, message, details = finder(app, args[name])
    if not found then
      return nil, message, details
    end
    return work(found, args, app)
  end)
end

--- A webhook consumer.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its address
---@return table? consumer as the store gives it; nil on failure
---@return string? message
---@return commerce.Details? details
function find.consumer(app, text)
  local list, message, details = app.store:webhook_consumers()
  if not list then
    return nil, message, details
  end
  return choose(list, "webhook consumer", text, { "id", "url" })
end

return find
