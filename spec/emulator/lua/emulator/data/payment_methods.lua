--- `payment_method_details` of each type, as JSON templates; `methods.details` gives the values.
local template = require "emulator.template"
local ids = require "emulator.ids"
local random = require "emulator.random"
local words = require "emulator.data.words"

local methods = {}

local BODIES = {
  card = [[{"amount_authorized":$amount,"authorization_code":$authorization_code,"brand":$brand,
    "checks":
    {"address_line1_check":$address_check,"address_postal_code_check":$address_check,
    "cvc_check":"pass"},"country":$country,"exp_month":$exp_month,"exp_year":$exp_year,
    "extended_authorization":{"status":"disabled"},"fingerprint":$fingerprint,"funding":$funding,
    "incremental_authorization":{"status":"unavailable"},"installments":null,"last4":$last4,
    "mandate":@mandate,"multicapture":{"status":"unavailable"},"network":$brand,
    "network_token":{"used":false},"network_transaction_id":$network_transaction_id,
    "overcapture":{"maximum_amount_capturable":$amount,"status":"unavailable"},
    "regulated_status":"unregulated","three_d_secure":@three_d_secure,"transaction_link_id":null,
    "wallet":@wallet}]],
  card_present = [[{"amount_authorized":$amount,"brand":$brand,"brand_product":null,
    "cardholder_name":null,"country":$country,"description":null,"emv_auth_data":"8A023030",
    "exp_month":$exp_month,"exp_year":$exp_year,"fingerprint":$fingerprint,"funding":$funding,
    "generated_card":null,"incremental_authorization_supported":false,"issuer":null,"last4":$last4,
    "network":$brand,"network_transaction_id":$network_transaction_id,"offline":
    {"stored_at":null,"type":null},"overcapture_supported":false,"preferred_locales":["en"],
    "read_method":
    "contactless_emv","receipt":{"account_type":"credit",
    "application_cryptogram":"AD4C0E6D1E2F3A4B","application_preferred_name":"Visa Credit",
    "authorization_code":null,"authorization_response_code":"3030",
    "cardholder_verification_method":"approval","dedicated_file_name":"A0000000031010",
    "terminal_verification_results":
    "0000000000","transaction_status_information":"0000"},"wallet":null}]],
  interac_present = [[{"brand":"interac","cardholder_name":null,"country":"CA","description":null,
    "emv_auth_data":
    "8A023030","exp_month":$exp_month,"exp_year":$exp_year,"fingerprint":$fingerprint,
    "funding":"debit","generated_card":null,"issuer":null,"last4":$last4,"network":"interac",
    "network_transaction_id":null,"preferred_locales":["en","fr"],"read_method":"contactless_emv",
    "receipt":null}]],
  us_bank_account = [[{"account_holder_type":"individual","account_type":"checking",
    "bank_name":"STRIPE TEST BANK","expected_debit_date":null,"fingerprint":$fingerprint,
    "last4":"6789","mandate":null,"payment_reference":null,"routing_number":"110000000"}]],
  sepa_debit = [[{"bank_code":"37040044","branch_code":"","country":"DE","expected_debit_date":null,
    "fingerprint":$fingerprint,"last4":"3000","mandate":null}]],
  klarna = [[{"location":null,"payer_details":{"address":{"country":"DE"}},
    "payment_method_category":"pay_later","preferred_locale":"de-DE","reader":null}]],
  paypal = [[{"country":"FR","payer_email":$email,"payer_id":"TWLK53RYQHR68","payer_name":$name,
    "seller_protection":{"dispute_categories":["fraudulent"],"status":"eligible"},
    "transaction_id":$fingerprint}]],
  ideal = [[{"bank":"abn_amro","bic":"ABNANL2A","generated_sepa_debit":null,
    "generated_sepa_debit_mandate":null,"iban_last4":"5264","transaction_id":null,
    "verified_name":$name}]],
  link = [[{"country":"US"}]],
  cashapp = [[{"buyer_id":$fingerprint,"cashtag":"$jenny","transaction_id":null}]],
  afterpay_clearpay = [[{"order_id":null,"reference":null}]],
  affirm = [[{"location":null,"reader":null,"transaction_id":null}]],
  alipay = [[{"buyer_id":null,"fingerprint":$fingerprint,"transaction_id":null}]],
  wechat_pay = [[{"fingerprint":$fingerprint,"location":null,"reader":null,"transaction_id":null}]],
  amazon_pay = [[{"funding":{"card":{"brand":$brand,"country":"US","exp_month":$exp_month,
    "exp_year":$exp_year,"funding":$funding,"last4":$last4},"type":"card"},"transaction_id":null}]],
  bancontact = [[{"bank_code":"VAPE","bank_name":"VAN DE PUT & CO","bic":"VAPEBE22",
    "generated_sepa_debit":null,"generated_sepa_debit_mandate":null,"iban_last4":"7061",
    "preferred_language":"nl","verified_name":$name}]],
  eps = [[{"bank":"erste_bank_und_sparkassen","verified_name":$name}]],
  p24 = [[{"bank":"ing","reference":"P24-000-000-000","verified_name":$name}]],
  multibanco = [[{"entity":"11249","reference":"123456789"}]],
  bacs_debit = [[{"expected_debit_date":null,"fingerprint":$fingerprint,"last4":"2345",
    "mandate":null,"sort_code":"108800"}]],
  acss_debit = [[{"bank_name":"STRIPE TEST BANK","expected_debit_date":null,
    "fingerprint":$fingerprint,"institution_number":"000","last4":"6789","mandate":null,
    "transit_number":"11000"}]],
  konbini = [[{"store":{"chain":"familymart"}}]],
  kr_card = [[{"brand":"shinhan","buyer_id":null,"last4":$last4,"transaction_id":null}]],
  pix = [[{"bank_transaction_id":$fingerprint,"mandate":null}]],
  upi = [[{"vpa":null}]],
  revolut_pay = [[{"funding":{"card":{"brand":$brand,"country":"GB","exp_month":$exp_month,
    "exp_year":$exp_year,"funding":$funding,"last4":$last4},"type":"card"},"transaction_id":null}]],
  paypay = "{}",
  sequra = [[{"transaction_id":null}]],
  mobilepay = [[{"card":{"brand":$brand,"country":"DK","exp_month":$exp_month,"exp_year":$exp_year,
    "last4":$last4}}]],
  billie = [[{"transaction_id":null}]],
  customer_balance = "{}",
  stripe_account = "{}",
  custom = [[{"display_name":"Voucher","type":null}]],
}

