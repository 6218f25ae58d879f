-- Writers of records to files: CSV and JSON Lines. A new file is written as NAME.part and gets its
-- name when it is closed, so that a file under its own name is always complete.

local csv = require "commerce.base.csv"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local files = {}

---@class commerce.File
---@field path string
---@field count integer records written
local methods = {}
local file_mt = { __name = "commerce.File", __index = methods }

local unclosed = {} -- where each file that is not closed yet was begun, by its path

local function failed(path, message)
  -- "x.csv.part: No space left on device": the reader knows the file by its own name
  local reason = tostring(message):gsub("^.*%.part: ", ""):gsub("^" .. path:gsub("%W", "%%%0")
    .. ": ", "")
  return errors.fail("output", ("%s: %s"):format(path, reason))
end

local function open(path, append, line_of)
  if type(path) ~= "string" or path == "" then
    errors.refuse("a file's name expected, got %s", type(path))
  end
  local handle, message = io.open(append and path or path .. ".part", append and "ab" or "wb")
  if not handle then
    return failed(path, message)
  end
  unclosed[path] = not append and (errors.place() or "a script") or nil
  return setmetatable({ path = path, handle = handle, append = append, line_of = line_of,
    count = 0 }, file_mt)
end

local OPTIONS = { append = "boolean" }

--- Write JSON Lines: one JSON object a line.
---@param path string
---@param options { append: boolean? }? append: true adds to what is there, line by line
---@return commerce.File? file nil on failure
---@return string? message
---@return commerce.Details? details
function files.jsonl(path, options)
  options = options or {}
  errors.check_options(options, OPTIONS)
  return open(path, options.append, function(record)
    return json.encode(record) .. "\n"
  end)
end

local CSV_OPTIONS = { raw = "boolean" }

--- Write CSV with a line of headings. A text that a spreadsheet would take for a formula gets an
--- apostrophe before it.
---@param path string
---@param columns string[] dotted paths into the records: { "id", "paymentMethodRef.name" }
---@param options { raw: boolean? }? raw: true writes texts as they are, for programs
---@return commerce.File? file nil on failure
---@return string? message
---@return commerce.Details? details
function files.csv(path, columns, options)
  options = options or {}
  errors.check_options(options, CSV_OPTIONS)
  for i = 1, math.max(type(columns) == "table" and #columns or 0, 1) do
    if type(columns) ~= "table" or type(columns[i]) ~= "string" then
      errors.refuse("csv: a list of columns expected, such as { \"id\", \"amount\" }")
    end
  end
  local file, message, failure = open(path, false, function(record)
    local values = {}
    for i, column in ipairs(columns) do
      values[i] = csv.at(record, column)
    end
    return csv.line(values, #columns, options.raw)
  end)
  if file then
    file:_put(csv.line(columns, #columns))
  end
  return file, message, failure
end

function methods:_put(text)
  local ok, message = self.handle:write(text)
  if ok and self.append then
    ok, message = self.handle:flush() -- what is appended is there when the call is over
  end
  if not ok then
    self.failure = self.failure or message
    return failed(self.path, message)
  end
  return true
end

-- Compiled by LuaJIT, a flush that fails is done again, with nothing left to write, and succeeds.
if jit then
  jit.off(methods._put)
end

--- Write a record. A failure is remembered: `close` gives it, too.
---@param record commerce.RecordFields
---@return boolean? ok nil on failure
---@return string? message
---@return commerce.Details? details
function methods:write(record)
  if getmetatable(self) ~= file_mt then
    errors.refuse("write: it is called with a colon: file:write(…), not file.write(…)")
  elseif not self.handle then
    errors.refuse("%s is closed", self.path)
  elseif type(record) ~= "table" then
    errors.refuse("%s: a record expected, got %s", self.path, type(record))
  end
  local ok, message, details = self:_put(self.line_of(record))
  self.count = self.count + (ok and 1 or 0)
  return ok, message, details
end

--- Close the file, which gives it its name. After a failure, the earlier file of this name stays.
---@return boolean? ok nil on failure: then what was there before stays
---@return string? message
---@return commerce.Details? details
function methods:close()
  if not self.handle then
    return true
  end
  local ok, message = self.handle:close()
  self.handle, unclosed[self.path] = nil, nil
  if self.failure or not ok then
    os.remove(self.path .. ".part")
    return failed(self.path, self.failure or message)
  elseif not self.append then
    ok, message = os.rename(self.path .. ".part", self.path)
    if not ok then
      os.remove(self.path .. ".part")
      return failed(self.path, message)
    end
  end
  return true
end

--- A warning about files that the program did not close: these files are missing.
---@return string? message nil if all files are closed
function files.forgotten()
  local path, place = next(unclosed)
  return path and ("%s: %s was not closed, so it is still %s.part: call its close()"):format(place,
    path, path)
end

return files
