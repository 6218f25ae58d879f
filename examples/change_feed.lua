-- Passes the changes of a sync (created, changed and deleted records) on to another system; a file
-- of JSON Lines stands for the queue. Each change is sent once. If the script is killed in between,
-- the change in hand is sent again with the same number, so that the receiver can recognise it.

local commerce = require "commerce"

local path = (arg or {})[1] or "changes.jsonl"

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
assert(shop:sync { types = { "customers", "payments", "disputes" }, strict = true })

local out = assert(commerce.jsonl(path, { append = true }))
for change in shop:changes { consumer = "queue" } do
  assert(out:write { number = change.number, kind = change.kind, type = change.type,
    id = change.id, record = change.record })
end
assert(out:close())
commerce.print(("%d changes in %s"):format(out.count, path))

shop:close()
app:close()