local templates = {}
for type, body in pairs(BODIES) do
  templates[type] = template.new(('{"%s":%s,"type":"%s"}'):format(type, body, type))
end

local NO_3DS = "null"
local THREE_D_SECURE = { tpl = template.new [[{"authentication_flow":"challenge",
  "electronic_commerce_indicator":"05","exemption_indicator":null,"result":"authenticated",
  "result_reason":null,"transaction_id":"d7f1d3c2-8a3b-4d0f-9c3a-0a1b2c3d4e5f",
  "version":"2.2.0"}]] }

local WALLETS = {}
for _, type in ipairs { "apple_pay", "google_pay", "samsung_pay", "link" } do
  local own = type == "link" and "" or ('"%s":{},'):format(type)
  WALLETS[type] = { tpl = template.new(('{%s"dynamic_last4":%s,"type":"%s"}')
    :format(own, type == "link" and "null" or '"4242"', type)) }
end

--- The card brand of charge `i`, quoted.
function methods.brand(seed, i)
  return '"' .. random.pick(words.brands, random.hash(seed, i, 51))[1] .. '"'
end

local fingerprints = {}

local function fingerprint(seed, n)
  local key = seed + n / 1024
  local text = fingerprints[key]
  if not text then
    text = '"' .. ids.text(16, seed, n) .. '"'
    fingerprints[key] = text
  end
  return text
end

--- The payment_method_details node of a charge.
---@param fact table the charge's fact
---@param i number the charge's index
---@param seed number
---@param who table from people.person
---@param country string quoted
---@param mandate string|table of a card: its quoted id, the node, or null
function methods.details(fact, i, seed, who, country, mandate)
  local h = random.hash(seed, i, 51)
  local brand = random.pick(words.brands, h)
  return {
    tpl = templates[fact.pm],
    amount = fact.amount,
    brand = '"' .. brand[1] .. '"',
    last4 = '"' .. brand[2] .. '"',
    funding = h % 3 == 0 and '"debit"' or '"credit"',
    country = country,
    exp_month = math.floor(h / 100) % 12 + 1,
    exp_year = 2027 + math.floor(h / 5000) % 6,
    fingerprint = fingerprint(seed, h % 997),
    authorization_code = fact.captured and ('"%06d"'):format(h % 1000000) or "null",
    network_transaction_id = ('"%015.0f"'):format(h * 1009),
    address_check = h % 2 == 0 and '"pass"' or "null",
    three_d_secure = h % 9 == 0 and THREE_D_SECURE or NO_3DS,
    wallet = fact.wallet and WALLETS[fact.wallet] or "null",
    email = who.email, name = who.name, mandate = mandate,
  }
end

--- The types there are, for tests.
function methods.types()
  local list = {}
  for type in pairs(templates) do list[#list + 1] = type end
  table.sort(list)
  return list
end

return methods
