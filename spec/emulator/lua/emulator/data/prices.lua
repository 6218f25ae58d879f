--- Prices: plain, fractional, tiered, customer-chosen, recurring, in several currencies.
local random = require "emulator.random"
local template = require "emulator.template"
local currencies = require "emulator.data.currencies"
local products = require "emulator.data.products"

local prices = {
  object = "price", kind = "price", url = "/v1/prices", deletable = true,
  expand = { product = "products", currency_options = "inline", tiers = "inline" },
  filters = { active = "boolean", currency = "string", product = "string", type = "string" },
}

prices.template = template.new [[{
  "id":$id,"object":"price","active":$active,"billing_scheme":$billing_scheme,"created":$created,
  "currency":$currency,@currency_options"custom_unit_amount":@custom,"livemode":$livemode,
  "lookup_key":$lookup_key,"metadata":{},"nickname":$nickname,"product":@product,
  "recurring":@recurring,"tax_behavior":$tax_behavior,@tiers"tiers_mode":$tiers_mode,
  "transform_quantity":@transform,"type":$type,"unit_amount":$unit_amount,
  "unit_amount_decimal":$unit_amount_decimal}]]

local CUSTOM = { tpl = template.new [[{"maximum":50000,"minimum":500,"preset":2000}]] }
local RECURRING = template.new [[{"interval":$interval,"interval_count":$count,"meter":null,
  "trial_period_days":null,"usage_type":$usage}]]
local TIER = template.new [[{"flat_amount":$flat,"flat_amount_decimal":$flat_decimal,
  "unit_amount":$unit,"unit_amount_decimal":$decimal,"up_to":$up_to}]]
local TIERS = template.new [["tiers":@list,]]
local TRANSFORM = { tpl = template.new [[{"divide_by":10,"round":"up"}]] }
local BEHAVIOURS = { '"unspecified"', '"inclusive"', '"exclusive"', "null" }
local INTERVALS = { '"month"', '"year"', '"week"', '"day"' }
local OTHERS = { "eur", "gbp", "jpy", "kwd" }

function prices.count(ds) return ds.sizes.prices end
function prices.created(ds, i) return ds.series.prices:created(i) end
function prices.first_from(ds, t) return ds.series.prices:first_from(t) end
function prices.id(ds, i) return ds.codec:encode("price", i) end

--- The index of the product a price belongs to.
function prices.product(ds, i)
  local owner = math.floor(i / products.PRICES) * 10 + products.OWNERS[i % products.PRICES + 1]
  if owner < ds.sizes.products then return owner end
  return i % ds.sizes.products
end

local function active(ds, i)
  return random.hash(ds.seed, i, 81) % 8 > 0
end

-- Unit amount as JSON text, whole and decimal.
local function amounts(scheme, amount)
  if scheme == "tiered" or scheme == "custom" then return "null", "null" end
  if scheme == "fraction" then return "null", '"' .. amount .. '.123456789012"' end
  if scheme == "half" then return "null", '"0.5"' end
  return amount, '"' .. amount .. '"'
end

local function options(scheme, currency, amount, behaviour, has_others)
  local list, seen = {}, {}
  local function add(name, value)
    if seen[name] then return end
    seen[name] = true
    local unit, decimal = amounts(scheme, value)
    list[#list + 1] = { name, unit, decimal }
  end
  add(currency, amount)
  if has_others then
    for k, name in ipairs(OTHERS) do
      local step = currencies[name].step
      add(name, math.floor(amount * (0.7 + k / 10) / step) * step)
    end
  end
  local text, values = {}, { behaviour = behaviour,
    custom = scheme == "custom" and CUSTOM or "null" }
  for k, o in ipairs(list) do
    values["unit" .. k], values["decimal" .. k] = o[2], o[3]
    text[k] = ('"%s":{"custom_unit_amount":@custom,"tax_behavior":$behaviour,"unit_amount":$unit%d,'
      .. '"unit_amount_decimal":$decimal%d}'):format(o[1], k, k)
  end
  return '"currency_options":{' .. table.concat(text, ",") .. "},", values
end

local option_templates = {}

local function options_node(...)
  local source, values = options(...)
  option_templates[source] = option_templates[source] or template.new(source)
  values.tpl = option_templates[source]
  return values
end

local function tiers_node(amount)
  local function tier(unit, up_to, flat)
    return { tpl = TIER, flat = flat or "null",
      flat_decimal = flat and '"' .. flat .. '"' or "null", unit = unit,
      decimal = '"' .. unit .. '"', up_to = up_to }
  end
  return { tpl = TIERS, list = { list = { tier(amount, 10),
    tier(math.floor(amount * 0.8), 100, 500), tier(math.floor(amount * 0.6), "null") } } }
end

local SCHEMES = { [3] = "fraction", [5] = "tiered", [9] = "custom", [13] = "half" }

function prices.values(ds, i, ex)
  local h = random.hash(ds.seed, i, 82)
  local place = i % products.PRICES
  local scheme = SCHEMES[place] or "plain"
  local currency = place == 7 and "jpy" or place == 11 and "eur" or place == 15 and "bhd" or "usd"
  local c = currencies[currency]
  local amount = math.floor((c.low + h % (c.high - c.low)) / c.step) * c.step
  local recurring = scheme == "tiered" or h % 3 == 0 and scheme ~= "custom"
  local unit, decimal = amounts(scheme, amount)
  local behaviour = BEHAVIOURS[i % 4 + 1]
  return {
    tpl = prices.template,
    id = '"' .. prices.id(ds, i) .. '"',
    active = active(ds, i) and "true" or "false",
    billing_scheme = scheme == "tiered" and '"tiered"' or '"per_unit"',
    created = prices.created(ds, i),
    currency = '"' .. currency .. '"',
    currency_options = ex and ex.currency_options
      and options_node(scheme, currency, amount, behaviour, h % 4 == 0) or "",
    custom = scheme == "custom" and CUSTOM or "null",
    livemode = ds.livemode,
    lookup_key = h % 9 == 0 and '"price_key_' .. i .. '"' or "null",
    nickname = h % 2 == 0 and '"Variant ' .. i .. '"' or "null",
    product = ds:ref(ex, "product", "products", prices.product(ds, i)),
    recurring = recurring and { tpl = RECURRING, interval = INTERVALS[h % 4 + 1],
      count = h % 5 == 0 and 3 or 1,
      usage = scheme == "tiered" and h % 2 == 0 and '"metered"' or '"licensed"' } or "null",
    tax_behavior = behaviour,
    tiers = scheme == "tiered" and ex and ex.tiers and tiers_node(amount) or "",
    tiers_mode = scheme == "tiered" and (h % 2 == 0 and '"graduated"' or '"volume"') or "null",
    transform = h % 21 == 0 and scheme == "plain" and TRANSFORM or "null",
    type = recurring and '"recurring"' or '"one_time"',
    unit_amount = unit,
    unit_amount_decimal = decimal,
  }
end

function prices.matches(ds, i, filter)
  if filter.active and filter.active ~= tostring(active(ds, i)) then return false end
  if filter.product and products.id(ds, prices.product(ds, i)) ~= filter.product then
    return false
  end
  if not (filter.currency or filter.type) then return true end
  local values = prices.values(ds, i)
  return (not filter.currency or values.currency == '"' .. filter.currency .. '"')
    and (not filter.type or values.type == '"' .. filter.type .. '"')
end

return prices
