-- How many requests were sent to Stripe for each connection, by day.

local stripe_reads = {}

local TABLE = "stripe_reads"

function stripe_reads.add_stripe_reads(self, row, oldest)
  if not self.db:table("connections"):get(row.connection_id) then
    return false
  end
  local days = self.db:table(TABLE, row.connection_id)
  local known = days:get(row.day) or { reads = 0 }
  days:put(row.day, { reads = known.reads + row.reads,
    transactions = row.transactions or known.transactions })
  local old = {}
  for day in days:each() do
    old[#old + 1] = day < oldest and day or nil
  end
  for _, day in ipairs(old) do
    days:remove(day)
  end
  return true
end

local function sum_of(days, since)
  local sum
  for day, row in days:each() do
    if day >= since then
      sum = sum or { reads = 0 }
      sum.reads = sum.reads + row.reads
      if row.transactions and day >= (sum.counted or "") then
        sum.counted, sum.transactions = day, row.transactions
      end
    end
  end
  return sum
end

function stripe_reads.stripe_reads(self, since, connection_id)
  local sums = {}
  for _, days in ipairs(self.db:tables_of(TABLE)) do
    if not connection_id or days.owner == connection_id then
      sums[days.owner] = sum_of(days, since)
    end
  end
  return sums
end

return stripe_reads
