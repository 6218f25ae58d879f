-- The schemas of the API's answers, apart from records of data types. They are written as rules of
-- `http.input`, so that an answer's and a body's schema read the same.

local tables = require "commerce.base.tables"

---@type table<string, commerce.http.Rule>
local schemas = {}

local TEXT, UUID = { type = "string" }, { type = "string", format = "uuid" }
local DATE = { type = "string", format = "date-time" }
local FLAG, WHOLE = { type = "boolean" }, { type = "integer" }

local function required(rule)
  return tables.merged(rule, { required = true })
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
  expiresDate = DATE, readOnly = FLAG }
schemas.ApiKeys = object { results = list(schemas.ApiKey) }

schemas.Connection = object {
  id = required(UUID), integrationId = required(UUID), integrationKey = TEXT,
  sourceId = required(UUID), sourceType = required(TEXT), platformName = required(TEXT),
  linkUrl = required { type = "string", format = "uri" },
  status = required(words("PendingAuth", "Linked", "Unlinked", "Deauthorized")),
  created = required(DATE), lastSync = DATE, connectionInfo = { type = "object", each = TEXT },
  dataConnectionErrors = list(object { statusCode = TEXT, statusText = TEXT, errorMessage = TEXT,
    erroredOnUtc = DATE, status = words("Active", "Resolved"), resolvedOnUtc = DATE }),
}

schemas.Company = object {
  id = required(UUID), name = required(TEXT), description = TEXT, created = DATE,
  redirect = required { type = "string", format = "uri" }, lastSync = DATE, products = list(TEXT),
  tags = { type = "object", each = TEXT }, dataConnections = list(schemas.Connection),
  ownerUserIds = list(TEXT), referenceSubsidiaryCompanies = list(object { id = UUID }),
}

local FEATURES = list(object { featureType = required(TEXT), featureState = required(TEXT) })

schemas.Integration = object {
  key = required(TEXT), name = required(TEXT), enabled = required(FLAG),
  logoUrl = required { type = "string", format = "uri" }, integrationId = UUID, sourceId = UUID,
  sourceType = TEXT, isOfflineConnector = FLAG, isBeta = FLAG, dataProvidedBy = TEXT,
  datatypeFeatures = list(object { dataType = TEXT, datatype = TEXT,
    supportedFeatures = required(FEATURES) }),
}

local IMAGE = object { image = object { src = TEXT, alt = TEXT } }

schemas.Branding = object { logo = object { full = IMAGE, square = IMAGE },
  button = object { default = IMAGE, hover = IMAGE }, sourceId = UUID }

schemas.WebhookConsumer = object { id = UUID, url = { type = "string", format = "uri" },
  disabled = FLAG, eventTypes = list(TEXT), companyTags = list(TEXT) }
schemas.WebhookConsumers = object { results = list(schemas.WebhookConsumer) }

schemas.Profile = object { name = required(TEXT), redirectUrl = required(TEXT), logoUrl = TEXT,
  iconUrl = TEXT, privacyUrl = TEXT, oneTimeLinks = FLAG, whiteListUrls = list(TEXT),
  confirmCompanyName = FLAG }

schemas.SyncSetting = object {
  dataType = required(TEXT), fetchOnFirstLink = required(FLAG), syncSchedule = required(WHOLE),
  syncOrder = required(WHOLE), syncFromUtc = DATE, syncFromWindow = WHOLE, monthsToSync = WHOLE,
  isLocked = FLAG,
}
schemas.SyncSettings = object { clientId = UUID, companyId = UUID, overridesDefaults = FLAG,
  settings = list(schemas.SyncSetting) }

schemas.CompanyAccessToken = object { accessToken = required(TEXT), expiresIn = required(WHOLE),
  tokenType = required(TEXT) }
schemas.AllowedOrigins = object { allowedOrigins = list { type = "string", format = "uri" } }
schemas.ZapierKey = object { key = TEXT }

schemas.PushOperation = object {
  pushOperationKey = required(UUID), companyId = required(UUID), dataConnectionKey = required(UUID),
  dataType = TEXT, requestedOnUtc = required(DATE), completedOnUtc = DATE,
  status = required(words("Pending", "Failed", "Success", "TimedOut")),
  statusCode = required(WHOLE), errorMessage = TEXT,
}
schemas.PushOption = object { type = required(TEXT), displayName = required(TEXT),
  description = TEXT, required = required(FLAG), properties = { type = "object" },
  options = list(object {}) }

local PATHS = { type = "object", each = TEXT }

schemas.SupplementalDataConfiguration = object { supplementalDataConfig = { type = "object",
  each = object { dataSource = TEXT, pullData = PATHS, pushData = PATHS } } }
schemas.CustomDataTypeConfiguration = object { dataSource = TEXT, requiredData = PATHS,
  keyBy = list(TEXT), sourceModifiedDate = list(TEXT) }
schemas.CustomDataTypeRecord = object { id = TEXT, content = { type = "object" },
  modifiedDate = object { modifiedDate = DATE } }

local NUMBER = { type = "number" }

