-- In which payout, and so in which deposit at the bank, is a payment?

local csv = require "commerce.base.csv"
local json = require "commerce.base.json"
local model = require "commerce.model"

local paid_in = {}

local PAYMENTS, PAYOUTS = model.find "payments", model.find "payouts"
local TRANSACTION = "supplementalData.content.stripe.balance_transaction"

local function transaction_of(store, connection_id, id)
  if id:find "^txn_" then
    return id:match "^[^:]*"
  end
  local text = store:find(PAYMENTS, connection_id, { id }, true)[id]
  if not text then
    return nil, "There is no payment, transaction or payout with this id."
  end
  local transaction = csv.at(json.stored(text), TRANSACTION)
  return transaction, not transaction and "No money has moved for this payment." or nil
end

--- Find the payout of a payment, a refund or a transaction.
---@param store commerce.Store its methods raise
---@param connection_id string
---@param id string Stripe's: "ch_...", "re_...", "txn_..."; that of a payout is found as well
---@return string? payout its id; nil if it is not known
---@return string? transaction the one that was paid out
---@return string? reason why there is no payout
function paid_in.find(store, connection_id, id)
  if store:find(PAYOUTS, connection_id, { id }, true)[id] then
    return id
  end
  local transaction, reason = transaction_of(store, connection_id, id)
  if not transaction then
    return nil, nil, reason
  end
  local payout = store:payouts_of(connection_id, { transaction })[transaction]
  if payout then
    return payout, transaction
  end
  return nil, transaction, "It has not been paid out, or in which payout is not known yet: Stripe "
    .. "tells it of automatic payouts, some time after they are paid."
end

return paid_in
