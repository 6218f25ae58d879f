-- Lists inside objects of which the source inlines only a part: the rest is read from the address
-- that the list names. Called by sync and verify, which know how to wait.

local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"

local completing = {}

local PAGE = 100

-- "/v1/invoices/in_1/lines?a=b" -> path and query pairs; nil for what is no such address.
local function split(url)
  local path, query = tostring(url):match("^(/v%d+/[%w_%-%./]+)%??(.*)$")
  if not path then
    return nil
  end
  local pairs_of_it = {}
  for name, value in query:gmatch("([^&=]+)=([^&]*)") do
    pairs_of_it[#pairs_of_it + 1] = { name, value }
  end
  return path, pairs_of_it
end

-- "data.line_items.data.taxes" is "data.taxes" of the list `line_items`.
local function expansions_inside(expand, path, query)
  local prefix = "data." .. path .. "."
  for _, wanted in ipairs(expand) do
    if wanted:sub(1, #prefix) == prefix then
      query[#query + 1] = { "expand[]", wanted:sub(#prefix + 1) }
    end
  end
  return query
end

local function list_at(object, path)
  for key in path:gmatch("[^%.]+") do
    object = type(object) == "table" and object[key] or nil
  end
  return type(object) == "table" and type(object.data) == "table" and object or nil
end

local function read_rest(task, list, path, await)
  local url, query = split(list.url)
  local last = list.data[#list.data]
  if not url or not last then
    return nil, ("the list '%s' goes on at no address"):format(path)
  end
  local pager = task.session:pager { path = url, cursor = last.id, limit = PAGE,
    query = expansions_inside(task.expand, path, query),
    endpoint = objects.endpoint(task.resource.path) .. "/" .. path }
  local page, message, details
  repeat
    page, message, details = await(pager)
    for i = 1, page and #page or 0 do
      list.data[#list.data + 1] = json.decode(page:element(i))
    end
    if page then
      page:close()
    end
  until not page
  pager:close()
  if message then
    return nil, message, details
  end
  list.has_more = false
  return true
end

--- Read the lists inside an object to their end.
---@param task table session, resource, expand, complete: the paths of the lists
---@param object table
---@param await fun(pager: userdata): userdata?, string?, table? the next page of a pager
---@return boolean? changed whether anything had to be read; nil on failure
---@return string? message
---@return commerce.Details? details
function completing.object(task, object, await)
  local changed = false
  for _, path in ipairs(task.complete) do
    local list = list_at(object, path)
    if list and list.has_more == true then
      local ok, message, details = read_rest(task, list, path, await)
      if not ok then
        return nil, ("%s: %s"):format(tostring(object.id), message), details
      end
      changed = true
    end
  end
  return changed
end

return completing
