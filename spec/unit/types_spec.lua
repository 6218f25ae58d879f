-- Checks that every public function has LuaLS annotations for its parameters and results, so that
-- editors can complete it. A function is public if it is a module's field or a class's method.

local tree = require "spec.support.tree"

-- The lines of comment right above a line.
local function comment_above(lines, number)
  local comment = {}
  number = number - 1
  while lines[number] and lines[number]:find "^%-%-%-" do
    table.insert(comment, 1, lines[number])
    number = number - 1
  end
  return comment
end

local function parameters_of(list)
  local names = {}
  for name in list:gmatch "[%w_%.]+" do
    names[#names + 1] = name
  end
  return names
end

-- Whether a line returns something. A call's result may be nothing.
local function returns(line)
  local given = line:match "%f[%w]return%s+(%S.*)$"
  return given ~= nil and not given:find "^[%w_%.:]+ ?[%({]"
end

-- Whether the function that begins at a line gives a value: a `return` of something, in its body.
local function gives_a_value(lines, number)
  local inner = nil -- the indentation of a function inside, whose returns are not ours
  for i = number + 1, #lines do
    local line = lines[i]
    if line == "end" then
      return false
    end
    local indent = line:match "^ *"
    if inner then
      if #indent <= #inner and line:find "^ *end" then
        inner = nil
      end
    elseif line:find "%f[%w_]function%f[^%w_]" and not line:find "%f[%w_]end%f[^%w_]" then
      inner = indent
    elseif returns(line) then
      return true
    end
  end
  return false
end

local function check(path, lines, number, name, list, problems)
  local comment = comment_above(lines, number)
  local text = table.concat(comment, "\n")
  local place = ("%s:%d: %s"):format(path, number, name)
  if #comment == 0 then
    problems[#problems + 1] = place .. " has no docstring"
    return
  elseif not text:find "%-%-%- ?[^@%s]" and not text:find "@see" and not text:find "@type" then
    problems[#problems + 1] = place .. " does not say what it is for"
  end
  for _, parameter in ipairs(parameters_of(list)) do
    local described = text:find("@param " .. parameter .. " ", 1, true)
      or text:find("@param " .. parameter .. "? ", 1, true) or text:find("@overload", 1, true)
    if not described and parameter:sub(1, 1) ~= "_" then
      problems[#problems + 1] = ("%s does not describe '%s'"):format(place, parameter)
    end
  end
  if gives_a_value(lines, number) and not text:find "@return" then
    problems[#problems + 1] = place .. " does not describe what it returns"
  end
end

-- The methods of a store are described once for all stores, in the interface.
local DESCRIBED = {}
for line in io.lines "lua/commerce/store.d.lua" do
  DESCRIBED[line:match "^function [%w_]+[:.]([%w_]+)%(" or ""] = true
end

-- The type of an annotation: all up to a space that is not inside brackets or behind a colon or
-- comma.
local function type_of(text)
  local depth, last = 0, 0
  for at = 1, #text do
    local char = text:sub(at, at)
    if char:find "[%(<{%[]" then
      depth = depth + 1
    elseif char:find "[%)>}%]]" then
      depth = depth - 1
    elseif char == " " and depth <= 0 and not text:sub(at - 1, at - 1):find "[:,]" then
      break
    end
    last = at
  end
  return text:sub(1, last)
end

-- Whether a type says of a value that it is some table or userdata, and not which.
local function is_bare(written)
  written = " " .. written .. " "
  return written:find "[^%w_%.]table[^%w_%.<]" ~= nil
    or written:find "[^%w_%.]userdata[^%w_%.]" ~= nil
end

-- The type that a line annotates: of a parameter, a result, a field, a value, or of what a class is
-- made from; nil for any other line.
local function annotated(line)
  local written = line:match "^%-%-%-@param [%w_%.]+%?? (.*)" or line:match "^%-%-%-@return (.*)"
    or line:match "^%-%-%-@field [%[%w_][^ ]* (.*)" or line:match "^%-%-%-@type (.*)"
    or line:match "^%-%-%-@alias [%w_%.]+ (.*)" or line:match "^%-%-%-@class [%w_%.]+: (.*)"
  return written and type_of((written:gsub("^private ", ""):gsub("^[%w_]+%?? ", function(name)
    return line:find("@field private " .. name, 1, true) and "" or name
  end)))
end

-- What all annotations of the sources say: bare types, the classes that are named, each with a
-- place, and the places where a class's field is described.
local function annotations()
  local found = { bare = {}, named = {}, classes = {}, fields = {} }
  for _, path in ipairs(tree.files("lua/commerce", "%.lua$")) do
    local class, number = nil, 0
    for line in io.lines(path) do
      number = number + 1
      local place = ("%s:%d"):format(path, number)
      local written = annotated(line)
      if written and is_bare(written) and not path:find "/testing/" then
        found.bare[#found.bare + 1] = ("%s: %s"):format(place, line)
      end
      for name in (written or ""):gmatch "%f[%w_]commerce%.[%w_%.]*[%w_]" do
        found.named[name] = found.named[name] or place
      end
      class = line:match "^%-%-%-@class ([%w_%.]+)" or line:find "^%-%-%-" and class or nil
      found.classes[class or line:match "^%-%-%-@alias ([%w_%.]+)" or ""] = true
      local field = class and line:match "^%-%-%-@field ([%w_]+)"
      if field and field ~= "private" then
        local key = class .. "." .. field
        found.fields[key] = found.fields[key] or {}
        table.insert(found.fields[key], place)
      end
    end
  end
  return found
end

-- Annotations that still have a bare `table` or `userdata`: `mapping`, called, gets itself as its
-- first argument.
local MOST_BARE = 1

describe("the types", function()
  for _, path in ipairs(tree.files("lua/commerce", "%.lua$", "%.d%.lua$")) do
    if not path:find "/testing/" then
      it("of " .. path .. " are complete", function()
        local lines, problems = {}, {}
        for line in io.lines(path) do
          lines[#lines + 1] = line
        end
        for number, line in ipairs(lines) do
          local name, list = line:match "^function ([%w_]+[%.:][%w_%.:]+)%((.-)%)"
          local of_a_store = path:find "/store/%l+/" and name and DESCRIBED[name:match "[%w_]+$"]
          if name and not of_a_store and not name:find "_mt[:.]__" and not name:find "[:.]_" then
            check(path, lines, number, name, list, problems)
          end
        end
        assert.same({}, problems)
      end)
    end
  end
end)

describe("annotations", function()
  it("are read: which type is a bare table", function()
    assert.same({ "table", "fun(a: table): table?, table", "table<string, any>[]",
      "commerce.Page?" }, { type_of "table the options",
        type_of "fun(a: table): table?, table next", type_of "table<string, any>[] list",
        type_of "commerce.Page? page" })
    assert.same({ true, true, true, true, false, false }, { is_bare "table?",
      is_bare "fun(): table", is_bare "number|table", is_bare "userdata",
      is_bare "table<string, any>", is_bare "commerce.tables" })
  end)

  it("are read: the type of every kind of line", function()
    local types = {}
    for i, line in ipairs { "---@param a? table b", "---@return string? c", "---@field d table e",
      "---@field private f table<string, table> g", "---@field [string] any h", "---@type table",
      "---@class commerce.A: commerce.B c", "--- no annotation" } do
      types[i] = annotated(line) or false
    end
    assert.same({ "table", "string?", "table", "table<string, table>", "any", "table",
      "commerce.B", false }, types)
  end)

  local found = annotations()

  -- Of a bare `table` an editor completes nothing. The number may only become smaller.
  it("name the classes of tables", function()
    assert.is_true(#found.bare <= MOST_BARE, ("%d annotations have a bare `table`, %d may: name "
      .. "the class:\n%s"):format(#found.bare, MOST_BARE, table.concat(found.bare, "\n")))
  end)

  it("name classes that exist", function()
    local unknown = {}
    for name, place in pairs(found.named) do
      if not found.classes[name] then
        unknown[#unknown + 1] = ("%s: %s"):format(place, name)
      end
    end
    assert.same({}, unknown)
  end)

  -- A class of two meanings: an editor offers the fields of both.
  it("describe each field of a class once", function()
    local twice = {}
    for field, places in pairs(found.fields) do
      if #places > 1 then
        twice[#twice + 1] = field .. ": " .. table.concat(places, ", ")
      end
    end
    assert.same({}, twice)
  end)
end)
