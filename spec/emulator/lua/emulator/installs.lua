--- Stripe Apps and where they are installed. The main account develops one app from the start.
local state -- set by `reset`: state.lua requires this module

local installs = {}

local DEFAULTS = {
  name = "Example App", published = true, channel = "chnlink_Emulator",
  redirect_uris = { "https://platform.example.com/oauth/callback" },
}
local KNOWN = { account = true, name = true, published = true, redirect_uris = true,
  permissions = true }

local apps, by_client_id, list, count = {}, {}, {}, 0

local function application(app, mode, client_id)
  local one = { client_id = client_id, livemode = mode == "live", app = app,
    platform = app } -- the consent page's name for it
  app[mode] = one
  by_client_id[client_id] = one
end

--- Change an account's app. Returns it, or nil and a message.
---@param o table account, name?, published? (only its channel link works if it is not),
---  redirect_uris?, permissions? (names of resources, which are granted with the next consent)
function installs.set(o)
  for name in pairs(o) do
    if not KNOWN[name] then return nil, "unknown setting: " .. name end
  end
  local app = apps[o.account]
  if not app then return nil, "this account has no app: " .. tostring(o.account) end
  for name, default in pairs(DEFAULTS) do
    if o[name] ~= nil then app[name] = o[name] elseif app[name] == nil then app[name] = default end
  end
  if o.permissions then app.permissions = o.permissions end
  return app
end

--- Start over with the main account's app, installed nowhere.
---@param main table emulator.state
---@param account string
function installs.reset(main, account)
  state, apps, by_client_id, list, count = main, {}, {}, {}, 0
  apps[account] = { id = "app_Emulator", account = account }
  application(apps[account], "test", "ca_EmulatorAppTest")
  application(apps[account], "live", "ca_EmulatorAppLive")
  installs.set { account = account }
end

--- The application with a client id, or nil.
function installs.application(client_id) return by_client_id[client_id] end

--- An account's app in a mode, or nil.
function installs.of(account, livemode)
  return apps[account] and apps[account][livemode and "live" or "test"]
end

local function set_of(names)
  if not names then return nil end
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

--- The installation of an app in an account, or nil.
---@param one table the application of a mode
---@param account string
function installs.find(one, account)
  for _, install in ipairs(list) do
    if install.one == one and install.account == account then return install end
  end
end

--- All installations of an app.
function installs.all(one)
  local found = {}
  for _, install in ipairs(list) do
    if install.one == one then found[#found + 1] = install end
  end
  return found
end

--- Whether the main account's app is installed in an account.
function installs.is_installed(account, livemode)
  local one = installs.of(state.settings.account, livemode)
  return one ~= nil and installs.find(one, account) ~= nil
end

--- Whether an app's permissions of today are wanted that the merchant has not granted.
function installs.pending(install)
  local names = { is_array = true }
  for _, name in ipairs(install.one.app.permissions or {}) do
    if install.permissions and not install.permissions[name] then names[#names + 1] = name end
  end
  return names
end

--- Let an app in, or have it let in again: the tokens that it had are worth nothing any more.
function installs.add(one, account, now)
  local install = installs.find(one, account)
  if install then
    installs.revoke(install)
  else
    count = count + 1
    install = { id = ("appinst_test_%d"):format(count), one = one, account = account,
      created = now, keys = {} }
    list[#list + 1] = install
  end
  install.permissions = set_of(one.app.permissions)
  return install
end

--- End what was given: access tokens and the refresh token.
function installs.revoke(install)
  for _, key in ipairs(install.keys) do key.revoked = true end
  install.keys, install.refresh = {}, nil
end

--- Take an app out of an account. Returns whether it was there.
function installs.remove(one, account)
  for k, install in ipairs(list) do
    if install.one == one and install.account == account then
      installs.revoke(install)
      table.remove(list, k)
      return true
    end
  end
  return false
end

return installs
