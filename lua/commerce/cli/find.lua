-- Which company or connection a person means: its id, the beginning of it, or a name that only one
-- has. Called by the commands.

local errors = require "commerce.errors"

local find = {}

local LEAST = 4 -- characters of an id that name it

local function is_beginning(text, id)
  return #text >= LEAST and id:sub(1, #text) == text:lower()
end

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
      text, kind == "company" and "companies" or "connections"))
  end
  local ids = {}
  for i = 1, math.min(#found, 5) do
    ids[i] = found[i].id
  end
  return errors.fail("usage", ("%d %s are called '%s': name one by its id (%s%s)"):format(#found,
    kind == "company" and "companies" or "connections", text, table.concat(ids, ", "),
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

--- A connection.
---@param app commerce.App
---@param text string its id, at least the first four characters of it, or its account's id
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function find.connection(app, text)
  local list, message, details = app:connections()
  if not list then
    return nil, message, details
  end
  return choose(list, "connection", text, { "id", "account" })
end

return find
