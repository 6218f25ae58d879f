--- Answers about resources: a page of a list, one object.
local collection = require "emulator.collection"
local errors = require "emulator.errors"
local expand = require "emulator.expand"
local json = require "emulator.json"
local params = require "emulator.params"
local template = require "emulator.template"

local lists = {}

local ENVELOPE = template.new [[{"object":"list","data":@data,"has_more":$has_more,"url":$url}]]

--- A page of a resource.
---@param ds table
---@param resource table
---@param query table from params.parse
---@param fixed table? filters that the path sets, and the list's url
---@return table? node, number expansions; or nil, error
function lists.page(ds, resource, query, fixed)
  local q, problem = params.list(query, resource)
  if not q then return nil, problem end
  local tree, count = expand.parse(q.expand, resource.name, true)
  if not tree then return nil, count end
  for _, name in ipairs { "starting_after", "ending_before" } do
    local id = q[name]
    if id then
      q[name] = collection.locate(ds, resource, id)
      if not q[name] then return nil, errors.missing(resource.object, id, name, 400) end
    end
  end
  if fixed then q.filter[fixed.name] = fixed.value end
  for name, value in pairs(resource.default_filter or {}) do
    if q.filter[name] == nil then
      q.filter[name] = value
    elseif q.filter[name] == "all" then
      q.filter[name] = nil
    end
  end
  local page = collection.page(ds, resource, q)
  local nodes = {}
  local ex = next(tree) and tree or nil
  for k, item in ipairs(page.items) do nodes[k] = collection.node(ds, item, ex) end
  return { tpl = ENVELOPE, data = { list = nodes }, has_more = page.has_more and "true" or "false",
    url = json.quote(fixed and fixed.url or resource.url) }, count
end

--- One object by id.
---@return any node, number expansions; or nil, error
function lists.retrieve(ds, resource, id, query)
  local paths, problem = params.retrieve(query)
  if not paths then return nil, problem end
  local tree, count = expand.parse(paths, resource.name, false)
  if not tree then return nil, count end
  local deleted = ds.overlay.deleted[resource.name]
  if deleted and deleted[id] then
    if not resource.deletable then return nil, errors.missing(resource.object, id) end
    return ds:deleted_stub(resource, id), 0
  end
  local node = ds:node_by_id(resource.name, id, next(tree) and tree or nil)
  if not node then return nil, errors.missing(resource.object, id) end
  return node, count
end

-- The elements of an object's list: as generated, or as a changed object has them.
local function parts_of(ds, resource, id, ex)
  local extra = ds.overlay.inserted[id]
  local _, i = ds:find(id)
  local patched = ds.overlay.patched[resource.name]
  local doc = extra and extra.doc or patched and i and patched[i]
  if not doc then return i and resource.items(ds, i, ex) end
  local list = doc.map.lines or doc.map.line_items
  local nodes = {}
  for k, element in ipairs(list and list.map.data or {}) do nodes[k] = { doc = element } end
  return nodes
end

local function id_of(node)
  return node.doc and node.doc.map.id or node.id:match '"(.*)"'
end

--- A page of a list inside an object.
---@return any node, number expansions; or nil, error
function lists.part(ds, resource, id, path, query)
  local q, problem = params.list(query, { filters = {} })
  if not q then return nil, problem end
  if not ds:node_by_id(resource.name, id) then
    return nil, errors.missing(resource.object, id)
  end
  local ex = {}
  for _, wanted in ipairs(q.expand) do ex[wanted:match "^data%.(.*)" or wanted] = {} end
  local nodes, from = parts_of(ds, resource, id, ex), 1
  for k, node in ipairs(nodes) do
    if id_of(node) == q.starting_after then from = k + 1 end
  end
  if q.starting_after and from == 1 then
    return nil, errors.missing("line_item", q.starting_after, "starting_after", 400)
  end
  local shown = {}
  for k = from, math.min(#nodes, from + q.limit - 1) do shown[#shown + 1] = nodes[k] end
  return { tpl = ENVELOPE, data = { list = shown }, url = json.quote(path),
    has_more = from + q.limit - 1 < #nodes and "true" or "false" }, #q.expand
end

return lists
