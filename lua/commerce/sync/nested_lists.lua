-- Lists inside objects, of which Stripe inlines only the first part: the rest is read from the
-- address that the list names.

local dotted = require "commerce.base.path"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local objects = require "commerce.stripe.object"

local nested_lists = {}

local PAGE = 100

-- "/v1/invoices/in_1/lines?a=b" -> path and query pairs; nil if it is not such an address.
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
  local list = dotted.at(object, path)
  return type(list) == "table" and type(list.data) == "table" and list or nil
end

local function read_rest(task, list, path, await)
  local url, query = split(list.url)
  local last = list.data[#list.data]
  if not url or not last then
    errors.throw("decode", ("the list '%s' goes on, but names no address"):format(path))
  end
  local pager = task.session:pager { path = url, cursor = last.id, limit = PAGE,
    query = expansions_inside(task.expand, path, query),
    endpoint = objects.endpoint(task.resource.path) .. "/" .. path }
  errors.finally(function()
    for page in function() return errors.must(await(pager)) end do
      for i = 1, #page do
        local text, wrong = page:element(i)
        local entry
        if text then
          entry, wrong = json.decode(text, true)
        end
        if not entry then
          errors.throw("decode", ("%s of the list '%s': %s"):format(page:id(i) or "an object", path,
            wrong))
        end
        list.data[#list.data + 1] = entry
      end
      page:close()
    end
  end, function()
    pager:close()
  end)
  list.has_more = false
end

--- Read the lists inside an object to their end. Raises if one of them cannot be read.
---@param task commerce.Task
---@param object commerce.StripeObject
---@param await fun(pager: commerce.core.Pager): commerce.core.Page?, string?, commerce.Details? the
---  next page of a pager
---@return boolean changed whether anything had to be read
function nested_lists.complete(task, object, await)
  local changed = false
  for _, path in ipairs(task.complete) do
    local list = list_at(object, path)
    if list and list.has_more == true then
      read_rest(task, list, path, await)
      changed = true
    end
  end
  return changed
end

return nested_lists
