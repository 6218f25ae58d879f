-- A merchant's restricted keys at the emulator: good ones, and those that are to be refused.

local restricted_keys = {}

--- The accounts that the keys read.
restricted_keys.SHOP, restricted_keys.OTHER = "acct_1MerchantShop", "acct_1OtherShop"

local ALL, NEXT, PART = "rk_test_readsEverything0001", "rk_test_readsEverything0002",
  "rk_test_readsChargesOnly001"
local NOTHING, OTHERS = "rk_test_readsNothingAtAll1", "rk_test_ofTheOtherShop0001"
local SECRET, LIVE = "sk_test_canDoEverything00001", "rk_live_ofTheOtherMode00001"
local UNKNOWN, ORGANISATION = "rk_test_neverSeenAtStripe01", "sk_org_test_reachesOthers001"

restricted_keys.ALL, restricted_keys.NEXT, restricted_keys.PART = ALL, NEXT, PART
restricted_keys.NOTHING, restricted_keys.OTHERS = NOTHING, OTHERS
restricted_keys.SECRET, restricted_keys.LIVE = SECRET, LIVE
restricted_keys.UNKNOWN, restricted_keys.ORGANISATION = UNKNOWN, ORGANISATION

--- All keys, none of which may be printed or stored as it is.
restricted_keys.SENT = { ALL, NEXT, PART, NOTHING, OTHERS, SECRET, LIVE, UNKNOWN, ORGANISATION }

--- Start an emulator over with the two shops and their keys.
---@param e table see spec.support.emulator
function restricted_keys.prepare(e)
  local SHOP, OTHER = restricted_keys.SHOP, restricted_keys.OTHER
  e:reset { charges = 5 }
  e:control("accounts", { { id = SHOP, name = "Merchant Shop", charges = 5, connected = false },
    { id = OTHER, name = "Other Shop", charges = 5, connected = false } })
  e:control("keys", { { key = ALL, account = SHOP }, { key = NEXT, account = SHOP },
    { key = PART, account = SHOP, permissions = { "account", "charges", "refunds" } },
    { key = NOTHING, account = SHOP, permissions = { "account" } },
    { key = OTHERS, account = OTHER }, { key = SECRET, account = SHOP },
    { key = LIVE, account = SHOP } })
end

return restricted_keys
