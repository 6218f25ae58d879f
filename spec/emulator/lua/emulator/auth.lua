--- Who asks: the key, the account it acts on, and what it may read.
local errors = require "emulator.errors"
local platforms = require "emulator.platforms"
local state = require "emulator.state"

local auth = {}

-- resource -> the permission Stripe names for it
local PERMISSIONS = {
  account = "rak_accounts_kyc_basic_read", balance = "rak_balance_read",
  charges = "rak_charge_read", refunds = "rak_charge_read", disputes = "rak_dispute_read",
  customers = "rak_customer_read", products = "rak_product_read", prices = "rak_plan_read",
  tax_rates = "rak_tax_rate_read", balance_transactions = "rak_balance_transaction_source_read",
  payouts = "rak_payout_read", events = "rak_event_read",
}

--- The key in an Authorization header: nil when there is none, false when it cannot be read.
function auth.key(header)
  if not header or header == "" then return nil end
  local scheme, value = header:match "^(%a+)%s+(%S+)%s*$"
  scheme = scheme and scheme:lower()
  if scheme == "bearer" then return value end
  if scheme == "basic" then
    local plain = ngx.decode_base64(value)
    local user = plain and plain:match "^([^:]+):?"
    return user or false
  end
  return false
end

local function first(value)
  if type(value) == "table" then return value[1] end
  return value
end

-- The account of an organisation's request: the context names one of the organisation's accounts,
-- or with a path "acct_a/acct_b" an account that is connected to it.
local function of_organisation(key, headers)
  local context = first(headers["Stripe-Context"])
  if not context then return nil, errors.no_context() end
  if not headers["Stripe-Version"] then return nil, errors.no_version() end
  local own, connected = context:match "^([^/]+)/?([^/]*)$"
  if not own or not key.organisation[own] then return nil, errors.no_account(key.key, context) end
  if connected ~= "" and not platforms.reaches(own, connected, key.livemode) then
    return nil, errors.no_account(key.key, context)
  end
  local account = connected ~= "" and connected or own
  return { key = key, account = account, livemode = key.livemode, header_account = account }
end

--- Identify the caller from the request's headers.
---@return table? { key, account, livemode } or nil and an error
function auth.identify(headers)
  local header = headers["Authorization"]
  if type(header) == "table" then header = header[1] end
  local text = auth.key(header)
  if text == nil then return nil, errors.no_key() end
  if text == false then return nil, errors.malformed_key() end
  local key = state.keys[text]
  if not key then
    if text:find "^pk_" then return nil, errors.publishable_key() end
    return nil, errors.unknown_key(text)
  end
  if key.revoked or key.expires and state.settings.now + state.advanced >= key.expires then
    return nil, errors.expired_key(text)
  end
  if text:find "^pk_" then return nil, errors.publishable_key() end

  if key.organisation then return of_organisation(key, headers) end
  local account = key.account
  local wanted = first(headers["Stripe-Context"]) or first(headers["Stripe-Account"])
  if wanted and wanted ~= account then
    if not platforms.reaches(account, wanted, key.livemode) then
      return nil, errors.no_account(text, wanted)
    end
    account = wanted
  end
  return { key = key, account = account, livemode = key.livemode, header_account = wanted }
end

--- Whether the caller may read a resource, or write it; nil and an error otherwise. An app, and a
--- restricted key without a list of permissions, may read only.
function auth.permit(caller, resource, writes)
  local install = caller.key.install
  local allowed = install and install.permissions or caller.key.permissions
  if install and (writes or allowed and not allowed[resource]) then
    return nil, errors.no_app_permission(caller.account)
  elseif allowed and allowed[resource] then return true
  elseif not allowed and not (writes and caller.key.key:find "^rk_") then return true
  elseif writes then
    return nil, errors.no_permission(caller.key.key, caller.account, "rak_webhook_write")
  end
  return nil, errors.no_permission(caller.key.key, caller.account,
    PERMISSIONS[resource] or "rak_" .. resource .. "_read")
end

return auth
