-- Company info: GET /v1/account with GET /v1/balance.

local builders = require "spec.support.builders"
local json = require "commerce.base.json"
local schema_check = require "spec.support.schema_check"

local ABSENT, null = builders.ABSENT, json.null

-- A Standard account withholds company and individual, and its profile may be blank.
local BLANK = {
  business_profile = {
    mcc = null, name = null, support_address = null, support_email = null, support_phone = null,
    support_url = null, url = null,
  },
  company = ABSENT, email = null, ["settings.dashboard.display_name"] = null,
}

local function mapped(overrides, balance)
  local account = builders.account(overrides)
  account.balance = balance or builders.balance()
  return (schema_check.mapped("company_info", "account", account))
end

local function blank(overrides)
  local all = {}
  for _, each in ipairs { BLANK, overrides or {} } do
    for path, value in pairs(each) do
      all[path] = value
    end
  end
  return mapped(all)
end

describe("company_info", function()
  it("maps a complete account", function()
    assert.same({
      companyName = "Harbour Lights",
      commercePlatformRef = "acct_1QvTestShop0001",
      companyLegalName = "Harbour Lights Trading Ltd",
      addresses = {
        { type = "Unknown", line1 = "Unit 3", line2 = "Old Ropeworks", city = "Whitby",
          region = "North Yorkshire", postalCode = "YO22 4PT", country = "GB" },
        { type = "Unknown", line1 = "7 Quay Street", city = "Whitby", postalCode = "YO21 1AA",
          country = "GB" },
      },
      phoneNumbers = {
        { number = "+441947555010", type = "Primary" },
        { number = "+441947555011", type = "Unknown" },
      },
      webLinks = {
        { type = "Website", url = "https://harbourlights.example" },
        { type = "Unknown", url = "https://harbourlights.example/help" },
      },
      baseCurrency = "GBP",
      accountBalances = {
        { available = 1234.56, pending = 78.9, reserved = 5, currency = "GBP" },
      },
      sourceUrls = { dashboard = "https://dashboard.stripe.com/acct_1QvTestShop0001/test" },
      createdDate = builders.CREATED_TEXT, sourceModifiedDate = builders.CREATED_TEXT,
    }, mapped())
  end)

  it("reads the account and with it the balance", function()
    assert.same({ balance = "balance" }, schema_check.source("company_info", "account").with)
  end)

  describe("companyName", function()
    for _, case in ipairs {
      { "the profile's name", {}, "Harbour Lights" },
      { "the dashboard's name", { ["business_profile.name"] = null }, "Harbour Lights Online" },
      { "the dashboard's name without any profile", { business_profile = null },
        "Harbour Lights Online" },
      { "the company's name", { ["business_profile.name"] = null,
        ["settings.dashboard.display_name"] = null }, "Harbour Lights Trading Ltd" },
      { "the email", { business_profile = null, settings = ABSENT, company = ABSENT },
        "owner@harbourlights.example" },
      { "the id", { business_profile = null, settings = ABSENT, company = ABSENT, email = null },
        "acct_1QvTestShop0001" },
    } do
      it("is " .. case[1], function()
        assert.equal(case[3], mapped(case[2]).companyName)
      end)
    end
  end)

  describe("companyLegalName", function()
    it("is first and last name of an individual", function()
      local individual = { first_name = "Rosa", last_name = "Lindqvist" }
      assert.equal("Rosa Lindqvist", blank({ individual = individual }).companyLegalName)
    end)

    it("is the one name of an individual who gives one", function()
      assert.equal("Rosa", blank({ individual = { first_name = "Rosa", last_name = null } })
        .companyLegalName)
      assert.equal("Lindqvist", blank({ individual = { last_name = "Lindqvist" } })
        .companyLegalName)
    end)

    it("is the company's before the individual's", function()
      assert.equal("Harbour Lights Trading Ltd",
        mapped({ individual = { first_name = "Rosa", last_name = "L" } }).companyLegalName)
    end)

    it("is left out when the account gives neither", function()
      assert.is_nil(blank().companyLegalName)
    end)
  end)

  describe("addresses", function()
    it("fall back to the country alone", function()
      assert.same({ { type = "Unknown", country = "GB" } }, blank().addresses)
    end)

    it("fall back to the country when both addresses have nothing but nulls", function()
      local nulls = { city = null, country = null, line1 = null, line2 = null,
        postal_code = null, state = null }
      assert.same({ { type = "Unknown", country = "GB" } },
        mapped({ ["company.address"] = nulls,
          ["business_profile.support_address"] = nulls }).addresses)
    end)

    it("are the support address alone when the company gives none", function()
      local addresses = mapped({ company = ABSENT }).addresses
      assert.equal(1, #addresses)
      assert.equal("7 Quay Street", addresses[1].line1)
    end)

    -- Stripe's Address of Japanese accounts: the town stands apart from the line with the block
    local KANJI = { country = "JP", postal_code = "1500001", state = "東京都", city = "渋谷区",
      town = "神宮前　３丁目", line1 = "27-15", line2 = "ビル 2F" }
    local KANA = { country = "JP", postal_code = "1500001", state = "ﾄｳｷﾖｳﾄ", city = "ｼﾌﾞﾔ",
      town = "ｼﾞﾝｸﾞｳﾏｴ 3-", line1 = "27-15", line2 = null }

    it("are a Japanese account's in kanji", function()
      assert.same({ type = "Unknown", country = "JP", postalCode = "1500001", region = "東京都",
        city = "渋谷区", line1 = "神宮前　３丁目 27-15", line2 = "ビル 2F" },
        mapped({ company = { address_kanji = KANJI, address_kana = KANA } }).addresses[1])
    end)

    it("are a Japanese account's in kana, if there is nothing else", function()
      for _, none in ipairs { ABSENT, null, { town = null, line1 = null } } do
        local company = { address_kana = KANA, address_kanji = none ~= ABSENT and none or nil }
        assert.same({ type = "Unknown", country = "JP", postalCode = "1500001",
          region = "ﾄｳｷﾖｳﾄ", city = "ｼﾌﾞﾔ", line1 = "ｼﾞﾝｸﾞｳﾏｴ 3- 27-15" },
          mapped({ company = company }).addresses[1])
      end
    end)

    it("are a Japanese account's without town or line as they are", function()
      local function line(town, line1)
        return mapped({ company = { address_kanji = { country = "JP", town = town,
          line1 = line1 } } }).addresses[1].line1
      end
      assert.equal("27-15", line(null, "27-15"))
      assert.equal("神宮前", line("神宮前", null))
      assert.equal("27-15", line("", "27-15"))
      assert.is_nil(line(null, null))
      assert.equal("27-15", line(7, "27-15"))
    end)

    it("are the plain ones where an account has both", function()
      local address = { line1 = "Unit 3", country = "GB" }
      assert.same({ type = "Unknown", line1 = "Unit 3", country = "GB" },
        mapped({ company = { address = address, address_kanji = KANJI } }).addresses[1])
    end)

    it("hold nothing when not even the country is known", function()
      assert.same({}, blank({ country = ABSENT }).addresses or {})
    end)
  end)

  it("leaves out phone numbers and links that the account does not give", function()
    local record = blank()
    assert.same({}, record.phoneNumbers or {})
    assert.same({}, record.webLinks or {})
  end)

  it("gives the company's phone alone as Unknown", function()
    assert.same({ { number = "+441947555011", type = "Unknown" } },
      mapped({ ["business_profile.support_phone"] = null }).phoneNumbers)
  end)

  it("gives the support link alone as Unknown", function()
    assert.same({ { url = "https://harbourlights.example/help", type = "Unknown" } },
      mapped({ ["business_profile.url"] = null }).webLinks)
  end)

  it("has the currency XXX when the account names none", function()
    assert.equal("XXX", mapped({ default_currency = null }).baseCurrency)
    assert.equal("XXX", mapped({ default_currency = ABSENT }).baseCurrency)
  end)

  it("leaves out a creation date of 0 or null", function()
    for _, created in ipairs { 0, null, ABSENT } do
      local record = mapped({ created = created })
      assert.is_nil(record.createdDate)
      assert.is_nil(record.sourceModifiedDate)
    end
  end)

  describe("accountBalances", function()
    local function by_currency(balance)
      local result, count = {}, 0
      for _, entry in ipairs(mapped({}, builders.balance(balance)).accountBalances) do
        assert.is_nil(result[entry.currency])
        result[entry.currency], count = entry, count + 1
      end
      return result, count
    end

    it("are one entry per currency, each with its own exponent", function()
      local entries, count = by_currency {
        available = { { amount = 1050, currency = "gbp" }, { amount = 98000, currency = "jpy" } },
        pending = { { amount = -300, currency = "gbp" }, { amount = 1234, currency = "kwd" } },
        connect_reserved = { { amount = 77, currency = "jpy" } },
      }
      assert.equal(3, count)
      assert.same({ currency = "GBP", available = 10.5, pending = -3 }, entries.GBP)
      assert.same({ currency = "JPY", available = 98000, reserved = 77 }, entries.JPY)
      assert.same({ currency = "KWD", pending = 1.234 }, entries.KWD)
    end)

    it("have no reserved amount when the balance has no connect_reserved", function()
      local entries = by_currency { connect_reserved = ABSENT }
      assert.same({ currency = "GBP", available = 1234.56, pending = 78.9 }, entries.GBP)
    end)

    it("keep an amount of zero", function()
      local entries = by_currency {
        available = { { amount = 0, currency = "usd" } },
        pending = { { amount = 0, currency = "usd" } }, connect_reserved = ABSENT,
      }
      assert.same({ currency = "USD", available = 0, pending = 0 }, entries.USD)
    end)

    it("do not fail the record when the balance could not be read", function()
      local account = builders.account()
      local record = schema_check.mapped("company_info", "account", account)
      assert.equal("Harbour Lights", record.companyName)
      assert.same({}, record.accountBalances or {})
    end)
  end)

  describe("sourceUrls", function()
    it("lead to the dashboard", function()
      assert.same({ dashboard = "https://dashboard.stripe.com/acct_1QvTestShop0001" },
        mapped({}, builders.balance { livemode = true }).sourceUrls)
    end)

    it("lead to the dashboard's test data in test mode", function()
      assert.same({ dashboard = "https://dashboard.stripe.com/acct_1QvTestShop0001/test" },
        mapped({}, builders.balance { livemode = false }).sourceUrls)
    end)
  end)
end)
