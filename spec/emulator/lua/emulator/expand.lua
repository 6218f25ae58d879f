--- `expand[]`: which paths an object has, and a tree of those asked for.
local errors = require "emulator.errors"
local dataset = require "emulator.dataset"

local expand = {}

-- What is inside lists that are no resources.
local PARTS = { checkout_items = { expand = { taxes = "inline", discounts = "inline" } } }

local SOURCES = { "charges", "refunds", "disputes", "payouts" }

-- What a step of a path leads to: a resource's name, "list:NAME", "inline", "source", a table of
-- what is inside an object, or nil.
local function step(at, key)
  if type(at) == "table" then
    return at[key]
  elseif at == "source" then
    for _, name in ipairs(SOURCES) do
      local kind = dataset.resources[name].expand[key]
      if kind then return kind end
    end
    return nil
  end
  local list = at:match "^list:(.*)"
  if list then return key == "data" and list or nil end
  local resource = dataset.resources[at] or PARTS[at]
  return resource and resource.expand[key]
end

--- Turn paths into a tree such as { customer = {}, charge = { balance_transaction = {} } }.
---@param paths string[]
---@param name string resource
---@param in_list boolean paths must begin with `data.`
---@return table? tree nil with an error; the second value is otherwise the number of expansions
function expand.parse(paths, name, in_list)
  local tree, count = {}, 0
  for k, path in ipairs(paths) do
    local param = ("expand[%d]"):format(k - 1)
    local keys = {}
    for key in path:gmatch "[^%.]+" do keys[#keys + 1] = key end
    if #keys > 4 then
      return nil, errors.param(("You cannot expand more than 4 levels of a property. Property:"
        .. " %s"):format(path), param)
    end
    local at, branch, first = name, tree, 1
    if in_list then
      first = 2
      if keys[1] ~= "data" or #keys < 2 then at = nil end
    end
    for n = first, #keys do
      at = at and step(at, keys[n])
      if at then
        branch[keys[n]] = branch[keys[n]] or {}
        branch = branch[keys[n]]
        count = count + 1
      end
    end
    if type(at) == "table" then at = nil end -- an object that is inside anyway
    if not at or #keys < first then
      local hint = in_list and keys[1] ~= "data" and (" You may want to try expanding 'data.%s'"
        .. " instead."):format(path)
        or ""
      return nil, errors.param(("This property cannot be expanded (%s).%s"):format(path, hint),
        param)
    end
  end
  return tree, count
end

return expand
