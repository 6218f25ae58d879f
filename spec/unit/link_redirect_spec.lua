-- Where a merchant goes in the end: Codat's placeholders, status codes and texts, and hosts that
-- the link chooses.

local json = require "commerce.base.json"
local redirect = require "commerce.link.redirect"

local CLIENT = "f0f0f0f0-0000-4000-8000-000000000001"

local function profile(address, allowed)
  return json.encode { name = "Lender", redirectUrl = address, whiteListUrls = allowed }
end

local function outcome(fields)
  local result = { status = 200, text = "OK", connection_id = "c-1", company_id = "k-1",
    ids = { key = "exgd", integrationId = "i-1", sourceId = "s-1" }, name = "Stripe",
    client_id = CLIENT, account_name = "Toys & Co" }
  for name, value in pairs(fields or {}) do
    result[name] = value
  end
  return result
end

describe("a redirect address", function()
  it("has all of Codat's placeholders filled in", function()
    local names = { "clientId", "connectionId", "companyId", "integrationId", "sourceId",
      "platform", "platformName", "sourceType", "statusCode", "errorMessage", "statusText",
      "data.company.companyName" }
    local parts = {}
    for i, name in ipairs(names) do
      parts[i] = ("%d={%s}"):format(i, name)
    end
    assert.equal("https://lender.example/?1=" .. CLIENT .. "&2=c-1&3=k-1&4=i-1&5=s-1&6=exgd"
      .. "&7=Stripe&8=Commerce&9=200&10=&11=OK&12=Toys%20%26%20Co",
      redirect.address(profile("https://lender.example/?" .. table.concat(parts, "&")), outcome()))
  end)

  for status, text in pairs { [200] = "", [201] = "", [403] = "User%20cancelled",
    [500] = "Unknown%20error%20occurred", [501] = "Not%20supported" } do
    it(("has Codat's message for %d, and as status text what was said"):format(status), function()
      local address = redirect.address(profile("https://lender.example/d?c={statusCode}"
        .. "&m={errorMessage}&t={statusText}"), outcome { status = status,
        text = "The user said no", message = "Sorry" })
      assert.equal(("https://lender.example/d?c=%d&m=%s&t=The%%20user%%20said%%20no"):format(status,
        text), address)
    end)
  end

  it("has our message where Stripe said nothing", function()
    local failed = outcome { status = 403, message = "You cancelled." }
    failed.text = nil
    assert.equal("https://lender.example/You%20cancelled.",
      redirect.address(profile "https://lender.example/{statusText}", failed))
  end)

  it("tells nothing about a connection that was not made", function()
    assert.equal("https://lender.example/?a=&b=&c=k-1&d=",
      redirect.address(profile("https://lender.example/?a={connectionId}&b={platform}"
      .. "&c={companyId}&d={data.company.companyName}"), outcome { status = 201 }))
  end)

  it("has nothing for a placeholder that nobody fills", function()
    assert.equal("https://lender.example//success?a=&b=x%2Fy", redirect.address(
      profile "https://lender.example/{no.such}/success?a={companyid}&b={my-plan}",
      outcome { carried = { ["my-plan"] = "x/y" } }))
  end)

  -- Codat's own table of dynamic hosts
  local ALLOWED = { "https://uat.mybank.io/success", "https://mybankbusiness.io",
    "https://mybank.io", "https://mybank.com/", "http://localhost:3000" }
  for _, case in ipairs {
    { "https://{environment}.mybank.io/success", { environment = "uat" },
      "https://uat.mybank.io/success" },
    { "https://{environment}.mybank.io/{companyId}", { environment = "UAT" },
      "https://uat.mybank.io/k-1" },
    { "https://mybank{customerType}.io/success", { customerType = "business" },
      "https://mybankbusiness.io/success" },
    { "https://{website}/success", { website = "mybank.io" }, "https://mybank.io/success" },
    { "https://mybank.{region}/success", { region = "com" }, "https://mybank.com/success" },
    { "https://{business}.io/success?x={business}", { business = "mybank" },
      "https://mybank.io/success?x=mybank" },
    { "http://{host}/", { host = "localhost:3000" }, "http://localhost:3000/" },
    { "https://{host}", { host = "mybank.io:443" }, "https://mybank.io" },
    -- what is not listed, or is not a host
    { "https://{environment}.mybank.io/success", { environment = "prod" } },
    { "https://{environment}.mybank.io/success", {} },
    { "https://{website}/success", { website = "evil.example" } },
    { "https://{website}/success", { website = "mybank.io.evil.example" } },
    { "https://{website}/success", { website = "mybank.io:8443" } },
    { "https://{website}/success", { website = "mybank.io/evil" } },
    { "https://{website}/success", { website = "evil.example#mybank.io" } },
    { "https://{website}/success", { website = "u@mybank.io" } },
    { "https://{website}/success", { website = "mybank.io\\@evil.example" } },
    { "http://{website}/success", { website = "mybank.io" } },
    { "https://{platformName}.io/", { platformName = "mybank" } },
    { "{website}/success", { website = "https://mybank.io" } },
  } do
    it(("%s with %s leads to %s"):format(case[1], json.encode(case[2]), tostring(case[3])),
      function()
      local template = profile(case[1], ALLOWED)
      assert.equal(case[3], redirect.address(template, outcome {
        carried = redirect.carried(template, case[2]) }))
      if case[1]:find "^https?://[^/]*{" then
        assert.is_nil(redirect.address(profile(case[1]), outcome { carried = case[2] }))
      end
    end)
  end

  it("of a fixed host needs no list", function()
    assert.equal("https://lender.example/k-1",
      redirect.address(profile("https://lender.example/{companyId}", { "https://other.example" }),
      outcome()))
    for _, text in ipairs { "", "nonsense", "ftp://lender.example", "https://a b/" } do
      assert.is_nil(redirect.address(profile(text), outcome()))
    end
    assert.is_nil(redirect.address(nil, outcome()))
  end)
end)
