-- The filters that a user has saved, and the columns that a browser has chosen.

local contract = require "commerce.store.contract"
local cookies = require "commerce.http.cookies"
local json = require "commerce.base.json"
local response = require "commerce.http.response"

local filters = {}

local MOST = 50 -- of a user
local LONGEST_NAME, LONGEST_FILTER = 60, 2048 -- characters

---@class commerce.portal.Filter
---@field type string the data type's name
---@field name string
---@field q string the filter
---@field sort string? the order

local function setting(context)
  return contract.OF_USER .. context.session.user.id
end

local function all(context)
  local text = context.store:setting(setting(context))
  return text and json.stored(text) or {}
end

local function save(context, list)
  context.store:save_setting(setting(context), json.encode(json.array(list)))
end

--- The user's filters of a data type.
---@param context commerce.portal.Context
---@param type_name string
---@return commerce.portal.Filter[]
function filters.of(context, type_name)
  local list = {}
  for _, filter in ipairs(all(context)) do
    list[#list + 1] = filter.type == type_name and filter or nil
  end
  return list
end

local function without(list, type_name, name)
  local rest = {}
  for _, filter in ipairs(list) do
    if filter.type ~= type_name or filter.name ~= name then
      rest[#rest + 1] = filter
    end
  end
  return rest
end

--- Save a filter under a name, in place of the one that has it.
---@param context commerce.portal.Context
---@param filter commerce.portal.Filter
function filters.add(context, filter)
  if not filter.name:find "%S" or #filter.name > LONGEST_NAME then
    response.refuse(400, ("A filter needs a name of 1 to %d characters."):format(LONGEST_NAME))
  elseif #filter.q > LONGEST_FILTER then
    response.refuse(400, ("A filter has at most %d characters."):format(LONGEST_FILTER))
  end
  local list = without(all(context), filter.type, filter.name)
  if #list >= MOST then
    response.refuse(400, ("You have %d saved filters: delete one first."):format(MOST))
  end
  list[#list + 1] = filter
  save(context, list)
end

--- Delete a filter.
---@param context commerce.portal.Context
---@param type_name string
---@param name string
function filters.remove(context, type_name, name)
  save(context, without(all(context), type_name, name))
end

-- ---------------------------------------------------------------- columns

local YEAR = 365 * 86400 -- seconds

local function cookie_name(type_name)
  return "columns_" .. type_name
end

-- In a cookie's value, "-" stands for the "." of a field and "--" is between two fields.
local SEPARATOR = "--"

--- The columns that this browser has chosen for a data type.
---@param context commerce.portal.Context
---@param type_name string
---@return string[] names
function filters.columns(context, type_name)
  local names = {}
  local value = cookies.value(context.request.headers, cookie_name(type_name)) or ""
  for name in (value .. SEPARATOR):gmatch "(.-)%-%-" do
    names[#names + 1] = name:gsub("%-", ".")
  end
  return names
end

--- The header that makes a browser remember columns.
---@param context commerce.portal.Context
---@param type_name string
---@param names string[] none: it forgets them
---@return string
function filters.cookie(context, type_name, names)
  local texts = {}
  for _, name in ipairs(names) do
    texts[#texts + 1] = name:find "^[%w_%.]+$" and name:gsub("%.", "-") or nil
  end
  return cookies.header(cookie_name(type_name), table.concat(texts, SEPARATOR), { seconds = YEAR,
    path = context.prefix .. "/portal", secure = context.request.scheme == "https" })
end

return filters
