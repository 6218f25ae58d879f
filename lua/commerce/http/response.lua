-- Responses: JSON, no content, a stream, or a failure in Codat's form.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local tables = require "commerce.base.tables"

local response = {}

---@class commerce.http.Response
---@field status integer
---@field headers table<string, string>
---@field body string|fun(): string? the text, or an iterator that gives its parts

-- Codat's clients refuse any other type, such as application/hal+json.
response.JSON = "application/json; charset=utf-8"

--- A response with a JSON text as its body.
---@param status integer
---@param text string
---@return commerce.http.Response
function response.text(status, text)
  return { status = status, body = text,
    headers = { ["Content-Type"] = response.JSON, ["Cache-Control"] = "no-store" } }
end

--- A response with a value as its JSON body.
---@param value any as for `json.encode`
---@param status integer? 200 if left out
---@return commerce.http.Response
function response.value(value, status)
  return response.text(status or 200, json.encode(value))
end

--- A response without a body.
---@param status integer? 204 if left out
---@return commerce.http.Response
function response.nothing(status)
  return { status = status or 204, headers = { ["Cache-Control"] = "no-store" }, body = "" }
end

-- ---------------------------------------------------------------- refusals

---@class commerce.http.Refusal
---@field headers table<string, string>? of the response
---@field service string? Codat's name of the part that refuses
---@field validation commerce.codat.View? Codat's list of the fields that are wrong

--- Refuse a request: raises a failure that `response.failure` turns into a response.
---@param status integer
---@param message string for the client
---@param fields commerce.http.Refusal?
function response.refuse(status, message, fields)
  errors.throw("api", message, tables.merged({ status = status }, fields or {}))
end

-- The library's failures by kind; 502: Stripe did not do its part. A failure of another kind is a
-- fault of ours (500).
local STATUS_OF_KIND = { usage = 400, missing = 404, conflict = 409, state = 409, store = 503,
  transport = 502, tls = 502, http = 502, auth = 502, decode = 502 }

-- Stripe's own HTTP status never becomes ours: a 401 of Stripe is not a 401 for the client.
local function status_of(failure)
  if not failure then
    return 500
  elseif failure.kind == "api" then
    return failure.status
  end
  return STATUS_OF_KIND[failure.kind] or 500
end

-- A message may repeat what the caller sent, which need not be UTF-8 as JSON must.
local function clean(message)
  return (tostring(message):gsub("[\128-\255]+", function(run)
    return core.is_utf8(run) and run or ("?"):rep(#run)
  end))
end

-- Texts of unexpected failures are logged, and never sent.
local HIDDEN = {
  [500] = "An unexpected error occurred.",
  [502] = "Stripe cannot be reached now, or did not answer as expected. Send the request again "
    .. "later.",
  [503] = "The database is not available now. Send the request again.",
}

local function shown(failure, status)
  if not failure or failure.kind ~= "api" and HIDDEN[status] then
    return HIDDEN[status]
  end
  return errors.public(failure)
end

--- Whether a failure means that Stripe is out of reach or out of order, for every request.
---@param failure any
---@return boolean
function response.is_outage(failure)
  return errors.is_failure(failure) and STATUS_OF_KIND[failure.kind] == 502
    and (failure.kind ~= "http" or (failure.status or 500) >= 500 or failure.status == 429)
    and failure.kind ~= "auth"
end

--- What a client is told of what a handler raised.
---@param raised any a failure, or the text of a mistake in the program
---@param statuses table<integer, integer>? the status to answer with in place of another one
---@return integer status
---@return string message for the client
---@return string? logged what to write to the log, if it is not the client's doing
function response.problem(raised, statuses)
  local failure = errors.is_failure(raised) and raised or nil
  local status = status_of(failure)
  status = statuses and statuses[status] or status
  return status, clean(shown(failure, status)),
    status >= 500 and (failure and failure.message or tostring(raised)) or nil
end

--- Turn what a handler raised into Codat's error body.
---@param raised any a failure, or the text of a mistake in the program
---@param correlation_id string
---@param statuses table<integer, integer>? the status to answer with in place of another one
---@return commerce.http.Response
---@return string? logged what to write to the log, if it is not the client's doing
function response.failure(raised, correlation_id, statuses)
  local failure = errors.is_failure(raised) and raised or nil
  local status, message, logged = response.problem(raised, statuses)
  local result = response.value({
    statusCode = status, service = failure and failure.service or "PublicApi",
    error = message, correlationId = correlation_id,
    validation = failure and failure.validation,
    canBeRetried = status >= 500 and "True" or "Unknown", detailedErrorCode = 0,
  }, status)
  for name, value in pairs(failure and failure.headers or {}) do
    result.headers[name] = value
  end
  if (status == 502 or status == 503) and not result.headers["Retry-After"] then
    result.headers["Retry-After"] = status == 502 and "30" or "1" -- seconds
  end
  return result, logged
end

--- Answer a request by a function. If it raises, another function answers. An answer to HEAD has no
--- body.
---@param method string of the request
---@param run fun(): commerce.http.Response
---@param failed fun(raised: any): commerce.http.Response
---@return commerce.http.Response
function response.guarded(method, run, failed)
  local ok, result = errors.try(run)
  if not ok then
    result = failed(result)
  end
  if method == "HEAD" then
    result.body = ""
  end
  return result
end

return response
