--- Products. Ten products share 22 prices: one has none, one has twelve.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local words = require "emulator.data.words"

local products = {
  object = "product", kind = "product", url = "/v1/products", deletable = true,
  expand = { default_price = "prices" },
  filters = { active = "boolean", shippable = "boolean", type = "string", url = "string" },
  PRICES = 22,
}

-- The place of a price in its group of 22 -> the place of its product in the group of ten.
products.OWNERS = { 0, 1, 3, 4, 4, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 8, 1 }
local FIRST = {}
for at, owner in ipairs(products.OWNERS) do FIRST[owner] = FIRST[owner] or at - 1 end

products.template = template.new [[{
  "id":$id,"object":"product","active":$active,"created":$created,"default_price":@default_price,
  "description":$description,"images":@images,"livemode":$livemode,"marketing_features":@features,
  "metadata":@metadata,"name":$name,"package_dimensions":@dimensions,"shippable":$shippable,
  "statement_descriptor":$descriptor,"tax_code":$tax_code,"tax_details":null,"type":$type,
  "unit_label":$unit_label,"updated":$updated,"url":$url}]]

local FEATURES = { list = { { tpl = template.new [[{"name":"Free shipping"}]] } } }
local DIMENSIONS = { tpl = template.new [[{"height":1.5,"length":30,"weight":12.25,"width":20}]] }
local METADATA = { tpl = template.new [[{"sku":"SKU-100","colour":"grün"}]] }

function products.count(ds) return ds.sizes.products end
function products.created(ds, i) return ds.series.products:created(i) end
function products.first_from(ds, t) return ds.series.products:first_from(t) end
function products.id(ds, i) return ds.codec:encode("product", i) end

function products.active(ds, i)
  return random.hash(ds.seed, i, 71) % 6 > 0
end

--- When product `i` was last changed, within the generated data.
function products.updated(ds, i)
  local created = products.created(ds, i)
  local longest = math.min(9000000, math.max(0, ds.base_now - created))
  return created + random.hash(ds.seed, i, 72) % (longest + 1)
end

function products.values(ds, i, ex)
  local h = random.hash(ds.seed, i, 72)
  local created = products.created(ds, i)
  local first = FIRST[i % 10]
  local price = first and math.floor(i / 10) * products.PRICES + first
  local service = h % 4 == 0
  return {
    tpl = products.template,
    id = '"' .. products.id(ds, i) .. '"',
    active = products.active(ds, i) and "true" or "false",
    created = created,
    default_price = price and price < ds.sizes.prices
      and ds:ref(ex, "default_price", "prices", price) or "null",
    description = h % 3 == 0 and "null" or '"Comfortable and durable, no. ' .. i .. '"',
    images = h % 2 == 0 and { list = { '"https://files.example.com/p/' .. i .. '.png"' } } or "[]",
    livemode = ds.livemode,
    features = h % 7 == 0 and FEATURES or "[]",
    metadata = h % 5 == 0 and METADATA or "{}",
    name = json.quote(random.pick(words.products, h) .. (i >= #words.products and " " .. i or "")),
    dimensions = h % 9 == 0 and DIMENSIONS or "null",
    shippable = service and "null" or h % 3 == 0 and "false" or "true",
    descriptor = h % 13 == 0 and '"EXAMPLE GOODS"' or "null",
    tax_code = h % 4 == 1 and '"txcd_99999999"' or "null",
    type = service and '"service"' or '"good"',
    unit_label = h % 6 == 0 and '"seat"' or "null",
    updated = products.updated(ds, i),
    url = h % 5 == 1 and '"https://shop.example.com/p/' .. i .. '"' or "null",
  }
end

function products.matches(ds, i, filter)
  if filter.active and filter.active ~= tostring(products.active(ds, i)) then return false end
  local values = products.values(ds, i)
  for _, name in ipairs { "shippable", "type", "url" } do
    local want = filter[name]
    if want and values[name] ~= want and values[name] ~= '"' .. want .. '"' then return false end
  end
  return true
end

return products
