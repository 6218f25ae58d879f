-- The log of what was done by whom: in the portal, and with its users elsewhere.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local time = require "commerce.base.time"

local audit = {}

local DAYS = 400 -- that entries are kept: a year, and time to look at it
local LONGEST = 300 -- bytes of a target or a detail

-- The beginning of a text, without keys that were typed into the wrong field.
local function shortened(text)
  if text == nil then
    return nil
  end
  text = core.scrub((tostring(text):gsub("%z", "")))
  if #text > LONGEST then
    text = text:sub(1, LONGEST):gsub("[\192-\255][\128-\191]*$", "") .. "…"
  end
  return text
end

--- Add an entry for what was done. It stays done if the entry cannot be stored (the disk may be
--- full), so that does not raise: the caller of the change must not be told that it failed.
---@param store commerce.Store
---@param entry { actor: string, action: string, target: string?, mode: string?, address: string?,
---  detail: string? } see `commerce.AuditRow`
---@param warn fun(message: string) called with what the log lacks, and why
function audit.note(store, entry, warn)
  local row = { at = time.now(), actor = shortened(entry.actor), action = entry.action,
    target = shortened(entry.target), mode = entry.mode, address = entry.address,
    detail = shortened(entry.detail) }
  local stored, message = errors.catch(store.add_audit, store, row,
    time.format(os.time() - DAYS * 86400))
  if not stored then
    warn(("the log of who did what lacks %s by %s: %s"):format(row.action, row.actor, message))
  end
end

return audit
