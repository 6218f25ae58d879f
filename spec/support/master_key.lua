-- A master key for specs that store secrets in their own process. Lua cannot change the process's
-- environment, so the core provides the key. Call this inside a describe.

local busted = require "busted"
local core = require "commerce.core"

local master_key = {
  ONE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
  TWO = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
}

local MASTER, OLD = "COMMERCE_MASTER_KEY", "COMMERCE_OLD_MASTER_KEY"

--- Have the cases of this describe run with a master key.
---@param key string? base64; nil: none is set
---@return fun(key: string?, old: string?) set changes it within a case
function master_key.use(key)
  local real, set = core.secret_from_env, {}
  local function change(now, old)
    set[MASTER], set[OLD] = now, old
  end
  busted.before_each(function()
    change(key)
    core.secret_from_env = function(name)
      if name ~= MASTER and name ~= OLD then
        return real(name)
      elseif set[name] then
        local secret, message, details = core.secret(set[name])
        return secret, message and name .. message:gsub("^secret", ""), details
      end
    end
  end)
  busted.after_each(function()
    core.secret_from_env = real
  end)
  return change
end

return master_key
