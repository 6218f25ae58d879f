-- Sync settings: what is to be read when, by owner and data type. Methods of a store, part of its
-- contract. Called by the SQL stores; failures are raised as in connection.lua.

local sync_settings = {}

local FIELDS = { "fetch_on_first_link", "sync_schedule", "sync_order", "sync_from_utc",
  "sync_from_window", "is_locked" }
local BOOLEAN = { fetch_on_first_link = true, is_locked = true }

--- The settings of an owner.
---@param owner string "all", "integration:NAME" or "company:UUID"
---@return table<string, table>? settings by data type name: { fetch_on_first_link, is_locked
---  (booleans), sync_schedule (hours), sync_order, sync_from_utc (date), sync_from_window (months)
---  }; what is not set is left out; nil on failure
---@return string? message
---@return commerce.Details? details
function sync_settings:sync_settings(owner)
  local settings = {}
  for _, row in ipairs(self.db:all("SELECT * FROM sync_settings WHERE owner = ?", owner)) do
    local values = {}
    for _, field in ipairs(FIELDS) do
      if row[field] ~= nil and BOOLEAN[field] then
        values[field] = row[field] ~= 0
      else
        values[field] = row[field]
      end
    end
    settings[row.data_type] = values
  end
  return settings
end

--- Keep settings of an owner, in the place of what it has for these data types: all or nothing.
---@param owner string
---@param settings table<string, table> as `sync_settings` gives them; false removes a data type's
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function sync_settings:save_sync_settings(owner, settings)
  local db = self.db
  return db:transaction(function()
    for data_type, values in pairs(settings) do
      db:run("DELETE FROM sync_settings WHERE owner = ? AND data_type = ?", owner, data_type)
      if values and next(values) then
        local row = {}
        for _, field in ipairs(FIELDS) do
          local value = values[field]
          if BOOLEAN[field] and value ~= nil then
            value = value and 1 or 0
          end
          row[field] = value
        end
        db:run("INSERT INTO sync_settings (owner, data_type, fetch_on_first_link, sync_schedule, "
          .. "sync_order, sync_from_utc, sync_from_window, is_locked) "
          .. "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", owner, data_type, row.fetch_on_first_link,
          row.sync_schedule, row.sync_order, row.sync_from_utc, row.sync_from_window,
          row.is_locked)
      end
    end
    return true
  end)
end

return sync_settings
