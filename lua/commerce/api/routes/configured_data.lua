-- Routes: configured data, which is supplemental fields of a data type, and custom data types with
-- their records.

local ascii = require "commerce.base.ascii"
local configured = require "commerce.mapping.configured"
local errors = require "commerce.base.errors"
local json = require "commerce.base.json"
local linked = require "commerce.store.linked"
local page = require "commerce.api.page"
local pulls = require "commerce.api.pulls"
local response = require "commerce.http.response"
local scope = require "commerce.api.scope"

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

-- Codat does not check what a configuration names: a pull that it makes impossible says so.
local function check(work, given)
  local _, message = errors.catch(work, given)
  if message then
    response.refuse(400, message)
  end
end

local function change(context, name, what, key, value)
  configured.change(context.store, name, function(all)
    all[what][key] = value
  end)
end

-- ---------------------------------------------------------------- supplemental data

local function get_supplemental(context)
  local name = scope.integration(context).name
  local data_type = scope.data_type(context, context.values.dataType, name)
  local all = configured.get(context.store, name)
  return response.value { supplementalDataConfig = all.supplemental[data_type.name] or {} }
end

local function put_supplemental(context)
  local name = scope.integration(context).name
  local data_type = scope.data_type(context, context.values.dataType, name)
  local given = context:body(SUPPLEMENTAL).supplementalDataConfig
  check(configured.check_supplemental, given)
  change(context, name, "supplemental", data_type.name, given)
  return response.nothing(200)
end

local function delete_supplemental(context)
  local name = scope.integration(context).name
  local data_type = scope.data_type(context, context.values.dataType, name)
  change(context, name, "supplemental", data_type.name, nil)
  return response.nothing()
end

-- ---------------------------------------------------------------- custom data types

local function type_name(context)
  return configured.type_name(context.values.customDataIdentifier)
    or response.refuse(400, "A custom data type's identifier must consist of letters, digits, "
      .. "- and _, 40 at most.")
end

local function refuse_custom(context)
  response.refuse(404, ("No custom data type was found with the identifier %s.")
    :format(context.values.customDataIdentifier:sub(1, 100)))
end

local function get_custom(context)
  local name = scope.integration(context).name
  local given = configured.get(context.store, name).custom[
    ascii.lower(context.values.customDataIdentifier)]
  return response.value(given or refuse_custom(context))
end

-- Refuses an identifier that has the table of another one, and one too many.
local function check_custom(all, identifier)
  local other = configured.namesake(all, identifier)
  if other then
    response.refuse(409, ("The custom data type %s has the same table, since the identifiers "
      .. "differ in - and _ only: choose another identifier, or delete that one."):format(other))
  elseif not all.custom[identifier] and #configured.custom_types(all) >= configured.MOST_TYPES then
    response.refuse(409, ("There are %d custom data types already: delete one first."):format(
      configured.MOST_TYPES))
  end
end

local function put_custom(context)
  local name = scope.integration(context).name
  type_name(context)
  local given = context:body(CUSTOM)
  local identifier = ascii.lower(context.values.customDataIdentifier)
  check(configured.check_custom, given)
  configured.change(context.store, name, function(all)
    check_custom(all, identifier)
    all.custom[identifier] = given
  end)
  return response.value(given)
end

-- The records that were read stay.
local function delete_custom(context)
  local name = scope.integration(context).name
  local identifier = ascii.lower(context.values.customDataIdentifier)
  if not configured.get(context.store, name).custom[identifier] then
    refuse_custom(context)
  end
  change(context, name, "custom", identifier, nil)
  return response.nothing()
end

-- Refuses a type that cannot be read.
local function check_usable(configuration, identifier)
  for _, entry in ipairs(configured.custom_types(configuration)) do
    if entry.identifier == identifier and entry.problem then
      response.refuse(409, ("The custom data type cannot be read: %s."):format(entry.problem))
    end
  end
end

