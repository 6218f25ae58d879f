-- A company: a merchant, with its connections. Called by commerce (init).

local connection = require "commerce.app.connection"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local time = require "commerce.base.time"

local company = {}

---@class commerce.Company
---@field id string UUID
---@field name string not unique
---@field description string?
---@field tags table<string, string>
---@field created string
---@field store commerce.Store
local methods = {}
local company_mt = { __name = "commerce.Company", __index = methods }

local FIELDS = { name = "string", description = "string", tags = "table" }

local function wrap(app, row)
  return setmetatable({ app = app, store = app.store, id = row.id, name = row.name,
    description = row.description, tags = row.tags and json.decode(row.tags) or {},
    created = row.created }, company_mt)
end

local function checked_name(name)
  local text = tostring(name):gsub("^%s+", ""):gsub("%s+$", "")
  if text == "" then
    return errors.fail("usage", "a company's name must not be empty")
  elseif text:find("%c") then
    return errors.fail("usage", "a company's name must not hold control characters")
  end
  return text
end

-- A key in the wrong place would lie open in the database.
local function check_no_key(self)
  local texts = { self.name, self.description }
  for name, value in pairs(self.tags) do
    texts[#texts + 1] = name .. " " .. value
  end
  for _, text in pairs(texts) do
    if core.scrub(text) ~= text then
      return errors.fail("usage", "this is a key, which is no name, description or tag of a "
        .. "company: others may have seen it, so replace it")
    end
  end
  return true
end

local MOST_TAGS, LONGEST_TAG, LONGEST_TAG_VALUE = 10, 27, 100 -- Codat's Platform API 3.0.0

local function checked_tags(tags)
  local count = 0
  for name, value in pairs(tags) do
    count = count + 1
    if type(name) ~= "string" or type(value) ~= "string" or #name > LONGEST_TAG
      or #value > LONGEST_TAG_VALUE then
      return errors.fail("usage", ("tags: texts of at most %d characters to texts of at most %d "
        .. "expected"):format(LONGEST_TAG, LONGEST_TAG_VALUE))
    end
  end
  if count > MOST_TAGS then
    return errors.fail("usage", ("tags: at most %d expected, got %d"):format(MOST_TAGS, count))
  end
  return true
end

local function save(self)
  local name, message, details = checked_name(self.name)
  if not name then
    return nil, message, details
  end
  local ok
  ok, message, details = checked_tags(self.tags)
  if ok then
    ok, message, details = check_no_key(self)
  end
  if not ok then
    return nil, message, details
  end
  self.name = name
  ok, message, details = self.store:save_company { id = self.id, name = name,
    description = self.description, created = self.created,
    tags = next(self.tags) and json.encode(self.tags) or nil }
  return ok and self or nil, message, details
end

--- Create a company.
---@param app commerce.App
---@param fields table name; description; tags: table of text to text
---@return commerce.Company? company nil on failure
---@return string? message
---@return commerce.Details? details
function company.create(app, fields)
  errors.check_options(fields, FIELDS)
  if not fields.name then
    return errors.fail("usage", "a company needs a name")
  end
  local self = wrap(app, { id = core.uuid(), name = fields.name, description = fields.description,
    created = time.now() })
  self.tags = fields.tags or {}
  return save(self)
end

--- Companies, oldest first.
---@param app commerce.App
---@param given table? name: only those of this name; limit; offset
---@return commerce.Company[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function company.list(app, given)
  local rows, message, details = app.store:companies(given)
  if not rows then
    return nil, message, details
  end
  local list = {}
  for i, row in ipairs(rows) do
    list[i] = wrap(app, row)
  end
  return list
end

--- A company by its id.
---@param app commerce.App
---@param id string
---@return commerce.Company? company nil on failure; details.kind is "missing" if there is none
---@return string? message
---@return commerce.Details? details
function company.find(app, id)
  local list, message, details = company.list(app, { id = id })
  if list and not list[1] then
    return errors.fail("missing", ("no company %s"):format(id))
  end
  return list and list[1], message, details
end

--- Change its name, description or tags.
---@param fields table name, description, tags: those that are named; false removes the latter two
---@return commerce.Company? self nil on failure, and nothing has changed
---@return string? message
---@return commerce.Details? details
function methods:update(fields)
  local before = { name = self.name, description = self.description, tags = self.tags }
  errors.check_options(fields, { name = "string", description = "any", tags = "any" })
  if fields.description ~= nil then
    self.description = fields.description or nil
  end
  self.name = fields.name or self.name
  if fields.tags ~= nil then
    self.tags = fields.tags or {}
  end
  local ok, message, details = errors.catch(save, self)
  if not ok then
    self.name, self.description, self.tags = before.name, before.description, before.tags
  end
  return ok, message, details
end

--- Give it another name.
---@param name string
---@return commerce.Company? self nil on failure
---@return string? message
---@return commerce.Details? details
function methods:rename(name)
  return self:update { name = name }
end

--- Its connections, oldest first.
---@param given table? see `commerce.app.connection.list`
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Details? details
function methods:connections(given)
  local filter = { company_id = self.id }
  for name, value in pairs(given or {}) do
    filter[name] = value
  end
  return connection.list(self.app, filter)
end

--- Make a connection that waits to be authorized ("PendingAuth").
---@param options table integration: "stripe" or "stripe-test"
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Details? details
function methods:create_connection(options)
  errors.check_options(options, { integration = "string" })
  return connection.create(self.app, self.id, options.integration)
end

--- When one of its connections was synced last.
---@return string? date nil, alone, if never
---@return string? message
---@return commerce.Details? details
function methods:last_sync()
  local rows, message, details = self.store:connections { company_id = self.id }
  local latest
  for _, row in ipairs(rows or {}) do
    if row.last_sync and (not latest or row.last_sync > latest) then
      latest = row.last_sync
    end
  end
  return latest, message, details
end

--- Remove it with its connections and everything that is stored of them. Those that are "Linked"
--- are unlinked first; where one cannot be, nothing is removed.
---@param options table? see `unlink` of a connection
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:delete(options)
  local list, message, details = self:connections()
  if not list then
    return nil, message, details
  end
  for _, one in ipairs(list) do
    local ok
    if one.status == "Linked" then
      ok, message, details = one:unlink("its company was deleted", options)
    else
      ok, message, details = keys.forget(self.app, one.row)
    end
    if not ok then
      return nil, message, details
    end
  end
  local removed
  removed, message, details = self.store:remove_company(self.id)
  if removed == false then
    return errors.fail("missing", ("company %s has been deleted already"):format(self.id))
  end
  return removed, message, details
end

errors.protect_methods(methods)

return company
