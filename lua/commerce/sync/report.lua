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
---@param facts commerce.Report
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

local WIDTH = 80 -- columns of the table
local STATUS = 8 -- columns: "complete"

-- The columns of the table; a rare one is shown only if it has a value above 0.
local COLUMNS = { { "read" }, { "created" }, { "changed" }, { "unchanged" }, { "deleted" },
  { "left_out", title = "left out", rare = true }, { "skipped", rare = true },
  { "failed", rare = true }, { "requests" },
  { "retries", rare = true }, { "rate_limited", title = "429s", rare = true }, { "seconds" } }

-- Which columns go first if the table is too wide: the last line has the sums of the requests, and
-- lines of their own tell what was left out, skipped and failed.
local LEAST = { "rate_limited", "retries", "requests", "seconds", "left_out", "skipped", "failed" }

local function text_of(entry, name)
  local value = entry[name] or 0
  return name == "seconds" and decimal.fixed(value, 1) or ("%d"):format(value)
end

local function has_value(entries, name)
  for _, entry in ipairs(entries) do
    if (entry[name] or 0) > 0 then
      return true
    end
  end
  return false
end

local function shown_columns(entries)
  local shown, used = {}, 0
  for _, column in ipairs(COLUMNS) do
    local name, title = column[1], column.title or column[1]
    if not column.rare or has_value(entries, name) then
      local width = #title
      for _, entry in ipairs(entries) do
        width = math.max(width, #text_of(entry, name))
      end
      shown[#shown + 1] = { name = name, title = title, width = width }
      used = used + 1 + width
    end
  end
  return shown, used
end

local function widest_name(entries)
  local width = 4
  for _, entry in ipairs(entries) do
    width = math.max(width, #entry.type)
  end
  return width
end

-- The columns that fit, and how wide the names before them may be.
local function layout(entries)
  local shown, used = shown_columns(entries)
  local names, hidden = widest_name(entries), {}
  for _, name in ipairs(LEAST) do
    if names + 1 + STATUS + used <= WIDTH then
      break
    end
    for i, column in ipairs(shown) do
      if column.name == name then
        table.remove(shown, i)
        used, hidden[name] = used - 1 - column.width, true
        break
      end
    end
  end
  return shown, math.min(names, WIDTH - 1 - STATUS - used), hidden
end

-- A row of the table. A name that is too long for its column has a line of its own.
local function add_row(lines, columns, names, entry, value_of)
  local name = entry.type
  if #name > names then
    lines[#lines + 1], name = name, ""
  end
  local cells = { ("%-" .. names .. "s %-" .. STATUS .. "s"):format(name, entry.status) }
  for _, column in ipairs(columns) do
    cells[#cells + 1] = (" %" .. column.width .. "s"):format(value_of(column))
  end
  lines[#lines + 1] = table.concat(cells)
end

local RELATIONS = { ["1:n"] = "an object may give several", ["n:1"] = "many objects give one" }

-- The lines that make the numbers of an entry add up.
local function explanations(entry, hidden)
  local lines = {}
  for why, count in pairs(entry.reasons or {}) do
    lines[#lines + 1] = ("%s: %d left out: %s"):format(entry.type, count, why)
  end
  ascii.sort(lines)
  for _, name in ipairs { "skipped", "failed" } do
    if hidden[name] and entry[name] > 0 then
      lines[#lines + 1] = ("%s: %d %s"):format(entry.type, entry[name], name)
    end
  end
  local records = entry.created + entry.changed + entry.unchanged
  if entry.relation and records ~= entry.read then
    lines[#lines + 1] = ("%s: %d objects gave %d records: %s"):format(entry.type, entry.read,
      records, RELATIONS[entry.relation])
  end
  return lines
end

function report_mt:__tostring()
  local lines = { ("%s mode, account %s"):format(self.mode, self.account) }
  local columns, names, hidden = layout(self.types)
  add_row(lines, columns, names, { type = "", status = "status" }, function(column)
    return column.title
  end)
  for _, entry in ipairs(self.types) do
    add_row(lines, columns, names, entry, function(column)
      return text_of(entry, column.name)
    end)
    if entry.error then
      lines[#lines + 1] = "  " .. entry.error
    end
  end
  for _, entry in ipairs(self.types) do
    for _, line in ipairs(explanations(entry, hidden)) do
      lines[#lines + 1] = line
    end
  end
  for _, note in ipairs(self.notes) do
    lines[#lines + 1] = note
  end
  lines[#lines + 1] = ("%d requests, %d retried, %d rate limited, %s s"):format(
    self.requests, self.retries, self.rate_limited, decimal.fixed(self.seconds, 1))
  return table.concat(lines, "\n")
end

return report
