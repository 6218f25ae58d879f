--- Failures on demand: rules that match requests and say what goes wrong with them.
local random = require "emulator.random"

local faults = {}

local rules = {}
local MATCH = { method = true, path = true, query = true, account = true, nth = true, after = true,
  times = true, probability = true, seed = true }

--- The kinds of failure; `respond` carries them out.
faults.TYPES = { status = true, html500 = true, truncate = true, reset = true, close = true,
  reset_body = true, slow = true, slow_headers = true, hang = true, delay = true, rate_limit = true,
  lock_timeout = true, close_after = true, spoil = true }

function faults.clear()
  rules = {}
end

--- Add rules: { { match = {…}, action = { type, … } }, … }. Returns their number, or nil and a
--- message.
function faults.add(list)
  for _, rule in ipairs(list) do
    local action, match = rule.action, rule.match or {}
    if type(action) ~= "table" then return nil, "a rule needs an action" end
    action.type = action.type or "status"
    if not faults.TYPES[action.type] then
      return nil, "unknown fault type: " .. tostring(action.type)
    end
    for name in pairs(match) do
      if not MATCH[name] then return nil, "unknown match: " .. name end
    end
    rules[#rules + 1] = { match = match, action = action, seen = 0, fired = 0 }
  end
  return #rules
end

-- A prefix, or a Lua pattern of the whole path (one that is malformed matches nothing).
local function path_matches(path, actual)
  if actual:sub(1, #path) == path then return true end
  local ok, found = pcall(string.find, actual, "^" .. path .. "$")
  return ok and found ~= nil
end

local function applies(match, request)
  if match.method and match.method ~= request.method then return false end
  if match.path and not path_matches(match.path, request.path) then return false end
  if match.query and not request.query:find(match.query, 1, true) then return false end
  return not match.account or match.account == request.account
end

--- The action for a request, or nil. Each rule counts the requests it matches.
---@param request table method, path, query, account
function faults.find(request)
  local found
  for n, rule in ipairs(rules) do
    local m = rule.match
    if applies(m, request) then
      rule.seen = rule.seen + 1
      local fires = (not m.nth or rule.seen == m.nth) and (not m.after or rule.seen > m.after)
        and (not m.times or rule.fired < m.times)
      if fires and m.probability then
        fires = random.hash(m.seed or n, rule.seen, 91) / 4294967296 < m.probability
      end
      if fires and not found then
        rule.fired = rule.fired + 1
        found = rule.action
      end
    end
  end
  return found
end

--- How often each rule matched and fired.
function faults.report()
  local list = { is_array = true }
  for k, rule in ipairs(rules) do
    list[k] = { type = rule.action.type, seen = rule.seen, fired = rule.fired }
  end
  return list
end

return faults
