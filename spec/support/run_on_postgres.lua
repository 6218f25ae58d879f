-- Runs integration specs with their stores in PostgreSQL (on_postgres.lua), and those that are
-- about PostgreSQL alone (spec/postgres). `make test-all` runs it after the suite.
--   SPECS="spec/integration/sync_spec.lua ..."   only these

package.path = "./?.lua;lua/?.lua;lua/?/init.lua;" .. package.path
package.cpath = "build/lua5.4/?.so;" .. package.cpath
local lfs = require "lfs"
local postgres = require "spec.support.postgres"
local shell = require "spec.support.shell"
local store = require "commerce.store"

-- Those that do not look into SQLite's own file, and have been tried.
local SPECS = os.getenv "SPECS" or "spec/postgres spec/integration/gaps_spec.lua"

local server = postgres.start { max_connections = "300", shared_buffers = "256MB" }
server:sql "CREATE DATABASE stores"
assert(store.open(server:url "stores")):close()
server:sql(shell.read "spec/support/sqlite_functions.sql", "stores")
local init = ("COMMERCE_TEST_POSTGRES = '%s' dofile '%s/spec/support/on_postgres.lua'"):format(
  server.dir, lfs.currentdir())
local ok, _, status = os.execute(("LUA_INIT=%s SPECS=%s spec/support/run-tests"):format(
  shell.quote(init), shell.quote(SPECS)))
server:stop()
os.exit(ok == true and 0 or status or 1)
