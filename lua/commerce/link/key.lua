-- Linking by a restricted key in the merchant's browser: the page that asks for the key, and the
-- one that shows what the key can read. The key comes in a form's body only, and no page, log line
-- or address contains it.

local answer = require "commerce.link.answer"
local browser = require "commerce.link.browser"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local new_key = require "commerce.stripe.new_key"
local stripe = require "commerce.stripe"
local view = require "commerce.link.view"

local must = errors.must

local key = {}

local NOT_PRIVATE = "linking: merchants can send a restricted key over https only: set "
  .. "`public_url` (`commerce serve --public-url https://...`)"

local function show_form(context, row, shop, wrong)
  local token = browser.new_token(context)
  local begun, message, details = context.app:begin_key_link(shop, { browser = token,
    parameters = context.carried })
  shop:close()
  if not begun then
    return answer.not_set_up(context, row, message, details)
  end
  local facts = stripe.integrations[row.integration]
  local reader = answer.reader(context)
  local company = context.store:companies({ id = row.company_id })[1]
  return answer.show(context, view.key(company.name, { state = begun.state, wrong = wrong,
    action = context.links:key(row.link_id) .. context.query, reader = reader, mode = facts.mode,
    cancel = context.links:connection(row.link_id) .. context.query,
    permissions = begun.permissions,
    create = new_key.address(facts.mode, reader or "lua-commerce", begun.permissions) }),
    browser.cookie(context, token))
end

--- Show the form that takes the key.
---@param context commerce.link.Context
---@param row commerce.ConnectionRow the connection's
---@param wrong string? what was wrong with the key that was sent
---@return commerce.http.Response
function key.ask(context, row, wrong)
  if not context.links:is_private() then
    return answer.not_set_up(context, row, NOT_PRIVATE)
  end
  return show_form(context, row, must(context.app:connection(row.id)), wrong)
end

local RESTRICTED = "Please create a restricted key with the steps below."

-- Failures that the merchant can do something about. The others are for the operator's log.
local MESSAGES = {
  secret_key = "This is a secret key (sk_...). It can do everything in your account, also move "
    .. "money, so it is not accepted and was not kept. " .. RESTRICTED,
  organisation_key = "This is an organisation's key (sk_org_...). It reaches other accounts as "
    .. "well, so it is not accepted and was not kept. " .. RESTRICTED,
  publishable_key = "This is a publishable key (pk_...), which cannot read data. " .. RESTRICTED,
  not_a_key = "This is not a restricted key: one starts with rk_. Please copy the whole key.",
  unknown_key = "Stripe does not know this key. Please copy the whole key again. If it has been "
    .. "deleted or has expired, create a new one.",
  no_permissions = "This key can read none of the data. Please give it the permissions below.",
  other_account = "Another account was connected here before. Please use a key of that one.",
  account_taken = "This account is connected already.",
  expired_state = "This took too long and has expired. Please send the key again.",
  used_state = "This form was sent already. Please send the key again.",
  other_browser = "This was begun in another browser. Please send the key again in this one.",
}

local OTHER_MODE = {
  test = "This is a key of live mode. Please create one in your sandbox or in test mode "
    .. "(rk_test_).",
  live = "This is a key of a sandbox or of test mode. Please create one in live mode (rk_live_).",
}

local UNREACHABLE = "Stripe could not be asked about this key just now. Please send it again in a "
  .. "moment."

local function message_for(row, failure)
  local code = errors.is_failure(failure) and failure.code
  if code == "wrong_mode" then
    return OTHER_MODE[stripe.integrations[row.integration].mode]
  elseif code == "no_state" or code == "forged_state" or code == "other_connection" then
    return MESSAGES.expired_state
  end
  return MESSAGES[code] or UNREACHABLE
end

-- The key leaves Lua's memory as soon as it may. A text that cannot be a key is no secret's.
local function key_in(form)
  local text = (form.key or ""):gsub("^%s+", ""):gsub("%s+$", "")
  form.key = nil
  local made, secret = errors.try(core.secret, text)
  if not made or not secret then
    errors.throw("auth", "this is not a key", { code = "not_a_key" })
  end
  return secret
end

local function try_key(context, shop)
  must(context.app:take_key_link(shop, context.form.state, browser.token(context)))
  local secret = key_in(context.form)
  return errors.finally(function()
    return must(context.app:link_by_key(shop, secret))
  end, function()
    secret:close()
  end)
end

local function not_taken(context, row, failure)
  if failure.code == "not_enabled" then
    return answer.not_set_up(context, row, failure.message, failure)
  end
  context.log(failure.message)
  return key.ask(context, row, message_for(row, failure))
end

--- Take the key that a merchant sends: try it, seal it, link the connection.
---@param context commerce.link.Context
---@return commerce.http.Response
function key.take(context)
  local row = answer.connection_of(context)
  if not row then
    return answer.show(context, view.not_found())
  elseif not context.links:is_private() then
    return answer.not_set_up(context, row, NOT_PRIVATE)
  elseif row.status == "Linked" and row.auth ~= "key" then
    return answer.go(context.links:done(row.link_id) .. context.query)
  end
  local shop = must(context.app:connection(row.id))
  local found, _, failure = errors.catch(try_key, context, shop)
  shop:close()
  context.form.key = nil
  if not found then
    return not_taken(context, row, failure)
  end
  local page = view.key_taken(found, context.links:connection(row.link_id) .. context.query,
    (answer.end_address(context, row, answer.OK)))
  page.facts = { type = "connection", detail = { connection = answer.facts(row) } }
  return answer.show(context, page)
end

return key
