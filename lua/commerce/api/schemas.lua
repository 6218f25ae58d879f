-- What the API gives that is no commerce record, in the rules that `input.body` checks bodies by:
-- type, fields (by name; required), each, values. Called by openapi; requires nothing.

local schemas = {}

local TEXT, UUID = { type = "string" }, { type = "string", format = "uuid" }
local DATE = { type = "string", format = "date-time" }
local FLAG, WHOLE = { type = "boolean" }, { type = "integer" }

local function required(rule)
  local copy = {}
  for name, value in pairs(rule) do
    copy[name] = value
  end
  copy.required = true
  return copy
end

local function object(fields)
  return { type = "object", fields = fields }
end

local function list(rule)
  return { type = "array", each = rule }
end

local function words(...)
  local values = {}
  for _, word in ipairs { ... } do
    values[word] = true
  end
  return { type = "string", values = values }
end

local PROBLEMS = list(object { itemId = TEXT, message = TEXT, validatorName = TEXT })

schemas.ErrorMessage = object {
  statusCode = WHOLE, service = TEXT, error = TEXT, correlationId = TEXT, canBeRetried = TEXT,
  detailedErrorCode = WHOLE, validation = object { errors = PROBLEMS, warnings = PROBLEMS },
}

local LINK = object { href = required { type = "string", format = "uri-reference" } }

schemas.Links = object { self = required(LINK), current = required(LINK), next = LINK,
  previous = LINK }

local STATUS = words("Initial", "Queued", "Fetching", "MapQueued", "Mapping", "Complete",
  "FetchError", "MapError", "InternalError", "ProcessingQueued", "Processing", "ProcessingError",
  "ValidationQueued", "Validating", "ValidationError", "AuthError", "Cancelled", "NotSupported",
  "RateLimitError", "PermissionsError", "PrerequisiteNotMet")

schemas.PullOperation = object {
  id = required(UUID), companyId = required(UUID), connectionId = required(UUID),
  dataType = required(TEXT), status = required(STATUS), requested = required(DATE),
  completed = DATE, progress = required(WHOLE), isCompleted = required(FLAG),
  isErrored = required(FLAG), errorMessage = TEXT, statusDescription = TEXT,
}

schemas.DataStatus = object {
  dataType = required(TEXT), currentStatus = required(STATUS), lastSuccessfulSync = DATE,
  latestSyncId = UUID, latestSuccessfulSyncId = UUID,
}

local RULES = list(object { ruleId = TEXT, itemId = TEXT, message = TEXT, validatorName = TEXT })

schemas.DataIntegrity = object { errors = RULES, warnings = RULES }

schemas.ApiKey = object { id = UUID, name = TEXT, apiKey = TEXT, createdDate = DATE,
  expiresDate = DATE }
schemas.ApiKeys = object { results = list(schemas.ApiKey) }

-- A record of a data type that the integration does not give.
schemas.Record = object { id = TEXT }

return schemas
