-- Reports a command's failure: one line with a hint on standard error, and the exit status.

local ascii = require "commerce.base.ascii"
local core = require "commerce.core"
local errors = require "commerce.base.errors"

local failure = {}

local FAILED, WRONG_USAGE = 1, 2 -- exit statuses
local SIGNALLED, SIGINT = 128, 2 -- a shell's exit status of a program that Ctrl-C ended

local NO_CONNECTION = "08001" -- PostgreSQL's code

local HINTS = {
  auth = function(details)
    if details.status == 401 then
      return "set STRIPE_SECRET_KEY to a valid key (Stripe's dashboard, Developers, API keys)"
    end
  end,
  transport = function()
    return "check the network, and STRIPE_API_BASE if it is set"
  end,
  tls = function()
    return "if a proxy or a CA of your own signs the certificate, name its PEM file in "
      .. "SSL_CERT_FILE"
  end,
  store = function(details)
    if details.code == NO_CONNECTION then
      return "check the address of the store, and that PostgreSQL runs there and admits this user"
    end
  end,
}

-- A message may quote an argument that contains a key, and a merchant's text.
local function shown(text)
  return core.scrub(ascii.printable(text))
end

--- A failure in two parts: what failed, and what to do.
---@param message string
---@param details commerce.Details?
---@return string text
---@return string? advice
function failure.parts(message, details)
  local known = type(details) == "table" and details or {}
  local hint = HINTS[known.kind]
  local advice = known.hint or hint and hint(known)
  local text = tostring(message):gsub("%s*\n%s*", " ")
  return shown(text), advice and shown(advice)
end

--- A failure as one line: what failed, and what to do.
---@param message string
---@param details commerce.Details?
---@return string
function failure.line(message, details)
  local text, advice = failure.parts(message, details)
  return advice and text .. "; " .. advice or text
end

--- Print a failure.
---@param message string
---@param details commerce.Details?
function failure.print(message, details)
  io.stderr:write("commerce: ", failure.line(message, details), "\n")
end

--- Print a mistake in the arguments.
---@param message string
---@return integer status exit status
function failure.report_usage(message)
  failure.print(message)
  return WRONG_USAGE
end

--- Print what a command raised.
---@param raised any
---@return integer status exit status
function failure.report(raised)
  if errors.is_interrupt(raised) then
    io.stderr:write("\ncommerce: interrupted; run the same command again to continue\n")
    return SIGNALLED + (core.interrupted() or SIGINT)
  elseif errors.is_failure(raised) then
    failure.print(raised.message, raised)
    return raised.kind == "usage" and WRONG_USAGE or FAILED
  end
  failure.print("internal error: " .. tostring(raised))
  return FAILED
end

return failure
