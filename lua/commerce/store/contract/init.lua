-- The contract of a store: its methods by part. store.d.lua documents each with its types, and the
-- shared cases test them; a store of your own runs the same cases with busted:
--
--   describe("my store", function()
--     require "commerce.testing.store" (function() return my_store.open "…" end)
--   end)
--
-- A method that fails gives nil, a message and a failure (`commerce.base.errors`), and has changed
-- nothing. `commerce.open { store = my_store }` takes such a store; a module commerce.stores.NAME
-- with `open(path, options)` is also opened by its URL, NAME:path.

local errors = require "commerce.base.errors"

local contract = {}

---@class commerce.StorePart
---@field name string
---@field reads string[] methods that change nothing
---@field writes string[] methods that change what is stored
---@field here string[]? methods about what is kept for this process alone
---@field server boolean? only servers and data protection need it, neither scripts nor the command
---  line's sync

--- The methods by subject.
---@type commerce.StorePart[]
contract.PARTS = {
  { name = "pages", reads = {}, writes = { "write_page" } },
  { name = "records", reads = { "count", "records" }, writes = {} },
  { name = "browsing", reads = { "changes_of", "count_upto", "record_orders",
    "record_page" },
    writes = { "index_order" }, server = true },
  { name = "payouts", reads = { "linkable_payouts", "paid_transactions", "payout_totals",
    "payouts_of" }, writes = {} },
  { name = "figures", reads = { "customers", "line_sums", "new_customers", "sums",
    "top_customers" }, writes = {}, server = true },
  { name = "kept_objects", reads = { "find_source" }, writes = {}, server = true },
  { name = "types", reads = { "find_type", "type_problem", "types" }, writes = { "define_type" } },
  { name = "sources", reads = { "joined_sources", "kept_sources", "state", "states" },
    writes = { "drop_sources" } },
  { name = "sweeps", reads = { "unseen", "unseen_sources" },
    writes = { "begin_sweep", "end_sweep" } },
  { name = "changes", reads = { "changes", "consumer", "last_change" },
    writes = { "acknowledge" } },
  { name = "change_log", reads = { "change_consumers", "oldest_change" },
    writes = { "drop_change_consumer", "prune_changes" }, server = true },
  { name = "checkpoints", reads = { "checkpoint" }, writes = { "save_checkpoint" } },
  { name = "companies", reads = { "companies" }, writes = { "remove_company", "save_company" } },
  { name = "connections",
    reads = { "connection_errors", "connection_history", "connections" },
    writes = { "add_connection", "add_connection_error", "change_connection",
      "finish_removals", "remove_connection", "resolve_connection_errors", "tell_failed_link" } },
  { name = "pulls", reads = { "count_pulls", "is_complete", "latest_complete_pulls",
    "latest_pulls", "pull", "pulls" }, writes = { "end_killed_pulls", "save_pull" } },
  { name = "reads", reads = {}, writes = { "end_reads" } },
  { name = "queue", reads = { "counts", "leases", "pull_counts", "waiting_pulls" },
    writes = { "add_counts", "expire_lease", "lease", "queue_pulls", "release", "take_pulls" } },
  { name = "workers", reads = { "queue_state" },
    writes = { "drop_share", "renew_lease", "share", "under_lease" }, server = true },
  { name = "copying",
    reads = { "copied_parts", "copy_state", "has_copied_rows", "read_part" },
    writes = { "backup", "save_copy_state", "skip_numbers", "write_part" }, server = true },
  { name = "inbox", reads = { "waiting_counts", "waiting_events" },
    writes = { "drop_events", "keep_events" } },
  { name = "settings", reads = { "integrations", "setting" },
    writes = { "save_integration", "save_setting" } },
  { name = "secrets", reads = { "secret", "secrets_of" },
    writes = { "drop_secret", "reseal", "save_secret" } },
  { name = "listings", reads = { "find", "listed_families", "unlisted" }, writes = {},
    here = { "add_listed", "drop_listing" } },
  { name = "erasure", reads = { "erased", "has_erased", "kept_resources" },
    writes = { "add_erased", "finish_erasure", "forget_gone", "remove_records",
      "remove_sources", "rewrite_events", "rewrite_records", "rewrite_sources" },
    server = true },
  { name = "stripe_reads", reads = { "stripe_reads" }, writes = { "add_stripe_reads" },
    server = true },
  { name = "sync_settings", reads = { "sync_settings" }, writes = { "save_sync_settings" },
    server = true },
  { name = "link_states", reads = { "has_link_state" },
    writes = { "add_link_state", "spend_code", "take_link_state" }, server = true },
  { name = "apps", reads = { "app_grant", "apps", "unused_app_grants" },
    writes = { "drop_app_grant", "lease_app_grant", "release_app_grant", "save_app",
      "save_app_grant" }, server = true },
  { name = "api_keys", reads = { "api_key_of", "api_keys" },
    writes = { "add_api_key", "delete_api_key" }, server = true },
  { name = "access_tokens", reads = { "access_token_of" }, writes = { "add_access_token" },
    server = true },
  { name = "users", reads = { "session_of", "sessions", "users" },
    writes = { "add_session", "add_user", "change_session", "change_user", "end_sessions",
      "remove_user" }, server = true },
  { name = "audit", reads = { "audit" }, writes = { "add_audit" }, server = true },
  { name = "directory", reads = { "find_companies" },
    writes = {}, server = true },
  { name = "webhook_consumers", reads = { "webhook_consumers" },
    writes = { "add_webhook_consumer", "delete_webhook_consumer", "disable_webhook_consumer" },
    server = true },
  { name = "outbox", reads = { "webhook_messages", "webhook_queues", "webhook_senders" },
    writes = { "forget_webhooks", "release_consumers", "replay_webhooks", "settle_delivery",
      "take_delivery", "tell_client" }, server = true },
}

