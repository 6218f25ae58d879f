-- Which route a method and a path lead to. Called by api; requires nothing.
--
-- A route's path is written as Codat's documentation writes it: "/companies/{companyId}". Segments
-- are compared as they were sent, percent-encoded, and decoded only where they are a parameter, so
-- that an id may hold a slash.

local router = {}

local methods = {}
local router_mt = { __name = "commerce.http.router", __index = methods }

---@class commerce.api.Route
---@field method string
---@field path string with its parameters in braces
---@field id string Codat's operationId, or one in its manner
---@field run fun(context: table): table?, string?, commerce.Details?

-- nil for a "%" that no two hexadecimal digits follow
local function decoded(segment)
  if segment:gsub("%%%x%x", ""):find("%", 1, true) then
    return nil
  end
  return (segment:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

router.decoded = decoded

local function new_node()
  return { literals = {}, routes = {}, names = {} }
end

local function add(root, route)
  local node = root
  local names = {}
  for segment in route.path:gmatch "[^/]+" do
    local name = segment:match "^{(%w+)}$"
    if name then
      names[#names + 1] = name
      node.any = node.any or new_node()
      node = node.any
    else
      node.literals[segment] = node.literals[segment] or new_node()
      node = node.literals[segment]
    end
  end
  if node.routes[route.method] then
    error(("BUG: two routes for %s %s"):format(route.method, route.path))
  end
  node.routes[route.method], node.names[route.method] = route, names
end

--- Make a router.
---@param routes commerce.api.Route[]
---@return table router
function router.new(routes)
  local root = new_node()
  for _, route in ipairs(routes) do
    add(root, route)
  end
  return setmetatable({ root = root }, router_mt)
end

-- A literal goes before a parameter; where it leads nowhere, the parameter is tried.
local function find(node, segments, at, values)
  local segment = segments[at]
  if not segment then
    return next(node.routes) and node or nil
  end
  local literal = node.literals[segment]
  local found = literal and find(literal, segments, at + 1, values)
  if not found and node.any and segment ~= "" then
    local depth = #values
    values[depth + 1] = segment
    found = find(node.any, segments, at + 1, values)
    if not found then
      values[depth + 1] = nil
    end
  end
  return found
end

local function parameters_of(names, values)
  local parameters = {}
  for i, name in ipairs(names) do
    local value = decoded(values[i])
    if not value or value:find "%z" then
      return nil
    end
    parameters[name] = value
  end
  return parameters
end

--- Find the route of a request.
---@param method string
---@param path string as it was sent, percent-encoded, without the query
---@return commerce.api.Route? route nil if there is none
---@return table<string, string>|string[] parameters those of the path; without a route: the methods
---  that the path does have, none if there is no such path
function methods:find(method, path)
  local segments = {}
  for segment in (path .. "/"):gmatch "/?([^/]*)/" do
    segments[#segments + 1] = segment
  end
  if segments[1] == "" then
    table.remove(segments, 1)
  end
  local values = {}
  local node = find(self.root, segments, 1, values)
  if not node then
    return nil, {}
  end
  local route = node.routes[method]
  local parameters = parameters_of(route and node.names[method] or {}, values)
  if route and parameters then
    return route, parameters
  elseif route then
    return nil, {}
  end
  local allowed = {}
  for name in pairs(node.routes) do
    allowed[#allowed + 1] = name
  end
  table.sort(allowed)
  return nil, allowed
end

return router
