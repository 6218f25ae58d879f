--- The events of a block: what Stripe would have written as the block's charges, refunds, disputes
--- and payouts happened. Their number is the same in every ordinary block: where one variant has an
--- event that another lacks, the other has a place without a type.

-- What follows at once on a dispute's opening, by the status it has in the end.
local FOLLOWS = {
  under_review = "charge.dispute.updated", warning_under_review = "charge.dispute.updated",
  appeal_needs_response = "charge.dispute.updated", appeal_under_review = "charge.dispute.updated",
  lost = "charge.dispute.closed", warning_closed = "charge.dispute.closed",
  prevented = "charge.dispute.closed",
}
local FIRST = { failed = "charge.failed", pending = "charge.pending", ach = "charge.pending",
  ach_failed = "charge.pending" }

--- The events of a book being built, and its bank debits that are confirmed days later.
---@param b table the Builder of book.lua
---@return table events { slot, seq, type, resource, fact, before }
---@return table debits { slot, seq, charge }
return function(b)
  local events, debits = {}, {}
  local function add(slot, resource, fact, type, before)
    events[#events + 1] = { slot = slot, seq = #events, resource = resource, fact = fact,
      type = type, before = before }
  end
  for slot = 0, #b.charges do
    local fact = b.charges[slot]
    add(slot, "charges", fact, FIRST[fact.outcome] or "charge.succeeded")
    if fact.outcome == "partial_capture" then add(slot, "charges", fact, "charge.captured") end
    if fact.fails then add(fact.fails, "charges", fact, "charge.failed") end
    if fact.outcome == "ach" then
      debits[#debits + 1] = { slot = slot, seq = #debits, charge = fact }
    end
  end
  for _, refund in ipairs(b.refunds) do
    local charge = refund.charge
    local moved = refund.status == "succeeded" or refund.status == "pending"
    if moved then
      add(refund.slot, "charges", charge,
        charge.outcome == "expired" and "charge.expired" or "charge.refunded")
    end
    add(refund.slot, "refunds", refund, "refund.created")
    if refund.fails then
      local before = ('{"status":"%s"}'):format(refund.status)
      add(refund.fails, "refunds", refund, "refund.failed")
      add(refund.fails, "refunds", refund, "refund.updated", before)
      add(refund.fails, "refunds", refund, "charge.refund.updated", before)
    end
  end
  for _, dispute in ipairs(b.disputes) do
    add(dispute.slot, "disputes", dispute, "charge.dispute.created")
    if dispute.bt then
      add(dispute.slot, "disputes", dispute, "charge.dispute.funds_withdrawn")
    end
    local follows = FOLLOWS[dispute.status]
    add(dispute.slot, "disputes", dispute, follows or false,
      follows == "charge.dispute.updated" and '{"status":"needs_response"}' or nil)
    if dispute.won then
      add(dispute.won, "disputes", dispute, "charge.dispute.closed")
      add(dispute.won, "disputes", dispute, "charge.dispute.funds_reinstated")
    end
  end
  for _, payout in ipairs(b.payouts) do
    add(payout.slot, "payouts", payout, "payout.created")
    if payout.method == "instant" then add(payout.slot, "payouts", payout, "payout.paid") end
    if payout.ends then
      add(payout.ends, "payouts", payout,
        payout.status == "failed" and "payout.failed" or "payout.canceled")
    end
  end
  return events, debits
end
