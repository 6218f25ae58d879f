-- The report of a verification: a plain table of facts with a text form (`tostring`).

local decimal = require "commerce.base.decimal"

local report = {}

local report_mt = { __name = "commerce.VerifyReport" }

---@class commerce.Difference
---@field id string of the record, or of the payout
---@field kind "missing"|"extra"|"different" in the store, as compared with Stripe
---@field fields string[]? names of the fields that differ; never their values
---@field parts string[]? ids of its parts (variants) that only one side has
---@field currency string? of a transaction
---@field payout string? the payout that the transaction belongs to
---@field expected string? of a payout: its amount; found: what its stored transactions add up to;
---  listed: what Stripe's own list of them adds up to, where that is not its amount either

---@class commerce.Check
---@field check "balance"|"payouts"|"count"|"records"
---@field type string the data type it is about
---@field currency string? of a balance
---@field balance_type string? of a balance beside that of payments: issuing,
---  refund_and_dispute_prefunding, risk_reserved
---@field expected string|integer? an exact amount in major units, or how many; nil: not known
---@field found string|integer?
---@field agrees boolean
---@field differing integer differences in all
---@field differences commerce.Difference[] the first of them
---@field marked integer? extra records that were marked as deleted
---@field error string? why the check was not possible
---@field permission string? what a restricted key needs for it
---@field note string?
---@field repair string? the command that repairs it

---@class commerce.VerifyReport
---@field connection string
---@field account string
---@field mode "test"|"live"
---@field deep boolean
---@field agrees boolean
---@field checks commerce.Check[]
---@field requests integer
---@field seconds number

--- Make a report of its facts.
---@param facts commerce.VerifyReport
---@return commerce.VerifyReport
function report.new(facts)
  return setmetatable(facts, report_mt)
end

-- The names of balances, short enough for a column.
local BALANCES = { refund_and_dispute_prefunding = "prefunding" }

--- The subject of a check: a currency or a data type.
---@param check commerce.Check
---@return string
function report.subject(check)
  local kind = check.balance_type
  return kind and ("%s %s"):format(check.currency, BALANCES[kind] or kind)
    or check.currency or check.type
end

--- A check's result in a few words.
---@param check commerce.Check
---@return string
function report.result(check)
  if check.error then
    return "not possible"
  elseif check.agrees then
    return "agrees"
  elseif check.check == "balance" then
    return "differs"
  end
  return ("%d differ%s"):format(check.differing, check.differing == 1 and "s" or "")
end

-- "different txn_1 (totalAmount) in po_1"
local function difference_line(difference)
  local line = ("  %s %s"):format(difference.kind, difference.id)
  if difference.fields then
    line = line .. " (" .. table.concat(difference.fields, ", ") .. ")"
  end
  if difference.parts then
    line = line .. ": " .. table.concat(difference.parts, ", ")
  end
  if difference.payout then
    line = line .. " in " .. difference.payout
  end
  if difference.expected then
    line = line .. (": %s %s, stored %s"):format(difference.expected, difference.currency,
      difference.found)
    if difference.listed then
      line = line .. (", listed %s"):format(difference.listed)
    end
  end
  return line
end

--- The differences of a check as lines of text.
---@param check commerce.Check
---@return string[] lines empty if the check agrees
function report.details(check)
  local lines = {}
  if check.marked then
    lines[1] = ("%s: %d marked as deleted"):format(check.type, check.marked)
  end
  if check.agrees then
    lines[#lines + 1] = check.note and ("%s %s: %s"):format(check.check, report.subject(check),
      check.note) or nil
    return lines
  end
  lines[#lines + 1] = ("%s %s: %s"):format(check.check, report.subject(check),
    check.error or report.result(check))
  for _, difference in ipairs(check.differences) do
    lines[#lines + 1] = difference_line(difference)
  end
  if check.differing > #check.differences then
    lines[#lines + 1] = ("  and %d more"):format(check.differing - #check.differences)
  end
  if check.note then
    lines[#lines + 1] = "  " .. check.note
  end
  if check.repair then
    lines[#lines + 1] = "  repair: " .. check.repair
  end
  return lines
end

--- The last line.
---@param facts commerce.VerifyReport
---@return string
function report.summary(facts)
  return ("%s; %d requests, %s s"):format(facts.agrees and "everything agrees"
    or "it does not agree", facts.requests, decimal.fixed(facts.seconds, 1))
end

-- The sums of all checks as texts whose decimal points stand under each other when they are
-- aligned right.
local function aligned(checks, name)
  local texts, most = {}, 0
  for i, check in ipairs(checks) do
    texts[i] = tostring(check[name] or "-")
    most = math.max(most, #(texts[i]:match "^%-?%d+(%.%d+)$" or ""))
  end
  for i, text in ipairs(texts) do
    texts[i] = text .. (" "):rep(most - #(text:match "^%-?%d+(%.%d+)$" or ""))
  end
  return texts
end

local ROW = "%-8s %-16s %22s %22s  %s"

function report_mt:__tostring()
  local lines = { ("%s mode, account %s"):format(self.mode, self.account),
    ROW:format("check", "", "Stripe", "stored", "") }
  local expected, found = aligned(self.checks, "expected"), aligned(self.checks, "found")
  for i, check in ipairs(self.checks) do
    lines[#lines + 1] = ROW:format(check.check, report.subject(check), expected[i], found[i],
      report.result(check))
  end
  for _, check in ipairs(self.checks) do
    for _, line in ipairs(report.details(check)) do
      lines[#lines + 1] = line
    end
  end
  lines[#lines + 1] = report.summary(self)
  return table.concat(lines, "\n")
end

return report
