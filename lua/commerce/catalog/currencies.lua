-- The currencies whose amounts do not have two decimals at Stripe. These are Stripe's own
-- exponents, not ISO 4217's: ISK and UGX are sent in hundredths, MGA is not.
-- Source: Stripe's documentation, "Supported currencies", zero- and three-decimal currencies.

local EXPONENTS = {}
for code in ("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"):gmatch("%a+") do
  EXPONENTS[code] = 0
end
for code in ("BHD JOD KWD OMR TND"):gmatch("%a+") do
  EXPONENTS[code] = 3
end

---@type table<string, integer> by code, upper case; 2 for every other currency
return EXPONENTS
