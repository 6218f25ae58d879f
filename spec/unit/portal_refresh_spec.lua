-- The portal's page that reads a connection again, with its progress and its history.

local client = require "spec.support.api_client"
local portal_browser = require "spec.support.portal_browser"
local time = require "commerce.base.time"

local PATH = ("/portal/test/companies/%s/connections/%s/refresh"):format(client.COMPANY,
  client.CONNECTION)

describe("the portal's refresh", function()
  local made, browser

  before_each(function()
    made = client.new()
    browser = portal_browser.new(made.app)
  end)

  after_each(function()
    made:close()
    assert.same({}, browser.logged)
  end)

  local function page()
    local response = browser:get(PATH)
    assert.equal(200, response.status, response.body)
    return response.body
  end

  local function pull(id, fields)
    local row = { id = ("dddddddd-0000-4000-8000-%012d"):format(id), data_type = "payments",
      connection_id = client.CONNECTION, status = "Complete", requested = "2026-03-01T08:00:00Z",
      completed = "2026-03-01T08:01:05Z", read = 1200, created = 3, changed = 1, unchanged = 1196,
      progress = 100 }
    for name, value in pairs(fields or {}) do
      row[name] = value or nil
    end
    assert(made.store:save_pull(row))
  end

  it("asks for all data types, once, or for one", function()
    assert.matches("never read", page(), 1, true)
    assert.equal(303, browser:post(PATH, { type = "all" }).status)
    local waiting = made.store:waiting_pulls(client.CONNECTION)
    assert.is_truthy(waiting.payments and waiting.customers)
    assert.equal(303, browser:post(PATH, { type = "payments" }).status)
    assert.equal(waiting.payments.id, made.store:waiting_pulls(client.CONNECTION).payments.id)
    assert.equal(400, browser:post(PATH, { type = "nothing" }).status)
    assert.matches("data types wait for a worker.", page(), 1, true)
    assert.equal(303, browser:post(PATH, { type = "payouts" }).status)
    assert.is_truthy(made.store:waiting_pulls(client.CONNECTION).payouts)
  end)

  it("waits for the first read of an account that was just linked", function()
    local function linked(seconds)
      assert(made.store:change_connection(client.CONNECTION, {
        linked = time.format(os.time() - seconds) }))
      return page()
    end
    local text = linked(5)
    assert.matches("The first read is about to begin.", text, 1, true)
    assert.matches('data-live="busy"', text, 1, true)
    assert.matches('data-live="idle"', linked(3600), 1, true)
    pull(1)
    assert.matches('data-live="idle"', linked(5), 1, true)
  end)

  it("shows what runs, and asks again until it has ended", function()
    pull(1, { status = "Fetching", completed = false, progress = 41.7 })
    local text = page()
    assert.matches('data-live="busy"', text, 1, true)
    assert.matches('<progress aria-label="41 percent" max="100" value="41">', text, 1, true)
    assert.matches("Reading 1 data type now.", text, 1, true)
    assert.matches('<noscript><meta content="3;url=' .. PATH, text, 1, true)
    pull(1)
    text = page()
    assert.matches('data-live="idle"', text, 1, true)
    assert.is_nil(text:find("<noscript>", 1, true))
    assert.matches("1,200 read, 3 new, 1 changed", text, 1, true)
  end)

  it("shows the history of reads, page by page, with the reasons of failures", function()
    for i = 1, 30 do
      pull(i, { requested = ("2026-03-01T08:00:%02dZ"):format(i),
        completed = i == 30 and "2026-03-01T09:01:05Z" or nil,
        status = i == 30 and "ProviderError" or nil,
        error_message = i == 30 and "<b>no</b> /srv/secret/commerce.db" or nil })
    end
    local text = page()
    assert.matches("&lt;b&gt;no&lt;/b&gt;", text, 1, true)
    assert.is_nil(text:find("/srv/secret", 1, true))
    assert.matches("1 h 0 m", text, 1, true)
    assert.matches("Provider Error", text, 1, true)
    local function rows(body)
      return select(2, body:match('id="history".*'):gsub("<tr>", "")) - 1
    end
    assert.equal(25, rows(text))
    assert.equal(5, rows(browser:get(PATH .. "?page=2").body))
    assert.equal(400, browser:get(PATH .. "?page=0").status)
  end)

  it("reads nothing for a viewer, or of a connection that is not linked", function()
    local viewer = portal_browser.new(made.app, { role = "viewer" })
    local text = viewer:get(PATH).body
    assert.is_nil(text:find("Refresh all", 1, true))
    assert.equal(403, viewer:post(PATH, { type = "all" }).status)
    assert(made.store:change_connection(client.CONNECTION, { status = "Deauthorized",
      at = client.CREATED }))
    assert.equal(409, browser:post(PATH, { type = "all" }).status)
    assert.matches("This connection is Deauthorized", page(), 1, true)
    assert.same({}, made.store:waiting_pulls(client.CONNECTION))
  end)
end)
