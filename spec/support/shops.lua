-- Connections to an emulator without limits, each with a database of its own, and the checks that
-- specs make on them: complete runs, and the same records as a fresh read gives.
--
--   local shops = require("spec.support.shops").new(e, box, key)
--   local shop, path = shops.open { retries = 1 }
--   shops.entry_of(shops.sync(shop), "payments").created
--   shops.assert_like_whole(path)

local assert = require "luassert"
local commerce = require "commerce"
local rows = require "spec.support.rows"
local tables = require "commerce.base.tables"

local UNLIMITED = { rate = 0, endpoint_rate = 0, backoff = 0.005, backoff_cap = 0.02 }

local shops = {}

--- Opens shops at an emulator.
---@param e table an emulator
---@param box table a sandbox, for the databases
---@param key string
---@return table
function shops.new(e, box, key)
  local self, number = {}, 0

  --- A connection with a new database.
  ---@param options table? more options of `app:connect`
  ---@return commerce.Connection shop
  ---@return string path of the database
  ---@return commerce.App app
  function self.open(options)
    number = number + 1
    local path = box:path(("shop%d.db"):format(number))
    local app = assert(commerce.open { store = "sqlite:" .. path })
    return assert(app:connect(tables.merged({ secret_key = key, base_url = e.base }, UNLIMITED,
      options or {}))), path, app
  end

  --- Sync, completely.
  ---@param shop commerce.Connection
  ---@param options table?
  ---@return commerce.Report
  function self.sync(shop, options)
    local report = assert(shop:sync(options))
    assert.is_true(report.complete, tostring(report))
    return report
  end

  --- What a report says of a data type.
  ---@param report commerce.Report
  ---@param name string
  ---@return commerce.TypeReport
  function self.entry_of(report, name)
    for _, entry in ipairs(report.types) do
      if entry.type == name then
        return entry
      end
    end
  end

  --- Compare a database with one that a fresh connection fills.
  ---@param path string
  ---@param types string[]? all if left out
  ---@param options table? of the fresh connection
  function self.assert_like_whole(path, types, options)
    local fresh, whole = self.open(options)
    self.sync(fresh, { types = types })
    fresh:close()
    assert.equal("", rows.difference(rows.contents(whole, types), rows.contents(path, types)))
  end

  return self
end

return shops
