-- Loaded by busted before the specs: random values are the same in every run, and specs may run
-- in the locale of another host program (spec/integration/locale_spec.lua).

math.randomseed(20260729)

local locale = os.getenv "COMMERCE_TEST_LOCALE"
if locale then
  for _, category in ipairs { "collate", "ctype", "monetary", "numeric", "time" } do
    assert(os.setlocale(locale, category), "there is no locale " .. locale)
  end
end
