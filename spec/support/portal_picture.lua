-- `make portal-picture`: what the overview of a merchant looks like in a browser, from the real
-- thing, as examples/pictures/portal.png. It needs chromium.

package.path = "./?.lua;" .. package.path

local commerce = require "commerce"
local core = require "commerce.core"
local emulator = require "spec.support.emulator"
local serving = require "spec.support.serving"
local time = require "commerce.base.time"

local TOKEN = "token-of-the-picture"
local MOST = 150 * 1024 -- bytes: a README with the picture must not load slowly

local e = emulator.start { charges = 2000, now = os.time() - 86400, name = "Northwind Toys" }
local server = serving.new()
local app = assert(commerce.open { store = "sqlite:" .. server.box:path "commerce.db" })
local shop = assert(app:connect { secret_key = "sk_test_emulator", base_url = e.base, rate = 0,
  endpoint_rate = 0 })
assert(shop:sync())

local now, hash = os.time(), core.sha256(TOKEN)
local user = { id = core.uuid(), login = "ada", name = "Ada", role = "admin", password = "none",
  created = time.now() }
assert(app.store:add_user(user))
assert(app.store:add_session({ hash = hash, id = hash:sub(1, 16), user_id = user.id,
  mode = "test", created = now, seen = now, expires = now + 3600 }, now))

server:start "--no-worker"
local file = "examples/pictures/portal.png"
local status, output, errors = server.box:run("node spec/browser/picture.js", { TOKEN = TOKEN,
  SERVER_URL = ("http://127.0.0.1:%d"):format(server.port), PICTURE = file,
  ADDRESS = ("/portal/test/companies/%s/connections/%s/overview"):format(shop.company_id,
    shop.id) })
server:close()
app:close()
e:stop()
assert(status == 0, output .. errors)

local picture = assert(io.open(file, "rb"))
local size = picture:seek "end"
picture:close()
assert(size < MOST, ("%s has %d bytes; at most %d expected"):format(file, size, MOST))
print(("%s: %d bytes"):format(file, size))
os.exit(0)
