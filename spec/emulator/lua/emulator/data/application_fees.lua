--- Application fees: of the charges that a platform takes its part of.
local template = require "emulator.template"
local charges = require "emulator.data.charges"
local scenarios = require "emulator.data.scenarios"

local fees = {
  object = "application_fee", kind = "application_fee", url = "/v1/application_fees",
  expand = { charge = "charges" },
  filters = { charge = "string" },
}

fees.template = template.new [[{
  "id":$id,"object":"application_fee","account":$account,"amount":$amount,"amount_refunded":0,
  "application":$application,"balance_transaction":null,"charge":@charge,"created":$created,
  "currency":$currency,"fee_source":{"charge":$charge_id,"type":"charge"},"livemode":$livemode,
  "originating_transaction":null,"refunded":false,"refunds":{"object":"list","data":[],
  "has_more":false,"url":$url}}]]

function fees.count(ds) return ds.ledger.counts.application_fees end

-- The charge's number, and what it was.
local function find(ds, j)
  local fee, block = ds.ledger:find("application_fees", j)
  return block * scenarios.SIZE + fee.slot, fee.charge
end

function fees.created(ds, j) return charges.created(ds, (find(ds, j))) end
function fees.first_from(ds, t) return ds.ledger:first_from("application_fees", t) end
function fees.id(ds, j) return ds.codec:encode("application_fee", j) end

function fees.values(ds, j, ex)
  local i, fact = find(ds, j)
  local id = fees.id(ds, j)
  return {
    tpl = fees.template,
    id = '"' .. id .. '"',
    account = '"' .. ds.account .. '"',
    amount = fact.application_fee,
    application = ds.application,
    charge = ds:ref(ex, "charge", "charges", i),
    charge_id = '"' .. charges.id(ds, i) .. '"',
    created = fees.created(ds, j),
    currency = '"' .. fact.settle .. '"',
    livemode = ds.livemode,
    url = '"' .. fees.url .. "/" .. id .. '/refunds"',
  }
end

function fees.matches(ds, j, filter)
  return not filter.charge or charges.id(ds, (find(ds, j))) == filter.charge
end

return fees
