-- Folders, files and databases for the specs of the SQLite store.

local DBI = require "DBI"
local core = require "commerce.core"
local lfs = require "lfs"
local model = require "commerce.model"
local store = require "commerce.store"

local files = {}

local folder

--- The path of a file in the folder of the running case.
---@param name string
---@return string
function files.path_of(name)
  return folder .. "/" .. name
end

--- Make an empty folder for a case.
function files.make_folder()
  folder = os.tmpname()
  os.remove(folder)
  assert(lfs.mkdir(folder))
end

--- Remove the folder and all in it.
function files.remove_folder()
  for name in lfs.dir(folder) do
    if name ~= "." and name ~= ".." then
      os.remove(files.path_of(name))
    end
  end
  assert(lfs.rmdir(folder))
end

--- All bytes of a file.
---@param path string
---@return string
function files.bytes_of(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "*a"
  file:close()
  return bytes
end

--- Write a file.
---@param path string
---@param bytes string
function files.write_file(path, bytes)
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
end

--- The names in the folder, sorted.
---@return string
function files.listing()
  local names = {}
  for name in lfs.dir(folder) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, " ")
end

--- Another program's connection to a database.
---@param path string
---@return userdata
function files.connect(path)
  local handle = assert(DBI.Connect("SQLite3", path))
  handle:autocommit(true)
  return handle
end

--- Run one statement.
---@param handle userdata from `connect`
---@param sql string
---@return table[] rows by position
function files.rows_of(handle, sql)
  local statement = assert(handle:prepare(sql))
  assert(core.in_c_locale(statement.execute, statement)) -- this library's reading, not SQLite's
  local rows = {}
  if #(statement:columns() or {}) > 0 then
    for row in function() return core.in_c_locale(statement.fetch, statement, false) end do
      local copy = {}
      for i, value in pairs(row) do
        copy[i] = value
      end
      rows[#rows + 1] = copy
    end
  end
  statement:close()
  return rows
end

--- Run statements on a database through a connection of their own.
---@param path string
---@param ... string
---@return table[] rows of the last one
function files.sql_on(path, ...)
  local handle, rows = files.connect(path), nil
  for i = 1, select("#", ...) do
    rows = files.rows_of(handle, (select(i, ...)))
  end
  handle:close()
  return rows
end

--- Open a store in the folder.
---@param name string of its file
---@return commerce.Store
function files.open(name)
  return assert(store.open("sqlite:" .. files.path_of(name)))
end

--- Give a store the company "co1" with the connection "c1".
---@param db commerce.Store
---@return commerce.Store db
function files.connected(db)
  local created = "2026-03-01T08:00:00Z"
  assert(db:add_connection({ id = "c1", company_id = "co1", integration = "stripe-test",
    account = "acct_1", name = "Shop", status = "Linked", auth = "key", created = created,
    linked = created }, { company = { id = "co1", name = "Shop", created = created } }))
  return db
end

--- A page of records of one data type.
---@param type_name string
---@param ... table records
---@return table
function files.page(type_name, ...)
  local records = {}
  for i = 1, select("#", ...) do
    local record = select(i, ...)
    records[i] = { id = record.id, body = assert(model.encode(model.find(type_name), record)) }
  end
  return { records = { [type_name] = records } }
end

return files
