--- Stripe-like ids that carry their index: `ch_3` + index + account tag + hash + check. As
--- Stripe's, they begin with what grows in time, so that databases find neighbours beside each
--- other. A cursor is found without a search, and an id that was never given out is recognised.
local random = require "emulator.random"

local ids = {}

local DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local single, pair, value = {}, {}, {}
for a = 0, 61 do
  single[a] = DIGITS:sub(a + 1, a + 1)
  value[DIGITS:byte(a + 1)] = a
end
for a = 0, 61 do
  for b = 0, 61 do pair[a * 62 + b] = single[a] .. single[b] end
end

-- kind -> prefixes, first character of the body, length of the body
local KINDS = {
  charge = { prefix = { "ch_", "py_" }, lead = "3", size = 24 },
  refund = { prefix = { "re_", "pyr_" }, lead = "3", size = 24 },
  balance_transaction = { prefix = { "txn_" }, lead = "3", size = 24 },
  payment_intent = { prefix = { "pi_" }, lead = "3", size = 24 },
  payment_method = { prefix = { "pm_" }, lead = "1", size = 24 },
  dispute = { prefix = { "du_" }, lead = "1", size = 24 },
  payout = { prefix = { "po_" }, lead = "1", size = 24 },
  price = { prefix = { "price_" }, lead = "1", size = 24 },
  tax_rate = { prefix = { "txr_" }, lead = "1", size = 24 },
  tax_id = { prefix = { "txi_" }, lead = "1", size = 24 },
  transfer = { prefix = { "tr_" }, lead = "1", size = 24 },
  topup = { prefix = { "tu_" }, lead = "1", size = 24 },
  application_fee = { prefix = { "fee_" }, lead = "1", size = 24 },
  bank_account = { prefix = { "ba_" }, lead = "1", size = 24 },
  other = { prefix = { "obj_" }, lead = "1", size = 24 },
  customer = { prefix = { "cus_" }, size = 14 },
  product = { prefix = { "prod_" }, size = 14 },
  event = { prefix = { "evt_" }, lead = "1", size = 24, salt = 2001 },
  invoice = { prefix = { "in_" }, lead = "1", size = 24, salt = 2011 },
  invoice_line = { prefix = { "il_" }, lead = "1", size = 24, salt = 2012 },
  invoice_payment = { prefix = { "inpay_" }, lead = "1", size = 24, salt = 2013 },
  subscription = { prefix = { "sub_" }, lead = "1", size = 24, salt = 2014 },
  subscription_item = { prefix = { "si_" }, size = 14, salt = 2015 },
  checkout_session = { prefix = { "cs_test_", "cs_live_" }, lead = "a", size = 24, salt = 2016 },
  checkout_item = { prefix = { "li_" }, lead = "1", size = 24, salt = 2017 },
  discount = { prefix = { "di_" }, lead = "1", size = 24, salt = 2018 },
  setup_intent = { prefix = { "seti_" }, lead = "1", size = 24, salt = 2019 },
  mandate = { prefix = { "mandate_" }, lead = "1", size = 24, salt = 2020 },
  webhook_endpoint = { prefix = { "we_" }, lead = "1", size = 24, salt = 2002 },
}
do
  local names = {}
  for name, k in pairs(KINDS) do
    if not k.salt then names[#names + 1] = name end
  end
  table.sort(names)
  for n, name in ipairs(names) do KINDS[name].salt = 1000 + n end
end

local function five(h)
  return pair[h % 3844] .. pair[math.floor(h / 3844) % 3844]
    .. single[math.floor(h / 14776336) % 62]
end

local function index_text(i)
  return single[math.floor(i / 14776336)] .. pair[math.floor(i / 3844) % 3844] .. pair[i % 3844]
end

local Codec = {}
Codec.__index = Codec

--- The codec of one account in one mode.
---@param seed number
---@param account string its last characters appear in the ids, as they do in Stripe's
function ids.codec(seed, account)
  local h = random.seed(account)
  local tag = five(h) .. five(random.hash(h, 1, 1)):sub(1, 3)
  return setmetatable({ seed = seed, tag = tag }, Codec)
end

--- The id of object `i` of a kind.
---@param kind string
---@param i number below 62^5
---@param variant number? which prefix of the kind (1 unless told)
---@return string
function Codec:encode(kind, i, variant)
  local k = KINDS[kind]
  local h = random.hash(self.seed, i, k.salt)
  if k.size == 14 then
    return k.prefix[1] .. index_text(i) .. five(h) .. pair[math.floor(h / 7) % 3844]
      .. pair[math.floor(h / 4099) % 3844]
  end
  return k.prefix[variant or 1] .. k.lead .. index_text(i) .. self.tag .. five(h)
    .. five(random.hash(self.seed, i, k.salt + 500))
end

--- The id as JSON text.
function Codec:quoted(...)
  return '"' .. self:encode(...) .. '"'
end

--- The index an id claims to have, or nil. The caller encodes it again to see whether it is
--- genuine.
---@param kind string
---@param id string
---@return number?
function Codec.decode(_, kind, id)
  local k = KINDS[kind]
  for _, prefix in ipairs(k.prefix) do
    if id:sub(1, #prefix) == prefix and #id == #prefix + k.size then
      local first = #prefix + (k.size == 14 and 1 or 2)
      local i = 0
      for at = first, first + 4 do
        local digit = value[id:byte(at)]
        if not digit then return nil end
        i = i * 62 + digit
      end
      return i
    end
  end
end

--- The kind an id's prefix tells, or nil.
---@param id string
---@return string?
function ids.kind(id)
  for name, k in pairs(KINDS) do
    for _, prefix in ipairs(k.prefix) do
      if id:sub(1, #prefix) == prefix then return name end
    end
  end
end

--- `n` characters that look random, from a hash seed (request ids, fingerprints, receipts).
---@param n number
---@param seed number
---@param i number
---@return string
function ids.text(n, seed, i)
  local out = {}
  for k = 1, math.ceil(n / 5) do out[k] = five(random.hash(seed, i, k)) end
  return table.concat(out):sub(1, n)
end

return ids
