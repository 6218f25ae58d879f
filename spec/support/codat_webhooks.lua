-- The webhooks that Codat publishes (its OpenAPI document of the platform, components
-- CompanyWebhook, ConnectionWebhook, ReadCompletedWebhook, ClientRateLimitWebhook, as its client
-- 6.2.1 reads them: a missing value is left out, not null), independent of what makes them.

local schema_check = require "spec.support.schema_check"

local object, list, enum = schema_check.words.object, schema_check.words.list,
  schema_check.words.enum

local TEXT, UUID, DATE, URL = { kind = "string" }, { kind = "uuid" }, { kind = "date" },
  { kind = "url" }
local MAP, FLAG = { kind = "map" }, { kind = "boolean" }

local COMPANY = object({ id = UUID, name = TEXT, description = TEXT, redirect = URL,
  lastSync = DATE, created = DATE, createdByUserName = TEXT, products = list(TEXT), tags = MAP },
  { "id", "name", "redirect" })

local REFERENCE = object({ id = UUID, name = TEXT, description = TEXT, tags = MAP,
  links = object { portal = URL } }, { "id", "name" })

local CONNECTION = object({ id = UUID, integrationId = UUID, integrationKey = enum "exgd yzth",
  sourceId = UUID, sourceType = enum "Commerce", platformName = TEXT,
  linkUrl = URL, status = enum "PendingAuth Linked Unlinked Deauthorized", lastSync = DATE,
  created = DATE, connectionInfo = MAP, dataConnectionErrors = list(object({ statusCode = TEXT,
    statusText = TEXT, errorMessage = TEXT, erroredOnUtc = DATE, resolvedOnUtc = DATE,
    status = enum "Active Resolved" }, { "statusCode", "errorMessage", "erroredOnUtc" })) },
  { "id", "integrationId", "integrationKey", "sourceId", "platformName", "linkUrl", "status",
    "created", "sourceType" })

local READ = object({ referenceCompany = REFERENCE, modifiedFromDate = DATE,
  dataTypes = list(object({ connectionId = UUID,
    dataType = enum [[commerce-companyInfo commerce-customers commerce-disputes
      commerce-locations commerce-orders commerce-payments commerce-paymentMethods
      commerce-products commerce-productCategories commerce-taxComponents commerce-transactions]],
    recordsModified = FLAG,
    status = enum [[Initial Queued Fetching MapQueued Mapping Complete FetchError MapError
      InternalError ProcessingQueued Processing ProcessingError ValidationQueued Validating
      ValidationError AuthError Cancelled NotSupported RateLimitError PermissionsError
      PrerequisiteNotMet]],
    issues = list(object { type = TEXT, message = TEXT }) },
    { "connectionId", "dataType", "recordsModified", "status" })) },
  { "referenceCompany", "dataTypes" })

local PAYLOADS = {
  company = COMPANY,
  connection = object({ referenceCompany = REFERENCE, connection = CONNECTION },
    { "referenceCompany", "connection" }),
  read = READ,
  client = object({ dailyQuota = { kind = "number" }, quotaRemaining = { kind = "number" },
    expiryDate = DATE }, { "dailyQuota", "quotaRemaining", "expiryDate" }),
}

local codat_webhooks = {}

--- Hold a webhook's body against what Codat publishes for its event.
---@param event table decoded
---@return table event raises if it is another
function codat_webhooks.check(event)
  local family = tostring(event.eventType):match "^%a+"
  local schema = object({ id = UUID, eventType = TEXT, generatedDate = DATE,
    payload = assert(PAYLOADS[family], tostring(event.eventType)) },
    { "id", "eventType", "generatedDate", "payload" })
  local problems = schema_check.against(schema, event, tostring(event.eventType))
  assert(#problems == 0, table.concat(problems, "\n"))
  return event
end

return codat_webhooks
