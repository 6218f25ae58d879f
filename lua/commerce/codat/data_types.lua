-- Codat's keys of data types: all that its Platform API 3.0.0 knows, of every source, and those of
-- commerce. This server provides some of the latter.

local ascii = require "commerce.base.ascii"

local data_types = {}

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do
    list[#list + 1] = word
  end
  return list
end

--- The keys of commerce data types, in Codat's order.
---@type string[]
data_types.COMMERCE = words [[commerce-companyInfo commerce-customers commerce-disputes
  commerce-locations commerce-orders commerce-paymentMethods commerce-payments
  commerce-productCategories commerce-products commerce-taxComponents commerce-transactions]]

local OTHERS = words [[accountTransactions balanceSheet bankAccounts bankTransactions
  billCreditNotes billPayments bills cashFlowStatement chartOfAccounts company creditNotes customers
  directCosts directIncomes invoices itemReceipts items journalEntries journals paymentMethods
  payments profitAndLoss purchaseOrders salesOrders suppliers taxRates trackingCategories transfers
  banking-accountBalances banking-accounts banking-transactionCategories banking-transactions]]

local by_spelling = {}
for _, list in ipairs { OTHERS, data_types.COMMERCE } do
  for _, key in ipairs(list) do
    by_spelling[ascii.lower(key)] = key
  end
end

--- A key as Codat spells it.
---@param text string in any case
---@return string? key nil if Codat has no data type with this key
function data_types.key(text)
  return by_spelling[ascii.lower(text)]
end

return data_types
