-- Links that have been begun and wait for the merchant: what is kept of them, and the checks of the
-- one that comes back. A link is valid once, for its connection, and if it was begun in a browser,
-- in that one only.

local core = require "commerce.core"
local errors = require "commerce.base.errors"
local link_state = require "commerce.account.link.state"
local status = require "commerce.account.status"

local pending = {}

local LIFETIME = 24 * 3600 -- seconds; as long as Codat's own Link addresses live
local MOST_OPEN = 50 -- links of one connection that wait; anybody with its address can begin one
local CODE_KEPT = 24 * 3600 -- seconds that a spent code is known; Stripe's codes live 5 minutes
local DECLINED = "declined:" -- and a connection's id: the nonce of a link that was never begun

local USED = "the link has been used already: begin a new one"

local function refuse(code, message)
  errors.throw("auth", message, { code = code })
end

local function check_parameters(parameters)
  for name, value in pairs(parameters or {}) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.refuse("begin_link: parameters: texts by name expected, got [%s] = %s",
        tostring(name), type(value))
    end
  end
end

--- Keep that a link of a connection has been begun.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it
---@param options commerce.LinkOptions
---@return string text the link's state, for `recognise`
---@return integer expires unix seconds
function pending.begin(app, row, options)
  check_parameters(options.parameters)
  local now = os.time()
  local expires = now + math.floor(options.lifetime or LIFETIME)
  local text, nonce = link_state.make(row, expires, options.parameters, options.browser,
    options.way)
  app.store:take_link_state(DECLINED .. row.id)
  app.store:add_link_state({ id = nonce, connection_id = row.id, expires = expires }, now,
    MOST_OPEN)
  return text, expires
end

--- Report that the merchant declined before Stripe was asked: once, until another link is begun.
---@param app commerce.App
---@param row commerce.ConnectionRow the connection's, as the store gives it
function pending.decline(app, row)
  local mark, now = DECLINED .. row.id, os.time()
  if not app.store:has_link_state(mark) then
    app.store:add_link_state({ id = mark, connection_id = row.id, expires = now + LIFETIME }, now,
      MOST_OPEN)
    status.link_failed(app.store, row)
  end
end

--- Call a function and add the connection to its failure, for a caller that offers to begin again.
---@param row commerce.ConnectionRow the connection's
---@param state commerce.LinkState
---@param work function
---@param ... any its arguments
---@return any result
function pending.for_connection(row, state, work, ...)
  local result, _, failure = errors.catch(work, ...)
  if failure then
    failure.linking, failure.parameters = row.id, state.parameters
    errors.rethrow(failure)
  end
  return result
end

-- Otherwise a merchant could be sent to Stripe with the state of a link that somebody else began,
-- and their account would end up in the other one's connection.
local function check_browser(state, token)
  if state.browser and state.browser ~= (token and link_state.browser(token)) then
    refuse("other_browser", "the link was begun in another browser: it can be finished only there")
  end
end

--- The link that comes back, and its connection. It still waits.
---@param app commerce.App
---@param text string? the link's state
---@param options commerce.FinishOptions
---@return commerce.LinkState state
---@return commerce.ConnectionRow row
function pending.recognise(app, text, options)
  local state = link_state.read(text, os.time())
  if options.connection and options.connection ~= state.connection_id then
    refuse("other_connection", ("this is the answer to a link of connection %s, not of %s")
      :format(state.connection_id, options.connection))
  end
  if options.company and options.company ~= state.company_id then
    refuse("other_connection", "this is the answer to a link of another company")
  end
  check_browser(state, options.browser)
  local waits = app.store:has_link_state(state.nonce)
  local row = app.store:connections({ id = state.connection_id })[1]
  if not row or row.company_id ~= state.company_id or row.integration ~= state.integration then
    refuse("connection_gone", ("the connection %s that this link was for has been deleted")
      :format(state.connection_id))
  elseif not waits then
    pending.for_connection(row, state, refuse, "used_state", USED)
  end
  return state, row
end

--- Use up a link: from here on it is not accepted again, even if it fails. Nor is the code: sent to
--- Stripe a second time, even under another state, it would end the access that it gave.
---@param app commerce.App
---@param state commerce.LinkState
---@param code string? Stripe's
function pending.take(app, state, code)
  local now = os.time()
  if not app.store:take_link_state(state.nonce) then
    refuse("used_state", USED)
  elseif code and not app.store:spend_code(core.sha256(code), now + CODE_KEPT, now) then
    refuse("used_code", "the code has been used already, in another link: begin a new one")
  end
end

return pending
