-- Sealed secrets, each by its owner, such as "connection:UUID". A store never sees one in the open.

local errors = require "commerce.base.errors"

---@class commerce.sql.Store
local secrets = {}

function secrets:secret(owner)
  return self.db:all("SELECT * FROM secrets WHERE owner = ?", owner)[1]
end

function secrets:secrets_of(prefix)
  return self.db:all("SELECT * FROM secrets WHERE substr(owner, 1, length(?)) = ? ORDER BY owner",
    prefix, prefix)
end

function secrets:save_secret(row)
  self.db:run(self.db.dialect.upsert("secrets", { "owner", "envelope", "key_id", "modified" },
    { "owner" }), row.owner, row.envelope, row.key_id, row.modified)
  return true
end

function secrets:drop_secret(owner)
  return self.db:erasing(function()
    return self.db:run("DELETE FROM secrets WHERE owner = ?", owner) > 0
  end)
end

function secrets:reseal(seal)
  return self.db:erasing(function()
    return self.db:transaction(function()
      local changed = 0
      for _, row in ipairs(self.db:all("SELECT * FROM secrets ORDER BY owner")) do
        local new, message, details = seal(row)
        if new then
          self.db:run("UPDATE secrets SET envelope = ?, key_id = ? WHERE owner = ?", new.envelope,
            new.key_id, row.owner)
          changed = changed + 1
        elseif new == nil then
          errors.must(nil, message, details or {})
        end
      end
      return changed
    end)
  end)
end

return secrets
