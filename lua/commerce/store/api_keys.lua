-- API keys: only what a key is recognised by is kept, its hash. Methods of a store, part of its
-- contract. Called by the SQL stores; failures are raised as in connection.lua.

local api_keys = {}

--- Keep a new key, unless there are too many.
---@param key table { id, name?, hash, created, expires? }; dates as YYYY-MM-DDTHH:MM:SSZ
---@param most integer how many there may be, this one included
---@return boolean? kept false if there were too many; nil on failure
---@return string? message
---@return commerce.Details? details
function api_keys:add_api_key(key, most)
  return self.db:run("INSERT INTO api_keys (id, name, hash, created, expires) "
    .. "SELECT ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM api_keys) < ?", key.id, key.name, key.hash,
    key.created, key.expires, most) > 0
end

--- All keys, oldest first.
---@return table[]? rows { id, name, hash, created, expires }; nil on failure
---@return string? message
---@return commerce.Details? details
function api_keys:api_keys()
  return self.db:all("SELECT * FROM api_keys ORDER BY created, rowid")
end

--- The key with a hash.
---@param hash string
---@return table? row nil if there is none
function api_keys:api_key_of(hash)
  return self.db:all("SELECT * FROM api_keys WHERE hash = ?", hash)[1]
end

--- Delete a key, unless it is the last one that works.
---@param id string
---@param now string the present, YYYY-MM-DDTHH:MM:SSZ
---@return string? outcome "deleted", "last" or "missing"; nil on failure
---@return string? message
---@return commerce.Details? details
function api_keys:delete_api_key(id, now)
  return self.db:transaction(function()
    if not self.db:all("SELECT 1 AS found FROM api_keys WHERE id = ?", id)[1] then
      return "missing"
    end
    local deleted = self.db:run("DELETE FROM api_keys WHERE id = ? AND EXISTS (SELECT 1 "
      .. "FROM api_keys WHERE id <> ? AND (expires IS NULL OR expires > ?))", id, id, now)
    return deleted > 0 and "deleted" or "last"
  end)
end

return api_keys
