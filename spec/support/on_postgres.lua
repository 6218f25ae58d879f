-- Lets a process of the tests keep its stores in PostgreSQL: "sqlite:PATH" is then a database of
-- the server that run_on_postgres.lua has started, and a file at PATH stands for it. Loaded by
-- LUA_INIT, so that specs and the commands that they start need no change.
--
--   COMMERCE_TEST_POSTGRES   a global: the folder of the server's socket

local folder = rawget(_G, "COMMERCE_TEST_POSTGRES")
rawset(_G, "COMMERCE_TEST_POSTGRES", nil)

local MARK = "kept in PostgreSQL\n"

local function text_of(path)
  local file = io.open(path, "rb")
  local text = file and file:read(#MARK)
  if file then
    file:close()
  end
  return file and (text or "")
end

-- The database that stands for a file.
local function name_of(path)
  local one, two = 5381, 52711
  for i = 1, #path do
    one, two = (one * 33 + path:byte(i)) % 2 ^ 32, (two * 31 + path:byte(i)) % 2 ^ 32
  end
  return ("f%08x%08x"):format(one, two)
end

local function url_of(name)
  return ("postgres:///%s?host=%s&user=commerce"):format(name, folder)
end

local function absolute(path)
  return path:sub(1, 1) == "/" and path or require("lfs").currentdir() .. "/" .. path
end

-- A module as it is without this file.
local function own(name)
  for template in package.path:gmatch "[^;]+" do
    local module = loadfile((template:gsub("%?", (name:gsub("%.", "/")))))
    if module then
      return module(name)
    end
  end
  error("module " .. name .. " is not there")
end

local function make(name)
  local pq = require "commerce.pq"
  local connection = assert(pq.connect(url_of "postgres"))
  assert(connection:query("DROP DATABASE IF EXISTS " .. name .. " WITH (FORCE)"))
  assert(connection:query(("CREATE DATABASE %s TEMPLATE stores"):format(name)))
  connection:close()
end

local memories = 0

package.preload["commerce.store.sqlite"] = function()
  local sqlite = own "commerce.store.sqlite"
  local function open(name, options)
    return require("commerce.store.postgres").open(url_of(name):gsub("^postgres:", ""), options)
  end
  return setmetatable({ open = function(path, options)
    if path == ":memory:" then
      memories = memories + 1
      local name = name_of(tostring {} .. os.time() .. os.clock() .. memories)
      make(name)
      return open(name, options)
    end
    local known, name = text_of(path), name_of(absolute(path))
    if known == nil and options.create ~= false then
      local file = io.open(path, "wb")
      if file then
        make(name)
        file:write(MARK)
        file:close()
        known = MARK
      end
    end
    if known ~= MARK then -- no such file, a damaged one, or a database of SQLite
      return sqlite.open(path, options)
    end
    return open(name, options)
  end }, { __index = sqlite })
end

-- What specs read with the sqlite3 command.
package.preload["spec.support.rows"] = function()
  local rows = own "spec.support.rows"
  local sqlite = rows.sql
  function rows.sql(path, sql)
    if text_of(path) ~= MARK then
      return sqlite(path, sql)
    end
    local shell = require "spec.support.shell"
    if sql:find "^BEGIN;UPDATE" then -- rows.age: the column is not generated here
      sql = sql:gsub(" SET data = ", " SET modified_date = '2020-01-01T00:00:00Z', data = ")
    end
    local status, output, errors = shell.run(("psql -X -q -A -t -v ON_ERROR_STOP=1 -h %s "
      .. "-U commerce -d %s -c %s"):format(folder, name_of(absolute(path)), shell.quote(sql
      :gsub("rowid", "connection_id, id"):gsub("IS NOT 1", "IS NOT TRUE"))))
    assert(status == 0, errors .. sql)
    return output
  end
  return rows
end
