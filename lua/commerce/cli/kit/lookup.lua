-- Finds the company, connection or webhook consumer that an argument names: by its id, by the
-- beginning of the id, or by a name that only one of them has.

local ascii = require "commerce.base.ascii"
local environment = require "commerce.cli.kit.environment"
local errors = require "commerce.base.errors"

local must = errors.must

local lookup = {}

local LEAST = 4 -- characters of an id that can name it

local SHORT = 8 -- characters of an id in a table, enough to name it by

--- An id as tables show it.
---@param id string
---@return string
function lookup.short(id)
  return id:sub(1, SHORT)
end

local function is_beginning(text, id)
  return #text >= LEAST and id:sub(1, #text) == ascii.lower(text)
end

---@class commerce.cli.Kind
---@field one string
---@field many string
---@field command string the command that lists them
---@field names string[] fields that name one
---@field makes string? the command that makes one

local COMPANY = { one = "company", many = "companies", command = "companies",
  names = { "id", "name" }, makes = "commerce companies create" }
local CONNECTION = { one = "connection", many = "connections", command = "connections",
  names = { "id", "account" } }
local CONSUMER = { one = "webhook consumer", many = "webhook consumers", command = "webhooks",
  names = { "id", "url" } }

local function matching(list, kind, text)
  local found = {}
  local wanted = text:gsub("~$", "") -- as a table that was too narrow shows it
  for _, item in ipairs(list) do
    for _, name in ipairs(kind.names) do
      if item[name] == wanted or name == "id" and is_beginning(wanted, item.id) then
        found[#found + 1] = item
        break
      end
    end
  end
  return found
end

-- The one item of a list that a text names; nil if there is no such item. Raises if there are
-- several.
local function choose(list, kind, text)
  local found = matching(list, kind, text)
  if #found <= 1 then
    return found[1]
  end
  local ids = {}
  for i = 1, math.min(#found, 5) do
    ids[i] = found[i].id
  end
  errors.throw("usage", ("%d %s are called '%s': name one by its id (%s%s)"):format(#found,
    kind.many, text, table.concat(ids, ", "), #found > #ids and ", ..." or ""))
end

local function missing(kind, text)
  errors.throw("usage", ("no %s '%s'; `commerce %s list` lists the %s%s"):format(kind.one, text,
    kind.command, kind.many, kind.makes and (", `%s` makes one"):format(kind.makes) or ""))
end

--- A company. Raises if the text names none or several.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its name
---@return commerce.Company company
function lookup.company(app, text)
  return choose(must(app:companies()), COMPANY, text) or missing(COMPANY, text)
end

--- Connections of the mode that commands work in, oldest first.
---@param app commerce.App
---@param given commerce.ConnectionFilter?
---@return commerce.Connection[] list
function lookup.connections(app, given)
  local current = must(app:mode())
  local list = {}
  for _, connection in ipairs(must(app:connections(given))) do
    if connection.integration.mode == current then
      list[#list + 1] = connection
    end
  end
  return list
end

--- Whose records a command shows: the account's id, or the number of accounts if there are several.
---@param app commerce.App
---@param connection commerce.Connection? of which the records are; all of the present mode if left
---  out
---@return string
function lookup.whose(app, connection)
  local list = connection and { connection } or lookup.connections(app)
  if #list == 1 and list[1].account then
    return list[1].account
  end
  return ("%d accounts"):format(#list)
end

-- Refuses a connection of the other mode: that says more than "no connection".
local function refuse_other_mode(app, connection)
  local own = connection.integration.mode
  local switch = environment.key_mode() and ", the mode of the key in STRIPE_SECRET_KEY"
    or (": `commerce mode %s` switches"):format(own)
  errors.throw("usage", ("connection %s is in %s mode, and commands work in %s mode now%s")
    :format(connection.id, own, must(app:mode()), switch))
end

--- A connection of the mode that commands work in. Raises if the text names none or several.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its account's id
---@return commerce.Connection connection
function lookup.connection(app, text)
  local connection = choose(lookup.connections(app), CONNECTION, text)
  if connection then
    return connection
  end
  local other = choose(must(app:connections()), CONNECTION, text)
  if other then
    refuse_other_mode(app, other)
  end
  missing(CONNECTION, text)
end

--- A webhook consumer. Raises if the text names none or several.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its address
---@return commerce.ConsumerRow consumer
function lookup.consumer(app, text)
  return choose(must(app.store:webhook_consumers()), CONSUMER, text) or missing(CONSUMER, text)
end

return lookup
