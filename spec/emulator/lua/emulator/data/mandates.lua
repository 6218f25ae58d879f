--- Mandates, as far as charges tell of them: for expansions and by their id. Stripe has no list of
--- them.
local template = require "emulator.template"

local mandates = {
  object = "mandate", kind = "mandate", url = "/v1/mandates", unlisted = true,
  expand = {}, filters = {},
}

mandates.template = template.new [[{
  "id":$id,"object":"mandate","customer_acceptance":{"accepted_at":$accepted_at,"offline":{},
  "type":"offline"},"livemode":$livemode,"multi_use":{},"payment_method":$payment_method,
  "payment_method_details":{"card":{},"type":"card"},"status":"active","type":"multi_use"}]]

function mandates.count(ds) return ds.ledger.count end
function mandates.created(ds, i) return ds.ledger.series:created(i) end
function mandates.first_from(ds, t) return ds.ledger.series:first_from(t) end
function mandates.id(ds, i) return ds.codec:encode("mandate", i) end

function mandates.values(ds, i)
  return {
    tpl = mandates.template,
    id = '"' .. mandates.id(ds, i) .. '"',
    accepted_at = mandates.created(ds, i),
    livemode = ds.livemode,
    payment_method = ds.codec:quoted("payment_method", i),
  }
end

function mandates.matches() return true end

return mandates
