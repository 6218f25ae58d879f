-- Looking through records in pages, with a search that can go on, and exports.

local client = require "spec.support.api_client"
local export = require "commerce.app.export"
local json = require "commerce.base.json"
local listing = require "commerce.app.listing"
local model = require "commerce.model"
local query = require "commerce.query"

local PAYMENTS = model.find "payments"

describe("a listing", function()
  local made, store

  before_each(function()
    made = client.new()
    store = require "commerce.store.handle"(made.store)
    local records = {}
    for i = 1, 25 do
      records[i] = { id = ("p%02d"):format(i), amount = i, currency = "EUR",
        status = i % 5 == 0 and "Failed" or "Paid",
        createdDate = ("2026-01-%02dT00:00:00Z"):format(i) }
    end
    made:give("payments", records)
  end)

  after_each(function()
    made:close()
  end)

  local function asked(fields)
    local all = { connection_id = client.CONNECTION, limit = 10,
      order = { field = "createdDate", descending = true } }
    for name, value in pairs(fields or {}) do
      all[name] = value
    end
    if all.query then
      all.query = assert(query.parse(PAYMENTS, all.query))
    end
    return all
  end

  local function ids(rows)
    local list = {}
    for i, row in ipairs(rows) do
      list[i] = row.id
    end
    return table.concat(list, " ")
  end

  it("turns its pages forward and backward, to both ends", function()
    local first = listing.page(store, PAYMENTS, asked())
    assert.equal("p25 p24 p23 p22 p21 p20 p19 p18 p17 p16", ids(first.rows))
    assert.is_nil(first.previous)
    local second = listing.page(store, PAYMENTS, asked { from = first.next })
    assert.equal("p15 p14 p13 p12 p11 p10 p09 p08 p07 p06", ids(second.rows))
    local third = listing.page(store, PAYMENTS, asked { from = second.next })
    assert.equal("p05 p04 p03 p02 p01", ids(third.rows))
    assert.is_nil(third.next)
    local back = listing.page(store, PAYMENTS, asked { from = third.previous, backward = true })
    assert.equal(ids(second.rows), ids(back.rows))
    assert.same({ second.next, second.previous }, { back.next, back.previous })
    back = listing.page(store, PAYMENTS, asked { from = back.previous, backward = true })
    assert.equal(ids(first.rows), ids(back.rows))
    assert.is_nil(back.previous)
    local last = listing.page(store, PAYMENTS, asked { backward = true })
    assert.equal("p10 p09 p08 p07 p06 p05 p04 p03 p02 p01", ids(last.rows))
    assert.is_nil(last.next)
    assert.is_truthy(last.previous)
  end)

  it("searches for a time, and goes on where it stopped", function()
    local page = listing.page(store, PAYMENTS, asked { query = "status=Failed", limit = 2 })
    assert.equal("p25 p20", ids(page.rows))
    assert.is_nil(page.more)
    page = listing.page(store, PAYMENTS, asked { query = "status=Failed", from = page.next })
    assert.equal("p15 p10 p05", ids(page.rows))
    assert.same({ 19, nil, nil }, { page.looked, page.more, page.next })
    local calls, real = 0, made.store.record_page
    rawset(made.store, "record_page", function(self, data_type, given)
      calls, given.look = calls + 1, 3
      return real(self, data_type, given)
    end)
    page = listing.page(store, PAYMENTS, asked { query = "status=Pending", seconds = 0 })
    assert.same({ "", 3, "p23", 1 }, { ids(page.rows), page.looked, page.more.id, calls })
    page = listing.page(store, PAYMENTS, asked { query = "status=Pending", seconds = 60 })
    assert.same({ 25, nil, 10 }, { page.looked, page.more, calls })
    page = listing.page(store, PAYMENTS, asked { query = "status=Failed", backward = true,
      limit = 3, seconds = 60 })
    assert.equal("p15 p10 p05", ids(page.rows))
  end)

  it("has the orders of a data type", function()
    local by_field = {}
    for _, order in ipairs(listing.orders(store, PAYMENTS)) do
      by_field[order.field] = order.indexed
    end
    assert.same({ createdDate = true, modifiedDate = true, amount = false, status = false,
      customer = false, id = true }, by_field)
    store:index_order("payments", "amount")
    assert.is_true(listing.orders(store, PAYMENTS)[3].indexed)
  end)

  local function text_of(format, fields)
    local parts = {}
    for part in export.parts(store, PAYMENTS, asked(fields), export.FORMATS[format]) do
      parts[#parts + 1] = part
    end
    return table.concat(parts)
  end

  it("is exported as JSON Lines, as it is filtered and ordered", function()
    local list = {}
    for line in text_of("jsonl", { query = "status=Failed",
      order = { field = "amount", descending = false } }):gmatch "[^\n]+" do
      list[#list + 1] = assert(json.decode(line)).id
    end
    assert.equal("p05 p10 p15 p20 p25", table.concat(list, " "))
    assert.equal(25, select(2, text_of("jsonl"):gsub("\n", "")))
  end)

  it("is exported as CSV, in which a merchant's text is no formula", function()
    made:give("payments", { { id = "=cmd()", amount = 1.5, currency = "KWD", status = "Paid",
      createdDate = "2027-01-01T00:00:00Z",
      paymentMethodRef = { id = "x", name = '+1,"a"\n@b' } } })
    local text = text_of "csv"
    local head, first = text:match "^(.-)\r\n(.-)\r\n"
    assert.matches("^id,amount,currency,payment_method_ref_id,payment_method_ref_name,status,",
      head)
    assert.matches([['=cmd(),1.5,KWD,x,"'+1,""a""]], first, 1, true)
    assert.equal(27, select(2, text:gsub("\r\n", "")))
  end)
end)
