-- Companies and their connections, how these came to their status, and what went wrong with them.

local ascii = require "commerce.base.ascii"
local contract = require "commerce.store.contract"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local outbox = require "commerce.store.memory.outbox"
local query = require "commerce.query"
local event_rules = require "commerce.store.event_rules"
local tables = require "commerce.store.memory.tables"

local accounts = {}

local copy, need = tables.copy, tables.need

local function companies(self)
  return self.db:table "companies"
end

local function connections(self)
  return self.db:table "connections"
end

-- A page of the rows that a filter selects, oldest first.
local function filtered(rows, fields, given)
  given = given or {}
  local known = { limit = "number", offset = "number" }
  for name in pairs(fields) do
    known[name] = "string"
  end
  errors.check_options(given, known)
  local list = rows:list(function(row)
    for name in pairs(fields) do
      if given[name] ~= nil and row[name] ~= given[name] then
        return false
      end
    end
    return true
  end)
  table.sort(list, function(a, b)
    if a.created ~= b.created then
      return a.created < b.created
    end
    return ascii.before(a.id, b.id)
  end)
  local page = {}
  for i = (given.offset or 0) + 1, math.min(#list, (given.offset or 0) + (given.limit or #list)) do
    page[#page + 1] = copy(list[i])
  end
  return page
end

-- ---------------------------------------------------------------- companies

local COMPANY = { "id", "name", "description", "tags", "products", "created" }

function accounts.companies(self, given)
  return filtered(companies(self), { id = true, name = true }, given)
end

function accounts.save_company(self, given)
  need(given, "company", { "id", "name", "created" })
  local before, row = companies(self):get(given.id), {}
  for _, name in ipairs(COMPANY) do
    row[name] = given[name]
  end
  row.created = before and before.created or given.created
  if given.products == nil then
    row.products = before and before.products
  end
  row.products = row.products or nil
  companies(self):put(row.id, row)
  if not before then
    outbox.append(self, "company.created", { company = row })
  end
  return true
end

-- A company as queries see it.
local function view_of(self, company)
  local view = { id = company.id, name = company.name, description = company.description,
    created = company.created, row = company,
    tags = company.tags and json.stored(company.tags) or {},
    dataConnections = { id = { n = 0 }, status = { n = 0 }, created = { n = 0 },
      lastSync = { n = 0 } } }
  for _, row in ipairs(connections(self):where("company_id", company.id)) do
    for field, name in pairs { id = "id", status = "status", created = "created",
      lastSync = "last_sync" } do
      local values = view.dataConnections[field]
      values.n = values.n + 1
      values[values.n] = row[name]
    end
    if row.last_sync and (not view.lastSync or row.last_sync > view.lastSync) then
      view.lastSync = row.last_sync
    end
  end
  return view
end

-- Whether a company has a connection of one of some integrations, or no connection at all.
local function is_of(self, company, integrations)
  local rows = connections(self):where("company_id", company.id)
  for _, row in ipairs(rows) do
    for _, name in ipairs(integrations) do
      if row.integration == name then
        return true
      end
    end
  end
  return #rows == 0
end

function accounts.find_companies(self, options)
  local views, wanted = {}, options.integrations
  for _, company in ipairs(companies(self):list()) do
    if not wanted or is_of(self, company, wanted) then
      views[#views + 1] = view_of(self, company)
    end
  end
  table.sort(views, function(a, b)
    return ascii.before(a.id, b.id)
  end)
  local tagged = {}
  for _, view in ipairs(views) do
    if not options.tags or query.matches(options.tags, function(tag)
      return view.tags[tag]
    end) then
      tagged[#tagged + 1] = view
    end
  end
  local page, total = query.select(tagged, { query = options.query, limit = options.limit,
    offset = options.offset,
    order_by = options.order_by or { field = "created", descending = true } })
  local rows = {}
  for i, view in ipairs(page) do
    rows[i] = copy(view.row)
  end
  return { rows = rows, total = total }
end

-- ---------------------------------------------------------------- connections

local FILTERS = { id = true, company_id = true, status = true, integration = true, account = true,
  auth = true, link_id = true }
local CONNECTION = { "id", "company_id", "integration", "account", "name", "status", "auth",
  "scope", "link_id", "created", "linked", "last_sync" }

function accounts.connections(self, given)
  return filtered(connections(self), FILTERS, given)
end

local function note(self, id, at, status, reason)
  self.db:table("history", id):add { at = at, status = status, reason = reason }
end

local function has_account(self, row, anywhere)
  for _, other in connections(self):each() do
    if other.integration == row.integration and other.account == row.account
      and (anywhere or other.company_id == row.company_id) then
      return true
    end
  end
  return false
end

function accounts.add_connection(self, given, options)
  options = options or {}
  if given.account and has_account(self, given, options.new_account) then
    return false
  elseif options.company then
    accounts.save_company(self, options.company)
  end
  need(given, "connection", { "id", "company_id", "integration", "status", "created" })
  if connections(self):get(given.id) or given.link_id
    and #connections(self):where("link_id", given.link_id) > 0 then
    errors.throw("store", ("there is a connection %s already"):format(given.id))
  end
  local row = {}
  for _, name in ipairs(CONNECTION) do
    row[name] = given[name]
  end
  connections(self):put(row.id, row)
  note(self, row.id, row.created, row.status)
  outbox.append(self, "connection.created", { connection = row })
  if row.status == "Linked" then
    outbox.append(self, "connection.connected", { connection = row })
  end
  return true
end

local CHANGEABLE = { "account", "name", "status", "auth", "scope", "sync_on_link", "linked",
  "last_sync" }

local function end_pulls(self, id, status, at)
  local pulls = self.db:table "pulls"
  local ended, message = event_rules.closed_by(status)
  for _, pull in ipairs(pulls:where("connection_id", id)) do
    if pull.status == "Queued" or pull.status == "Fetching" then
      pulls:change(pull.id, { status = ended, completed = at, error_message = message })
    end
  end
end

function accounts.change_connection(self, id, changes, from)
  local before, sets = connections(self):get(id), {}
  for _, name in ipairs(CHANGEABLE) do
    sets[name] = changes[name]
  end
  assert(next(sets), "change_connection: nothing to change")
  if not before or from and before.status ~= from then
    return false
  end
  local after = connections(self):change(id, sets)
  if changes.status and (changes.status ~= from or changes.reason) then
    note(self, id, changes.at, changes.status, changes.reason)
    if changes.status ~= "Linked" then
      end_pulls(self, id, changes.status, changes.at)
    end
    local event = event_rules.status_event(before.status, after.status)
    if event then
      outbox.append(self, event, { connection = after, reason = changes.reason })
    end
  end
  return true
end

-- ---------------------------------------------------------------- removing

-- The tables without an owner whose rows name a connection.
local SHARED = { "pulls", "leases", "link_states" }

local function remove(self, row)
  outbox.append(self, "connection.deleted", { connection = row })
  for _, id in self.db:table("sweeps", row.id):each() do
    for _, seen in ipairs(self.db:tables_of("seen", tostring(id))) do
      seen:clear()
    end
  end
  for _, owned in ipairs(self.db:tables_of(nil, row.id)) do
    owned:clear()
  end
  for _, kind in ipairs(SHARED) do
    local shared = self.db:table(kind)
    for key, each in shared:each() do
      if each.connection_id == row.id then
        shared:remove(key)
      end
    end
  end
  for _, name in pairs(contract.OF_CONNECTION) do
    self.db:table("settings"):remove(name .. row.id)
  end
  connections(self):remove(row.id)
end

function accounts.remove_connection(self, id)
  local row = connections(self):get(id)
  if row then
    remove(self, row)
  end
  return row ~= nil
end

function accounts.remove_company(self, id)
  for _, row in connections(self):each() do
    if row.company_id == id then
      remove(self, row)
    end
  end
  local company = companies(self):get(id)
  if company then
    outbox.append(self, "company.deleted", { company = company })
  end
  self.db:table("sync_settings", "company:" .. id):clear()
  self.db:table("company_turns"):remove(id)
  for hash, token in self.db:table("access_tokens"):each() do
    if token.company_id == id then
      self.db:table("access_tokens"):remove(hash)
    end
  end
  return companies(self):remove(id)
end

--- Removal is complete at once in this store, so there is nothing to finish.
function accounts.finish_removals()
  return 0
end

-- ---------------------------------------------------------------- history and errors

local function rows_of(rows)
  local list = {}
  for i, row in ipairs(rows:list()) do
    list[i] = copy(row)
  end
  return list
end

function accounts.connection_history(self, id)
  return rows_of(self.db:table("history", id))
end

function accounts.connection_errors(self, id)
  return rows_of(self.db:table("errors", id))
end

function accounts.add_connection_error(self, id, given)
  local known = self.db:table("errors", id)
  for _, row in known:each() do
    if not row.resolved and row.status_code == given.status_code
      and row.message == given.message then
      return true
    end
  end
  known:add { at = given.at, status_code = given.status_code, status_text = given.status_text,
    message = given.message }
  return true
end

function accounts.resolve_connection_errors(self, id, at)
  local known = self.db:table("errors", id)
  for key, row in known:each() do
    if not row.resolved then
      known:change(key, { resolved = at })
    end
  end
  return true
end

function accounts.tell_failed_link(self, id, row)
  local connection = connections(self):get(id)
  if connection then
    outbox.append(self, "connection.failed", { connection = connection,
      errors = json.array { row } })
  end
  return connection ~= nil
end

return accounts
