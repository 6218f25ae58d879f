--- JSON that keeps what lua-cjson loses: the order of keys, `[]` apart from `{}`, null, and all
--- digits of a number. An object is `{ keys = {...}, map = {...} }` with metatable `json.Object`,
--- an array a list with `json.Array`, a number its source text wrapped in `json.Number`; strings
--- and booleans are themselves, null is `json.null`.
local json = {}

json.null = setmetatable({}, { __tostring = function() return "null" end })
json.Object, json.Array, json.Number = {}, {}, {}
json.Object.__index, json.Array.__index, json.Number.__index = json.Object, json.Array, json.Number

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c)
  return ESCAPES[c] or ("\\u%04x"):format(c:byte())
end

--- A text as a JSON string.
---@param s string
---@return string
function json.quote(s)
  if s:find '[%c"\\]' then s = s:gsub('[%c"\\]', escape) end
  return '"' .. s .. '"'
end

--- JSON text of a string or of nil.
---@param s string?
---@return string
function json.text(s)
  return s and json.quote(s) or "null"
end

--- Set a key of an object, at the end when it is new.
function json.Object:set(key, value)
  if self.map[key] == nil then self.keys[#self.keys + 1] = key end
  self.map[key] = value
end

--- Remove a key of an object.
function json.Object:unset(key)
  if self.map[key] == nil then return end
  self.map[key] = nil
  for k, name in ipairs(self.keys) do
    if name == key then return table.remove(self.keys, k) end
  end
end

--- A new object from a list of keys and values.
function json.object(...)
  local o = setmetatable({ keys = {}, map = {} }, json.Object)
  for k = 1, select("#", ...), 2 do o:set(select(k, ...), (select(k + 1, ...))) end
  return o
end

local function utf8(code)
  local floor, char = math.floor, string.char
  if code < 0x80 then return char(code) end
  if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64,
    0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

local PLAIN = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function parse_string(s, at)
  local out = {}
  while true do
    local chunk, stop = s:match('^([^"\\]*)(["\\])', at)
    if not chunk then error("unterminated string at byte " .. at, 0) end
    out[#out + 1] = chunk
    at = at + #chunk + 1
    if stop == '"' then return table.concat(out), at end
    local c = s:sub(at, at)
    if c == "u" then
      local code = tonumber(s:sub(at + 1, at + 4), 16) or error("bad escape at byte " .. at, 0)
      at = at + 5
      local low = code >= 0xD800 and code < 0xDC00 and s:match("^\\u(%x%x%x%x)", at)
      if low then
        code = 0x10000 + (code - 0xD800) * 1024 + tonumber(low, 16) - 0xDC00
        at = at + 6
      end
      out[#out + 1] = utf8(code)
    else
      out[#out + 1] = PLAIN[c] or c
      at = at + 1
    end
  end
end

local WORDS = { ["true"] = true, ["false"] = false, null = json.null }

local function parse(s, at)
  at = s:find("%S", at) or error("unexpected end", 0)
  local c = s:sub(at, at)
  if c == '"' then return parse_string(s, at + 1) end
  if c == "{" or c == "[" then
    local object = c == "{"
    local close = object and "}" or "]"
    local out = object and json.object() or setmetatable({}, json.Array)
    at = s:find("%S", at + 1) or error("unexpected end", 0)
    if s:sub(at, at) == close then return out, at + 1 end
    while true do
      local key, value
      if object then
        at = s:match('^%s*"()', at) or error("key expected at byte " .. at, 0)
        key, at = parse_string(s, at)
        at = s:match("^%s*:()", at) or error("':' expected at byte " .. at, 0)
      end
      value, at = parse(s, at)
      if object then out:set(key, value) else out[#out + 1] = value end
      local sep, after = s:match("^%s*([,%]}])()", at)
      if not sep then error("',' or '" .. close .. "' expected at byte " .. at, 0) end
      at = after
      if sep == close then return out, at end
      if sep ~= "," then error("'" .. close .. "' expected at byte " .. at, 0) end
    end
  end
  local number = s:match("^%-?%d+%.?%d*[eE]?[%+%-]?%d*", at)
  if number then return setmetatable({ text = number }, json.Number), at + #number end
  local word = s:match("^%a+", at)
  if word and WORDS[word] ~= nil then return WORDS[word], at + #word end
  error("unexpected '" .. c .. "' at byte " .. at, 0)
end

--- Read a JSON text, keeping order, nulls and number texts.
---@param s string
---@return any value or nil and a message
function json.decode(s)
  local ok, value, at = pcall(parse, s, 1)
  if not ok then return nil, value end
  if s:find("%S", at) then return nil, "text after the value at byte " .. at end
  return value
end

local function write(value, out, indent, pretty)
  local mt = type(value) == "table" and getmetatable(value)
  if mt == json.Number then
    out[#out + 1] = value.text
  elseif value == json.null then
    out[#out + 1] = "null"
  elseif mt == json.Object or mt == json.Array then
    local object = mt == json.Object
    local count = object and #value.keys or #value
    out[#out + 1] = object and "{" or "["
    local inner = indent .. "  "
    for k = 1, count do
      if k > 1 then out[#out + 1] = "," end
      if pretty then out[#out + 1] = "\n" .. inner end
      if object then
        out[#out + 1] = json.quote(value.keys[k]) .. (pretty and ": " or ":")
        write(value.map[value.keys[k]], out, inner, pretty)
      else
        write(value[k], out, inner, pretty)
      end
    end
    if pretty and count > 0 then out[#out + 1] = "\n" .. indent end
    out[#out + 1] = object and "}" or "]"
  elseif type(value) == "string" then
    out[#out + 1] = json.quote(value)
  elseif type(value) == "number" then
    out[#out + 1] = ("%.15g"):format(value)
  else
    out[#out + 1] = tostring(value)
  end
end

--- JSON text of a value of this module's kinds.
---@param value any
---@param pretty boolean? indent by two spaces, as Stripe does
---@param depth number? indentation to start from
---@return string
function json.encode(value, pretty, depth)
  local out = {}
  write(value, out, ("  "):rep(depth or 0), pretty)
  return table.concat(out)
end

--- Turn a plain Lua value (string keys: object, otherwise array) into this module's kinds, keys
--- sorted.
---@param value any
---@return any
function json.from_lua(value)
  if type(value) ~= "table" or value == json.null or getmetatable(value) then return value end
  if #value > 0 or value.is_array then
    local list = setmetatable({}, json.Array)
    for k, item in ipairs(value) do list[k] = json.from_lua(item) end
    return list
  end
  local keys, object = {}, json.object()
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do object:set(tostring(key), json.from_lua(value[key])) end
  return object
end

--- Turn a decoded value into a plain Lua one: nulls vanish, numbers become numbers.
---@param value any
---@return any
function json.to_lua(value)
  local mt = type(value) == "table" and getmetatable(value)
  if value == json.null then return nil end
  if mt == json.Number then return tonumber(value.text) end
  if mt == json.Array then
    local list = {}
    for k, item in ipairs(value) do list[k] = json.to_lua(item) end
    return list
  end
  if mt == json.Object then
    local map = {}
    for _, key in ipairs(value.keys) do map[key] = json.to_lua(value.map[key]) end
    return map
  end
  return value
end

--- Merge `patch` into `target` in place: objects merge, anything else replaces.
---@param target table an object of this module
---@param patch table an object of this module
function json.merge(target, patch)
  for _, key in ipairs(patch.keys) do
    local new, old = patch.map[key], target.map[key]
    local both = type(new) == "table" and getmetatable(new) == json.Object
      and type(old) == "table" and getmetatable(old) == json.Object
    if both then json.merge(old, new) else target:set(key, new) end
  end
end

return json
