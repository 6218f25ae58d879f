-- Runs integration specs with their stores in PostgreSQL (on_postgres.lua), and those that are
-- about PostgreSQL alone (spec/postgres). `make test-all` runs it after the suite.
--   SPECS="spec/integration/sync_spec.lua ..."   only these

package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = "build/lua5.4/?.so;" .. package.cpath
local lfs = require "lfs"
local postgres = require "spec.support.postgres"
local shell = require "spec.support.shell"
local store = require "commerce.store"

local APART = {} -- the integration specs that do not run with their stores in PostgreSQL
for reason, names in pairs {
  ["they are about SQLite's own file and its errors"] = "cli_failures doctor worker_trouble",
  ["its subject is which requests a thread answers: with PostgreSQL all"] = "threads",
  ["they use no store, or PostgreSQL already"] = [[docs install leaks luarocks postgres_commits
    postgres_contract postgres_plans postgres postgres_workers pq]],
} do
  for name in names:gmatch "%S+" do
    APART["spec/integration/" .. name .. "_spec.lua"] = reason
  end
end

local function all_specs()
  local list = { "spec/postgres" }
  for name in lfs.dir "spec/integration" do
    local path = "spec/integration/" .. name
    list[#list + 1] = name:find "_spec%.lua$" and not APART[path] and path or nil
  end
  return table.concat(list, " ")
end

local SPECS = os.getenv "SPECS" or all_specs()

local server = postgres.start { max_connections = "300", shared_buffers = "256MB" }
server:sql "CREATE DATABASE stores"
assert(store.open(server:url "stores")):close()
server:sql(shell.read "spec/support/sqlite_functions.sql", "stores")
local init = ("COMMERCE_TEST_POSTGRES = '%s' dofile '%s/spec/support/on_postgres.lua'"):format(
  server.dir, lfs.currentdir())
-- some take minutes on a busy machine
local ok, _, status = os.execute(("LIMIT=${LIMIT:-1200} LUA_INIT=%s SPECS=%s "
  .. "spec/support/run-tests"):format(shell.quote(init), shell.quote(SPECS)))
server:stop()
os.exit(ok == true and 0 or status or 1)
