-- Gaps: Stripe may send an empty page that says that more objects follow, again and again. The
-- list is then asked for further below, in growing steps of `created`; objects in between may be
-- missing.

local gap = {}

local FIRST_STEP, GROWTH = 3600, 4 -- seconds; a history of ten years takes nine steps

--- Unix seconds, 2011-01-01: Stripe has no older object, except for imported ones.
gap.OLDEST = 1293840000

--- Whether a list cannot be read on because of a gap.
---@param failure commerce.Failure?
---@return boolean
function gap.is(failure)
  return failure ~= nil and failure.code == "empty_page"
end

--- Where to go on below a gap.
---@param at integer unix seconds: where it begins
---@param step integer? the step before, if that was not enough
---@param lower integer? unix seconds: where the list ends
---@return integer? lte unix seconds: the newest `created` to ask for; nil if the list ends here
---@return integer step
function gap.below(at, step, lower)
  step = step and step * GROWTH or FIRST_STEP
  local lte = at - step
  return lte >= (lower or gap.OLDEST) and lte or nil, step
end

--- What the report says of a list with a gap.
---@param name string
---@return string
function gap.note(name)
  return ("%s: Stripe sent empty pages that say that more objects follow, so some may be missing; "
    .. "read them again with a full sync (commerce sync --full)"):format(name)
end

return gap
