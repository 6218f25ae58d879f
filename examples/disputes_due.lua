-- Posts disputes that need evidence within seven days to a webhook (a chat, a ticket system), each
-- one once:
--   DISPUTES_WEBHOOK=https://hooks.example.com/... commerce run disputes_due.lua

local commerce = require "commerce"

local hook = assert(os.getenv "DISPUTES_WEBHOOK", "set DISPUTES_WEBHOOK to the webhook's address")
local DAYS = 7

local app = assert(commerce.open())
local shop = assert(app:connect { secret_key = os.getenv "STRIPE_SECRET_KEY" })
assert(shop:sync { types = { "disputes" }, strict = true })

local WAITING = { EvidenceRequired = true, InquiryEvidenceRequired = true }
local now = os.date("!%Y-%m-%dT%H:%M:%SZ")
local soon = os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + DAYS * 86400)

local told, failure = app:checkpoint "disputes_told"
assert(not failure, failure) -- or all of them would be told again
told = told or {}
local count = 0
for dispute in shop:records("disputes", { query = "dueDate>=" .. now .. "&&dueDate<" .. soon,
  orderBy = "dueDate" }) do
  if WAITING[dispute.status] and told[dispute.id] ~= dispute.dueDate then
    assert(commerce.post(hook, {
      text = ("Dispute %s over %s %s is due on %s"):format(dispute.id, dispute.totalAmount,
        dispute.currency, dispute.dueDate),
      dispute = dispute,
    }))
    told[dispute.id] = dispute.dueDate
    assert(app:set_checkpoint("disputes_told", told)) -- at once: what was sent is not sent again
    count = count + 1
  end
end
commerce.print(("%d disputes told, due before %s"):format(count, soon))

shop:close()
app:close()
