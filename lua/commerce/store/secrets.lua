-- Sealed secrets, each by its owner. A store never sees one in the open. Methods of a store, part
-- of its contract. Called by the SQL stores; failures are raised as in connection.lua.

local secrets = {}

-- What is overwritten or deleted leaves nothing behind in the file: an envelope of an old master
-- key is worth nothing only as long as that key is.
local function leaving_nothing(self, work)
  self.db:once("PRAGMA secure_delete = ON")
  local ok, result = pcall(work)
  pcall(self.db.once, self.db, "PRAGMA secure_delete = OFF")
  if not ok then
    error(result, 0)
  end
  -- a reader may keep the log in use: then the next checkpoint empties it
  pcall(self.db.once, self.db, "PRAGMA wal_checkpoint(TRUNCATE)")
  return result
end

--- The sealed secret of an owner.
---@param owner string such as "connection:UUID"
---@return table? row { owner, envelope, key_id (the master key's), modified }; nil if there is none
---@return string? message
---@return commerce.Details? details
function secrets:secret(owner)
  return self.db:all("SELECT * FROM secrets WHERE owner = ?", owner)[1]
end

--- The sealed secrets whose owners begin so.
---@param prefix string such as "webhook:stripe-test:"
---@return table[]? rows as `secret` gives them, by owner; nil on failure
---@return string? message
---@return commerce.Details? details
function secrets:secrets_of(prefix)
  return self.db:all("SELECT * FROM secrets WHERE substr(owner, 1, length(?)) = ? ORDER BY owner",
    prefix, prefix)
end

--- Keep a sealed secret in the place of its owner's last one.
---@param row table as `secret` gives it
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function secrets:save_secret(row)
  self.db:run("INSERT INTO secrets (owner, envelope, key_id, modified) VALUES (?, ?, ?, ?) "
    .. "ON CONFLICT (owner) DO UPDATE SET envelope = excluded.envelope, "
    .. "key_id = excluded.key_id, modified = excluded.modified",
    row.owner, row.envelope, row.key_id, row.modified)
  return true
end

--- Delete the sealed secret of an owner.
---@param owner string
---@return boolean? dropped false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function secrets:drop_secret(owner)
  return leaving_nothing(self, function()
    return self.db:run("DELETE FROM secrets WHERE owner = ?", owner) > 0
  end)
end

--- Exchange envelopes, all in one transaction: whatever fails or is killed, none is exchanged.
---@param seal fun(row: table): table?|false, string?, commerce.Details? gives the new row, false to
---  leave this one alone, or nil, message, details to end it all
---@return integer? changed how many; nil on failure
---@return string? message
---@return commerce.Details? details
function secrets:reseal(seal)
  return leaving_nothing(self, function()
    return self.db:transaction(function()
      local changed = 0
      for _, row in ipairs(self.db:all("SELECT * FROM secrets ORDER BY owner")) do
        local new, message, details = seal(row)
        if new then
          self.db:run("UPDATE secrets SET envelope = ?, key_id = ? WHERE owner = ?", new.envelope,
            new.key_id, row.owner)
          changed = changed + 1
        elseif new == nil then
          error(details or message, 0)
        end
      end
      return changed
    end)
  end)
end

return secrets
