-- A database that an earlier version of the library filled gets what the present mappings add, and
-- nothing else in it changes.

local cjson = require "cjson"
local commerce = require "commerce"
local emulator = require "spec.support.emulator"
local rows = require "spec.support.rows"
local sandbox = require "spec.support.sandbox"
local shops_at = require("spec.support.shops").new

local KEY = "sk_test_emulator"
local KANJI = [[{"address_kanji":{"country":"JP","city":"渋谷区","town":"神宮前","line1":"27-15"}}]]
local AGAIN = "the mapping of %s is not the one of the last sync"

describe("a database of an earlier version", function()
  local e, box, shops, shop, path, app, appealed

  setup(function()
    e = emulator.start { charges = 200, compact = true }
    box = sandbox.new()
    shops = shops_at(e, box, KEY)
  end)

  teardown(function()
    e:stop()
    box:close()
  end)

  before_each(function()
    e:reset { charges = 200, compact = true }
    local dispute = rows.fetch(e, "disputes")[2]
    appealed = ("disputes WHERE id = '%s' AND status = '%%s'"):format(dispute.id)
    e:mutate { op = "update", id = dispute.id, fields = { status = "appeal_needs_response" } }
    e:mutate { op = "account_update", fields = { company = cjson.decode(KANJI) } }
    e:advance(30 * 86400) -- no event tells of these any more
    shop, path, app = shops.open()
  end)

  after_each(function()
    shop:close()
    app:close()
  end)

  local function set(data_type, id, ...)
    local path_and_value = {}
    for i, text in ipairs { ... } do
      path_and_value[i] = "'" .. text .. "'"
    end
    rows.sql(path, ("UPDATE %s SET data = json_set(data, %s) WHERE %s"):format(data_type,
      table.concat(path_and_value, ", "), id))
  end

  -- The records as the earlier mappings made them: of products and the account, and of lists.
  local function age_singles()
    rows.sql(path, [[UPDATE products SET data = json_remove(data,
      '$.supplementalData.content.stripe.prices')]])
    rows.sql(path, [[UPDATE company_info SET data = json_set(data, '$.addresses', json('[]'))]])
  end

  local function age_lists()
    set("disputes", "status = 'EvidenceRequired' AND json_extract(data, "
      .. "'$.supplementalData.content.stripe.status') IS NULL", "$.status", "Unknown")
    set("payments", "payment_method_ref_id = 'paypay'", "$.paymentMethodRef.name", "Paypay")
    rows.sql(path, [[UPDATE payments SET data = json_remove(data,
      '$.supplementalData.content.stripe.destination_details',
      '$.supplementalData.content.stripe.payment_intent') WHERE amount < 0]])
  end

  -- The checkpoints as if other mappings had made the records.
  local function sign_otherwise(data_type)
    local signs = rows.sql(path, ([[SELECT value FROM resource_state, json_each(state)
      WHERE resource = 'mapping %s' AND key <> 'by user']]):format(data_type))
    for sign in signs:gmatch "%x+" do
      rows.sql(path, ("UPDATE resource_state SET state = replace(state, '%s', '00000000')")
        :format(sign))
    end
  end

  local function count(sql)
    return rows.number(path, "SELECT count(*) FROM " .. sql)
  end

  it("has its lists read again whose mapping changed, and says so", function()
    shops.sync(shop)
    age_lists()
    sign_otherwise "payments"
    sign_otherwise "disputes"
    assert.equal(1, count "payments WHERE payment_method_ref_name = 'Paypay'")
    assert.equal(1, count(appealed:format "Unknown"))
    local report = shops.sync(shop)
    assert.truthy(table.concat(report.notes, "\n"):find(AGAIN:format "disputes, payments", 1, true))
    assert.equal(1, count "payments WHERE payment_method_ref_name = 'PayPay'")
    assert.equal(1, count(appealed:format "EvidenceRequired"))
    shops.assert_like_whole(path)
    assert.same({}, shops.sync(shop).notes)
  end)

  it("gets what is new of products and of the account with any sync", function()
    shops.sync(shop)
    age_singles()
    local report = shops.sync(shop)
    assert.same({}, report.notes)
    assert.truthy(shops.entry_of(report, "products").changed > 20)
    assert.equal(1, count "company_info WHERE data LIKE '%神宮前 27-15%'")
    shops.assert_like_whole(path)
  end)

  it("gets it from kept objects, without the network", function()
    shops.sync(shop, { keep_source = true })
    age_singles()
    age_lists()
    sign_otherwise "payments"
    sign_otherwise "disputes"
    local id = shop.id
    shop:close()
    app:close()
    app = assert(commerce.open { store = "sqlite:" .. path })
    shop = assert(app:connection(id, { base_url = "http://127.0.0.1:1" }))
    local report = assert(shop:remap())
    assert.is_true(report.complete, tostring(report))
    assert.equal(0, report.requests)
    shops.assert_like_whole(path)
    shop:close()
    shop = assert(app:connect { secret_key = KEY, base_url = e.base, rate = 0, endpoint_rate = 0 })
    assert.same({}, shops.sync(shop).notes)
  end)
end)
