-- A page of a list, in Codat's envelope. Called by the groups of the API; requires only leaf
-- helpers.

local answer = require "commerce.http.response"
local json = require "commerce.base.json"

local page = {}

-- Where a page's address keeps the parameters that it was asked for with, in Codat's order.
local KEPT = { "query", "orderBy", "tags", "connectionId" }

local function escaped(text)
  return (text:gsub("[^%w%-%._~]", function(char)
    return ("%%%02X"):format(char:byte())
  end))
end

local function address(context, asked, number)
  local parts = { ("page=%d&pageSize=%d"):format(number, asked.size) }
  for _, name in ipairs(KEPT) do
    local value = context.parameters[name]
    if value and value ~= "" then
      parts[#parts + 1] = name .. "=" .. escaped(value)
    end
  end
  return json.encode { href = context.path .. "?" .. table.concat(parts, "&") }
end

--- Answer a page of a list.
---@param context table of the request
---@param asked table from `input.page`
---@param texts string[] the elements as JSON
---@param total integer how many elements the list has in all
---@return commerce.api.Response
function page.answer(context, asked, texts, total)
  local last = math.max(math.ceil(total / asked.size), 1)
  local links = {
    '"self":' .. json.encode { href = context.path },
    '"current":' .. address(context, asked, asked.number),
  }
  if asked.number < last then
    links[#links + 1] = '"next":' .. address(context, asked, asked.number + 1)
  end
  if asked.number > 1 then
    links[#links + 1] = '"previous":' .. address(context, asked, math.min(asked.number - 1, last))
  end
  return answer.text(200, ('{"results":[%s],"pageNumber":%d,"pageSize":%d,"totalResults":%d,'
    .. '"_links":{%s}}'):format(table.concat(texts, ","), asked.number, asked.size, total,
    table.concat(links, ",")))
end

return page
