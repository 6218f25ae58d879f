-- What a sync did: a plain table of facts that prints itself nicely.
-- Called by sync and cli; requires nothing.

local report = {}

local report_mt = { __name = "commerce.Report" }

---@class commerce.TypeReport
---@field type string
---@field status "complete"|"failed"
---@field read integer source objects
---@field created integer records
---@field changed integer
---@field unchanged integer
---@field deleted integer records that the source deleted; they stay, marked
---@field failed integer source objects that could not be mapped
---@field seconds number
---@field error string? why it is not complete

---@class commerce.Report
---@field connection string
---@field account string
---@field mode "test"|"live"
---@field complete boolean whether everything that was asked for is complete
---@field types commerce.TypeReport[]
---@field notes string[] about the run as a whole
---@field requests integer
---@field retries integer
---@field rate_limited integer answers of 429
---@field seconds number

--- Make a report of its facts.
---@param facts table see `commerce.Report`
---@return commerce.Report
function report.new(facts)
  return setmetatable(facts, report_mt)
end

local ROW = "%-16s %-9s %8s %8s %8s %9s %8s %8s"

function report_mt:__tostring()
  local lines = { ("%s mode, account %s"):format(self.mode, self.account),
    ROW:format("", "status", "read", "created", "changed", "unchanged", "deleted",
      "seconds") }
  for _, entry in ipairs(self.types) do
    lines[#lines + 1] = ROW:format(entry.type, entry.status, entry.read, entry.created,
      entry.changed, entry.unchanged, entry.deleted, ("%.1f"):format(entry.seconds))
    if entry.error then
      lines[#lines + 1] = "  " .. entry.error
    end
  end
  for _, note in ipairs(self.notes) do
    lines[#lines + 1] = note
  end
  lines[#lines + 1] = ("%d requests, %d retries, %d times rate limited, %.1f s"):format(
    self.requests, self.retries, self.rate_limited, self.seconds)
  return table.concat(lines, "\n")
end

return report
