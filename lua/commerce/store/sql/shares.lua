-- Limits of Stripe that several runs share, on any number of hosts. Each run has a share of a limit
-- for some seconds and asks for it again before they are over: equal parts, but never more than
-- what the others leave. So a new run gets its part when the others have asked again, and the
-- shares are never more than the whole.

---@class commerce.sql.Store
local shares = {}

local LEAST = 0.001 -- a smaller share counts as zero: sums of fractions are not exact

function shares:share(name, holder, seconds, now)
  local db = self.db
  local clock = ("coalesce(?, %s)"):format(db.dialect.NOW)
  return db:transaction(function()
    -- locks the row, so that the shares are given out one after the other
    db:run(("INSERT INTO rate_limits (name, at) VALUES (?, %s) "
      .. "ON CONFLICT (name) DO UPDATE SET at = excluded.at"):format(clock), name, now)
    db:run(("DELETE FROM rate_shares WHERE limit_name = ? AND (expires <= %s OR expires > %s + ?)")
      :format(clock, clock), name, now, now, 2.0 * seconds)
    local given, others = 0, {}
    for _, row in ipairs(db:all("SELECT holder, share FROM rate_shares WHERE limit_name = ?",
      name)) do
      if row.holder ~= holder then
        given, others[#others + 1] = given + row.share, row.holder
      end
    end
    local share = math.min(1 / (#others + 1), 1 - given)
    share = share < LEAST and 0 or share
    db:run(("INSERT INTO rate_shares (limit_name, holder, share, expires) VALUES (?, ?, ?, %s + ?) "
      .. "ON CONFLICT (limit_name, holder) DO UPDATE SET share = excluded.share, "
      .. "expires = excluded.expires"):format(clock), name, holder, share + 0.0, now, seconds + 0.0)
    return { share = share, others = others }
  end)
end

function shares:drop_share(name, holder)
  return self.db:run("DELETE FROM rate_shares WHERE limit_name = ? AND holder = ?", name,
    holder) > 0
end

return shares
