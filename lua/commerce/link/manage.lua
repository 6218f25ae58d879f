-- The page of one connection, where a merchant sees that it is linked, links it anew, and
-- disconnects it. Its address contains the connection's link id, which only the merchant gets.

local answer = require "commerce.link.answer"
local choices = require "commerce.link.choices"
local errors = require "commerce.base.errors"
local input = require "commerce.http.input"
local integrations = require "commerce.account.integrations"
local redirect = require "commerce.link.redirect"
local ticket = require "commerce.account.link.ticket"
local view = require "commerce.link.view"

local must = errors.must

local manage = {}

local ASKED = "manage" -- the parameter with which the page stays open in the frame's window

local function addresses(context, row)
  return context.links:done(row.link_id) .. context.query,
    context.links:connection(row.link_id) .. context.query
end

--- The company's connections that its merchant manages.
---@param context commerce.link.Context
---@param company commerce.CompanyRow the company's row
---@return commerce.link.Managed[]
function manage.list(context, company)
  local list = {}
  for _, row in ipairs(context.store:connections { company_id = company.id }) do
    local integration = must(context.app:integration(row.integration))
    local shown = integration.mode == "live" or not choices.is_live(context)
    if shown and row.status ~= "PendingAuth" then
      local linked = row.status == "Linked"
      local fields = { [ASKED] = linked and "1" or nil,
        [answer.EMBEDDED] = answer.is_embedded(context) and "1" or nil }
      local address = row.link_id and context.prefix
        .. (linked and "/link/done/" or "/link/start/") .. row.link_id or nil
      list[#list + 1] = { name = row.name or integration.title, status = row.status,
        address = address, fields = fields, plain = address and address .. redirect.query(fields) }
    end
  end
  return list
end

--- The page of a connection that is linked.
---@param context commerce.link.Context
---@return commerce.http.Response
function manage.show(context)
  local row = answer.connection_of(context)
  if not row then
    return answer.show(context, view.not_found())
  end
  local own, start = addresses(context, row)
  if row.status ~= "Linked" then
    return answer.go(start)
  end
  local integration = must(context.app:integration(row.integration))
  if integration.mode == "test" and choices.is_live(context) then
    return answer.show(context, view.not_found())
  end
  local page = view.connected { title = integration.title, account = row.name, action = own,
    reader = answer.reader(context), onward = answer.address(context, row, answer.NOTHING),
    replace = row.auth == "key" and integration.restricted_keys and start or nil,
    again = integrations.by_consent(integration) and row.auth ~= "key" and start or nil,
    token = errors.catch(ticket.make, "form", row.link_id) } -- nil without a master key
  if input.parameters(context.request.query)[ASKED] ~= "1" then
    page.facts = { type = "connection", ends = true, detail = { connection = answer.facts(row) } }
  end
  return answer.show(context, page)
end

--- Disconnect a connection, as a form of its page asks.
---@param context commerce.link.Context
---@return commerce.http.Response
function manage.change(context)
  local row = answer.connection_of(context)
  if not row or row.status ~= "Linked" or context.form.answer ~= "disconnect" then
    return manage.show(context)
  elseif not ticket.check("form", row.link_id, context.form.token) then
    return answer.go((addresses(context, row))) -- of an old page: it is shown anew
  end
  must(must(context.app:connection(row.id)):unlink "by the merchant")
  local _, start = addresses(context, row)
  local page = view.disconnected(must(context.app:integration(row.integration)).title, start)
  page.facts = { type = "changed" }
  return answer.show(context, page)
end

return manage
