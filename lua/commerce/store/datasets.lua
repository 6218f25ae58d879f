-- The fields by which the lists of a store can be asked about, apart from records: part of the
-- contract. A pull's dataType is the data type's key, "commerce-payments".

local query = require "commerce.query"

local datasets = {}

--- Companies. The fields of their connections have several values.
---@type commerce.Dataset
datasets.companies = query.dataset("Company", {
  id = "string", name = "string", description = "string", created = "datetime",
  lastSync = "datetime", ["dataConnections.id"] = "string", ["dataConnections.status"] = "enum",
  ["dataConnections.created"] = "datetime", ["dataConnections.lastSync"] = "datetime",
}, { "dataConnections.id", "dataConnections.status", "dataConnections.created",
  "dataConnections.lastSync" })

--- The tags of companies. Every company may have others, so every name is a field.
---@type commerce.Dataset
datasets.tags = { title = "Company tags", scalars = {}, open = "string" }

--- Pulls.
---@type commerce.Dataset
datasets.pulls = query.dataset("PullOperation", {
  id = "string", connectionId = "string", status = "enum", requested = "datetime",
  completed = "datetime", progress = "integer", errorMessage = "string", dataType = "enum",
})

return datasets