--- The beginning of the name of a setting that belongs to a user, whose id follows: the saved
--- filters. It goes with the user.
contract.OF_USER = "portal.filters."

--- The beginnings of the names of the settings that belong to a connection, whose id follows: its
--- rates, and its fields that are left out or hashed. They go with the connection.
---@type table<string, string>
contract.OF_CONNECTION = { rates = "rates:", fields = "fields:" }

--- The methods that write what cannot be fetched again: when one returns, what it wrote survives a
--- power failure.
---@type table<string, true>
contract.LASTING = {}
for name in ([[add_api_key add_audit add_connection add_erased add_link_state add_user
  add_webhook_consumer backup change_connection change_user delete_api_key delete_webhook_consumer
  disable_webhook_consumer drop_app_grant drop_secret end_sessions keep_events lease_app_grant
  remove_company remove_connection remove_user reseal save_app save_app_grant save_checkpoint
  save_company save_integration save_secret save_setting save_sync_settings spend_code
  take_link_state tell_failed_link]]):gmatch "%S+" do
  contract.LASTING[name] = true
end

--- Every method, with its kind: it reads, it writes, or it is about this process alone.
---@return table<string, "reads"|"writes"|"here"> kinds by method
function contract.methods()
  local kinds = { close = "here" }
  for _, part in ipairs(contract.PARTS) do
    for _, kind in ipairs { "reads", "writes", "here" } do
      for _, name in ipairs(part[kind] or {}) do
        kinds[name] = kind
      end
    end
  end
  return kinds
end

local function missing(store, part)
  local names = {}
  for _, kind in ipairs { "reads", "writes", "here" } do
    for _, name in ipairs(part[kind] or {}) do
      if type(store[name]) ~= "function" then
        names[#names + 1] = name
      end
    end
  end
  return names
end

--- Take a store of a user's own. Raises, at the user's line, if it lacks a method that every sync
--- needs. A method that only servers need may be missing: its call fails, and the store's `lacking`
--- names its part.
---@param store any
---@return commerce.Store
function contract.accept(store)
  local lacking = {}
  store.lacking = {}
  for _, part in ipairs(contract.PARTS) do
    local names = missing(store, part)
    for _, name in ipairs(names) do
      if not part.server then
        lacking[#lacking + 1] = name
      else
        store.lacking[part.name] = true
        store[name] = function()
          return errors.fail("store", ("this store has no %s (its method %s)"):format(
            part.name:gsub("_", " "), name))
        end
      end
    end
  end
  if #lacking > 0 then
    errors.refuse("not a store: method '%s'%s missing; commerce.store.contract lists the methods "
      .. "of a store", lacking[1],
      #lacking > 1 and (" and %d more are"):format(#lacking - 1) or " is")
  end
  return store
end

return contract
