--- What was sold for an amount: lines, a discount, shipping and tax, which add up to it exactly.
--- Checkout sessions and invoices are made of this.
local random = require "emulator.random"
local json = require "emulator.json"
local template = require "emulator.template"
local prices = require "emulator.data.prices"
local rates = require "emulator.data.tax_rates"
local words = require "emulator.data.words"

local sale = {}

-- How many lines; now and then more than the ten that a list inside an object shows.
local function line_count(h, many)
  return many or h % 4 + 1
end

-- A share of `whole` for each of n parts, the rest in the first.
local function shares(whole, n)
  local each = math.floor(whole / n)
  local list = {}
  for k = 1, n do list[k] = each end
  list[1] = whole - each * (n - 1)
  return list
end

--- A sale.
---@param ds table
---@param i number
---@param total number minor units, what was paid
---@param many number? so many lines
---@return table { subtotal, discount, shipping, tax, total, tax_rate (index), lines }; a line has
---subtotal, discount, tax, total, quantity, unit, price (index), text
function sale.of(ds, i, total, many)
  local h = random.hash(ds.seed, i, 301)
  local s = { total = total, discount = 0, shipping = 0, tax = 0 }
  if h % 7 == 0 then s.shipping = math.floor(total / 20) end
  if h % 3 == 0 and ds.sizes.tax_rates > 0 then
    s.tax = math.floor((total - s.shipping) * 0.08)
    s.tax_rate = h % ds.sizes.tax_rates
  end
  if h % 5 == 0 then s.discount = math.floor(total / 10) end
  s.subtotal = total - s.shipping - s.tax + s.discount
  local n = line_count(h, many)
  local subtotals, discounts, taxes = shares(s.subtotal, n), shares(s.discount, n), shares(s.tax, n)
  s.lines = {}
  for k = 1, n do
    local line = { subtotal = subtotals[k], discount = discounts[k], tax = taxes[k],
      total = subtotals[k] - discounts[k] + taxes[k], number = k }
    local quantity = math.floor(h / 8) % 3 + 1
    line.quantity = line.subtotal % quantity == 0 and quantity or 1
    line.unit = line.subtotal / line.quantity
    line.price = ds.sizes.prices > 0 and (h + k) % ds.sizes.prices or nil
    line.text = random.pick(words.descriptions, h + k)
    s.lines[k] = line
  end
  return s
end

local PRICE = template.new [[{"id":$id,"object":"price","active":true,"billing_scheme":"per_unit",
  "created":$created,"currency":$currency,"custom_unit_amount":null,"livemode":$livemode,
  "lookup_key":null,"metadata":{},"nickname":null,"product":$product,"recurring":null,
  "tax_behavior":"exclusive","tiers_mode":null,"transform_quantity":null,"type":"one_time",
  "unit_amount":$unit,"unit_amount_decimal":$decimal}]]

--- The ids of a line's price and product, as JSON texts.
function sale.ids(ds, line)
  if not line.price then return ds.codec:quoted("price", 0), ds.codec:quoted("product", 0) end
  return '"' .. prices.id(ds, line.price) .. '"',
    '"' .. ds.resources.products.id(ds, prices.product(ds, line.price)) .. '"'
end

--- A line's price as a node: the price there is, at what was paid.
function sale.price(ds, line, currency, created)
  local price, product = sale.ids(ds, line)
  return { tpl = PRICE, id = price, created = created, currency = currency,
    livemode = ds.livemode, product = product, unit = line.unit,
    decimal = '"' .. ("%d"):format(line.unit) .. '"' }
end

--- The tax rate of a sale, as a node.
function sale.rate(ds, s) return rates.values(ds, s.tax_rate) end

local LIST = template.new [[{"object":"list","data":@data,"has_more":$has_more,"url":$url}]]

sale.INLINE = 10

--- A list inside an object: its first ten.
function sale.list(nodes, url)
  local shown = {}
  for k = 1, math.min(#nodes, sale.INLINE) do shown[k] = nodes[k] end
  return { tpl = LIST, data = { list = shown }, has_more = #nodes > sale.INLINE and "true"
    or "false", url = json.quote(url) }
end

return sale
