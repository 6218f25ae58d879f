--- Tax rates.
local template = require "emulator.template"

local rates = {
  object = "tax_rate", kind = "tax_rate", url = "/v1/tax_rates",
  expand = {},
  filters = { active = "boolean", inclusive = "boolean" },
}

rates.template = template.new [[{
  "id":$id,"object":"tax_rate","active":$active,"country":$country,"created":$created,
  "description":$description,"display_name":$display_name,"effective_percentage":$effective,
  "flat_amount":@flat,"inclusive":$inclusive,"jurisdiction":$jurisdiction,
  "jurisdiction_level":$level,"livemode":$livemode,"metadata":{},"percentage":$percentage,
  "rate_type":$rate_type,"state":$state,"tax_type":$tax_type}]]

local FLAT = { tpl = template.new [[{"amount":27,"currency":"usd"}]] }

-- display name, country, state, percentage, inclusive, tax type, level, effective percentage
local KINDS = {
  { "VAT", "DE", nil, "19", true, "vat", "country" },
  { "VAT", "FR", nil, "20", true, "vat", "country" },
  { "Sales Tax", "US", "CA", "8.625", false, "sales_tax", "state", "8.875" },
  { "Sales Tax", "US", "NY", "4", false, "sales_tax", "state" },
  { "GST", "CA", nil, "5", false, "gst", "country" },
  { "QST", "CA", "QC", "9.975", false, "qst", "state" },
  { "Retail Delivery Fee", "US", "CO", "0", false, "retail_delivery_fee", "state", nil, true },
  { "MwSt. ermäßigt", "DE", nil, "7", true, "vat", "country" },
  { "消費税", "JP", nil, "10", true, "jct", "country" },
  { "VAT", "GB", nil, "20", false, nil, nil },
  { "Zero rated", nil, nil, "0", false, nil, nil },
  { "IVA", "ES", nil, "5.2", true, "vat", "country" },
}

local function text(value)
  if value == nil then return "null" end
  return type(value) == "boolean" and tostring(value) or '"' .. value .. '"'
end

function rates.count(ds) return ds.sizes.tax_rates end
function rates.created(ds, i) return ds.series.tax_rates:created(i) end
function rates.first_from(ds, t) return ds.series.tax_rates:first_from(t) end
function rates.id(ds, i) return ds.codec:encode("tax_rate", i) end

function rates.values(ds, i)
  local k = KINDS[i % #KINDS + 1]
  local flat = k[9]
  return {
    tpl = rates.template,
    id = '"' .. rates.id(ds, i) .. '"',
    active = text(i % 5 ~= 4),
    country = text(k[2]),
    created = rates.created(ds, i),
    description = i % 3 == 0 and text(k[1] .. " " .. (k[2] or "")) or "null",
    display_name = text(k[1]),
    effective = k[8] or "null",
    flat = flat and FLAT or "null",
    inclusive = text(k[5]),
    jurisdiction = k[2] and text(k[3] and k[2] .. " - " .. k[3] or k[2]) or "null",
    level = text(k[7]),
    livemode = ds.livemode,
    percentage = k[4],
    rate_type = flat and '"flat_amount"' or i % 2 == 0 and '"percentage"' or "null",
    state = text(k[3]),
    tax_type = text(k[6]),
  }
end

function rates.matches(ds, i, filter)
  local values = rates.values(ds, i)
  return (not filter.active or values.active == filter.active)
    and (not filter.inclusive or values.inclusive == filter.inclusive)
end

return rates
