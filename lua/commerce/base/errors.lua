-- Run-time failures: what `nil, message, details` carries in its third place.
-- Called by every module; requires only a leaf helper.

local suggest = require "commerce.base.suggest"

local errors = {}

---@class commerce.Details
---@field kind string transport, tls, http, auth, decode, mapping, hook, store, output, usage,
---  script, cancelled; incomplete: a sync that was to be `strict` could not read everything;
---  missing: there is no such company or connection; state: a connection's status does not allow it
---@field message string one line, lower case, without secrets
---@field hint string? what the reader can do about it
---@field status integer? HTTP status
---@field code string? the source's own error code
---@field param string? the parameter the source complains of
---@field request_id string? the source's id of the failed request
---@field retryable boolean? whether the same call may succeed later
---@field place string? of a failure that an iterator raised: "script.lua:12"; not in the message

local details_mt = { __name = "commerce.Details" }

function details_mt:__tostring()
  return (self.place and self.place .. ": " or "") .. self.message
end

--- Build the failure triple of a run-time error.
---@param kind string see `commerce.Details`
---@param message string one line that names what was wrong
---@param fields table? further fields of the details
---@return nil
---@return string message
---@return commerce.Details details
function errors.fail(kind, message, fields)
  local details = {}
  for name, value in pairs(fields or {}) do
    details[name] = value
  end
  details.kind, details.message = kind, message
  return nil, message, setmetatable(details, details_mt)
end

--- Put an operation's name before a failure's message, keeping its details.
---@param prefix string what was being done
---@param message string
---@param details commerce.Details?
---@return nil
---@return string message
---@return commerce.Details? details
function errors.prefix(prefix, message, details)
  return nil, prefix .. ": " .. tostring(message), details
end

--- Whether a raised error is the interpreter's own answer to Ctrl-C, which nobody may swallow.
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

--- A refusal, with the permission that a restricted key lacks.
---@param message string the source's
---@param permission string? as the source's dashboard calls it, where that is known
---@return string message
function errors.lacking(message, permission)
  if not permission then
    return message
  end
  return ("%s; the key needs the permission '%s' (read)"):format((message:gsub("%.$", "")),
    permission)
end

-- ---------------------------------------------------------------- mistakes of a program

local LIBRARY = debug.getinfo(1, "S").source:match("^(@.*)base/errors%.lua$") or "@"

--- Where the user's code is right now: the innermost function that is not this library's.
---@return string? place "script.lua:12"; nil if there is none, or it was left by a tail call
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

--- Raise a run-time failure, for iterators: no loop may end early in silence. What is raised says
--- where the loop stands.
---@param message string
---@param details commerce.Details?
function errors.raise(message, details)
  if type(details) ~= "table" then
    errors.refuse("%s", message)
  end
  details.place = errors.place()
  error(details, 0)
end

--- Raise about a mistake in the user's code, naming its file and line whatever lies in between.
---@param message string
---@param ... any values for it, as `string.format` takes them
function errors.refuse(message, ...)
  local place = errors.place()
  local text = select("#", ...) > 0 and message:format(...) or message
  error(place and place .. ": " .. text or text, 0)
end

--- Raise unless every key of an option table is known: a misspelt option must not be ignored.
---@param options table
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
