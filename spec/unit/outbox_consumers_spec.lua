-- Webhook consumers: which are taken, what their webhooks are signed with, whom they may be.

local consumers = require "spec.support.returning" "commerce.webhooks.consumers"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local handle = require "commerce.store.handle"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local store = require "commerce.store"

local SECRET = "^whsec_[%w+/]+$"

describe("webhook consumers", function()
  local set_key = master_key.use(master_key.ONE)
  local db, box

  before_each(function()
    box = sandbox.new()
    db = handle(assert(store.open("sqlite:" .. box:path "commerce.db")))
  end)

  after_each(function()
    db:close()
    box:close()
  end)

  local function add(url, more)
    local given = { url = url }
    for name, value in pairs(more or {}) do
      given[name] = value
    end
    return errors.catch(consumers.add, db, given)
  end

  local function refused(text, url, more)
    local row, message, details = add(url, more)
    assert.is_nil(row)
    assert.equal("usage", details.kind)
    assert.matches(text, message, 1, true)
    assert.same({}, db:webhook_consumers())
    assert.same({}, db:secrets_of "consumer:")
  end

  -- What the consumer's webhooks are signed with now, as one signs.
  local function signatures(id, now)
    local list = {}
    for i, secret in ipairs(assert(consumers.secrets(db, id, now or os.time()))) do
      list[i] = core.sign_webhook(secret, "msg_1", "1", "{}")
    end
    return list
  end

  local function signature_of(text)
    return assert(core.sign_webhook(core.secret(text), "msg_1", "1", "{}"))
  end

  it("are kept with what they ask for, and get a secret that is seen once", function()
    local row, secret = assert(add("https://example.com/hooks?a=1", {
      event_types = { "read.completed", "bills.write.successful" },
      company_tags = { "region:eu" } }))
    assert.matches(SECRET, secret)
    assert.equal(#"whsec_" + 32, #secret)
    assert.same({ row }, db:webhook_consumers())
    assert.is_false(row.disabled)
    assert.same({ signature_of(secret) }, signatures(row.id))
    assert.equal("", box:files_with(secret:sub(7)))
    local _, other = assert(add "https://example.com/hooks?a=1")
    assert.are_not.equal(secret, other)
  end)

  it("are not taken where nothing could ever be sent to them", function()
    for _, url in ipairs { "", "example.com", "ftp://example.com", "https://", "https://?x",
      "https://user:pw@example.com/", "https://exa mple.com", "https://a\nb" } do
      refused("url must be an address such as", url)
    end
    refused("url must be https", "http://example.com")
    for _, host in ipairs { "[fe80::1%lo]", "[example.com]", "[]", "a%2eb.com" } do
      refused("url has no valid host", ("https://%s/"):format(host))
    end
    for _, host in ipairs { "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]" } do
      refused("url is a link-local address or a metadata service", ("https://%s/"):format(host))
    end
    refused("url must not be longer", "https://example.com/" .. ("x"):rep(2000))
    refused("'nothing' is not an event type", "https://example.com",
      { event_types = { "nothing" } })
    refused("'region' is not of the form", "https://example.com", { company_tags = { "region" } })
  end)

  it("are not on this machine or in a private network, unless that is allowed", function()
    local private = { "http://localhost:8080/x", "https://LOCALHOST/", "http://127.0.0.1",
      "https://10.0.0.1/x", "https://[::1]:8/", "https://192.168.1.1:99" }
    for _, url in ipairs(private) do
      refused("`commerce webhooks reach network` allows", url)
    end
    assert.equal("public", consumers.reach(db))
    consumers.set_reach(db, "network")
    for _, url in ipairs(private) do
      assert.is_table((assert(add(url))))
    end
    assert.is_table((assert(add "http://a-name-of-ours:80/")))
    local row, message = add "http://8.8.8.8/"
    assert.is_nil(row)
    assert.matches("url must be https", message, 1, true)
    local ok, _, details = errors.catch(consumers.set_reach, db, "moon")
    assert.is_nil(ok)
    assert.equal("usage", details.kind)
    assert.equal("network", consumers.reach(db))
  end)

  it("are fifty at most", function()
    for _ = 1, consumers.MOST do
      assert(add "https://example.com")
    end
    local row, message, details = add "https://example.com"
    assert.is_nil(row)
    assert.equal("conflict", details.kind)
    assert.matches("50 webhook consumers already", message, 1, true)
    assert.equal(consumers.MOST, #db:secrets_of "consumer:")
  end)

  it("need a master key, which seals their secrets", function()
    set_key(nil)
    refused("COMMERCE_MASTER_KEY is not set", "https://example.com")
    set_key(master_key.ONE)
    local row = assert(add "https://example.com")
    set_key(master_key.TWO)
    local secrets, message, details = errors.catch(consumers.secrets, db, row.id, os.time())
    assert.is_nil(secrets)
    assert.equal("other_key", details.code)
    assert.matches("consumer:" .. row.id, message, 1, true)
  end)

  it("exchange secrets: the old one signs as well for a day", function()
    local row, first = assert(add "https://example.com")
    local second = assert(consumers.renew_secret(db, row.id))
    assert.matches(SECRET, second)
    local now = os.time()
    assert.same({ signature_of(second), signature_of(first) }, signatures(row.id, now))
    assert.same({ signature_of(second), signature_of(first) }, signatures(row.id, now + 86000))
    assert.same({ signature_of(second) }, signatures(row.id, now + 86410))
    assert.equal(1, #db:secrets_of "consumer:")
    local third = assert(consumers.renew_secret(db, row.id))
    assert.same({ signature_of(third), signature_of(second) }, signatures(row.id, now))
  end)

  it("of an older version get a secret when they need it, and keep it", function()
    assert(db:add_webhook_consumer({ id = "old", url = "https://example.com", disabled = false,
      event_types = {}, company_tags = {}, created = "2026-01-01T00:00:00Z" }, 50))
    local made = signatures "old"
    assert.equal(1, #made)
    assert.same(made, signatures "old")
  end)

  it("go with their secrets", function()
    local row = assert(add "https://example.com")
    assert(consumers.renew_secret(db, row.id))
    local envelope = rows.sql(box:path "commerce.db", "SELECT envelope FROM secrets"):match "%S+"
    assert.is_true(consumers.remove(db, row.id))
    assert.is_false(consumers.remove(db, row.id))
    assert.same({}, db:secrets_of "consumer:")
    assert.equal("", box:files_with(envelope))
  end)
end)
