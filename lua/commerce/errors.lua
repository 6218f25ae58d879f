-- Run-time failures: what `nil, message, details` carries in its third place.
-- Called by every module; requires nothing.

local errors = {}

---@class commerce.Details
---@field kind string transport, tls, http, auth, decode, mapping, store, output, usage, cancelled
---@field message string one line, lower case, without secrets
---@field hint string? what the reader can do about it
---@field status integer? HTTP status
---@field code string? the source's own error code
---@field param string? the parameter the source complains of
---@field request_id string? the source's id of the failed request
---@field retryable boolean? whether the same call may succeed later

local details_mt = { __name = "commerce.Details" }

function details_mt:__tostring()
  return self.message
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
---@param permission string as the source's dashboard calls it
---@return string message
function errors.lacking(message, permission)
  return ("%s; the key needs the permission '%s' (read)"):format((message:gsub("%.$", "")),
    permission)
end

--- Raise unless every key of an option table is known: a misspelt option must not be ignored.
---@param options table
---@param known table<string, string> option name -> the Lua type it must have, "any" for no check
---@param level integer? how many callers up the error points; 3 (the caller's caller) if left out
function errors.check_options(options, known, level)
  level = level or 3
  if type(options) ~= "table" then
    error("options: table expected, got " .. type(options), level)
  end
  for name, value in pairs(options) do
    local wanted = known[name]
    if not wanted then
      error(("unknown option '%s'"):format(tostring(name)), level)
    elseif wanted ~= "any" and type(value) ~= wanted then
      error(("bad option '%s': %s expected, got %s"):format(name, wanted, type(value)), level)
    end
  end
end

return errors
