-- Display names of Stripe's payment method types (payment_method_details.type).
-- Source: Stripe's API reference (version 2026-11-18.endive): the types of charges, payment methods
-- and payment records.

return {
  acss_debit = "Pre-authorized debit (ACSS)", ach_credit_transfer = "ACH credit transfer",
  ach_debit = "ACH debit", affirm = "Affirm", afterpay_clearpay = "Afterpay / Clearpay",
  alipay = "Alipay", alma = "Alma", amazon_pay = "Amazon Pay", au_becs_debit = "BECS Direct Debit",
  bacs_debit = "Bacs Direct Debit", bancontact = "Bancontact", billie = "Billie", bizum = "Bizum",
  blik = "BLIK", boleto = "Boleto", card = "Card", card_present = "Card present",
  cashapp = "Cash App Pay", crypto = "Crypto", custom = "Custom",
  customer_balance = "Customer balance", eps = "EPS", fpx = "FPX", giropay = "giropay",
  grabpay = "GrabPay", ideal = "iDEAL", interac_present = "Interac", kakao_pay = "Kakao Pay",
  klarna = "Klarna", konbini = "Konbini", kr_card = "Korean card", link = "Link",
  mb_way = "MB WAY", mobilepay = "MobilePay", momo = "MoMo", multibanco = "Multibanco",
  naver_pay = "Naver Pay",
  nz_bank_account = "BECS Direct Debit NZ", oxxo = "OXXO", p24 = "Przelewy24",
  pay_by_bank = "Pay by Bank", payco = "PAYCO", paynow = "PayNow", paypal = "PayPal",
  paypay = "PayPay", payto = "PayTo", pix = "Pix", promptpay = "PromptPay",
  revolut_pay = "Revolut Pay", samsung_pay = "Samsung Pay", satispay = "Satispay",
  scalapay = "Scalapay", sepa_credit_transfer = "SEPA credit transfer",
  sepa_debit = "SEPA Direct Debit", sequra = "SeQura", sofort = "Sofort",
  stripe_account = "Stripe account",
  sunbit = "Sunbit", swish = "Swish", twint = "TWINT", upi = "UPI",
  us_bank_account = "US bank account", wechat = "WeChat", wechat_pay = "WeChat Pay", wero = "Wero",
  zip = "Zip",
}
