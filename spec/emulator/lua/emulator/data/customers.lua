--- Customers, each with a tax id now and then.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local people = require "emulator.data.people"
local words = require "emulator.data.words"

local customers = {
  object = "customer", kind = "customer", url = "/v1/customers", deletable = true,
  expand = { tax_ids = "inline" },
  filters = { email = "string", test_clock = "string" },
}

customers.template = template.new [[{
  "id":$id,"object":"customer","address":@address,"balance":$balance,@business"created":$created,
  "currency":$currency,"customer_account":null,"default_source":null,"delinquent":$delinquent,
  "description":$description,"discount":null,"email":$email,
  @individual"invoice_prefix":$invoice_prefix,"invoice_settings":{"custom_fields":null,
  "default_payment_method":$payment_method,"footer":null,"rendering_options":null},
  "livemode":$livemode,"metadata":@metadata,"name":$name,"next_invoice_sequence":$sequence,
  "phone":$phone,"preferred_locales":@locales,"shipping":@shipping,"tax_exempt":$tax_exempt,
  @tax_ids"test_clock":null}]]

local BUSINESS = template.new [["business_name":$name,]]
local INDIVIDUAL = template.new [["individual_name":$name,]]
local METADATA = { tpl = template.new [[{"crm":"A-17","vip":"true","note":"Größe M"}]] }
local SHIPPING = template.new [[{"address":@address,"name":$name,"phone":$phone}]]
local TAX_IDS = template.new [["tax_ids":{"object":"list","data":@data,"has_more":false,
  "url":$url},]]
local TAX_ID = template.new [[{"id":$id,"object":"tax_id","country":"DE","created":$created,
  "customer":$customer,"customer_account":null,"livemode":$livemode,"owner":{"customer":$customer,
  "customer_account":null,"type":"customer"},"type":"eu_vat","value":"DE123456789",
  "verification":{"status":"verified","verified_address":null,"verified_name":null}}]]
local CURRENCIES = { "usd", "usd", "eur", "gbp", "jpy" }

function customers.count(ds) return ds.sizes.customers end
function customers.created(ds, i) return ds.series.customers:created(i) end
function customers.first_from(ds, t) return ds.series.customers:first_from(t) end
function customers.id(ds, i) return ds.codec:encode("customer", i) end

function customers.values(ds, i, ex)
  local who = people.person(ds.seed, i)
  local h = random.hash(ds.seed, i, 61)
  local id = '"' .. customers.id(ds, i) .. '"'
  local created = customers.created(ds, i)
  -- 3: business only, 7: individual only, 11: shipping name only, 13: nothing at all
  local kind = i % 16
  local bare = kind == 13
  local named = kind ~= 3 and kind ~= 7 and kind ~= 11 and not bare
  local business = json.quote(random.pick(words.business, h))
  local ships = not bare and (h % 4 == 0 or kind == 11)
  local tax_ids = ""
  if ex and ex.tax_ids then
    local list = {}
    if h % 5 == 0 then
      list[1] = { tpl = TAX_ID, id = ds.codec:quoted("tax_id", i), created = created,
        customer = id, livemode = ds.livemode }
    end
    tax_ids = { tpl = TAX_IDS, data = { list = list },
      url = '"/v1/customers/' .. customers.id(ds, i) .. '/tax_ids"' }
  end
  return {
    tpl = customers.template,
    id = id,
    address = not bare and h % 3 > 0 and people.at(who.country, h) or "null",
    balance = h % 19 == 0 and -(h % 5000) or h % 23 == 0 and h % 5000 or 0,
    business = kind == 3 and { tpl = BUSINESS, name = business } or "",
    individual = kind == 7 and { tpl = INDIVIDUAL, name = who.name } or "",
    created = created,
    currency = h % 2 == 0 and '"' .. random.pick(CURRENCIES, math.floor(h / 2)) .. '"' or "null",
    delinquent = h % 17 == 0 and "true" or "false",
    description = h % 6 == 0 and '"Prefers e-mail; met at \\"Expo\\" 2024"' or "null",
    email = not bare and h % 11 > 0 and who.email or "null",
    invoice_prefix = ('"%07X"'):format(h % 268435456),
    payment_method = h % 3 == 0 and ds.codec:quoted("payment_method", (500000000 + i) % 900000000)
      or "null",
    livemode = ds.livemode,
    metadata = h % 8 == 0 and METADATA or "{}",
    name = named and who.name or "null",
    sequence = h % 9 + 1,
    phone = not bare and who.phone or "null",
    locales = h % 10 == 0 and { list = { '"fr-CA"', '"en"' } } or "[]",
    shipping = ships and { tpl = SHIPPING, address = people.at(who.country, h + 1), name = who.name,
      phone = who.phone }
      or "null",
    tax_exempt = h % 31 == 0 and '"reverse"' or h % 29 == 0 and '"exempt"' or '"none"',
    tax_ids = tax_ids,
  }
end

function customers.matches(ds, i, filter)
  if filter.test_clock then return false end
  return not filter.email or customers.values(ds, i).email == json.quote(filter.email)
end

return customers