local MEASURES = list(object { index = WHOLE, measureDisplayName = TEXT, value = NUMBER })

local function component(components)
  return object { dimension = WHOLE, dimensionDisplayName = TEXT, item = WHOLE,
    itemDisplayName = TEXT, measures = MEASURES, components = components }
end

-- Codat's report; it describes its components as recursive, and ours are two levels.
schemas.CommerceReport = object {
  reportInfo = { type = "object", each = TEXT },
  dimensions = list(object { index = WHOLE, displayName = TEXT, type = TEXT,
    items = list(object { index = WHOLE, displayName = TEXT, start = TEXT, ["end"] = TEXT,
      value = TEXT }) }),
  measures = list(object { index = WHOLE, displayName = TEXT, type = TEXT, units = TEXT }),
  reportData = list(component(list(component()))),
  errors = list(object { type = TEXT, message = TEXT,
    details = { type = "object", each = list(TEXT) } }),
}

-- The schemas of the paths under /commerce/v1.

schemas.LinkUrl = object { url = required(TEXT), otp = required(TEXT), expires = required(DATE) }

schemas.Report = object {
  name = required(TEXT), title = required(TEXT), source = required(TEXT),
  currency = required(TEXT),
  periods = required(list(object { index = WHOLE, start = TEXT, ["end"] = TEXT })),
  metrics = required(list(object { name = TEXT, title = TEXT,
    type = words("money", "count", "percentage", "ratio", "days") })),
  rows = required(list(object { period = WHOLE, currency = TEXT, item = TEXT,
    figures = { type = "object", each = NUMBER } })),
  absent = required(list(object { metric = TEXT, reason = TEXT })),
}
schemas.Reports = object { results = required(list(object { name = TEXT, title = TEXT,
  description = TEXT, needs = list(TEXT) })) }

local NEXT = object { self = LINK, next = LINK }

schemas.PayoutTransactions = object { results = required(list(object { id = required(TEXT),
  records = required(list { type = "object" }) })), _links = required(NEXT) }
schemas.SourceObject = object { id = required(TEXT), object = required { type = "object" } }
schemas.SourceObjects = object { results = required(list(schemas.SourceObject)),
  _links = required(NEXT) }

schemas.RecordChanges = object { results = required(list(object { number = required(WHOLE),
  kind = required(words("created", "changed", "deleted")), date = required(DATE) })) }
schemas.RecordOrders = object { results = required(list(object { field = required(TEXT),
  indexed = required(FLAG) })) }
schemas.PaymentPayout = object { payout = TEXT, transaction = TEXT, reason = TEXT }

-- ---------------------------------------------------------------- operation

local ROLE = words("admin", "viewer")

local function user(more)
  local fields = { id = required(UUID), name = required(TEXT), role = required(ROLE),
    created = required(DATE), lastSignIn = DATE, hasPassword = required(FLAG),
    invited = required(FLAG) }
  for name, rule in pairs(more or {}) do
    fields[name] = rule
  end
  return object(fields)
end

schemas.User = user()
schemas.InvitedUser = user { token = required(TEXT), path = required(TEXT) }
schemas.Users = object { results = required(list(schemas.User)) }
schemas.Audit = object { _links = required(NEXT), results = required(list(object {
  number = required(WHOLE), at = required(DATE), actor = required(TEXT), action = required(TEXT),
  target = TEXT, mode = TEXT, address = TEXT, detail = TEXT })) }
schemas.Deliveries = object { results = required(list(object { id = required(UUID),
  webhookId = required(TEXT), eventType = required(TEXT), generatedDate = required(DATE),
  status = required(words("waiting", "delivered", "failed")), attempts = required(WHOLE),
  lastAttempt = DATE, httpStatus = WHOLE, error = TEXT })) }
schemas.Replayed = object { queued = required(WHOLE) }
schemas.Permissions = object { types = required(list(object { type = required(TEXT),
  dataType = TEXT, readable = FLAG, permissions = required(list(TEXT)), lacking = list(TEXT),
  error = TEXT })), changes = required(object { readable = FLAG, lacking = list(TEXT),
  error = TEXT }) }
schemas.History = object { results = required(list(object { at = required(DATE),
  status = required(TEXT), reason = TEXT })) }

schemas.VerifyReport = object {
  agrees = required(FLAG), mode = required(TEXT), account = required(TEXT),
  connection = required(UUID), deep = required(FLAG), requests = required(WHOLE),
  seconds = required(NUMBER),
  checks = required(list(object {
    check = required(words("balance", "payouts", "count", "records")), type = TEXT,
    currency = TEXT, balanceType = TEXT, expected = TEXT, found = TEXT, agrees = required(FLAG),
    differing = WHOLE, marked = WHOLE, error = TEXT, permission = TEXT, note = TEXT,
    differences = list(object { id = TEXT, kind = words("missing", "extra", "different"),
      fields = list(TEXT), parts = list(TEXT), currency = TEXT, payout = TEXT, expected = TEXT,
      found = TEXT, listed = TEXT }) })),
}

-- A record of a data type that the integration does not provide.
schemas.Record = object { id = TEXT }

return schemas
