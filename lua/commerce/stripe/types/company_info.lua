-- Company info: GET /v1/account with GET /v1/balance.

local ascii = require "commerce.base.ascii"
local decimal = require "commerce.base.decimal"
local mapping = require "commerce.mapping"
local v = require "commerce.mapping.values"

-- A platform cannot see most of `company` and `individual` of Standard accounts, so each field has
-- a fallback.
local legal_name = v.with("company.name", "individual.first_name", "individual.last_name",
  function(company, first, last)
    if company and company ~= "" then
      return company
    elseif first and last then
      return first .. " " .. last
    end
    return first or last
  end)

-- A Japanese account has its company's address in kanji and in kana instead. The model has no place
-- for the town: it is written before the block, as it is in Japan.
local function japanese(path)
  return v.with(v.address(path, "Unknown"), path .. ".town", function(address, town)
    if type(town) == "string" and town ~= "" then
      address = address or { type = "Unknown" }
      address.line1 = address.line1 and town .. " " .. address.line1 or town
    end
    return address
  end)
end

local company_address = v.first(v.address("company.address", "Unknown"),
  japanese "company.address_kanji", japanese "company.address_kana")

-- If there is no address, an address with only the account's country.
local addresses = v.with(
  v.list(company_address, v.address("business_profile.support_address", "Unknown")),
  "country",
  function(list, country)
    if #list == 0 and country then
      list[1] = { type = "Unknown", country = country }
    end
    return list
  end)

-- Stripe gives three lists of { amount, currency }; the model wants one entry per currency.
local BALANCES = { { "available", "available" }, { "pending", "pending" },
  { "connect_reserved", "reserved" } }

local function account_balances(...)
  local lists, by_currency, result = { ... }, {}, {}
  for i, names in ipairs(BALANCES) do
    for _, part in ipairs(lists[i] or {}) do
      local code = ascii.upper(part.currency)
      local entry = by_currency[code]
      if not entry then
        entry = { currency = code }
        by_currency[code], result[#result + 1] = entry, entry
      end
      entry[names[2]] = decimal.from_minor(part.amount, v.exponent(code))
    end
  end
  table.sort(result, function(a, b)
    return ascii.before(a.currency, b.currency)
  end)
  return result
end

local function dashboard(account, livemode)
  return { dashboard = "https://dashboard.stripe.com/" .. account
    .. (livemode == false and "/test" or "") }
end

local function phone(path, kind)
  return v.with(path, function(number)
    return number and { number = number, type = kind } or nil
  end)
end

local function web_link(path, kind)
  return v.with(path, function(url)
    return url and { type = kind, url = url } or nil
  end)
end

return mapping "company_info" {
  mapping.from { resource = "account", with = { balance = "balance" } },

  companyName = v.first("business_profile.name", "settings.dashboard.display_name", "company.name",
    "email", "id"),
  commercePlatformRef = "id",
  companyLegalName = legal_name,
  addresses = addresses,
  phoneNumbers = v.list(phone("business_profile.support_phone", "Primary"),
    phone("company.phone", "Unknown")),
  webLinks = v.list(web_link("business_profile.url", "Website"),
    web_link("business_profile.support_url", "Unknown")),
  baseCurrency = v.currency "default_currency",
  accountBalances = v.with("balance.available", "balance.pending", "balance.connect_reserved",
    account_balances),
  -- an account has no livemode; its balance has
  sourceUrls = v.with("id", "balance.livemode", dashboard),
  createdDate = v.timestamp "created",
  sourceModifiedDate = v.timestamp "created",
}
