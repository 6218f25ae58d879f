-- The Link flow in the merchant's browser: choose an integration, see which data will be read, go
-- to Stripe, come back. Plain HTML and forms, with a script only around the frame; a request as a
-- table in, a response as a table out.
--
-- Knowing a link's address is enough to link: the address is made for one merchant, and a
-- connection's contains an id that cannot be guessed. Of a company, pages show only its name.

local admission = require "commerce.link.admission"
local answer = require "commerce.link.answer"
local auth = require "commerce.http.auth"
local browser = require "commerce.link.browser"
local choices = require "commerce.link.choices"
local core = require "commerce.core"
local errors = require "commerce.base.errors"
local frame = require "commerce.link.frame"
local input = require "commerce.http.input"
local key_page = require "commerce.link.key"
local manage = require "commerce.link.manage"
local pending = require "commerce.account.link.pending"
local request = require "commerce.http.request"
local response = require "commerce.http.response"
local router = require "commerce.http.router"
local view = require "commerce.link.view"

local must = errors.must
local show, go, finish, connection_of = answer.show, answer.go, answer.finish, answer.connection_of

local link = {}

---@class commerce.Link
---@field private server commerce.http.Server
---@field private routes commerce.http.Router
---@field private counter commerce.http.Counter
local methods = {}
local link_mt = { __name = "commerce.Link", __index = methods }

-- ---------------------------------------------------------------- the choice

local function choice_page(context, company, admitted)
  local offered = choices.list(context, company,
    input.parameters(context.request.query)[choices.SANDBOX])
  return show(context, view.choice(company.name, offered, context.path .. context.query,
    admitted.ticket and manage.list(context, company), admitted.ticket))
end

-- The company of the path and the browser's admission; or the page that is shown instead.
local function admitted_to(context)
  local company = choices.company(context)
  local admitted = company and admission.of(context, company)
  if not company then
    return nil, show(context, view.not_found())
  elseif admitted.confirm then
    return nil, show(context, view.one_time(company.name, context.path .. context.query,
      admitted.confirm))
  elseif admitted.refused then
    return nil, show(context, view.used())
  end
  return company, admitted
end

local function choose(context)
  local company, admitted = admitted_to(context)
  return company and choice_page(context, company, admitted) or admitted
end

-- The connection to link: one of the company's that is not linked yet, else a new one.
local function connection_for(context, company, name)
  local waiting = context.store:connections { company_id = company.id, integration = name,
    status = "PendingAuth", limit = 1 }[1]
  return waiting or must(must(context.app:company(company.id)):create_connection {
    integration = name }).row
end

local function chosen(context)
  local company, admitted = admitted_to(context)
  if not company then
    return admitted
  end
  for _, integration in ipairs(choices.enabled(context)) do
    if integration.key == context.form.integration then
      return go(context.links:connection(connection_for(context, company, integration.name).link_id)
        .. context.query)
    end
  end
  return choice_page(context, company, admitted)
end

-- ---------------------------------------------------------------- the consent

local function consent(context)
  local row = connection_of(context)
  if not row then
    return show(context, view.not_found())
  elseif row.status == "Linked" then
    return go(context.links:done(row.link_id) .. context.query)
  end
  local integration = must(context.app:integration(row.integration))
  if integration.mode == "test" and choices.is_live(context) then
    return show(context, view.not_found())
  end
  local company = context.store:companies { id = row.company_id }[1]
  local page = view.consent(company.name, integration, answer.reader(context),
    context.path .. context.query)
  page.facts = { type = "consent", detail = { connection = answer.facts(row) } }
  return show(context, page)
end

-- ---------------------------------------------------------------- to Stripe and back

local UNKNOWN_ADDRESS = "linking: the server's public address is not known, so Stripe cannot send "
  .. "merchants back: set `public_url` (`commerce serve --public-url`), or the integration's "
  .. "redirect URI"

-- Begin a link that only this browser can finish.
local function begin(context, row)
  local integration = must(context.app:integration(row.integration))
  local callback = context.links:callback()
  if not (callback or integration.redirect_uri or (integration.app or {}).redirect_uri) then
    return nil, UNKNOWN_ADDRESS
  end
  local token = browser.new_token(context)
  local begun, message, details = context.app:begin_link(must(context.app:connection(row.id)),
    { callback = callback, parameters = context.carried, browser = token })
  if begun then
    return go(begun.url, browser.cookie(context, token))
  end
  return nil, message, details
end

local function answered(context)
  local row = connection_of(context)
  if not row then
    return show(context, view.not_found())
  elseif row.status == "Linked" and not (context.form.answer == "key" and row.auth == "key")
    and context.form.answer ~= "again" then
    return go(context.links:done(row.link_id) .. context.query)
  elseif context.form.answer == "key" then
    return key_page.ask(context, row)
  elseif context.form.answer ~= "yes" and context.form.answer ~= "again" then
    pending.decline(context.app, row)
    return finish(context, row, { status = 403,
      message = "You cancelled. Nothing was connected." })
  end
  local begun, message, details = begin(context, row)
  if begun then
    return begun
  end
  return answer.not_set_up(context, row, message, details)
end

