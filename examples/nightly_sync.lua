-- Everything of one Stripe account into SQLite, for cron:
--   15 2 * * *  . /etc/shop.env && commerce run /srv/shop/nightly_sync.lua
-- with STRIPE_SECRET_KEY and COMMERCE_STORE in the environment. Prints a report; the exit status is
-- 1 if a data type could not be read. If the script is killed, the next night continues its sync.

local commerce = require "commerce"

local app = assert(commerce.open()) -- COMMERCE_STORE, or sqlite:commerce.db
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })

local report = assert(shop:sync())
commerce.print(report)

shop:close()
app:close()
assert(report.complete, "not everything could be read, see above")
