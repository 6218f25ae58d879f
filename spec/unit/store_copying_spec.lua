-- Every table and column of a database is part of a copy, or is left out for a reason.

local copying = require "commerce.store.sql.copying"
local files = require "spec.support.sqlite_files"
local model = require "commerce.model"

describe("a copy of a SQLite database", function()
  local db

  setup(function()
    files.make_folder()
    db = files.open "copied.db"
  end)

  teardown(function()
    db:close()
    files.remove_folder()
  end)

  -- Columns that say who works on a row right now.
  local LEFT_OUT = { ["webhook_consumers.busy_by"] = true, ["webhook_consumers.busy_until"] = true,
    ["stripe_app_grants.holder"] = true, ["stripe_app_grants.held_until"] = true }

  it("has every table with all its columns", function()
    local is_record, count = {}, 0
    for _, data_type in ipairs(model.types()) do
      is_record[data_type.name] = true
    end
    for _, row in ipairs(db.db:all(db.db.dialect.COLUMNS)) do
      local name, column = row.table_name, row.column_name
      if not is_record[name] and not copying.LEFT_OUT[name] and not name:find "^sqlite_"
        and not LEFT_OUT[name .. "." .. column] then
        count = count + 1
        assert.is_true(copying.has_column(name, column), ("%s.%s is in no part of "
          .. "store/sql/copying.lua"):format(name, column))
      end
    end
    assert.is_true(count > 100)
  end)
end)
