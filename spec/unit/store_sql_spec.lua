-- The SQL of the store's subjects is portable: what only SQLite knows stands in its dialect.

local lfs = require "lfs"

local FOLDER = "lua/commerce/store/sql/"

-- Lua patterns of SQL that PostgreSQL does not know, or takes for something else.
local SQLITE_ONLY = { "json_%l", "json%(", "rowid", "PRAGMA", "sqlite", "IS NOT %?", "IS NOT 1",
  "INSERT OR ", "REPLACE INTO", "randomblob", "temp%.", "%->", "strftime", "COLLATE", "instr%(",
  "GENERATED", "VIRTUAL", "WITHOUT ROWID", "LIMIT %-1", "total_changes", "ifnull", "iif%(", "glob",
  "sum%([^C]", "= 0 AND", "disabled = [01]", "is_deleted = ", "AUTOINCREMENT", "BEGIN IMMEDIATE" }

describe("the SQL of", function()
  for name in lfs.dir(FOLDER) do
    if name:find "%.lua$" then
      it(name .. " is portable", function()
        local number, found = 0, {}
        for line in io.lines(FOLDER .. name) do
          number = number + 1
          local code = line:gsub("%-%-.*$", ""):gsub("dialect%.[%w_.]+", ""):gsub("field%(", "")
          for _, pattern in ipairs(SQLITE_ONLY) do
            if code:find(pattern) then
              found[#found + 1] = ("%s%s:%d: %s"):format(FOLDER, name, number, line)
            end
          end
        end
        assert.is_true(number > 0)
        assert.same({}, found)
      end)
    end
  end
end)
