-- Fields that are never stored: nothing of their values is in the database's file, whichever way
-- they would come in, and what was stored before is scrubbed.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local master_key = require "spec.support.master_key"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"

local KEY = "sk_test_emulator"
local TYPES = { "customers", "payments", "disputes" }

-- Where Stripe has a payer's address in charges, beside that of the customer.
local LEFT_OUT = { "customers.emailAddress", "source:charges.billing_details",
  "source:charges.receipt_email", "source:charges.payment_method_details.link",
  "source:charges.payment_method_details.paypal" }

describe("fields that are never stored", function()
  local e, box, path, app, shop
  local set_master = master_key.use(master_key.ONE)

  setup(function()
    e = emulator.start { charges = 40, compact = true }
  end)

  teardown(function()
    e:stop()
  end)

  before_each(function()
    e:reset { charges = 40, compact = true }
    box = sandbox.new {}
    path = box:path "shop.db"
  end)

  local function open(options, connection)
    local all = { store = "sqlite:" .. path }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    app = assert(commerce.open(all))
    all = { secret_key = KEY, base_url = e.base, rate = 0, endpoint_rate = 0 }
    for name, value in pairs(connection or {}) do
      all[name] = value
    end
    shop = assert(app:connect(all))
  end

  local function close()
    if app then
      shop:close()
      app:close()
      app = nil
    end
  end

  after_each(function()
    close()
    box:close()
  end)

  local function sync(options)
    local all = { types = TYPES }
    for name, value in pairs(options or {}) do
      all[name] = value
    end
    local report = assert(shop:sync(all))
    assert.is_true(report.complete, tostring(report))
    return report
  end

  -- How many of the customers' values of a member are in the file.
  local function traces(member)
    local text, found, all = rows.bytes(path), 0, 0
    for _, customer in ipairs(rows.fetch(e, "customers")) do
      local value = customer[member]
      if type(value) == "string" then
        all = all + 1
        found = found + (text:find(value, 1, true) and 1 or 0)
      end
    end
    assert.is_true(all > 0)
    return found, all
  end

  local function number(sql)
    return rows.number(path, sql)
  end

  it("are neither in records nor in kept objects, nor anywhere in the file", function()
    open { leave_out = LEFT_OUT }
    sync { keep_source = true }
    assert.is_true(number "SELECT count(*) FROM customers" > 0)
    assert.equal(0, number "SELECT count(*) FROM customers WHERE email_address IS NOT NULL")
    assert.is_true(number "SELECT count(*) FROM customers WHERE customer_name IS NOT NULL" > 0)
    assert.is_true(number "SELECT count(*) FROM source_objects WHERE resource = 'customers'" > 0)
    assert.equal(0, (traces "email"))
    close()
    open() -- the list is the store's: a program that does not name it observes it
    sync { full = true }
    assert.equal(0, (traces "email"))
    assert.is_true(shop:verify { types = { "customers" }, deep = true }.agrees)
  end)

  it("are scrubbed from what was stored, with kept objects, the log and free pages", function()
    open()
    sync { keep_source = true }
    local found, all = traces "email"
    assert.equal(all, found)
    local dated = number "SELECT count(DISTINCT modified_date) FROM customers"
    local with_email = number "SELECT count(*) FROM customers WHERE email_address IS NOT NULL"
    assert.is_true(app:protect { leave_out = LEFT_OUT })
    local done = assert(shop:scrub())
    assert.equal(with_email, done.records)
    assert.is_true(done.objects > 0)
    assert.equal(0, (traces "email"))
    assert.equal(dated, number "SELECT count(DISTINCT modified_date) FROM customers")
    assert.same({ 0, 0 }, { shop:scrub().records, shop:scrub().objects })
    local entry = sync { full = true, types = { "customers" } }.types[1]
    assert.same({ 0, 0 }, { entry.created, entry.changed })
  end)

  it("go at the next sync, which says so; and come back with a full one", function()
    open()
    sync()
    assert(shop:protect { leave_out = { "customers.phone", "customers.emailAddress" } })
    local notes = table.concat(sync().notes, "\n")
    assert.truthy(notes:find("no longer stored as they are: customers.emailAddress, "
      .. "customers.phone", 1, true), notes)
    assert.equal(0, number "SELECT count(*) FROM customers WHERE email_address IS NOT NULL")
    assert(shop:protect { keep = { "customers.emailAddress" } })
    notes = table.concat(sync().notes, "\n")
    assert.truthy(notes:find("stored again: customers.emailAddress", 1, true), notes)
    sync { full = true }
    local found, all = traces "email"
    assert.equal(all, found)
  end)

  it("are hashed under a key that a new master key does not change", function()
    open()
    sync { keep_source = true }
    assert(app:protect { hash = { LEFT_OUT[1] },
      leave_out = { LEFT_OUT[2], LEFT_OUT[3], LEFT_OUT[4], LEFT_OUT[5] } })
    assert(shop:scrub())
    assert.equal(0, (traces "email"))
    local before = rows.sql(path, "SELECT id, email_address FROM customers ORDER BY id")
    assert.truthy(before:find("|hmac:" .. ("%x"):rep(64)), before)
    set_master(master_key.TWO, master_key.ONE)
    assert.is_true(require("commerce.account.credentials").rekey(app.store).changed > 0)
    set_master(master_key.TWO)
    sync { full = true }
    assert.equal(before, rows.sql(path, "SELECT id, email_address FROM customers ORDER BY id"))
    assert.is_true(assert(shop:remap()).complete)
    assert.equal(before, rows.sql(path, "SELECT id, email_address FROM customers ORDER BY id"))
    set_master(nil)
    local report, message = shop:sync { types = TYPES }
    assert.is_nil(report)
    assert.truthy(message:find("COMMERCE_MASTER_KEY", 1, true), message)
  end)

  it("are taken over by remap, which makes all else anew", function()
    open { hash = { "payments.supplementalData.content.stripe.last4" } }
    sync { keep_source = true }
    local function last4()
      return rows.sql(path, "SELECT id, json_extract(data, "
        .. "'$.supplementalData.content.stripe.last4') FROM payments ORDER BY id")
    end
    local before = last4()
    assert.truthy(before:find "|hmac:%x+\n", before)
    shop:extend("payments", { supplementalData = { seen = "created",
      digits = "payment_method_details.card.last4" } })
    assert.is_true(assert(shop:remap { types = { "payments" } }).complete)
    assert.equal(before, last4())
    assert.equal(number "SELECT count(*) FROM payments", number("SELECT count(*) FROM payments "
      .. "WHERE CAST(json_extract(data, '$.supplementalData.content.stripe.seen') AS INTEGER) > 0"))
    assert.equal(0, number("SELECT count(*) FROM payments WHERE json_extract(data, "
      .. "'$.supplementalData.content.stripe.digits') IS NOT NULL")) -- the path is not kept
  end)

  it("cannot be put back by a hook", function()
    open { leave_out = { "customers.emailAddress" } }
    local seen = 0
    shop:on("customers", function(customer)
      seen = seen + (customer.emailAddress and 1 or 0)
      customer.emailAddress = "hook-was-here@example.com"
      return customer
    end)
    sync { types = { "customers" } }
    assert.is_true(seen > 0)
    assert.is_nil(rows.bytes(path):find("hook-was-here", 1, true))
  end)

  it("stop the keeping of objects that cannot be kept without them", function()
    open()
    sync { keep_source = true, types = { "payments" } }
    assert.is_true(number "SELECT count(*) FROM source_objects WHERE resource = 'refunds'" > 0)
    assert(shop:protect { leave_out = { "payments.supplementalData.content.stripe.reason" } })
    local notes = table.concat(sync({ types = { "payments" }, full = true }).notes, "\n")
    assert.truthy(notes:find("refunds are not kept: a field of which payments are recognised is "
      .. "not stored", 1, true), notes)
    assert.equal(0, number "SELECT count(*) FROM source_objects WHERE resource = 'refunds'")
    assert.is_true(number "SELECT count(*) FROM source_objects WHERE resource = 'charges'" > 0)
  end)

  it("obey the lists of the store that a hook sends a record to, too", function()
    open { leave_out = { "customers.phone" } }
    local other = assert(commerce.open { store = "memory:",
      leave_out = { "customers.emailAddress" } })
    shop:on("customers", function(_, _, context)
      context:copy(other)
    end)
    sync { types = { "customers" } }
    local count = 0
    for customer in other:records "customers" do
      count = count + 1
      assert.same({}, { customer.emailAddress, customer.phone })
    end
    assert.is_true(count > 0)
    assert.is_true(number "SELECT count(*) FROM customers WHERE email_address IS NOT NULL" > 0)
    other:close()
  end)

  it("are set by a command, which scrubs at once, and shown by coverage", function()
    open { leave_out = { "payments.supplementalData.content.stripe.last4" } }
    sync { types = { "customers" } }
    local id = shop.id
    close()
    box.environment.COMMERCE_STORE = "sqlite:" .. path
    box.environment.STRIPE_API_BASE = e.base
    local status, out, err = box:commerce "settings leave-out customers.emailAddress --json"
    assert.equal(0, status, err)
    local lists, scrubbed = out:match "^(.-)\n(.-)\n$"
    assert.same({ "customers.emailAddress", "payments.supplementalData.content.stripe.last4" },
      cjson.decode(lists).leaveOut)
    assert.equal(id, cjson.decode(scrubbed).connection)
    assert.is_true(cjson.decode(scrubbed).records > 0)
    assert.equal(0, (traces "email"))
    status, out, err = box:commerce("coverage --connection " .. id,
      { STRIPE_SECRET_KEY = KEY })
    assert.equal(0, status, err)
    assert.matches("customers +yes +emailAddress\n", out)
    status, out, err = box:commerce "settings leave-out customers.emailAdress"
    assert.equal(2, status, out)
    assert.truthy(err:find("did you mean 'emailAddress'", 1, true), err)
  end)

  it("are taken out of events that wait", function()
    open { leave_out = { "customers.emailAddress" } }
    sync { types = { "customers" } }
    local customer = rows.fetch(e, "customers")[1]
    customer.email = "in-an-event@example.com"
    local body = cjson.encode { id = "evt_1", object = "event", type = "customer.updated",
      livemode = false, created = os.time(), api_version = "2020-01-01",
      data = { object = customer, previous_attributes = { email = "earlier@example.com" } } }
    local core = require "commerce.core"
    local secret = "whsec_" .. ("x"):rep(24)
    local real = core.verify_signature
    core.verify_signature = function()
      return true
    end
    local received, message = app:receive_webhook(body, "t=1,v1=x", { integration = "stripe-test",
      secrets = { secret }, account = shop.account })
    core.verify_signature = real
    assert.equal(1, assert(received, message).kept)
    assert.equal(1, number "SELECT count(*) FROM inbox")
    assert.is_nil(rows.bytes(path):find("in-an-event", 1, true))
    assert.is_nil(rows.bytes(path):find("earlier@", 1, true))
    assert.equal(customer.id, cjson.decode(app.store:waiting_events(shop.id, 1)[1].body)
      .data.object.id)
  end)
end)
