-- Configured data: supplemental fields of a data type, and custom data types with their records.
-- Called by api.

local answer = require "commerce.http.response"
local configured = require "commerce.mapping.configured"
local core = require "commerce.core"
local input = require "commerce.http.input"
local json = require "commerce.base.json"
local mappings = require "commerce.mapping.registry"
local page = require "commerce.api.page"
local refresh = require "commerce.api.refresh"
local scope = require "commerce.api.scope"
local stripe = require "commerce.stripe"
local time = require "commerce.base.time"

local must = answer.must

local data_types = {}

local PATHS = { type = "object", each = { type = "string", min = 1, max = 200 } }

local SUPPLEMENTAL = { type = "object", fields = {
  supplementalDataConfig = { type = "object", required = true, each = { type = "object", fields = {
    dataSource = { type = "string", max = 200 }, pullData = PATHS, pushData = PATHS } } },
} }

local CUSTOM = { type = "object", fields = {
  dataSource = { type = "string", required = true, min = 1, max = 200 },
  requiredData = { type = "object", required = true, each = { type = "string", min = 1,
    max = 200 } },
  keyBy = { type = "array", max = 10, each = { type = "string", min = 1, max = 200 } },
  sourceModifiedDate = { type = "array", max = 1, each = { type = "string", min = 1,
    max = 200 } },
} }

local function integration_of(context)
  for name, facts in pairs(stripe.integrations) do
    if facts.key == context.values.platformKey then
      return name, facts
    end
  end
  answer.refuse(404, "No integration was found with this key.")
end

-- What the mapping language says against a configuration, on mappings of no connection.
local function try(work)
  local ok, raised = pcall(work, mappings.new(stripe))
  if not ok then
    local message = tostring(raised):gsub("^[^%s:]+:%d+: ", "")
    answer.refuse(400, message)
  end
end

local function change(context, name, what, key, value)
  local all = must(configured.get(context.store, name))
  all[what][key] = value
  must(configured.save(context.store, name, all))
end

-- ---------------------------------------------------------------- supplemental data

local function get_supplemental(context)
  local name, facts = integration_of(context)
  local data_type = scope.data_type(context, context.values.dataType, facts)
  local all = must(configured.get(context.store, name))
  return answer.value { supplementalDataConfig = all.supplemental[data_type.name] or {} }
end

local function put_supplemental(context)
  local name, facts = integration_of(context)
  local data_type = scope.data_type(context, context.values.dataType, facts)
  local given = input.body(context.request.body, SUPPLEMENTAL).supplementalDataConfig
  try(function(set)
    configured.extend(set, data_type.name, given)
  end)
  change(context, name, "supplemental", data_type.name, given)
  return answer.nothing(200)
end

-- ---------------------------------------------------------------- custom data types

local function type_name(context)
  return configured.type_name(context.values.customDataIdentifier)
    or answer.refuse(400, "A custom data type's identifier has letters, digits, - and _, "
      .. "40 at most.")
end

local function refuse_custom(context)
  answer.refuse(404, ("No custom data type was found with the identifier %s.")
    :format(context.values.customDataIdentifier:sub(1, 100)))
end

local function get_custom(context)
  local name = integration_of(context)
  local given = must(configured.get(context.store, name)).custom[
    context.values.customDataIdentifier:lower()]
  return answer.value(given or refuse_custom(context))
end

local function put_custom(context)
  local name, own = integration_of(context), type_name(context)
  local given = input.body(context.request.body, CUSTOM)
  try(function(set)
    configured.define(set, own, given)
  end)
  change(context, name, "custom", context.values.customDataIdentifier:lower(), given)
  return answer.value(given)
end

-- The connection of the path, and the name of the data type: one that its integration has
-- configured, or that a script has defined.
local function configured_of(context)
  local connection, company = scope.connection(context)
  local identifier = context.values.customDataIdentifier:lower()
  if must(configured.get(context.store, connection.integration)).custom[identifier] then
    return connection, type_name(context), company
  end
  local own = context.store:find_type((identifier:gsub("%-", "_")))
  if not own or not own.own then
    refuse_custom(context)
  end
  return connection, own.name, company, own
end

local function queue(context)
  local connection, name, company, by_script = configured_of(context)
  if by_script then
    refresh.refuse_own(by_script)
  end
  if connection.status ~= "Linked" then
    answer.refuse(409, ("Data connection %s is %s: only a Linked one can be refreshed.")
      :format(connection.id, connection.status))
  end
  local pull = must(context.store:queue_pulls({ { id = core.uuid(),
    connection_id = connection.id, data_type = name } }, time.now()))[1]
  return answer.value(refresh.operation(pull, company.id))
end

local DATES = { createdDate = true, modifiedDate = true, sourceModifiedDate = true,
  metadata = true }

local function shown(text)
  local record, content = json.decode(text), {}
  for name, value in pairs(record) do
    if name ~= "id" and not DATES[name] then
      content[name] = value
    end
  end
  return json.encode { id = record.id, content = content,
    modifiedDate = { modifiedDate = record.modifiedDate } }
end

local function list(context)
  local connection, name = configured_of(context)
  local data_type = context.store:find_type(name)
  if not data_type or not must(context.store:latest_complete_pulls(connection.id))[name] then
    answer.refuse(409, "The data set has not been requested.")
  end
  local asked, texts = input.page(context.parameters), {}
  local total = must(context.store:count(data_type, connection.id))
  for _, text in must(context.store:records(data_type, { connection_id = connection.id,
    limit = asked.size, offset = asked.offset })) do
    texts[#texts + 1] = shown(text)
  end
  return page.answer(context, asked, texts, total)
end

local TYPES = "/integrations/{platformKey}/dataTypes/"
local DATA = "/companies/{companyId}/connections/{connectionId}/data/"

--- The routes of the group.
---@return commerce.api.Route[]
function data_types.routes()
  local supplemental = TYPES .. "{dataType}/supplementalDataConfig"
  local custom = TYPES .. "custom/{customDataIdentifier}"
  return {
    { method = "GET", path = supplemental, id = "get-supplemental-data-configuration",
      run = get_supplemental, tag = "Supplemental data", summary = "Get configuration",
      answer = { status = 200, schema = "SupplementalDataConfiguration" }, errors = { 404 } },
    { method = "PUT", path = supplemental, id = "configure-supplemental-data",
      run = put_supplemental, tag = "Supplemental data", summary = "Configure",
      body = SUPPLEMENTAL, answer = { status = 200 }, errors = { 404 } },
    { method = "GET", path = custom, id = "get-custom-data-type-configuration",
      run = get_custom, tag = "Custom data type", summary = "Get custom data configuration",
      answer = { status = 200, schema = "CustomDataTypeConfiguration" }, errors = { 404 } },
    { method = "PUT", path = custom, id = "configure-custom-data-type", run = put_custom,
      tag = "Custom data type", summary = "Configure custom data type", body = CUSTOM,
      answer = { status = 200, schema = "CustomDataTypeConfiguration" }, errors = { 404 } },
    { method = "POST", path = DATA .. "queue/custom/{customDataIdentifier}",
      id = "refresh-custom-data-type", run = queue, tag = "Custom data type",
      summary = "Refresh custom data type", answer = { status = 200, schema = "PullOperation" },
      errors = { 404, 409 } },
    { method = "GET", path = DATA .. "custom/{customDataIdentifier}",
      id = "list-custom-data-type-records", run = list, tag = "Custom data type",
      summary = "List custom data type records", paged = true,
      answer = { status = 200, list = "CustomDataTypeRecord" }, errors = { 404, 409 } },
  }
end

return data_types
