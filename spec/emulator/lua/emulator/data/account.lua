--- The account itself, and its balance.
local template = require "emulator.template"
local json = require "emulator.json"
local platforms = require "emulator.platforms"

local account = {}

local REQUIREMENTS = [[{"alternatives":[],"current_deadline":null,"currently_due":[],
  "disabled_reason":null,"errors":[],"eventually_due":[],"past_due":[],"pending_verification":[]}]]

account.template = template.new([[{
  "id":$id,"object":"account",
  "business_profile":{"annual_revenue":null,"estimated_worker_count":null,"mcc":"5734",
    "minority_owned_business_designation":null,"name":$name,"product_description":null,
    "support_address":
    {"city":"San Francisco","country":"US","line1":"510 Townsend St","line2":null,
    "postal_code":"94103","state":"CA"},"support_email":"support@example.com",
    "support_phone":"+15555550123","support_url":"https://example.com/help",
    "url":"https://example.com"},
  "business_type":"company","capabilities":{"card_payments":"active","transfers":"active"},
  "charges_enabled":true,"controller":@controller,"country":"US","created":$created,
  "default_currency":"usd","details_submitted":true,"email":"owner@example.com",
  "external_accounts":{"object":"list","data":[],
    "has_more":false,"url":$external},"future_requirements":]] .. REQUIREMENTS .. [[,"metadata":{},
  "payouts_enabled":true,"requirements":]] .. REQUIREMENTS .. [[,"settings":{"bacs_debit_payments":
    {"display_name":null,"service_user_number":null},"branding":{"icon":null,"logo":null,
    "primary_color":null,"secondary_color":null},"card_issuing":{"tos_acceptance":{"date":null,
    "ip":null}},"card_payments":{"decline_on":
    {"avs_failure":false,"cvc_failure":true},"statement_descriptor_prefix":null,
    "statement_descriptor_prefix_kana":null,"statement_descriptor_prefix_kanji":null},
    "dashboard":{"display_name":$display,"timezone":"Etc/UTC"},"invoices":
    {"default_account_tax_ids":null,"hosted_payment_method_save":null},
    "payments":{"statement_descriptor":"EXAMPLE SHOP","statement_descriptor_kana":null,
    "statement_descriptor_kanji":null,"statement_descriptor_prefix_kana":null,
    "statement_descriptor_prefix_kanji":null},"payouts":{"debit_negative_balances":true,
    "schedule":{"delay_days":2,"interval":"daily"},"statement_descriptor":null},
    "sepa_debit_payments":{}},
  "tos_acceptance":{"date":null,"ip":null,"user_agent":null},"type":$type}]])

local BALANCE = template.new [[{"object":"balance","available":@available,
  "connect_reserved":@reserved,"instant_available":@instant,"issuing":{"available":@issuing},
  "livemode":$livemode,"pending":@pending,"refund_and_dispute_prefunding":
  {"available":@prefunding,"pending":@prefunding_pending},"risk_reserved":
  {"available":@risk,"pending":@risk_pending}}]]
local AMOUNT = template.new [[{"amount":$amount,"currency":$currency,
  "source_types":{"card":$amount}}]]
local RESERVED = template.new [[{"amount":0,"currency":$currency}]]

-- Who controls an account, and what its owner sees of Stripe (API reference, Account, controller).
local CONTROLLERS = {
  standard = json.decode [[{"type":"account"}]],
}
for type, dashboard in pairs { express = "express", custom = "none" } do
  CONTROLLERS[type] = json.decode(([[{"fees":{"payer":"application"},"is_controller":true,
    "losses":{"payments":"application"},"requirement_collection":"%s",
    "stripe_dashboard":{"type":"%s"},"type":"application"}]]):format(
    type == "custom" and "application" or "stripe", dashboard))
end

--- The account node of a data set, changes included.
function account.node(ds)
  local doc = ds.overlay.account
  return doc and { doc = doc } or account.values(ds)
end

--- The account of a data set as generated.
function account.values(ds)
  return {
    tpl = account.template,
    id = '"' .. ds.account .. '"',
    name = json.quote(ds.name),
    -- "Time at which the account was connected" (API reference): the history of a connected account
    -- is older
    created = platforms.is_connected(ds.account) and ds.base_now or ds.curve.start - 40 * 86400,
    external = '"/v1/accounts/' .. ds.account .. '/external_accounts"',
    display = json.quote(ds.name),
    type = json.quote(ds.type), controller = { doc = CONTROLLERS[ds.type] },
  }
end

-- What is held beside the payments balance, by a balance type.
local function beside(ds, kind, status, list)
  for currency, amount in pairs((ds.overlay.beside[kind] or {})[status] or {}) do
    list[#list + 1] = { tpl = AMOUNT, amount = amount, currency = '"' .. currency .. '"' }
  end
  return { list = list }
end

--- The balance node of a data set.
function account.balance(ds)
  local totals = ds:totals()
  local names = {}
  for currency in pairs(totals) do names[#names + 1] = currency end
  table.sort(names)
  if #names == 0 then
    names[1], totals = "usd", { usd = { available = 0, pending = 0 } }
  end
  local available, pending, reserved, instant = {}, {}, {}, {}
  for k, currency in ipairs(names) do
    local quoted = '"' .. currency .. '"'
    available[k] = { tpl = AMOUNT, amount = totals[currency].available, currency = quoted }
    pending[k] = { tpl = AMOUNT, amount = totals[currency].pending, currency = quoted }
    reserved[k] = { tpl = RESERVED, currency = quoted }
    if currency == "usd" then instant[1] = available[k] end
  end
  return { tpl = BALANCE, available = { list = available }, pending = { list = pending },
    reserved = { list = reserved }, instant = { list = instant }, livemode = ds.livemode,
    issuing = beside(ds, "issuing", "available", ds.overlay.beside.issuing and {}
      or { { tpl = AMOUNT, amount = 0, currency = '"usd"' } }),
    prefunding = beside(ds, "refund_and_dispute_prefunding", "available", {}),
    prefunding_pending = beside(ds, "refund_and_dispute_prefunding", "pending", {}),
    risk = beside(ds, "risk_reserved", "available", {}),
    risk_pending = beside(ds, "risk_reserved", "pending", {}) }
end

return account
