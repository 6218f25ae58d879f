-- The HTTP API without HTTP: a store in memory with two companies, and calls as a client makes
-- them.

local api = require "commerce.api"
local auth = require "commerce.http.auth"
local commerce = require "commerce"
local json = require "commerce.base.json"
local mime = require "mime"
local model = require "commerce.model"

local client = {}

local methods = {}
local client_mt = { __index = methods }

client.COMPANY, client.OTHER_COMPANY = "aaaaaaaa-0000-4000-8000-000000000001",
  "bbbbbbbb-0000-4000-8000-000000000002"
client.CONNECTION, client.OTHER_CONNECTION = "aaaaaaaa-0000-4000-8000-000000000011",
  "bbbbbbbb-0000-4000-8000-000000000012"
client.DATA = ("/companies/%s/connections/%s/data"):format(client.COMPANY, client.CONNECTION)
client.CREATED = "2026-01-01T00:00:00Z"

-- LuaSocket's, which is independent of the library's
local function base64(text)
  return (mime.b64(text))
end

client.base64 = base64

local function add(store, company, connection, name)
  assert(store:add_connection({ id = connection, company_id = company, integration = "stripe-test",
    account = "acct_" .. name, name = name, status = "Linked", created = client.CREATED },
    { company = { id = company, name = name, created = client.CREATED } }))
end

--- Make an application with the two companies, and a client with a key of its own.
---@param options table? of `commerce.api.new`
---@param store string? URL; one in memory if left out
---@return table client
function client.new(options, store)
  local app = assert(commerce.open { store = store or "sqlite::memory:" })
  local self = setmetatable({ app = app, store = app.store, api = api.new(app, options) },
    client_mt)
  add(app.store, client.COMPANY, client.CONNECTION, "One")
  add(app.store, client.OTHER_COMPANY, client.OTHER_CONNECTION, "Two")
  self.key = assert(auth.create(app.store, { name = "spec" })).key
  self.authorization = "Basic " .. base64(self.key)
  return self
end

--- Store records of a type, as a pull that was complete.
---@param type_name string
---@param records table[]
---@param connection string?
function methods:give(type_name, records, connection)
  connection = connection or client.CONNECTION
  local data_type, bodies = model.find(type_name), {}
  for i, record in ipairs(records) do
    bodies[i] = { id = record.id or "info", body = assert(model.encode(data_type, record)) }
  end
  assert(self.store:write_page(connection, { records = { [data_type.name] = bodies } },
    "2026-03-01T00:00:00Z"))
  self:pulled(type_name, "Complete", connection)
end

local pulls = 0

--- Store a pull.
---@param type_name string
---@param status string
---@param connection string?
---@return string id
function methods:pulled(type_name, status, connection)
  pulls = pulls + 1
  local id = ("dddddddd-0000-4000-8000-%012d"):format(pulls)
  assert(self.store:save_pull { id = id, connection_id = connection or client.CONNECTION,
    data_type = model.find(type_name).name, status = status,
    requested = ("2026-02-01T00:%02d:%02dZ"):format(math.floor(pulls / 60) % 60, pulls % 60),
    completed = status ~= "Fetching" and "2026-02-01T01:00:00Z" or nil,
    read = 0, created = 0, changed = 0, unchanged = 0 })
  return id
end

--- Call the API.
---@param method string
---@param target string path and query
---@param body table|string? a table is sent as JSON
---@param headers table<string, string>? false for one leaves it out
---@return integer status
---@return any decoded body, its text if it is no JSON
---@return table<string, string> headers
function methods:call(method, target, body, headers)
  local path, query = target:match "^([^?]*)%??(.*)$"
  local all = { authorization = self.authorization }
  for name, value in pairs(headers or {}) do
    all[name] = value or nil
  end
  local response = self.api:handle { method = method, path = path, query = query, headers = all,
    body = type(body) == "table" and json.encode(body) or body }
  return response.status, json.decode(response.body) or response.body, response.headers
end

function methods:get(target, headers)
  return self:call("GET", target, nil, headers)
end

function methods:close()
  self.app:close()
end

return client
