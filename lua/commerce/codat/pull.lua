-- Codat's view of a pull: one run of one data type.

local json = require "commerce.base.json"
local model = require "commerce.model"

local pull = {}

local COMPLETED = { Complete = true, NotSupported = true }
local UNDER_WAY = { Initial = true, Queued = true, Fetching = true }

--- Codat's key of a data type.
---@param name string as the store calls it
---@return string key the name itself for a type that a script has defined
function pull.type_key(name)
  local data_type = model.find(name) or model.optional(name)
  return data_type and data_type.key or name
end

local function progress_of(row)
  if COMPLETED[row.status] then
    return 100
  end
  return math.floor(math.min(math.max(tonumber(row.progress) or 0, 0), 99))
end

--- A pull as Codat's API gives it.
---@param row commerce.PullRow a row of the store
---@param company_id string
---@param key string? of its data type, if the model does not have it
---@return commerce.codat.View view Codat's PullOperation
function pull.view(row, company_id, key)
  return {
    id = row.id, companyId = company_id, connectionId = row.connection_id,
    dataType = key or pull.type_key(row.data_type), status = row.status,
    requested = row.requested, completed = row.completed, progress = progress_of(row),
    -- A pull that has ended is one of the two, so that a client which waits for either goes on.
    -- "NotSupported" is no failure: Codat's document finds failed pulls by
    -- `status!=Complete&&status!=NotSupported`.
    isCompleted = COMPLETED[row.status] == true,
    isErrored = not COMPLETED[row.status] and not UNDER_WAY[row.status],
    errorMessage = row.error_message,
  }
end

--- The rules that a pull's records broke, as Codat's API gives them.
---@param row commerce.PullRow a row of the store
---@return commerce.codat.View view Codat's DataIntegrity
function pull.validation(row)
  local found = json.array {}
  -- the model is the only rule, and a pull that ends with MapError names the field and the reason
  if row.error_message and row.status == "MapError" then
    found[1] = { ruleId = "Mapping", itemId = row.id, message = row.error_message,
      validatorName = "Model" }
  end
  return { errors = found, warnings = json.array {} }
end

return pull
