-- What a sync created, changed and deleted, passed on to another system: here a file of JSON Lines
-- stands for the queue. Each change is told once; killed in between, the change in hand comes again
-- with the same number, so that the receiver can tell.

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
print(("%d changes in %s"):format(out.count, path))

shop:close()
app:close()
