-- The log of changes: each change of a connection's records has a number, one higher than the one
-- before it. A row holds what one page did to one data type, so that a change costs little more
-- than its id. Called by the parts of the SQL stores that write records, in their transaction.

local json = require "commerce.base.json"

local change_log = {}

--- Log what a page did, in its transaction.
---@param db table see connection.lua
---@param connection_id string
---@param list table[] { type = data type name, kind = "created" | "changed" | "deleted", ids }
---@param now string YYYY-MM-DDTHH:MM:SSZ
function change_log.append(db, connection_id, list, now)
  local last
  for _, entry in ipairs(list) do
    if #entry.ids > 0 then
      last = last or db:all("SELECT max(last) AS n FROM changes WHERE connection_id = ?",
        connection_id)[1].n or 0
      last = last + #entry.ids
      db:run("INSERT INTO changes (connection_id, last, at, data_type, kind, ids) "
        .. "VALUES (?, ?, ?, ?, ?, ?)", connection_id, last, now, entry.type, entry.kind,
        json.encode(entry.ids))
    end
  end
end

return change_log
