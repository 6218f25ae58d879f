-- A company: a merchant, with its connections.

local Connection = require "commerce.app.connection"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local keys = require "commerce.account.keys"
local lifecycle = require "commerce.app.lifecycle"
local tables = require "commerce.base.tables"
local time = require "commerce.base.time"
local view = require "commerce.codat.company"

---@class commerce.Company
---@field id string UUID
---@field name string not unique
---@field description string?
---@field tags table<string, string>
---@field created string
---@field app commerce.App
---@field store commerce.Store its methods raise their failures
local Company = { __name = "commerce.Company" }
Company.__index = Company

---@class commerce.CompanyFields
---@field name string? a new company must have one
---@field description string|false|nil
---@field tags table<string, string>|false|nil

local FIELDS = { name = "string", description = "string", tags = "table" }

local function wrap(app, row)
  return setmetatable({ app = app, store = app.store, id = row.id, name = row.name,
    description = row.description, tags = row.tags and json.stored(row.tags) or {},
    created = row.created }, Company)
end

local function checked_name(name)
  local text = tostring(name):gsub("^%s+", ""):gsub("%s+$", "")
  if text == "" then
    errors.throw("usage", "a company's name must not be empty")
  elseif text:find("%c") then
    errors.throw("usage", "a company's name must not contain control characters")
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
      errors.throw("usage", "a company's name, description or tags must not contain an API key; "
        .. "revoke this key, it may have been seen")
    end
  end
end

local MOST_TAGS, LONGEST_TAG, LONGEST_TAG_VALUE = 10, 27, 100 -- Codat's Platform API 3.0.0

local function check_tags(tags)
  local count = 0
  for name, value in pairs(tags) do
    count = count + 1
    if type(name) ~= "string" or type(value) ~= "string" or #name > LONGEST_TAG
      or #value > LONGEST_TAG_VALUE then
      errors.throw("usage", ("tags: texts of at most %d characters to texts of at most %d expected")
        :format(LONGEST_TAG, LONGEST_TAG_VALUE))
    end
  end
  if count > MOST_TAGS then
    errors.throw("usage", ("tags: at most %d expected, got %d"):format(MOST_TAGS, count))
  end
end

local function save(self)
  local name = checked_name(self.name)
  check_tags(self.tags)
  check_no_key(self)
  self.name = name
  self.store:save_company { id = self.id, name = name, description = self.description,
    created = self.created, tags = next(self.tags) and json.encode(self.tags) or nil }
  return self
end

--- Create a company.
---@param app commerce.App
---@param fields commerce.CompanyFields
---@return commerce.Company
function Company.create(app, fields)
  errors.check_options(fields, FIELDS)
  if not fields.name then
    errors.throw("usage", "a company needs a name")
  end
  local self = wrap(app, { id = core.uuid(), name = fields.name, description = fields.description,
    created = time.now() })
  self.tags = fields.tags or {}
  return save(self)
end

--- Companies, oldest first.
---@param app commerce.App
---@param given commerce.CompanyFilter?
---@return commerce.Company[]
function Company.list(app, given)
  local list = {}
  for i, row in ipairs(app.store:companies(given)) do
    list[i] = wrap(app, row)
  end
  return list
end

--- A company by its id. Raises kind "missing" if it does not exist.
---@param app commerce.App
---@param id string
---@return commerce.Company
function Company.find(app, id)
  local company = Company.list(app, { id = id })[1]
  if not company then
    errors.throw("missing", ("no company %s"):format(id))
  end
  return company
end

local function update(self, fields)
  local before = { name = self.name, description = self.description, tags = self.tags }
  errors.check_options(fields, { name = "string", description = "any", tags = "any" })
  if fields.description ~= nil then
    self.description = fields.description or nil
  end
  self.name = fields.name or self.name
  if fields.tags ~= nil then
    self.tags = fields.tags or {}
  end
  local _, _, failure = errors.catch(save, self)
  if failure then
    self.name, self.description, self.tags = before.name, before.description, before.tags
    errors.rethrow(failure)
  end
  return self
end

local function connections(self, given)
  return Connection.list(self.app, tables.merged({ company_id = self.id }, given or {}))
end

--- Change its name, description or tags.
---@param fields commerce.CompanyFields those that are named; false removes description or tags
---@return commerce.Company? self nil on failure, and nothing has changed
---@return string? message
---@return commerce.Failure? failure
function Company:update(fields)
  return update(self, fields)
end

--- Give it another name.
---@param name string
---@return commerce.Company? self nil on failure
---@return string? message
---@return commerce.Failure? failure
function Company:rename(name)
  return update(self, { name = name })
end

--- Its connections, oldest first.
---@param given commerce.ConnectionFilter?
---@return commerce.Connection[]? list nil on failure
---@return string? message
---@return commerce.Failure? failure
function Company:connections(given)
  return connections(self, given)
end

--- Make a connection that waits to be authorized ("PendingAuth").
---@param options { integration: "stripe"|"stripe-test" }
---@return commerce.Connection? connection nil on failure
---@return string? message
---@return commerce.Failure? failure
function Company:create_connection(options)
  errors.check_options(options, { integration = "string" })
  return Connection.create(self.app, self.id, options.integration)
end

--- When one of its connections was synced last.
---@return string? date nil, alone, if never
---@return string? message
---@return commerce.Failure? failure
function Company:last_sync()
  return view.last_sync(self.store:connections { company_id = self.id })
end

--- Remove it with its connections and everything that is stored of them. Those that are "Linked"
--- are unlinked first; if one of them cannot be unlinked, nothing is removed.
---@param options commerce.UnlinkOptions?
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Failure? failure
function Company:delete(options)
  for _, one in ipairs(connections(self)) do
    if one.status == "Linked" then
      lifecycle.unlink(one, "its company was deleted", options)
    else
      keys.forget(self.app, one.row)
    end
  end
  if not self.store:remove_company(self.id) then
    errors.throw("missing", ("company %s has been deleted already"):format(self.id))
  end
  return true
end

errors.protect_methods(Company, { create = true, list = true, find = true })

return Company