-- Failures that the merchant can do something about. The others are for the operator's log.
local MESSAGES = {
  access_denied = "You did not allow the access at Stripe. Nothing was connected.",
  expired_state = "This took too long and has expired. Please start again with the link that you "
    .. "were given.",
  used_state = "This step was done already. If your account is not connected, please start again.",
  other_browser = "This was begun in another browser. Please open the link that you were given in "
    .. "this browser, and start again.",
  wrong_mode = "This is an account of the other mode (test or live). Please use the right one.",
  own_account = "This account belongs to the company that asks for access. Please choose your own.",
  not_standard = "Only standard Stripe accounts can be connected.",
  other_account = "Another account was connected here before. Please choose that one.",
  account_taken = "This account is connected already.",
}

local FAILED = "Your account could not be connected. Please start again with the link that you "
  .. "were given."

local LONGEST_SAID = 200 -- bytes

-- Stripe's message about a failure, which the merchant's browser brings.
local function said_by_stripe(context)
  local said = input.parameters(context.request.query).error_description
  said = said and core.scrub((said:gsub("%c+", " "):sub(1, LONGEST_SAID)))
  return said and core.is_utf8(said) and said or nil
end

local function callback(context)
  if context.request.method == "HEAD" then -- of a program that checks links: no state is used
    return { status = 200, body = "", headers = { ["Cache-Control"] = "no-store" } }
  end
  local done, message, details = context.app:finish_link(context.request.query or "",
    { browser = browser.token(context) })
  local failure = errors.is_failure(details) and details or {}
  answer.carry(context, (done or failure).parameters or {})
  if done then
    return finish(context, done.connection.row, answer.OK)
  end
  -- the connection of the callback, if its state is authentic
  local row = failure.linking and context.store:connections { id = failure.linking }[1] or nil
  if failure.code == "used_state" and row and row.status == "Linked" then
    return finish(context, row, answer.OK) -- the merchant has reloaded the page
  end
  context.log(message)
  local cancelled = failure.code == "access_denied"
  return finish(context, row, { status = cancelled and 403 or 500,
    text = failure.linking and said_by_stripe(context) or nil,
    message = MESSAGES[failure.code] or FAILED })
end

-- ---------------------------------------------------------------- requests

---@type commerce.http.Route[]
local ROUTES = {
  { method = "GET", path = "/link/company/{companyId}", run = choose },
  { method = "POST", path = "/link/company/{companyId}", run = chosen },
  { method = "GET", path = "/link/start/{linkId}", run = consent },
  { method = "POST", path = "/link/start/{linkId}", run = answered },
  { method = "GET", path = "/link/done/{linkId}", run = manage.show },
  { method = "POST", path = "/link/done/{linkId}", run = manage.change },
  { method = "GET", path = "/link/key/{linkId}", run = manage.show }, -- a form's reload
  { method = "POST", path = "/link/key/{linkId}", run = key_page.take },
  { method = "GET", path = "/link/frame/{companyId}", run = frame.show },
  { method = "POST", path = "/link/frame/{companyId}", run = frame.show },
  { method = "GET", path = "/link/frame/{companyId}/state", run = frame.state },
  { method = "GET", path = "/oauth/callback", run = callback },
  { method = "GET", path = answer.STYLE, run = answer.style },
  { method = "GET", path = answer.SCRIPT, run = answer.page_script },
  { method = "GET", path = "/link/sdk.js", run = answer.sdk },
}

--- Make the pages of an application.
---@param app commerce.App
---@param options commerce.ApiOptions? as for `commerce.api.new`, without a daily_limit
---@return commerce.Link
function link.new(app, options)
  return setmetatable({ server = request.server(app, options, { counter = "function" }),
    routes = router.new(ROUTES), counter = (options or {}).counter or auth.memory_counter() },
    link_mt)
end

--- Whether a path is one of these pages.
---@param path string without the prefix
---@return boolean
function link.serves(path)
  return path:find "^/link/" ~= nil or path == "/oauth/callback"
end

local function run(self, context)
  local received = context.request
  local route, values = self.routes:find(received.method, received.path)
  if not route then
    return show(context, view.not_found())
  end
  local wait = received.method == "POST" and browser.count(self.counter, received.address)
  if wait then
    local refusal = show(context, view.too_many())
    refusal.headers["Retry-After"] = ("%d"):format(wait)
    return refusal
  end
  context.values = values
  context.form = received.method == "POST" and input.parameters(received.body or "") or {}
  if values.companyId or values.linkId then -- in a callback, the state carries the parameters
    answer.carry(context, input.parameters(received.query))
  end
  return route.run(context)
end

-- An unexpected failure is logged, and never shown.
local function failed(context, raised)
  local failure = errors.is_failure(raised) and raised or nil
  context.log(failure and failure.message or raised)
  return show(context, failure and failure.kind == "api" and view.not_found() or view.failed())
end

--- Answer a request.
---@param received commerce.http.Request
---@return commerce.http.Response
function methods:handle(received)
  local context = request.context(self.server, received, "link")
  return response.guarded(received.method, function()
    return run(self, context)
  end, function(raised)
    return failed(context, raised)
  end)
end

return link
