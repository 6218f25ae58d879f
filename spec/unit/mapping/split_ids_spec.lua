-- The ids of records that are split off an object: a name that comes twice gets a number, numbers
-- that the source put into a name are stepped over, and the core agrees with decoded objects.

local golden = require "spec.support.golden_records"
local sets = require "commerce.mapping.registry"
local stripe = require "commerce.stripe"

local function transaction(id, ...)
  local details = {}
  for i, name in ipairs { ... } do
    details[i] = ('{"amount":1,"currency":"eur","type":"stripe_fee","description":%s}'):format(name)
  end
  return ('{"id":"%s","object":"balance_transaction","amount":100,"fee":%d,"net":%d,'
    .. '"currency":"eur","type":"charge","reporting_category":"charge","source":"ch_1",'
    .. '"status":"available","created":1760000000,"available_on":1760000000,"fee_details":[%s]}')
    :format(id, #details, 100 - #details, table.concat(details, ","))
end

-- The suffixes of the records that the core makes, in order.
local function suffixes(...)
  local text, ids = transaction("txn_1", ...), {}
  golden.compare({ mappings = sets.new(stripe.mappings), texts = function()
    return { balance_transactions = { text } }
  end }, function(expected, found)
    assert.same(expected, found)
    for _, body in ipairs(found) do
      ids[#ids + 1] = body:match '^txn_1:(.-) {'
    end
  end)
  return ids
end

describe("the id of a split record", function()
  it("has a number if its name was taken", function()
    assert.same({ "a", "a (2)", "b", "a (3)" }, suffixes('"a"', '"a"', '"b"', '"a"'))
  end)

  it("steps over numbers that the source put into names", function()
    assert.same({ "a (2)", "a", "a (3)", "a (4)" }, suffixes('"a (2)"', '"a"', '"a"', '"a"'))
  end)

  it("takes a number or a truth value for a name", function()
    assert.same({ "true", "12.5", "false" }, suffixes("true", "12.50", "false"))
  end)
end)
