-- What is kept of the log of changes, the same for every store: a reader that asks for changes
-- which are not kept any more is told so, instead of missing them.

local errors = require "commerce.base.errors"

local change_log = {}

--- Refuse to read the log from a place whose next changes were pruned. Raises a failure of kind
--- "state" with the code "changes_pruned".
---@param after integer the number of the last change that the reader knows
---@param pruned integer the number of the last change that was pruned, 0 if none was
function change_log.check_kept(after, pruned)
  if after < pruned then
    errors.throw("state", ("the changes up to number %.0f are not kept any more, and this reader "
      .. "knows those up to %.0f: begin with since = \"now\", then read all records"):format(pruned,
      after), { code = "changes_pruned" })
  end
end

--- The number of the last change before a time, where none of those before it is kept.
---@param before string YYYY-MM-DDTHH:MM:SSZ
---@param pruned integer the number of the last change that was pruned, 0 if none was
---@param pruned_before string? the time before which changes were pruned
---@return integer number 0 if it is not known: the changes between the two times were pruned
function change_log.pruned_upto(before, pruned, pruned_before)
  return pruned_before and before >= pruned_before and pruned or 0
end

return change_log
