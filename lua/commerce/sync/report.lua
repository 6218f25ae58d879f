-- The report of a sync: a plain table that prints itself as a table of its data types.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"

local report = {}

local methods = {}
local report_mt = { __name = "commerce.Report", __index = methods }

---@class commerce.TypeReport
---@field type string
---@field status "complete"|"failed"|"skipped" skipped: the key has no permission to read it
---@field read integer source objects: created + changed + unchanged + left_out + skipped + failed,
---  unless there is a `relation`
---@field created integer records
---@field changed integer
---@field unchanged integer
---@field deleted integer records that Stripe deleted; they stay stored, marked
---@field left_out integer source objects that give no record, such as released authorisations
---@field reasons table<string, integer>? why they were left out: how many by each reason
---@field relation "1:n"|"n:1"|nil 1:n: an object may give several records; n:1: many objects give
---  one
---@field skipped integer records that a hook left out
---@field failed integer source objects that could not be mapped, and records that hooks failed
---@field requests integer attempts for the resources that the type reads, shared ones included
---@field retries integer of them
---@field rate_limited integer of them: requests that Stripe rejected with 429
---@field seconds number
---@field error string? why it is not complete
---@field reason string? the status of its pull: AuthError, PermissionsError, RateLimitError,
---  MapError, FetchError

---@class commerce.Report
---@field connection string
---@field account string
---@field mode "test"|"live"
---@field complete boolean whether every data type that was asked for is complete
---@field types commerce.TypeReport[]
---@field notes string[] about the run as a whole
---@field requests integer
---@field retries integer
---@field rate_limited integer requests that Stripe rejected with 429
---@field seconds number

--- Make a report.
---@param facts table the fields of `commerce.Report`
---@return commerce.Report
function report.new(facts)
  return setmetatable(facts, report_mt)
end

--- Tell in one line why the sync is not complete; "complete" if it is.
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

-- The columns of the table; a rare one is shown only if it has a value above 0.
local COLUMNS = { { "read" }, { "created" }, { "changed" }, { "unchanged" }, { "deleted" },
  { "left_out", title = "left out", rare = true }, { "skipped", rare = true },
  { "failed", rare = true }, { "requests" },
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

local RELATIONS = { ["1:n"] = "an object may give several", ["n:1"] = "many objects give one" }

-- What makes the numbers of an entry add up.
local function explanations(entry)
  local lines = {}
  for why, count in pairs(entry.reasons or {}) do
    lines[#lines + 1] = ("%s: %d left out: %s"):format(entry.type, count, why)
  end
  ascii.sort(lines)
  local records = entry.created + entry.changed + entry.unchanged
  if entry.relation and records ~= entry.read then
    lines[#lines + 1] = ("%s: %d objects gave %d records: %s"):format(entry.type, entry.read,
      records, RELATIONS[entry.relation])
  end
  return lines
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
    end, decimal.fixed(entry.seconds, 1))
    if entry.error then
      lines[#lines + 1] = "  " .. entry.error
    end
  end
  for _, entry in ipairs(self.types) do
    for _, line in ipairs(explanations(entry)) do
      lines[#lines + 1] = line
    end
  end
  for _, note in ipairs(self.notes) do
    lines[#lines + 1] = note
  end
  lines[#lines + 1] = ("%d requests, %d retries, %d times rate limited, %s s"):format(
    self.requests, self.retries, self.rate_limited, decimal.fixed(self.seconds, 1))
  return table.concat(lines, "\n")
end

return report
