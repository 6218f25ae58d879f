-- What a sync did: a plain table of facts that prints itself nicely.
-- Called by sync and cli; requires nothing.

local report = {}

local methods = {}
local report_mt = { __name = "commerce.Report", __index = methods }

---@class commerce.TypeReport
---@field type string
---@field status "complete"|"failed"|"skipped" skipped: the key may not read it
---@field read integer source objects
---@field created integer records
---@field changed integer
---@field unchanged integer
---@field deleted integer records that the source deleted; they stay, marked
---@field skipped integer records that a hook left out
---@field failed integer source objects that could not be mapped
---@field requests integer attempts for the resources that the type reads, shared ones included
---@field retries integer of them
---@field rate_limited integer answers of 429 among them
---@field seconds number
---@field error string? why it is not complete
---@field reason string? the same as its pull's status: AuthError, PermissionsError, RateLimitError,
---  MapError, FetchError

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

--- Why it is not complete, in one line; "complete" if it is.
---@return string
function methods:summary()
  local parts = {}
  for _, entry in ipairs(self.types) do
    if entry.status ~= "complete" then
      parts[#parts + 1] = ("%s: %s"):format(entry.type, entry.error or entry.status)
    end
  end
  if #parts == 0 and not self.complete then
    parts = self.notes
  end
  return self.complete and "complete" or table.concat(parts, "; ")
end

-- What a table of the types shows; of what is rare only what there is.
local COLUMNS = { { "read" }, { "created" }, { "changed" }, { "unchanged" }, { "deleted" },
  { "skipped", rare = true }, { "failed", rare = true }, { "requests" },
  { "retries", rare = true }, { "rate_limited", title = "429s", rare = true } }

local function shown_columns(entries)
  local shown = {}
  for _, column in ipairs(COLUMNS) do
    local wanted = not column.rare
    for _, entry in ipairs(entries) do
      wanted = wanted or (entry[column[1]] or 0) > 0
    end
    shown[#shown + 1] = wanted and column or nil
  end
  return shown
end

local function row(columns, name, status, value_of, seconds)
  local cells = { ("%-16s %-8s"):format(name, status) }
  for _, column in ipairs(columns) do
    local title = column.title or column[1]
    cells[#cells + 1] = (" %" .. math.max(#title, 7) .. "s"):format(value_of(column, title))
  end
  return table.concat(cells) .. (" %7s"):format(seconds)
end

function report_mt:__tostring()
  local lines = { ("%s mode, account %s"):format(self.mode, self.account) }
  local columns = shown_columns(self.types)
  lines[2] = row(columns, "", "status", function(_, title)
    return title
  end, "seconds")
  for _, entry in ipairs(self.types) do
    lines[#lines + 1] = row(columns, entry.type, entry.status, function(column)
      return ("%d"):format(entry[column[1]] or 0)
    end, ("%.1f"):format(entry.seconds))
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
