-- Everything of one Stripe account into SQLite, for cron:
--   15 2 * * *  . /etc/shop.env && commerce run /srv/shop/nightly_sync.lua
-- with STRIPE_SECRET_KEY and COMMERCE_STORE in the environment. Says what it did; exit status 1 if
-- anything could not be read. Killed half way, the next night goes on from there.

local commerce = require "commerce"

local app = assert(commerce.open()) -- COMMERCE_STORE, or sqlite:commerce.db
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })

local report = assert(shop:sync())
print(report)

shop:close()
app:close()
assert(report.complete, "not everything could be read, see above")
