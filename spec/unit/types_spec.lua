-- Checks that every public function has LuaLS annotations for its parameters and results, so that
-- editors can complete it. A function is public if it is a module's field or a class's method.

local lfs = require "lfs"

local function files_under(folder, found)
  for name in lfs.dir(folder) do
    local path = folder .. "/" .. name
    if name:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        files_under(path, found)
      elseif name:find "%.lua$" and not name:find "%.d%.lua$" then
        found[#found + 1] = path
      end
    end
  end
  table.sort(found)
  return found
end

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

-- The type of an annotation: all up to a space that is not inside brackets or behind a colon.
local function type_of(text)
  local depth, last = 0, 0
  for at = 1, #text do
    local char = text:sub(at, at)
    if char:find "[%(<{%[]" then
      depth = depth + 1
    elseif char:find "[%)>}%]]" then
      depth = depth - 1
    elseif char == " " and depth <= 0 and text:sub(at - 1, at - 1) ~= ":" then
      break
    end
    last = at
  end
  return text:sub(1, last)
end

local function is_bare(written)
  return (" " .. written .. " "):find "[^%w_%.]table[^%w_%.<]" ~= nil
end

-- How many annotations of a file have a bare `table`.
local function bare_in(path)
  local count = 0
  for line in io.lines(path) do
    local written = line:match "^%-%-%-@param [%w_%.]+%?? (.*)" or line:match "^%-%-%-@return (.*)"
    if written and is_bare(type_of(written)) then
      count = count + 1
    end
  end
  return count
end

local MOST_BARE = 387 -- annotations in lua/commerce that still have a bare `table`

describe("the types", function()
  for _, path in ipairs(files_under("lua/commerce", {})) do
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
    assert.same({ "table", "fun(a: table): table", "table<string, any>[]", "commerce.Page?" },
      { type_of "table the options", type_of "fun(a: table): table next",
        type_of "table<string, any>[] list", type_of "commerce.Page? page" })
    assert.same({ true, true, true, false, false }, { is_bare "table?", is_bare "fun(): table",
      is_bare "number|table", is_bare "table<string, any>", is_bare "commerce.tables" })
  end)

  -- Of a bare `table` an editor completes nothing. The number may only become smaller.
  it("name the classes of tables", function()
    local count = 0
    for _, path in ipairs(files_under("lua/commerce", {})) do
      count = count + (path:find "/testing/" and 0 or bare_in(path))
    end
    assert.is_true(count <= MOST_BARE, ("%d annotations have a bare `table`, %d may: name the "
      .. "class"):format(count, MOST_BARE))
  end)
end)
