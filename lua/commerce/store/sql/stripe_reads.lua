-- How many requests were sent to Stripe for each connection, by day.

---@class commerce.sql.Store
local stripe_reads = {}

function stripe_reads:add_stripe_reads(row, oldest)
  return self.db:transaction(function()
    local added = self.db:run("INSERT INTO stripe_reads (connection_id, day, reads, transactions) "
      .. "SELECT id, CAST(? AS TEXT), CAST(? AS INTEGER), CAST(? AS INTEGER) "
      .. "FROM connections WHERE id = ? "
      .. "ON CONFLICT (connection_id, day) DO UPDATE SET "
      .. "reads = stripe_reads.reads + excluded.reads, "
      .. "transactions = coalesce(excluded.transactions, stripe_reads.transactions)",
      row.day, row.reads, row.transactions, row.connection_id)
    self.db:run("DELETE FROM stripe_reads WHERE connection_id = ? AND day < ?", row.connection_id,
      oldest)
    return added > 0
  end)
end

-- The count of transactions is that of the newest day that has one.
local SUMS = "SELECT connection_id, sum(CAST(reads AS INTEGER)) AS reads, "
  .. "(SELECT newest.transactions "
  .. "FROM stripe_reads AS newest WHERE newest.connection_id = total.connection_id "
  .. "AND newest.day >= ? AND newest.transactions IS NOT NULL "
  .. "ORDER BY newest.day DESC LIMIT 1) AS transactions, "
  .. "max(CASE WHEN transactions IS NOT NULL THEN day END) AS counted "
  .. "FROM stripe_reads AS total WHERE day >= ? %sGROUP BY connection_id"

function stripe_reads:stripe_reads(since, connection_id)
  local sums = {}
  local list = connection_id
    and self.db:all(SUMS:format "AND connection_id = ? ", since, since, connection_id)
    or self.db:all(SUMS:format "", since, since)
  for _, row in ipairs(list) do
    sums[row.connection_id] = { reads = row.reads, transactions = row.transactions,
      counted = row.counted }
  end
  return sums
end

return stripe_reads
