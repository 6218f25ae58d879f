--- What both OAuth flows share: forms, flat errors, redirects, tokens that cannot be guessed.
local auth = require "emulator.auth"
local ids = require "emulator.ids"
local json = require "emulator.json"
local params = require "emulator.params"
local random = require "emulator.random"
local respond = require "emulator.respond"
local state = require "emulator.state"

local wire = {}

local count = 0

--- Begin the tokens anew.
function wire.reset() count = 0 end

--- The emulator's time.
function wire.now() return state.settings.now + state.advanced end

--- A new token.
---@param prefix string
---@param length integer
function wire.text(prefix, length)
  count = count + 1
  return prefix .. ids.text(length, random.seed(prefix .. state.settings.seed), count)
end

--- The first value of each parameter.
function wire.values_of(list)
  local values = {}
  for _, p in ipairs(list) do
    if values[p.key] == nil then values[p.key] = p.value end
  end
  return values
end

--- The form in the request's body.
function wire.form()
  ngx.req.read_body()
  return wire.values_of(params.parse(ngx.req.get_body_data()))
end

--- Answer with an object.
function wire.send(ctx, status, object)
  respond.send(ctx, status, json.encode(object, not state.settings.compact) .. "\n")
end

--- Answer with an error of OAuth.
function wire.refuse(ctx, status, code, description)
  wire.send(ctx, status, json.object("error", code, "error_description", description))
end

--- What cannot be told to the platform is told to whoever sits before the browser.
function wire.show(ctx, message)
  wire.send(ctx, 400, json.object("error", json.object("message", message)))
end

--- Send the browser back.
---@param request table redirect_uri, state
---@param arguments table[] { name, value }
function wire.redirect(ctx, request, arguments)
  if request.state then arguments[#arguments + 1] = { "state", request.state } end
  local parts = {}
  for k, pair in ipairs(arguments) do
    parts[k] = pair[1] .. "=" .. ngx.escape_uri(pair[2])
  end
  local uri = request.redirect_uri
  local location = uri .. (uri:find("?", 1, true) and "&" or "?") .. table.concat(parts, "&")
  respond.send(ctx, 302, "", { Location = location, ["Content-Type"] = "text/html" })
end

--- Whether a list has an entry.
function wire.has(list, wanted)
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

--- The key of a call: in the header, or in the form's client_secret.
function wire.secret(headers, fields)
  local header = headers["Authorization"]
  local secret = auth.key(type(header) == "table" and header[1] or header)
  if secret == nil then secret = fields.client_secret end
  return secret
end

return wire
