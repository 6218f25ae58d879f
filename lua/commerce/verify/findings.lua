-- The findings of a verification, check by check: a suspect becomes a difference when it is
-- confirmed.

local findings = {}

local MOST_SUSPECTS = 100 -- of one check that are looked at again; where there are more, it is not
                          -- because something changed meanwhile
local SHOWN = 20 -- differences that a report lists by id

---@class commerce.verify.Suspect: commerce.Difference what does not look right, until it is checked
---  again
---@field type string? data type name
---@field object_id string? of the source object
---@field consumer commerce.sync.Consumer? what maps that object
---@field stored_currency string? of a transaction that differs
---@field withdrawn boolean? the second look showed that nothing is wrong
---@field unsure boolean? one of its type's sources could not be asked
---@field listed string?

---@class commerce.verify.Findings
---@field facts commerce.Check of the check, as far as they are known
---@field suspects commerce.verify.Suspect[]
---@field more integer suspects beyond those
---@field refused boolean? the check failed as a whole
---@field private kinds table<string, boolean>

local methods = {}
local findings_mt = { __name = "commerce.verify.findings", __index = methods }

--- The findings of one check.
---@param facts { check: string, type: string, currency: string? }
---@return commerce.verify.Findings findings
function findings.new(facts)
  return setmetatable({ facts = facts, suspects = {}, more = 0, withdrawn = 0,
    kinds = {} }, findings_mt)
end

--- Something does not look right.
---@param suspect commerce.verify.Suspect
function methods:suspect(suspect)
  if self.refused then
    return
  end
  self.kinds[suspect.kind] = true
  if #self.suspects < MOST_SUSPECTS then
    self.suspects[#self.suspects + 1] = suspect
  else
    self.more = self.more + 1
  end
end

--- The check cannot be made, or not to its end. The first reason is kept.
---@param message string
---@param permission string? what a restricted key needs for it
function methods:fail(message, permission)
  if not self.facts.error then
    self.facts.error, self.facts.permission = message, permission
  end
end

--- Fail the check as a whole: its findings are not reported.
---@param message string why
function methods:refuse(message)
  self.refused = true
  self:fail(message)
end

--- The suspects that were not withdrawn.
---@return commerce.verify.Suspect[]
function methods:confirmed()
  local list = {}
  for _, suspect in ipairs(self.suspects) do
    if not suspect.withdrawn then
      list[#list + 1] = suspect
    end
  end
  return list
end

-- The fields of a suspect that the report shows; the others are for checking it again.
local TOLD = { "id", "kind", "type", "fields", "parts", "currency", "payout", "expected", "found",
  "listed" }

local function told(suspect)
  local difference = {}
  for _, name in ipairs(TOLD) do
    difference[name] = suspect[name]
  end
  return difference
end

--- Put a list of confirmed suspects into a check's facts.
---@param facts commerce.Check receives differences, differing (their number), agrees
---@param list commerce.verify.Suspect[]
---@param more integer how many there are beside them
function findings.tell(facts, list, more)
  facts.differences, facts.differing = {}, #list + more
  for i = 1, math.min(#list, SHOWN) do
    facts.differences[i] = told(list[i])
  end
  facts.agrees = facts.differing == 0 and not facts.error
end

-- Reading everything again brings what is missing and what differs; what is too much has to be
-- marked, which a command that only reads lists does not do.
local function repair_of(kinds, type_name)
  local commands = {}
  if kinds.missing or kinds.different then
    commands[1] = ("commerce sync --type %s --full"):format(type_name)
  end
  if kinds.extra then
    commands[#commands + 1] = ("commerce verify --type %s --mark-deleted"):format(type_name)
  end
  return #commands > 0 and table.concat(commands, " && ") or nil
end

--- The facts of the check, when all is confirmed.
---@return commerce.Check check
function methods:close()
  local facts, kinds = self.facts, {}
  local list = self:confirmed()
  findings.tell(facts, list, self.more)
  for _, suspect in ipairs(list) do
    -- what Stripe's own list does not add up to, no reading repairs
    kinds[suspect.kind] = kinds[suspect.kind] or not suspect.listed
  end
  facts.repair = repair_of(self.more > 0 and self.kinds or kinds, facts.type)
  return facts
end

return findings
