-- Fields that are never stored: their names, what cannot be left out, and what becomes of the bytes
-- of records, of kept objects and of events.

local fields = require "commerce.account.fields"
local files = require "spec.support.sqlite_files"
local handle = require "commerce.store.handle"
local json = require "commerce.base.json"
local mappings = require "commerce.mapping.registry"
local master_key = require "spec.support.master_key"
local model = require "commerce.model"
local protections = require "commerce.account.protection"
local record = require "commerce.model.record"
local scrub = require "commerce.sync.scrub"
local store = require "commerce.store"
local stripe = require "commerce.stripe"
local traces = require "commerce.sync.traces"
local values = require "commerce.mapping.values"

local NOW = "2026-03-01T08:00:00Z"

describe("a value of a record", function()
  local function without(text, path)
    local keys = {}
    for key in path:gmatch "[^%.]+" do
      keys[#keys + 1] = key
    end
    return record.edit(text, keys, function() end)
  end

  it("is removed, and all else stays byte by byte", function()
    for _, case in ipairs {
      { '{"a":1,"b":12345678901234567890.10,"c":3}', "a", '{"b":12345678901234567890.10,"c":3}' },
      { '{"a":1,"b":2}', "b", '{"a":1}' },
      { '{"a":1}', "a", "{}" },
      { '{"a":1}', "x", '{"a":1}' },
      { '{"a":{"b":"}\\"","c":[{"d":1}]},"e":0}', "a.b", '{"a":{"c":[{"d":1}]},"e":0}' },
      { '{"a":{"b":1},"e":0}', "a.b", '{"e":0}' },
      { '{"e":0,"a":{"b":{"c":1}}}', "a.b.c", '{"e":0}' },
      { '{"l":[{"x":1,"y":2},{"y":3},{"x":4}],"e":0}', "l.x", '{"l":[{"y":2},{"y":3}],"e":0}' },
      { '{"l":[{"x":1}],"e":0}', "l.x", '{"e":0}' },
      { '{"l":[],"e":0}', "l.x", '{"e":0}' },
      { '{"a":"text","e":0}', "a.b", '{"a":"text","e":0}' },
    } do
      assert.equal(case[3], without(case[1], case[2]), case[1] .. " " .. case[2])
    end
  end)

  it("is replaced in place", function()
    assert.equal('{"l":[{"x":"<1>"},{"x":"<[2]>"}]}', record.edit('{"l":[{"x":1},{"x":[2]}]}',
      { "l", "x" }, function(text)
        return '"<' .. text .. '>"'
      end))
  end)
end)

describe("fields that are never stored", function()
  local db, all
  local set_master = master_key.use(master_key.ONE)

  before_each(function()
    db = handle(files.connected(assert(store.open "sqlite::memory:")))
    all = mappings.new(stripe.mappings)
  end)

  after_each(function()
    db:close()
  end)

  local function refused(given)
    local ok, raised = pcall(protections.change, db, all, nil, given)
    assert.is_false(ok)
    assert.equal("usage", raised.kind)
    assert.same({ leave_out = {}, hash = {} }, fields.get(db))
    return raised.message
  end

  it("are listed for all connections and for one", function()
    assert.is_true(protections.change(db, all, nil, { leave_out = { "customers.phone" },
      hash = { "commerce-customers.emailAddress" } }))
    assert.is_true(protections.change(db, all, "c1", { leave_out = { "customers.emailAddress",
      "source:charges.billing_details" } }))
    assert.is_false(protections.change(db, all, nil, { leave_out = { "customers.phone" } }))
    assert.same({ leave_out = { "customers.phone" }, hash = { "customers.emailAddress" } },
      fields.get(db))
    assert.same({ leave_out = { "customers.emailAddress", "customers.phone",
      "source:charges.billing_details" }, hash = {} }, fields.of(db, "c1"))
    assert.same({ leave_out = { "customers.phone" }, hash = { "customers.emailAddress" } },
      fields.of(db, "c2"))
    assert.is_false(protections.change(db, all, nil, { leave_out = { "customers.phone" },
      hash = { "customers.phone" } }))
    assert.is_true(protections.change(db, all, nil, { keep = { "customers.phone" } }))
    assert.same({ leave_out = {}, hash = { "customers.emailAddress" } }, fields.get(db))
  end)

  it("have names that exist", function()
    for name, part in pairs {
      ["customers.emailAdress"] = "did you mean 'emailAddress'",
      ["customer.emailAddress"] = "did you mean 'customers'",
      ["customers.addresses.line"] = "did you mean 'line1'",
      ["customers.note.x"] = "'note' has no fields",
      ["customers"] = "expected TYPE.FIELD",
      ["customers."] = "expected TYPE.FIELD",
      ["payments.supplementalData.content.stripe.metadatta"] =
        "did you mean 'payments.supplementalData.content.stripe.metadata'",
      ["payments.supplementalData.metadata"] = "the one member 'content'",
      ["source:charge.billing_details"] = "did you mean 'charges'",
      ["source:charges"] = "expected source:RESOURCE.PATH",
    } do
      local message = refused { leave_out = { name } }
      assert.truthy(message:find(part, 1, true), name .. ": " .. message)
    end
    assert.truthy(refused({ keep = { "customers.phone" } }):find("neither left out nor hashed", 1,
      true))
    assert.truthy(refused({ leave_out = { 5 } }):find("got number", 1, true))
  end)

  it("are none that the library needs, or that cannot be hashed", function()
    for name, part in pairs {
      ["customers.id"] = "records are found by it",
      ["customers.metadata.isDeleted"] = "it tells whether",
      ["payments.createdDate"] = "syncs, queries",
      ["transactions.totalAmount"] = "commerce verify",
      ["transactions.supplementalData"] = "commerce verify",
      ["disputes.disputedTransactions.id"] = "the model requires it",
      ["products.variants"] = "compares the prices",
      ["source:charges.id"] = "identified by it",
    } do
      local message = refused { leave_out = { name } }
      assert.truthy(message:find(part, 1, true), name .. ": " .. message)
    end
    for name, part in pairs {
      ["customers.addresses"] = "only texts can be hashed",
      ["payouts.arrivalDate"] = "of the kind datetime",
      ["products.name"] = "can be left out, not hashed",
      ["source:charges.receipt_email"] = "leave it out",
    } do
      local message = refused { hash = { name } }
      assert.truthy(message:find(part, 1, true), name .. ": " .. message)
    end
    set_master(nil)
    local ok, raised = pcall(protections.change, db, all, nil, { hash = { "customers.note" } })
    assert.is_false(ok)
    assert.truthy(raised.message:find("COMMERCE_MASTER_KEY", 1, true))
  end)

  local function protection(given)
    protections.change(db, all, "c1", given)
    return protections.of(db, "c1", all)
  end

  local function body_of(type_name, record_values)
    return assert(model.encode(model.find(type_name), record_values))
  end

  it("leave records; hashes are equal for equal texts", function()
    local own = protection { leave_out = { "customers.addresses.line1",
      "customers.supplementalData.content.stripe.metadata" },
      hash = { "customers.emailAddress", "customers.supplementalData.content.shop" } }
    local function made(email)
      return json.decode(own:body("customers", body_of("customers", { id = "cus_1",
        emailAddress = email, note = "n", addresses = { { line1 = "Elm Street", city = "Ulm" },
          { line1 = "only this" } }, supplementalData = { content = { shop = { a = "x", b = 5 },
          stripe = { metadata = { pet = "cat" } } } } })) .. "}")
    end
    local one, two = made "a@example.com", made "a@example.com"
    assert.same(one, two)
    assert.matches("^hmac:" .. ("%x"):rep(64) .. "$", one.emailAddress)
    assert.not_equal(one.emailAddress, made("b@example.com").emailAddress)
    assert.equal(one.emailAddress, made(one.emailAddress).emailAddress)
    assert.same({ { city = "Ulm" } }, one.addresses)
    assert.is_nil(one.supplementalData.content.stripe)
    assert.matches("^hmac:", one.supplementalData.content.shop.a)
    assert.matches("^hmac:", one.supplementalData.content.shop.b)
    assert.equal("n", one.note)
  end)

  it("leave the source paths that their mapping reads, also in objects within others", function()
    local own = protection { leave_out = { "customers.phone", "customers.addresses.line1",
      "customers.supplementalData.content.stripe.metadata.vip",
      "payments.supplementalData.content.stripe.last4" } }
    local customer = { id = "cus_1", object = "customer", phone = "1", email = "e",
      address = { line1 = "x", city = "y" }, shipping = { phone = "2", name = "N",
        address = { line1 = "z", state = "S" } }, metadata = { vip = "yes", other = "no" } }
    local left = { id = "cus_1", object = "customer", email = "e", address = { city = "y" },
      shipping = { name = "N", address = { state = "S" } }, metadata = { other = "no" } }
    assert.same(left, json.decode(own:source("customers", json.encode(customer))))
    local dispute = json.decode(own:source("disputes", json.encode { object = "dispute",
      charge = { object = "charge", customer = customer,
        payment_method_details = { card = { last4 = "4242", brand = "visa" } } } }))
    assert.same(left, dispute.charge.customer)
    assert.same({ card = { brand = "visa" } }, dispute.charge.payment_method_details)
    local text = '{"object": "refund", "amount": 5}'
    assert.equal(text, own:source("refunds", text))
  end)

  it("keep an object from being kept where its paths are not known", function()
    all:extend("payments", { supplementalData = { domain = function(charge)
      return charge.receipt_email
    end } }, { resource = "charges" })
    local own = protection { leave_out = { "payments.supplementalData.content.stripe.domain" } }
    assert.is_nil(own:source("charges", '{"object":"charge","id":"ch_1"}'))
    assert.truthy(own:unkept().charges:find("function of the whole object", 1, true))
    assert.equal('{"object":"refund"}', own:source("refunds", '{"object":"refund"}'))
    local event = { data = { object = { object = "charge", id = "ch_1", customer = "cus_1",
      amount = 5, receipt_email = "a@example.com", outcome = { x = 1 } } } }
    assert.same({ data = { object = { object = "charge", id = "ch_1", customer = "cus_1",
      amount = 5 } } }, json.decode(own:event(event, "")))
  end)

  it("keep an object from being kept where it would become another record", function()
    local own = protection { leave_out = { "payments.supplementalData.content.stripe.reason" } }
    assert.is_nil(own:source("refunds", '{"object":"refund","id":"re_1"}'))
    assert.truthy(own:unkept().refunds)
  end)

  it("of products are only those that nothing else is made of", function()
    assert.is_true(protections.change(db, all, nil, { leave_out = { "products.description" } }))
    assert.is_true(protections.change(db, all, nil, { keep = { "products.description" } }))
    all:extend("products", { supplementalData = { summary = values.with("description",
      function(text) return text end) } })
    assert.truthy(refused({ leave_out = { "products.description" } }):find(
      "other fields are made of it", 1, true))
  end)

  describe("scrubbing", function()
    local function write(ids)
      local entries = {}
      for i, id in ipairs(ids) do
        entries[i] = { id = id, body = body_of("customers", { id = id, phone = "tel " .. id,
          note = "note " .. id }) }
      end
      assert(db:write_page("c1", { records = { customers = entries }, resource = "customers",
        sources = { { id = "cus_1", data = '{"object":"customer","id":"cus_1","phone":"1"}' } } },
        NOW))
    end

    local function count(text)
      local n = 0
      for _, data in db:records(model.find "customers", { connection_id = "c1", deleted = true }) do
        n = n + (data:find(text, 1, true) and 1 or 0)
      end
      return n
    end

    it("does nothing where nothing is listed", function()
      write { "cus_1" }
      assert.same({}, (scrub.run(db, "c1", all)))
      assert.is_nil(db:state("c1", "fields"))
    end)

    it("goes on where a killed run stopped, and takes up what was listed since", function()
      local ids = {}
      for i = 1, 450 do
        ids[i] = ("cus_%03d"):format(i)
      end
      write(ids)
      assert(db:write_page("c1", { deleted = { customers = { "cus_007" } } }, NOW))
      protections.change(db, all, "c1", { leave_out = { "customers.phone" } })
      local real, batches = db.rewrite_records, 0
      db.rewrite_records = function(...)
        batches = batches + 1
        if batches == 2 then
          error "killed"
        end
        return real(...)
      end
      assert.has_error(function()
        scrub.run(db, "c1", all)
      end)
      assert.equal(250, count "tel ")
      batches = 2
      protections.change(db, all, "c1", { hash = { "customers.note" } })
      local notes, done = scrub.run(db, "c1", all)
      assert.equal(0, count "tel ")
      assert.equal(0, count "note ")
      assert.equal(450, count "hmac:")
      assert.equal(700, done.records)
      assert.equal(1, done.objects)
      assert.same({ "customers.phone", "customers.note" }, done.fields)
      assert.equal(1, #notes)
      assert.truthy(notes[1]:find("700 records, 1 kept objects", 1, true), notes[1])
      local gone = db:find(model.find "customers", "c1", { "cus_007" }, true)
      assert.is_true(record.is_deleted(gone.cus_007))
      assert.same({}, (scrub.run(db, "c1", all)))
      assert.equal("due", db:setting "traces") -- of the killed run, too
      traces.remove(db)
      assert.equal("", db:setting "traces")
    end)

    it("says that a field that is stored again needs a full sync", function()
      protections.change(db, all, "c1", { leave_out = { "customers.phone" } })
      scrub.run(db, "c1", all)
      protections.change(db, all, "c1", { hash = { "customers.phone" } })
      local notes = table.concat((scrub.run(db, "c1", all)), " ")
      assert.truthy(notes:find("stored again: customers.phone", 1, true), notes)
      protections.change(db, all, "c1", { keep = { "customers.phone" } })
      notes = table.concat((scrub.run(db, "c1", all)), " ")
      assert.truthy(notes:find("--full", 1, true), notes)
      assert.same({}, (scrub.run(db, "c1", all)))
    end)
  end)
end)
