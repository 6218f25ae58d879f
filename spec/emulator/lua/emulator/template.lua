--- Objects as JSON texts with holes, compiled to functions that append to a buffer.
---
--- A template is JSON in which `$name` stands for a scalar (a number or ready JSON text) and
--- `@name` for a node. A node is ready JSON text, `{ tpl = template, … }`, `{ list = { node, … } }`
--- or `{ doc = value }` of `emulator.json`. Static text is laid out once per depth, so a page of a
--- hundred charges is mostly table writes.
local json = require "emulator.json"

local template = {}

local Template = {}
Template.__index = Template

--- A template from its source.
---@param source string
function template.new(source)
  return setmetatable({ source = source, compiled = {} }, Template)
end

--- How to write: `template.style(pretty, future)`. Equal arguments give the same table.
local styles = {}
function template.style(pretty, future)
  local key = (pretty and "pretty" or "compact") .. (future and "+future" or "")
  styles[key] = styles[key] or { key = key, pretty = pretty, future = future }
  return styles[key]
end

local FUTURE = ',"brand_new_field":{"brand_new":["value",1,null]}}'

-- The source as a list of tokens: {kind, text}.
local function tokens(source, future)
  if future then
    local whole = source
    source = source:gsub("()}", function(at)
      return not whole:sub(1, at - 1):find "{%s*$" and FUTURE or nil
    end)
  end
  local out, at = {}, 1
  while true do
    at = source:find("%S", at)
    if not at then return out end
    local c = source:sub(at, at)
    local text
    if c == '"' then
      local stop = at
      repeat
        stop = source:find('"', stop + 1, true)
      until source:sub(stop - 1, stop - 1) ~= "\\"
      text = source:sub(at, stop)
      out[#out + 1] = { "text", text }
    elseif c == "$" or c == "@" then
      text = source:match("^[$@][%w_]+", at)
      out[#out + 1] = { c, text:sub(2) }
    elseif source:find("^[{%[]%s*[}%]]", at) then
      text = source:match("^[{%[]%s*[}%]]", at)
      out[#out + 1] = { "text", (text:gsub("%s", "")) }
    elseif c:find "[{}%[%],:]" then
      text = c
      out[#out + 1] = { c, c }
    else
      text = source:match("^[%w%.%-%+]+", at)
        or error("bad template near " .. source:sub(at, at + 20))
      out[#out + 1] = { "text", text }
    end
    at = at + #text
  end
end

local node -- forward

local function missing(name)
  error("template value missing: " .. name, 2)
end

local function compile(source, depth, style)
  local static, code, offset = {}, {}, 0
  local level = depth
  local function newline()
    return style.pretty and "\n" .. ("  "):rep(level) or ""
  end
  local function flush()
    if #static == 0 then return end
    offset = offset + 1
    code[#code + 1] = ("out[n+%d]=%q"):format(offset, table.concat(static)):gsub("\\\n", "\\n")
    static = {}
  end
  for _, token in ipairs(tokens(source, style.future)) do
    local kind, text = token[1], token[2]
    if kind == "$" then
      flush()
      offset = offset + 1
      code[#code + 1] = ("out[n+%d]=v.%s or missing(%q)"):format(offset, text, text)
    elseif kind == "@" then
      flush()
      code[#code + 1] = ("n=node(v.%s or missing(%q),out,n+%d,%d,style)"):format(text, text, offset,
        level)
      offset = 0
    elseif kind == "{" or kind == "[" then
      level = level + 1
      static[#static + 1] = text .. newline()
    elseif kind == "}" or kind == "]" then
      level = level - 1
      static[#static + 1] = newline() .. text
    elseif kind == "," then
      static[#static + 1] = "," .. newline()
    elseif kind == ":" then
      static[#static + 1] = style.pretty and ": " or ":"
    else
      static[#static + 1] = text
    end
  end
  flush()
  code[#code + 1] = ("return n+%d"):format(offset)
  local chunk = "local node,missing,style=... return function(v,out,n) " .. table.concat(code, " ")
    .. " end"
  return assert(loadstring(chunk, "=template"))(node, missing, style)
end

function Template:at(depth, style)
  local key = style.key .. depth
  local f = self.compiled[key]
  if not f then
    f = compile(self.source, depth, style)
    self.compiled[key] = f
  end
  return f
end

-- Append node `x` to `out` after position `n`; returns the new position.
function node(x, out, n, depth, style)
  if type(x) ~= "table" then
    out[n + 1] = x
    return n + 1
  elseif x.tpl then
    return x.tpl:at(style.pretty and depth or 0, style)(x, out, n)
  elseif x.doc then
    out[n + 1] = json.encode(x.doc, style.pretty, depth)
    return n + 1
  end
  local list = x.list
  if #list == 0 then
    out[n + 1] = "[]"
    return n + 1
  end
  local inner = style.pretty and "\n" .. ("  "):rep(depth + 1) or ""
  out[n + 1] = "[" .. inner
  n = n + 1
  for k = 1, #list do
    if k > 1 then
      out[n + 1] = "," .. inner
      n = n + 1
    end
    n = node(list[k], out, n, depth + 1, style)
  end
  out[n + 1] = (style.pretty and "\n" .. ("  "):rep(depth) or "") .. "]"
  return n + 1
end

--- The JSON text of a node.
---@param x any a node
---@param style table from template.style
---@return string
function template.render(x, style)
  local out = {}
  local n = node(x, out, 0, 0, style)
  if style.pretty then out[n + 1] = "\n" end
  return table.concat(out)
end

return template
