-- Display names of Stripe's payment method types (payment_method_details.type).

local ascii = require "commerce.base.ascii"

local NAMES = {
  acss_debit = "Pre-authorized debit (ACSS)", ach_credit_transfer = "ACH credit transfer",
  ach_debit = "ACH debit", affirm = "Affirm", afterpay_clearpay = "Afterpay / Clearpay",
  alipay = "Alipay", alma = "Alma", amazon_pay = "Amazon Pay", au_becs_debit = "BECS Direct Debit",
  bacs_debit = "Bacs Direct Debit", bancontact = "Bancontact", billie = "Billie", bizum = "Bizum",
  blik = "BLIK", boleto = "Boleto", card = "Card", card_present = "Card present",
  cashapp = "Cash App Pay", crypto = "Crypto", custom = "Custom",
  customer_balance = "Customer balance", eps = "EPS", fpx = "FPX", giropay = "giropay",
  grabpay = "GrabPay", ideal = "iDEAL", interac_present = "Interac", kakao_pay = "Kakao Pay",
  klarna = "Klarna", konbini = "Konbini", kr_card = "Korean card", link = "Link",
  mb_way = "MB WAY", mobilepay = "MobilePay", multibanco = "Multibanco", naver_pay = "Naver Pay",
  nz_bank_account = "BECS Direct Debit NZ", oxxo = "OXXO", p24 = "Przelewy24",
  pay_by_bank = "Pay by Bank", payco = "PAYCO", paynow = "PayNow", paypal = "PayPal",
  payto = "PayTo", pix = "Pix", promptpay = "PromptPay", revolut_pay = "Revolut Pay",
  samsung_pay = "Samsung Pay", satispay = "Satispay", scalapay = "Scalapay",
  sepa_debit = "SEPA Direct Debit", sofort = "Sofort", stripe_account = "Stripe account",
  sunbit = "Sunbit", swish = "Swish", twint = "TWINT", upi = "UPI",
  us_bank_account = "US bank account", wechat = "WeChat", wechat_pay = "WeChat Pay", zip = "Zip",
}

--- The name of a payment method type. An unknown type is converted: "new_pay" -> "New pay".
---@param kind string?
---@return string? name nil for nil
return function(kind)
  if kind == nil then
    return nil
  end
  return NAMES[kind] or (kind:gsub("_", " "):gsub("^[a-z]", ascii.upper))
end