-- The connection of the path, and the name of the data type: one that its integration has
-- configured; or one that is built in or that a script has defined, which is then the third result.
local function configured_of(context)
  local connection = scope.connection(context)
  local identifier = ascii.lower(context.values.customDataIdentifier)
  local configuration = configured.get(context.store, connection.integration)
  if configuration.custom[identifier] then
    check_usable(configuration, identifier)
    return connection, type_name(context)
  end
  local own = context.store:find_type((identifier:gsub("%-", "_")))
  -- a type whose name begins with "custom_" was configured over this API, and is not any more
  if not own or not (own.own or own.custom) or own.name:find "^custom_" then
    refuse_custom(context)
  end
  return connection, own.name, own
end

local function queue(context)
  local connection, name, not_configured = configured_of(context)
  if not_configured then
    pulls.check_mapped(not_configured)
  end
  pulls.check_linked(connection)
  return response.value(pulls.view(context, pulls.queue(context, { { connection_id = connection.id,
    data_type = name } })[1], connection.company_id))
end

local DATES = { createdDate = true, modifiedDate = true, sourceModifiedDate = true,
  metadata = true }

-- A record as Codat gives it. What the source does not have is left out: Codat's clients do not
-- take null there.
local function view(text)
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
  if not data_type then
    response.refuse(409, "The data set has not been requested.")
  end
  pulls.check_complete(context, connection, name)
  local asked, texts = page.asked(context), {}
  local total = context.store:count(data_type, connection.id)
  for _, text in linked.rows(context.store, data_type, context.store:records(data_type, {
    connection_id = connection.id, limit = asked.size, offset = asked.offset })) do
    texts[#texts + 1] = view(text)
  end
  return page.answer(context, asked, texts, total)
end

local TYPES = "/integrations/{platformKey}/dataTypes/"
local DATA = "/companies/{companyId}/connections/{connectionId}/data/"

local SUPPLEMENTAL_PATH = TYPES .. "{dataType}/supplementalDataConfig"
local CUSTOM_PATH = TYPES .. "custom/{customDataIdentifier}"

---@type commerce.api.Route[]
return {
  { method = "GET", path = SUPPLEMENTAL_PATH, id = "get-supplemental-data-configuration",
    run = get_supplemental, tag = "Supplemental data", summary = "Get configuration",
    answer = { status = 200, schema = "SupplementalDataConfiguration" }, errors = { 404 } },
  { method = "PUT", path = SUPPLEMENTAL_PATH, id = "configure-supplemental-data",
    run = put_supplemental, tag = "Supplemental data", summary = "Configure",
    body = SUPPLEMENTAL, answer = { status = 200 }, errors = { 404 } },
  { method = "DELETE", path = SUPPLEMENTAL_PATH, id = "delete-supplemental-data-configuration",
    run = delete_supplemental, tag = "Supplemental data", summary = "Delete configuration",
    answer = { status = 204 }, errors = { 404 } },
  { method = "GET", path = CUSTOM_PATH, id = "get-custom-data-type-configuration",
    run = get_custom, tag = "Custom data type", summary = "Get custom data configuration",
    answer = { status = 200, schema = "CustomDataTypeConfiguration" }, errors = { 404 } },
  { method = "PUT", path = CUSTOM_PATH, id = "configure-custom-data-type", run = put_custom,
    tag = "Custom data type", summary = "Configure custom data type", body = CUSTOM,
    answer = { status = 200, schema = "CustomDataTypeConfiguration" }, errors = { 403, 404 },
    conflict = 403 },
  { method = "DELETE", path = CUSTOM_PATH, id = "delete-custom-data-type", run = delete_custom,
    tag = "Custom data type", summary = "Delete custom data type", answer = { status = 204 },
    errors = { 404 } },
  { method = "POST", path = DATA .. "queue/custom/{customDataIdentifier}",
    id = "refresh-custom-data-type", audit = false, run = queue, tag = "Custom data type",
    summary = "Refresh custom data type", answer = { status = 200, schema = "PullOperation" },
    errors = { 404 }, conflict = 404 },
  { method = "GET", path = DATA .. "custom/{customDataIdentifier}",
    id = "list-custom-data-type-records", run = list, tag = "Custom data type",
    summary = "List custom data type records", paged = true,
    answer = { status = 200, list = "CustomDataTypeRecord" }, errors = { 404 },
    conflict = 404 },
}
