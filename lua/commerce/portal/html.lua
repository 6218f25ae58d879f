-- Builds HTML: `h.p { class = "note", "Hello ", name }` makes a node. Texts and the values of
-- attributes are escaped when a node is made into text, so no page can forget to do it.
--
--   local h = require "commerce.portal.html"
--   h.render(h.ul { class = "list", h.li "one", h.li { id = "second", 2 } })

local ascii = require "commerce.base.ascii"
local escape = require("commerce.http.html").escape

local Node = { __name = "commerce.portal.Node" }

-- Elements without an end tag (HTML, 13.1.2).
local VOID = { area = true, br = true, col = true, hr = true, img = true, input = true, link = true,
  meta = true, source = true, wbr = true }

-- Their text is not HTML, so that it cannot be escaped. Scripts and styles are assets.
local NOT_HTML = { script = true, style = true }

local ADDRESSES = { href = true, src = true, action = true, formaction = true }
local SCHEMES = { http = true, https = true, mailto = true }

-- A browser ignores control characters and blanks before a scheme, and tabs within it.
local function is_safe(address)
  local scheme = address:gsub("[%z\1-\32]", ""):match "^([^/?#]-):"
  return not scheme or SCHEMES[ascii.lower(scheme)] == true
end

local function add_attributes(parts, attributes)
  for _, name in ipairs(ascii.keys(attributes)) do
    local value = attributes[name]
    if value == true then
      parts[#parts + 1] = " " .. name
    elseif value and (not ADDRESSES[name] or is_safe(tostring(value))) then
      parts[#parts + 1] = (' %s="%s"'):format(name, escape(value))
    end
  end
end

local add

-- A list may have holes, where a child is nil.
local function add_children(parts, list)
  local last = 0
  for key in pairs(list) do
    last = type(key) == "number" and key > last and key or last
  end
  for i = 1, last do
    add(parts, list[i])
  end
end

local function add_node(parts, node)
  if node.raw then
    parts[#parts + 1] = node.raw
    return
  end
  parts[#parts + 1] = "<" .. node.name
  add_attributes(parts, node.attributes)
  parts[#parts + 1] = ">"
  if not VOID[node.name] then
    add_children(parts, node.children)
    parts[#parts + 1] = "</" .. node.name .. ">"
  end
end

function add(parts, child)
  if getmetatable(child) == Node then
    add_node(parts, child)
  elseif type(child) == "table" then
    add_children(parts, child)
  elseif type(child) == "string" or type(child) == "number" then
    parts[#parts + 1] = escape(child)
  elseif child then
    error(("BUG: a %s is not a child of an element"):format(type(child)))
  end
end

function Node:__tostring()
  local parts = {}
  add(parts, self)
  return table.concat(parts)
end

local function element(name)
  return function(content)
    local attributes, children = {}, {}
    if type(content) ~= "table" or getmetatable(content) == Node then
      children[1] = content
    else
      for key, value in pairs(content) do
        local kind = type(key) == "number" and children or attributes
        kind[key] = value
      end
    end
    if NOT_HTML[name] and next(children) ~= nil or VOID[name] and next(children) ~= nil then
      error(("BUG: the element '%s' has no text"):format(name))
    end
    return setmetatable({ name = name, attributes = attributes, children = children }, Node)
  end
end

---@class commerce.portal.Node an element: its name, its attributes and its children

---@class commerce.portal.Html
---@field raw fun(text: string): commerce.portal.Node trusted markup, which is not escaped
---@field render fun(node: any): string the text of a node, a list of nodes, or a value
---@field [string] fun(content: any): commerce.portal.Node an element: a table has attributes by
---  name and children by number; `false` and `nil` are left out, `true` is an attribute without a
---  value. An address with a scheme other than http, https and mailto is left out
local h = {
  raw = function(text)
    return setmetatable({ raw = text }, Node)
  end,
  render = function(node)
    local parts = {}
    add(parts, node)
    return table.concat(parts)
  end,
}

return setmetatable(h, { __index = function(self, name)
  local made = element(name)
  rawset(self, name, made)
  return made
end })
