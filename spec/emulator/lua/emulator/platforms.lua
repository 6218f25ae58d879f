--- Connect platforms: each has an application in either mode, and accounts that have let it in. The
--- main account is one from the start.
local random = require "emulator.random"
local ids = require "emulator.ids"

local platforms = {}

local DEFAULTS = {
  name = "Example Platform", scopes = { "read_only", "read_write" },
  redirect_uris = { "https://platform.example.com/oauth/callback",
    "http://localhost:8000/oauth/callback" },
}
local KNOWN = { account = true, name = true, client_ids = true, redirect_uris = true,
  scopes = true }
local MAIN_CLIENT_IDS = { test = "ca_EmulatorTest", live = "ca_EmulatorLive" }

local by_account, by_client_id = {}, {}

local function application(platform, mode, client_id)
  local app = { client_id = client_id, livemode = mode == "live", platform = platform,
    grants = {} }
  platform[mode] = app
  by_client_id[client_id] = app
end

--- Make an account a platform, or change one. Returns it, or nil and a message.
---@param o table account, name?, client_ids = { test, live }?, redirect_uris?, scopes?
function platforms.set(o)
  for name in pairs(o) do
    if not KNOWN[name] then return nil, "unknown setting: " .. name end
  end
  if not o.account then return nil, "a platform needs an account" end
  local platform = by_account[o.account]
  if not platform then
    platform = { account = o.account }
    by_account[o.account] = platform
    local client_ids = o.client_ids or {}
    for n, mode in ipairs { "test", "live" } do
      application(platform, mode,
        client_ids[mode] or "ca_" .. ids.text(32, random.seed(o.account), n))
    end
  end
  for name, default in pairs(DEFAULTS) do platform[name] = o[name] or platform[name] or default end
  return platform
end

--- Start over with the main account as the only platform.
---@param account string
function platforms.reset(account)
  by_account, by_client_id = {}, {}
  platforms.set { account = account, client_ids = MAIN_CLIENT_IDS }
end

--- The application with a client id, or nil.
function platforms.application(client_id) return by_client_id[client_id] end

--- An account's application in a mode; nil when the account is no platform.
---@param account string
---@param livemode boolean
function platforms.of(account, livemode)
  local platform = by_account[account]
  return platform and platform[livemode and "live" or "test"]
end

--- Let an application in. A grant that is there already gets the scope.
---@return table grant { scope, keys (access tokens, as keys of `state`) }
function platforms.grant(app, account, scope)
  local grant = app.grants[account] or { keys = {} }
  grant.scope = scope
  app.grants[account] = grant
  return grant
end

--- Take a grant back, with every token it gave. Returns whether there was one.
function platforms.revoke(app, account)
  local grant = app.grants[account]
  if not grant then return false end
  grant.revoked = true
  for _, key in ipairs(grant.keys) do key.revoked = true end
  app.grants[account] = nil
  return true
end

--- Forget an account that is removed.
function platforms.forget(account)
  for _, app in pairs(by_client_id) do platforms.revoke(app, account) end
end

--- Whether any platform has been let in by an account.
---@param account string
function platforms.is_connected(account)
  for _, app in pairs(by_client_id) do
    if app.grants[account] then return true end
  end
  return false
end

--- Whether a platform's keys reach an account in a mode.
---@param owner string the platform's account
---@param account string
---@param livemode boolean
function platforms.reaches(owner, account, livemode)
  local app = platforms.of(owner, livemode)
  return app ~= nil and app.grants[account] ~= nil
end

--- Whether another platform has read_write access: an account has but one of those (Stripe's
--- documentation, "OAuth changes for Standard Platforms").
function platforms.controlled(app, account)
  for _, other in pairs(by_client_id) do
    local grant = other.livemode == app.livemode and other ~= app and other.grants[account]
    if grant and grant.scope == "read_write" then return true end
  end
  return false
end

return platforms
