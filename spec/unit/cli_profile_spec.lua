-- `commerce profile`, and one-time addresses by `commerce link --page`.

local cjson = require "cjson"
local commands = require "spec.support.commands"
local commerce = require "commerce"
local master_key = require "spec.support.master_key"
local sandbox = require "spec.support.sandbox"
local ticket = require "commerce.account.link.ticket"

describe("commerce profile", function()
  local box, cli
  master_key.use(master_key.ONE)

  before_each(function()
    box = sandbox.new({}, { in_process = true })
    box.environment = { COMMERCE_STORE = "sqlite:" .. box:path "commerce.db",
      COMMERCE_MASTER_KEY = master_key.ONE }
    cli = commands.new(box)
  end)

  after_each(function()
    box:close()
  end)

  local function shown()
    return cjson.decode((cli:ok "profile show --json"))
  end

  it("sets what merchants see, and leaves the rest as it is", function()
    assert.same({ name = "lua-commerce", redirectUrl = "", allowedOrigins = {} }, shown())
    cli:ok("profile set --name 'Lender Ltd' --logo https://cdn.example.com/l.svg "
      .. "--privacy https://lender.example.com/privacy --redirect "
      .. "'https://{env}.example.com/done?c={companyId}' --allow https://a.example.com "
      .. "--allow https://b.example.com --origin https://APP.example.com:443/ "
      .. "--one-time-links yes")
    local all = { name = "Lender Ltd", logoUrl = "https://cdn.example.com/l.svg",
      privacyUrl = "https://lender.example.com/privacy", oneTimeLinks = true,
      redirectUrl = "https://{env}.example.com/done?c={companyId}",
      whiteListUrls = { "https://a.example.com", "https://b.example.com" },
      allowedOrigins = { "https://app.example.com" } }
    assert.same(all, shown())
    cli:ok "profile set --logo '' --origin none"
    all.logoUrl, all.allowedOrigins = "", {}
    assert.same(all, shown())
    local text = cli:ok "profile show"
    for _, part in ipairs { "Lender Ltd", "https://b.example.com", "yes" } do
      assert.is_truthy(text:find(part, 1, true), part)
    end
  end)

  it("refuses what no browser could follow, and stores nothing then", function()
    for _, case in ipairs { { "", "nothing to set" }, { "--name ''", "a name is needed" },
      { "--logo javascript:x", "logoUrl must be an address" },
      { "--privacy x", "privacyUrl must be an address" },
      { "--origin https://a.example.com/path", "--origin: expected" },
      { "--origin '*'", "--origin: expected" }, { "--allow x", "whiteListUrls must be" },
      { "--name x --origin y", "--origin: expected" } } do
      assert.equal(2, cli:fails(case[2], "profile set " .. case[1]), case[1])
    end
    assert.same({ name = "lua-commerce", redirectUrl = "", allowedOrigins = {} }, shown())
  end)

  it("goes with an address of the Link pages that works once", function()
    cli:ok "companies create Toys"
    local url = cli:ok("link Toys --page https://me.example.com/codat/"):gsub("%s+$", "")
    local id, otp = url:match "^https://me%.example%.com/codat/link/company/([%x-]+)%?otp=(%S+)$"
    local app = assert(commerce.open { store = box.environment.COMMERCE_STORE })
    assert.is_true(ticket.spend(app.store, "otp", id, otp))
    assert.is_false(ticket.spend(app.store, "otp", id, otp))
    app:close()
    assert.equal(2, (cli:fails("--page: expected", "link Toys --page me.example.com")))
    assert.equal(2, (cli:fails("leave out all other",
      "link Toys --new --page https://me.example.com")))
  end)
end)
