-- Finds the route of a method and a path.
--
-- A route's path is written as in Codat's documentation: "/companies/{companyId}". Segments are
-- compared as they were sent, percent-encoded, and without case: Codat's own documents spell some
-- of them in two ways ("dataTypes", "datatypes"). A slash at the end changes nothing. Only the
-- value of a parameter is decoded, so that an id may contain a slash.

local ascii = require "commerce.base.ascii"
local url = require "commerce.base.url"

local router = {}

---@class commerce.http.Router
local methods = {}
local router_mt = { __name = "commerce.http.Router", __index = methods }

---@class commerce.http.Route
---@field method string
---@field path string with its parameters in braces
---@field run fun(context: commerce.http.Context): commerce.http.Response

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
      local key = ascii.lower(segment)
      node.literals[key] = node.literals[key] or new_node()
      node = node.literals[key]
    end
  end
  if node.routes[route.method] then
    error(("BUG: two routes for %s %s"):format(route.method, route.path))
  end
  node.routes[route.method], node.names[route.method] = route, names
end

--- The routes of several modules, each of which is a list of routes, in their order.
---@param groups string[] names of modules
---@return commerce.http.Route[]
function router.routes(groups)
  local routes = {}
  for _, group in ipairs(groups) do
    for _, route in ipairs(require(group)) do
      routes[#routes + 1] = route
    end
  end
  return routes
end

--- Make a router.
---@param routes commerce.http.Route[]
---@return commerce.http.Router
function router.new(routes)
  local root = new_node()
  for _, route in ipairs(routes) do
    add(root, route)
  end
  return setmetatable({ root = root }, router_mt)
end

-- A literal segment is preferred. If it does not lead to a route, the parameter is tried.
local function find(node, segments, at, values)
  local segment = segments[at]
  if not segment then
    return next(node.routes) and node or nil
  end
  local literal = node.literals[ascii.lower(segment)]
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
    local value = url.decoded(values[i])
    if not value or value:find "%z" then
      return nil
    end
    parameters[name] = value
  end
  return parameters
end

-- "//" has an empty segment, which no route has.
local function segments_of(path)
  local segments = {}
  if path ~= "/" then
    for segment in (path:gsub("^/", ""):gsub("/$", "") .. "/"):gmatch "([^/]*)/" do
      segments[#segments + 1] = segment
    end
  end
  return segments
end

--- Find the route of a request. HEAD finds the route of GET.
---@param method string
---@param path string as it was sent, percent-encoded, without the query
---@return commerce.http.Route? route nil if no route matches
---@return table<string, string>|string[] parameters those of the path; without a route: the methods
---  that the path has, an empty list if the path is unknown
function methods:find(method, path)
  local values = {}
  local node = find(self.root, segments_of(path), 1, values)
  if not node then
    return nil, {}
  end
  method = method == "HEAD" and "GET" or method
  local route = node.routes[method]
  local parameters = parameters_of(route and node.names[method] or {}, values)
  if route then
    return parameters and route or nil, parameters or {}
  end
  return nil, ascii.keys(node.routes)
end

return router
