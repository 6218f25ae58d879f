-- Links that merchants have not come back from yet. Methods of a store, part of its contract.
-- Called by the SQL stores; failures are raised as in connection.lua.

local link_states = {}

--- Remember that a link was begun; those that have expired are forgotten.
---@param row table { id = its nonce, connection_id, expires = Unix seconds }
---@param now integer Unix seconds
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function link_states:add_link_state(row, now)
  local db = self.db
  return db:transaction(function()
    db:run("DELETE FROM link_states WHERE expires <= ?", now)
    db:run("INSERT INTO link_states (id, connection_id, expires) VALUES (?, ?, ?)", row.id,
      row.connection_id, row.expires)
    return true
  end)
end

--- Whether a link waits to be finished.
---@param id string its nonce
---@return boolean? waits nil on failure
---@return string? message
---@return commerce.Details? details
function link_states:has_link_state(id)
  return #self.db:all("SELECT id FROM link_states WHERE id = ?", id) > 0
end

--- Take a link, so that nobody else can: of any number of processes one gets it, once.
---@param id string its nonce
---@return boolean? taken false if there was none; nil on failure
---@return string? message
---@return commerce.Details? details
function link_states:take_link_state(id)
  return self.db:run("DELETE FROM link_states WHERE id = ?", id) > 0
end

return link_states
