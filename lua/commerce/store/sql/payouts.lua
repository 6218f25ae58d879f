-- Which automatic payout each transaction was paid out in, and what each payout adds up to. Both
-- lie beside the records, so that rewriting a record does not lose them. pages.lua writes them.

---@class commerce.sql.Store
local statements = require "commerce.store.sql.statements"

local payouts = {}

local OF_PAYOUT = " WHERE connection_id = ? AND payout_id = ?"

--- Write a page of a payout's transactions.
---@param db commerce.sql.Database in a transaction
---@param connection_id string
---@param links commerce.PayoutLinks
function payouts.write(db, connection_id, links)
  if links.anew then
    db:later("DELETE FROM payout_links" .. OF_PAYOUT, connection_id, links.payout)
    db:later("DELETE FROM payout_totals" .. OF_PAYOUT, connection_id, links.payout)
  end
  db:later(("INSERT INTO payout_links (connection_id, transaction_id, payout_id) "
    .. "SELECT ?, value, ? FROM %s WHERE true ON CONFLICT (connection_id, transaction_id) "
    .. "DO UPDATE SET payout_id = excluded.payout_id"):format(db.dialect.elements()),
    connection_id, links.payout, db.dialect.list(links.transactions))
  local totals = links.totals
  if totals then
    db:later(db.dialect.upsert("payout_totals", { "connection_id", "payout_id",
      "transaction_count", "gross_amount", "fees" }, { "connection_id", "payout_id" }),
      connection_id, links.payout, totals.transaction_count, totals.gross_amount, totals.fees)
  end
end

function payouts:payouts_of(connection_id, transaction_ids)
  local found = {}
  for _, row in ipairs(self.db:all(self.db.dialect.by_key("payout_links",
    "transaction_id, payout_id", "transaction_id"), self.db.dialect.list(transaction_ids),
    connection_id)) do
    found[row.transaction_id] = row.payout_id
  end
  return found
end

function payouts:payout_totals(connection_id, payout_ids)
  local found = {}
  for _, row in ipairs(self.db:all(self.db.dialect.by_key("payout_totals",
    "payout_id, transaction_count, gross_amount, fees", "payout_id"),
    self.db.dialect.list(payout_ids), connection_id)) do
    found[row.payout_id] = { transaction_count = row.transaction_count,
      gross_amount = row.gross_amount, fees = row.fees }
  end
  return found
end

function payouts:linkable_payouts(connection_id, after, limit, all)
  local dialect, ids = self.db.dialect, {}
  for i, row in ipairs(self.db:all(("SELECT id FROM payouts AS payout WHERE connection_id = ? "
    .. "AND id > ? AND automatic = ? AND reconciliation_status = 'completed' AND %s%s "
    .. "ORDER BY id LIMIT ?"):format(dialect.not_true "metadata_is_deleted", all and ""
    or " AND NOT EXISTS (SELECT 1 FROM payout_totals AS total "
    .. "WHERE total.connection_id = payout.connection_id AND total.payout_id = payout.id)"),
    connection_id, after, statements.boolean(true), limit)) do
    ids[i] = row.id
  end
  return ids
end

function payouts:paid_transactions(connection_id, payout_id, after, limit)
  local db = self.db
  local batch = db:all("SELECT transaction_id AS id FROM payout_links" .. OF_PAYOUT
    .. " AND transaction_id > ? ORDER BY transaction_id LIMIT ?", connection_id, payout_id, after,
    limit)
  local of_one = "SELECT data FROM transactions WHERE connection_id = ? "
    .. "AND (id = ? OR id > ? AND id < ?) AND " .. db.dialect.not_true "metadata_is_deleted"
  for _, transaction in ipairs(batch) do
    local id, records = transaction.id, {}
    for i, row in ipairs(db:all(of_one, connection_id, id, id .. ":", id .. ";")) do
      records[i] = row.data
    end
    transaction.records = records
  end
  return batch
end

return payouts
