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

-- A template must have no connections; its clients connect again.
local function make(name, template)
  local pq = require "commerce.pq"
  local connection = assert(pq.connect(url_of "postgres"))
  assert(connection:query("DROP DATABASE IF EXISTS " .. name .. " WITH (FORCE)"))
  if template then
    assert(connection:query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      .. "WHERE datname = $1", template))
  end
  assert(connection:query(("CREATE DATABASE %s TEMPLATE %s"):format(name, template or "stores")))
  connection:close()
end

-- Makes a database with the file that stands for it; the file has its mark when the database is
-- there. Gives nothing where no file can be made.
local function make_beside(path, template)
  local file, name = io.open(path, "wb"), name_of(absolute(path))
  if file then
    make(name, template)
    file:write(MARK, name)
    file:close()
    return name
  end
end

-- The database of a file, if the file stands for one. A file that was copied has a copy of it.
local function database_of(path)
  if text_of(path) ~= MARK then
    return nil
  end
  local file, name = assert(io.open(path, "rb")), name_of(absolute(path))
  local written = file:read "*a":sub(#MARK + 1)
  file:close()
  return written == name and name or make_beside(path, written)
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
    local name = database_of(path)
    if text_of(path) == nil and options.create ~= false then
      name = make_beside(path)
    end
    if not name then -- no such file, a damaged one, or a database of SQLite
      return sqlite.open(path, options)
    end
    return open(name, options)
  end }, { __index = sqlite })
end

-- ---------------------------------------------------------------- nginx

-- nginx does not load this file: its stores have the URL of their database.
local function plain(url)
  local path = (url or ""):match "^sqlite:(.+)$"
  local name = path and (database_of(path) or text_of(path) == nil and make_beside(path))
  return name and url_of(name) or url
end

package.preload["spec.support.nginx"] = function()
  local nginx = own "spec.support.nginx"
  local start = nginx.start
  function nginx.start(configuration, environment, change)
    local own_environment = {}
    for name, value in pairs(environment or {}) do
      own_environment[name] = name == "COMMERCE_STORE" and plain(value) or value
    end
    return start(configuration, own_environment, change)
  end
  return nginx
end

package.preload["commerce.serve.nginx"] = function()
  local nginx = own "commerce.serve.nginx"
  local new = nginx.new
  function nginx.new(options)
    return new(setmetatable({ store = plain(options.store) }, { __index = options }))
  end
  return nginx
end

-- ---------------------------------------------------------------- what specs ask with sqlite3

-- SQLite's words in PostgreSQL's; its functions of JSON are in the schema `sqlite`.
local WORDS = {
  { "(FROM pulls.* ORDER BY) rowid", "%1 inserted" },
  { "rowid", "connection_id, id" },
  { "IS NOT 1%f[%D]", "IS NOT TRUE" },
  { "%f[%w]IS NOT ([%l'])", "IS DISTINCT FROM %1" },
  { "AS INTEGER", "AS BIGINT" },
  { "instr%(", "strpos(" },
  { "PRAGMA integrity_check", "SELECT sqlite.integrity_check()" },
}

local function translated(sql)
  for _, pair in ipairs(WORDS) do
    sql = sql:gsub(pair[1], pair[2])
  end
  return sql
end

-- The columns beside `data` are generated in SQLite; here the store fills them.
local function fill_columns(path, sql)
  local names = {}
  for name in sql:gmatch "UPDATE ([%w_]+) SET data =" do
    names[#names + 1] = name
  end
  for name in sql:gmatch "INSERT INTO ([%w_]+) %(connection_id, id, data%)" do
    names[#names + 1] = name
  end
  if names[1] then
    local store = assert(require("commerce.store").open("sqlite:" .. path))
    for _, name in ipairs(names) do
      store.db:fill_columns((assert(store:find_type(name))))
    end
    store:close()
  end
end

package.preload["spec.support.rows"] = function()
  local rows = own "spec.support.rows"
  local sqlite = rows.sql
  function rows.sql(path, sql)
    local name = database_of(path)
    if not name then
      return sqlite(path, sql)
    end
    local shell = require "spec.support.shell"
    local status, output, errors = shell.run(("PGOPTIONS='-c search_path=public,sqlite' psql -X -q "
      .. "-A -t -v ON_ERROR_STOP=1 -h %s -U commerce -d %s -c %s"):format(folder,
      name, shell.quote(translated(sql))))
    assert(status == 0, errors .. sql)
    fill_columns(path, sql)
    -- psql writes booleans as letters
    return (("\n" .. output):gsub("([|\n])([tf])%f[|\n]", function(before, letter)
      return before .. (letter == "t" and "1" or "0")
    end):sub(2))
  end
  function rows.any(name)
    return ("(%s #>> '{}')"):format(name)
  end
  local kinds = { bigint = "INTEGER", boolean = "INTEGER", jsonb = "", numeric = "NUMERIC" }
  function rows.columns(path, name)
    local columns = {}
    for column, kind in rows.sql(path, ("SELECT column_name, data_type FROM "
      .. "information_schema.columns WHERE table_name = '%s'"):format(name)):gmatch
      "([^|\n]*)|([^\n]*)" do
      columns[column] = kinds[kind] or "TEXT"
    end
    return columns
  end
  local bytes = rows.bytes
  function rows.bytes(path)
    local name = database_of(path)
    if not name then
      return bytes(path)
    end
    local shell = require "spec.support.shell"
    local status, output, errors = shell.run(("pg_dump -h %s -U commerce %s"):format(folder, name))
    assert(status == 0, errors)
    return output
  end
  return rows
end

-- What is tested of SQLite's own file is tested by `make test`, and so is what is tested of nginx
-- without a pool of threads, which PostgreSQL needs.
if rawget(_G, "arg") and (arg[0] or ""):find "busted%.lua$" then
  table.insert(arg, 1, "--exclude-tags=sqlite")
end
