-- What the API answers: JSON, nothing, or an error in Codat's form. Called by api and its groups;
-- requires only leaf helpers.

local errors = require "commerce.base.errors"
local json = require "commerce.base.json"

local answer = {}

---@class commerce.api.Response
---@field status integer
---@field headers table<string, string>
---@field body string

-- Exactly this: Codat's clients refuse other types, application/hal+json among them.
local JSON_TYPE = "application/json; charset=utf-8"

--- An answer with a JSON text as its body.
---@param status integer
---@param text string
---@return commerce.api.Response
function answer.text(status, text)
  return { status = status, headers = { ["Content-Type"] = JSON_TYPE }, body = text }
end

--- An answer with a value as its JSON body.
---@param value any as for `json.encode`
---@param status integer? 200 if left out
---@return commerce.api.Response
function answer.value(value, status)
  return answer.text(status or 200, json.encode(value))
end

--- An answer without a body.
---@param status integer? 204 if left out
---@return commerce.api.Response
function answer.nothing(status)
  return { status = status or 204, headers = {}, body = "" }
end

-- ---------------------------------------------------------------- refusals

-- Inside the API failures are raised; `api` turns them into answers, in one place.

--- Refuse a request: raises what `answer.failure` turns into an answer.
---@param status integer
---@param message string
---@param fields table? headers: of the answer; service: who refuses (Codat's name); validation
function answer.refuse(status, message, fields)
  local all = { status = status }
  for name, value in pairs(fields or {}) do
    all[name] = value
  end
  local _, _, details = errors.fail("api", message, all)
  error(details, 0)
end

--- The value of a call that gives `nil, message, details` on failure; raises the failure.
---@param value any
---@param message string?
---@param details commerce.Details?
---@return any value
function answer.must(value, message, details)
  if value == nil and message ~= nil then
    error(details or message, 0)
  end
  return value
end

-- Failures of the library by their kind; what stands here is the caller's doing or passes by.
local STATUS_OF_KIND = { usage = 400, missing = 404, conflict = 409, state = 409, store = 503 }

-- The source's own HTTP status never becomes ours: a 401 of Stripe's is not a 401 of the caller's.
local function status_of(details)
  if type(details) ~= "table" then
    return 500
  elseif details.kind == "api" then
    return details.status
  end
  return STATUS_OF_KIND[details.kind] or 500
end

-- How many bytes a character takes that starts with this byte, and the least value of its second
-- byte, where that is more than 0x80: overlong forms are no UTF-8 (RFC 3629, section 4).
local function length_of(first)
  if first >= 0xC2 and first <= 0xDF then
    return 2
  elseif first >= 0xE0 and first <= 0xEF then
    return 3
  elseif first >= 0xF0 and first <= 0xF4 then
    return 4
  end
end

local SECOND = { -- first byte -> the least and the greatest second byte, where not 80 to BF
  [0xE0] = { 0xA0, 0xBF }, [0xED] = { 0x80, 0x9F }, [0xF0] = { 0x90, 0xBF },
  [0xF4] = { 0x80, 0x8F },
}

local function valid_run(run)
  local i = 1
  while i <= #run do
    local first = run:byte(i)
    local length = length_of(first)
    local bounds = SECOND[first] or { 0x80, 0xBF }
    local second = run:byte(i + 1)
    if not length or not second or second < bounds[1] or second > bounds[2]
      or i + length - 1 > #run then
      return false
    end
    for j = i + 2, i + length - 1 do
      if run:byte(j) > 0xBF then
        return false
      end
    end
    i = i + length
  end
  return true
end

--- Whether a text is UTF-8.
---@param text string
---@return boolean
function answer.is_utf8(text)
  for run in text:gmatch "[\128-\255]+" do
    if not valid_run(run) then
      return false
    end
  end
  return true
end

-- A message may repeat what the caller sent, which need not be UTF-8 as JSON must.
local function clean(message)
  return (tostring(message):gsub("[\128-\255]+", function(run)
    return valid_run(run) and run or ("?"):rep(#run)
  end))
end

-- What broke inside is for the log, not for the caller.
local HIDDEN = "An unexpected error occurred."

--- Codat's error body for a failure.
---@param message string
---@param details commerce.Details?
---@param correlation_id string
---@return commerce.api.Response
function answer.failure(message, details, correlation_id)
  local status = status_of(details)
  details = type(details) == "table" and details or {}
  if status == 500 then
    message = HIDDEN
  end
  local response = answer.value({
    statusCode = status, service = details.service or "PublicApi", error = clean(message),
    correlationId = correlation_id, validation = details.validation,
    canBeRetried = status >= 500 and "True" or "Unknown", detailedErrorCode = 0,
  }, status)
  for name, value in pairs(details.headers or {}) do
    response.headers[name] = value
  end
  if status == 503 and not response.headers["Retry-After"] then
    response.headers["Retry-After"] = "1" -- seconds
  end
  return response
end

return answer
