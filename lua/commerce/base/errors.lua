-- Failures: one class for all errors at run time. Inside the library a failure is raised;
-- at the public edge `protect` turns it into `nil, message, failure`.

local core = require "commerce.core"
local suggest = require "commerce.base.suggest"

local errors = {}

---@class commerce.Failure tostring() gives the message
---@field kind string transport, tls, http, auth, decode, mapping, hook, store, output, usage,
---  script, cancelled; incomplete: a sync with `strict` could not read everything; missing: the
---  company or connection does not exist; state: the connection's status does not allow this
---@field message string one line, lower case, without secrets
---@field hint string? what the reader can do about it
---@field status integer? HTTP status
---@field code string? Stripe's error code, or one for programs
---@field param string? the parameter that Stripe complains of
---@field request_id string? Stripe's id of the failed request
---@field retryable boolean? whether the same call may succeed later
---@field fatal boolean? whether work on other parts must not continue
---@field place string? of a failure that an iterator raised: "script.lua:12"; not in the message

---@alias commerce.Details commerce.Failure

local Failure = core.Failure

--- Whether a value is a failure, made here or by the C core.
---@param value any
---@return boolean
function errors.is_failure(value)
  return type(value) == "table" and getmetatable(value) == Failure
end

local function new(kind, message, fields)
  local failure = {}
  for name, value in pairs(fields or {}) do
    failure[name] = value
  end
  failure.kind, failure.message = kind, message
  return setmetatable(failure, Failure)
end

--- Raise a failure.
---@param kind string see `commerce.Failure`
---@param message string one line: what failed, why, and what to do
---@param fields table<string, any>? further fields of the failure
function errors.throw(kind, message, fields)
  error(new(kind, message, fields), 0)
end

--- Build the triple of a failure, for a function that returns its failures.
---@param kind string see `commerce.Failure`
---@param message string one line: what failed, why, and what to do
---@param fields table<string, any>? further fields of the failure
---@return nil
---@return string message
---@return commerce.Failure failure
function errors.fail(kind, message, fields)
  return nil, message, new(kind, message, fields)
end

--- Raise what a function returned as `nil, message, details`, such as one of the C core or of a
--- store; give anything else on as it is. A `nil` without details is a result.
---@param ... any the function's results
---@return any ... the same
function errors.must(...)
  local value, message, details = ...
  if value == nil and details ~= nil then
    local fields = type(details) == "table" and details or {}
    error(new(fields.kind or "store", tostring(message), fields), 0)
  end
  return ...
end

--- Raise again what was caught. A failure gets the operation's name before its message.
---@param raised any
---@param prefix string? what was being done
function errors.rethrow(raised, prefix)
  if prefix and errors.is_failure(raised) then
    error(new(raised.kind, ("%s: %s"):format(prefix, raised.message), raised), 0)
  end
  error(raised, 0)
end

local function prefixed(prefix, ok, ...)
  if not ok then
    errors.rethrow(..., prefix)
  end
  return ...
end

--- Call a function; a failure that it raises gets the operation's name before its message.
---@param prefix string what is being done
---@param call function
---@param ... any its arguments
---@return any ... its results
function errors.within(prefix, call, ...)
  return prefixed(prefix, pcall(call, ...))
end

-- What `pcall` gave, with a raised failure as results. Mistakes of a program and interrupts are
-- texts, and stay raised.
local function returned(ok, raised, ...)
  if ok then
    return raised, ...
  elseif errors.is_failure(raised) then
    return nil, raised.message, raised
  end
  error(raised, 0)
end

--- Make a function return its failures: at the public edge, where a user calls the library.
---@param call function
---@return function protected gives all results of `call`, or nil, message, failure
function errors.protect(call)
  return function(...)
    return returned(pcall(call, ...))
  end
end

local function located(ok, raised, ...)
  if ok then
    return raised, ...
  elseif errors.is_failure(raised) and not raised.place then
    raised.place = errors.place()
  end
  error(raised, 0)
end

--- Call a function whose failure the caller handles.
---@param call function
---@param ... any its arguments
---@return any ... its results; nil, message, failure if it raised a failure
function errors.catch(call, ...)
  return returned(pcall(call, ...))
end

--- Make a function that raises name the user's line in its failures: for iterators, so that no loop
--- ends early in silence.
---@param call function
---@return function placed
function errors.placed(call)
  return function(...)
    return located(pcall(call, ...))
  end
end

--- Make the methods of a class return their failures.
---@param class table<string, function>
---@param raising table<string, boolean>? names of methods that raise, such as iterators
function errors.protect_methods(class, raising)
  for name, method in pairs(class) do
    if type(method) == "function" and not (raising and raising[name])
      and name:sub(1, 2) ~= "__" then
      class[name] = errors.protect(method)
    end
  end
end

local function finished(cleanup, ok, ...)
  cleanup()
  if not ok then
    error(..., 0)
  end
  return ...
end

--- Call a function, then another one, whether or not the first one raised.
---@param work function
---@param cleanup function
---@return any ... the results of `work`
function errors.finally(work, cleanup)
  return finished(cleanup, pcall(work))
end

