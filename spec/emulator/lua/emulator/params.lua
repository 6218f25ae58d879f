--- Query parameters: reading, naming and checking them as Stripe does.
local errors = require "emulator.errors"

local params = {}

local function unescape(s)
  s = s:gsub("+", " ")
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- The parameters of a query string, in order: { { name, sub, value }, … } with `created[gte]` as
--- created and gte.
---@param query string?
function params.parse(query)
  local list = {}
  for piece in (query or ""):gmatch "[^&]+" do
    local key, value = piece:match "^([^=]*)=?(.*)$"
    key = unescape(key)
    local name, sub = key:match "^([^%[]+)%[([^%]]*)%]$"
    list[#list + 1] = { name = name or key, sub = sub, key = key, value = unescape(value) }
  end
  return list
end

--- An integer parameter, or nil and an error.
function params.integer(p, low, high)
  if p.value == "" then
    return nil, errors.empty_param(p.key)
  end
  if not p.value:find "^%-?%d+$" then
    return nil, errors.param("Invalid integer: " .. p.value, p.key, "parameter_invalid_integer")
  end
  local n = tonumber(p.value)
  if low and n < low then
    return nil, errors.param("This value must be greater than or equal to " .. low .. ".", p.key,
      "parameter_invalid_integer")
  end
  if high and n > high then
    return nil, errors.param("This value must be less than or equal to " .. high .. ".", p.key,
      "parameter_invalid_integer")
  end
  return n
end

-- Apply one bound of `created` to the inclusive range in q.
local function bound(q, op, n)
  if op == "gt" then n, op = n + 1, "gte" elseif op == "lt" then n, op = n - 1, "lte" end
  if op == "gte" or op == nil then q.from = math.max(q.from or n, n) end
  if op == "lte" or op == nil then q.to = math.min(q.to or n, n) end
end

local OPS = { gt = true, gte = true, lt = true, lte = true }

--- Check a list's parameters. Returns { limit, starting_after, ending_before, from, to, filter,
--- expand } or nil, error.
---@param list table from params.parse
---@param resource table
function params.list(list, resource)
  local q, unknown = { limit = 10, filter = {}, expand = {} }, {}
  for _, p in ipairs(list) do
    local kind = not p.sub and resource.filters[p.name]
    if p.name == "limit" and not p.sub then
      local n, problem = params.integer(p, 1, 100)
      if not n then return nil, problem end
      q.limit = n
    elseif (p.name == "starting_after" or p.name == "ending_before") and not p.sub then
      q[p.name] = p.value
    elseif p.name == "expand" and p.sub then
      q.expand[#q.expand + 1] = p.value
    elseif p.name == "created" and (not p.sub or OPS[p.sub]) then
      local n, problem = params.integer(p)
      if not n then return nil, problem end
      bound(q, p.sub, n)
    elseif p.sub and resource.filters[p.name .. "." .. p.sub] then
      q.filter[p.name .. "." .. p.sub] = p.value
    elseif p.sub and resource.lists and resource.lists[p.name] then
      q[p.name] = q[p.name] or {}
      table.insert(q[p.name], p.value)
    elseif kind then
      if kind == "boolean" and p.value ~= "true" and p.value ~= "false" then
        return nil, errors.param("Invalid boolean: " .. p.value, p.key)
      end
      q.filter[p.name] = p.value
    else
      unknown[#unknown + 1] = p.key
    end
  end
  if #unknown > 0 then return nil, errors.unknown_params(unknown) end
  if q.starting_after and q.ending_before then
    return nil, errors.param("You may only specify one of these parameters: starting_after,"
      .. " ending_before.",
      "ending_before")
  end
  return q
end

--- Check the parameters of a retrieval: only expand. Returns the list of paths or nil, error.
function params.retrieve(list)
  local expand, unknown = {}, {}
  for _, p in ipairs(list) do
    if p.name == "expand" and p.sub then
      expand[#expand + 1] = p.value
    else
      unknown[#unknown + 1] = p.key
    end
  end
  if #unknown > 0 then return nil, errors.unknown_params(unknown) end
  return expand
end

return params
