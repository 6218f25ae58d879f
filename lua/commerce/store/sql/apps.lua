-- Stripe Apps: the operator's app of each integration, and what accounts have granted to it.

local secrets = require "commerce.store.sql.secrets"
local statements = require "commerce.store.sql.statements"

---@class commerce.sql.Store
local apps = {}

function apps:apps()
  return statements.rows_with_secret(self.db, "stripe_apps", "integration", "app:")
end

function apps:save_app(row, secret)
  local db = self.db
  return db:transaction(function()
    db:run(db.dialect.upsert("stripe_apps", { "integration", "client_id", "app_id", "install_link",
      "redirect_uri", "enabled" }, { "integration" }), row.integration, row.client_id, row.app_id,
      row.install_link, row.redirect_uri, statements.boolean(row.enabled == true))
    if secret then
      secrets.save_secret(self, secret)
    end
    return true
  end)
end

-- ---------------------------------------------------------------- what accounts have granted

function apps:app_grant(integration, account)
  return self.db:all("SELECT integration, account, number, expires FROM stripe_app_grants "
    .. "WHERE integration = ? AND account = ?", integration, account)[1]
end

function apps:save_app_grant(row, access, refresh)
  local db = self.db
  return db:transaction(function()
    db:run(db.dialect.upsert("stripe_app_grants", { "integration", "account", "number", "expires",
      "holder", "held_until" }, { "integration", "account" }), row.integration, row.account,
      row.number, row.expires, nil, nil)
    secrets.save_secret(self, access)
    secrets.save_secret(self, refresh)
    return true
  end)
end

-- An end that is further away than the lease is long was written by a clock that was ahead.
function apps:lease_app_grant(integration, account, holder, now, seconds)
  return self.db:run("UPDATE stripe_app_grants SET holder = ?, held_until = ? "
    .. "WHERE integration = ? AND account = ? "
    .. "AND (holder IS NULL OR holder = ? OR held_until <= ? OR held_until > ?)",
    holder, now + seconds, integration, account, holder, now, now + 2 * seconds) > 0
end

function apps:release_app_grant(integration, account, holder)
  return self.db:run("UPDATE stripe_app_grants SET holder = NULL, held_until = NULL "
    .. "WHERE integration = ? AND account = ? AND holder = ?", integration, account, holder) > 0
end

function apps:unused_app_grants(before)
  return self.db:all("SELECT integration, account, number, expires FROM stripe_app_grants AS g "
    .. "WHERE expires < ? AND NOT EXISTS (SELECT 1 FROM connections AS c "
    .. "WHERE c.integration = g.integration AND c.account = g.account AND c.auth = 'app' "
    .. "AND c.status = 'Linked') ORDER BY account, integration", before)
end

-- The grant goes first, so that the transaction has it when it is compared.
function apps:drop_app_grant(integration, account, owners, number)
  local db = self.db
  return db:erasing(function()
    return db:transaction(function()
      local dropped = db:run("DELETE FROM stripe_app_grants WHERE integration = ? "
        .. "AND account = ? AND number = coalesce(?, number)", integration, account, number) > 0
      for _, owner in ipairs((dropped or not number) and owners or {}) do
        db:run("DELETE FROM secrets WHERE owner = ?", owner)
      end
      return dropped
    end)
  end)
end

return apps