--- Whether a raised error is the interpreter's own answer to Ctrl-C, which nothing may swallow.
---@param raised any
---@return boolean
function errors.is_interrupt(raised)
  return type(raised) == "string" and raised:find("interrupted!", 1, true) ~= nil
end

--- Call a function; what it raises comes back as `false, raised`, except for an interruption.
---@param call function
---@param ... any its arguments
---@return boolean ok
---@return any result the function's first result, or what it raised
function errors.try(call, ...)
  local ok, result = pcall(call, ...)
  if not ok and errors.is_interrupt(result) then
    error(result, 0)
  end
  return ok, result
end

-- ---------------------------------------------------------------- what strangers may read

-- The messages of these kinds name files and SQL.
local INSTEAD = { store = "the database could not be read or written",
  output = "a file could not be read or written" }

-- Positions in Lua code, as Lua, LuaJIT and nginx write them.
local POSITIONS = { "%[string \"[^\n]-\"%]:%d+:%s*", "[%w_]*%([^()%s]*:%d+%):%d+:%s*",
  "%(command line%):%d+:%s*", "[^%s'\"(]*%.lua:%d+:?%s*" }

-- Paths of HTTP servers, which messages may name; every other absolute path is taken for a file's.
local SERVED = { "^/v%d+/", "^/oauth/", "^/webhooks?/", "^/link/" }

local function without_file(before, path)
  for _, pattern in ipairs(SERVED) do
    if path:find(pattern) then
      return nil
    end
  end
  return before .. "(file)"
end

--- What strangers may read of an error: an HTTP answer, a page, a webhook, a stored message. It has
--- no file's path, SQL or position in Lua code; the CLI and Lua name the user's own file and line.
---@param raised any a failure, or a text
---@return string message one line
function errors.public(raised)
  local failure = errors.is_failure(raised) and raised or nil
  local text = failure and (INSTEAD[failure.kind] or failure.message) or tostring(raised)
  text = text:gsub("\n.*", "")
  for _, pattern in ipairs(POSITIONS) do
    text = text:gsub(pattern, "")
  end
  text = text:gsub("^[^%s:/]+:%d+:%s+", "")
  return (text:gsub("([%s'\"(=]?)%f[/](/[%w%._%-~+@]+/[^%s'\",;:()]*)", function(before, path)
    return before ~= "" and without_file(before, path) or nil
  end):gsub("^(/[%w%._%-~+@]+/[^%s'\",;:()]*)", function(path)
    return without_file("", path)
  end))
end

-- ---------------------------------------------------------------- mistakes of a program

local LIBRARY = debug.getinfo(1, "S").source:match("^(@.*)base/errors%.lua$") or "@"

-- Lua shortens the path of a file that is installed far down: "...share/lua/5.4/commerce/x.lua".
local SHORTENED = "^%.%.%.%S-commerce/%l+/[%w_/]+%.lua:%d+: (.*)$"

--- What an error of Lua's own says that a function of this library ran into, without its position.
---@param raised any
---@return string? reason nil for an error of a user's function, which names the user's line
function errors.in_library(raised)
  local text = tostring(raised)
  local prefix = LIBRARY:sub(2)
  local rest = #prefix > 0 and text:sub(1, #prefix) == prefix and text:match("%.lua:%d+: (.*)$")
  return rest or text:match(SHORTENED) or text:match "^attempt to .*"
end

--- The place in the user's code that is running: the innermost function outside this library.
---@return string? place "script.lua:12"; nil if there is no such function, or it made a tail call
function errors.place()
  local level = 2
  local info = debug.getinfo(level, "Sl")
  while info do
    if info.currentline > 0 and info.source:sub(1, #LIBRARY) ~= LIBRARY then
      return ("%s:%d"):format(info.short_src, info.currentline)
    end
    level = level + 1
    info = debug.getinfo(level, "Sl")
  end
end

--- Raise an error about a mistake in the user's code, with the user's file and line; library
--- functions in between do not count.
---@param message string
---@param ... any values for `string.format`
function errors.refuse(message, ...)
  local place = errors.place()
  local text = select("#", ...) > 0 and message:format(...) or message
  error(place and place .. ": " .. text or text, 0)
end

--- Raise unless every key of an option table is known: a misspelt option must not be ignored.
---@param options table<string, any>
---@param known table<string, string> option name -> the Lua type it must have, "any" for no check
---@param what string? what the options are of, for the message
function errors.check_options(options, known, what)
  local prefix = type(what) == "string" and what .. ": " or ""
  if type(options) ~= "table" then
    errors.refuse("%soptions: table expected, got %s: write { name = value }%s", prefix,
      type(options), suggest.text_or_all("", known))
  end
  for name, value in pairs(options) do
    local wanted = known[name]
    if type(name) == "number" then
      errors.refuse("%soption %d has no name: write { name = value }%s", prefix, name,
        suggest.text_or_all("", known))
    elseif not wanted then
      errors.refuse("%sunknown option '%s'%s", prefix, tostring(name),
        suggest.text_or_all(name, known))
    elseif wanted ~= "any" and type(value) ~= wanted then
      errors.refuse("%sbad option '%s': %s expected, got %s%s", prefix, name, wanted, type(value),
        wanted == "table" and (": write %s = { … }"):format(name) or "")
    end
  end
end

return errors
