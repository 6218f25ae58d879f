-- The log of what was done by whom: in the portal, and with its users elsewhere.

local core = require "commerce.core"
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

--- Add an entry.
---@param store commerce.Store
---@param entry { actor: string, action: string, target: string?, mode: string?, address: string?,
---  detail: string? } see `commerce.AuditRow`
function audit.note(store, entry)
  store:add_audit({ at = time.now(), actor = shortened(entry.actor), action = entry.action,
    target = shortened(entry.target), mode = entry.mode, address = entry.address,
    detail = shortened(entry.detail) }, time.format(os.time() - DAYS * 86400))
end

return audit
